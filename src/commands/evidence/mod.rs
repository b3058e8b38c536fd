//! `neo-cli evidence`: proofs that validators broke the protocol.

mod fetch;
mod terms;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use neo_node::config::NodeConfig;
use neo_node::security::court::{Conviction, Court};
use neo_node::security::proofs::{ENDING, FOLDER};
use neo_primitives::{UInt256, sha256};
use serde::Serialize;

use crate::exit::{Exit, OrExit as _};
use crate::output::{print_json, print_text, table};
use crate::rpc::Endpoint;

/// Longest file that is read as a proof; nodes keep none that is longer than 64 KiB.
const MAX_PROOF: u64 = 1 << 20;

/// Look at proofs that validators broke the protocol.
#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// List the proofs in a node's data folder, without judging them.
    List(NodeArguments),
    /// Check every signature of proofs: those in the node's data folder, or the files that are named, from wherever they
    /// come. With nothing but the validators of the configuration, unless the network elects them (`ledger.kind` is
    /// `attached`): who validated a height, a Neo node is asked then.
    Verify {
        #[command(flatten)]
        node: NodeArguments,
        /// A node of the network that is asked who validated a height, instead of those in the configuration.
        #[arg(long, value_name = "URL")]
        rpc: Option<Endpoint>,
        /// Proofs to check instead of the node's own.
        files: Vec<PathBuf>,
    },
    /// Get the proofs that a running node has, a file each, unjudged: `verify` judges them.
    Fetch(fetch::FetchArguments),
}

#[derive(Debug, Args)]
pub(crate) struct NodeArguments {
    /// The configuration of a node of the network; it need not run.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// One proof, as it is shown.
#[derive(Debug, Serialize)]
struct Exhibit {
    /// Its file.
    file: PathBuf,
    /// Its hash.
    hash: Option<UInt256>,
    /// The height.
    height: Option<u32>,
    /// Index of the guilty one.
    validator: Option<u8>,
    /// Its key.
    public_key: Option<String>,
    /// The form of its guilt.
    form: Option<String>,
    /// What is wrong with it; nothing for one that convicts or was not judged.
    problem: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// With [`Exit::Refused`] for a bad configuration, [`Exit::Failure`] if a proof convicts nobody or cannot be written,
/// [`Exit::Unreachable`] if the node does not answer.
pub(crate) async fn evidence(command: &EvidenceCommand, json: bool) -> anyhow::Result<Exit> {
    let (node, rpc, files, judged) = match command {
        EvidenceCommand::Fetch(arguments) => return fetch::fetch(arguments, json).await,
        EvidenceCommand::List(node) => (node, None, &[][..], false),
        EvidenceCommand::Verify { node, rpc, files } => {
            (node, rpc.as_ref(), files.as_slice(), true)
        }
    };
    let place = || format!("{}", node.config.display());
    let config = NodeConfig::load(&node.config)
        .or_exit(Exit::Refused)
        .with_context(place)?;
    let files = match files {
        [] => proofs(&config.data_dir.join(FOLDER))?,
        named => named.to_vec(),
    };
    let court = match judged && (rpc.is_some() || config.ledger.is_attached()) {
        true => terms::court(&config, rpc, &files).await?,
        false => Court::of(&config.protocol.genesis).or_exit(Exit::Refused)?,
    };
    let exhibits: Vec<_> = files
        .into_iter()
        .map(|file| match judged {
            true => verified(file, &court),
            false => listed(file),
        })
        .collect();
    if json {
        print_json(&exhibits)?;
    } else {
        print_text(&text(&exhibits, judged))?;
    }
    let bad = exhibits.iter().filter(|one| one.problem.is_some()).count();
    match bad {
        0 => Ok(Exit::Success),
        _ => Err(Exit::Failure.error(format!("{bad} of {} proofs convict nobody", exhibits.len()))),
    }
}

/// The proofs in a folder, in the order of their names; none where there is no folder.
fn proofs(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let place = || format!("{}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(place)? {
        let path = entry.with_context(place)?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// What the name of a file says.
fn listed(file: PathBuf) -> Exhibit {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let mut parts = name.splitn(3, '-');
    let height = parts.next().and_then(|part| part.parse().ok());
    let validator = parts.next().and_then(|part| part.parse().ok());
    let rest = parts.next().and_then(|rest| rest.rsplit_once('-'));
    Exhibit {
        height,
        validator,
        public_key: None,
        form: rest.map(|(form, _)| form.to_owned()),
        hash: rest.and_then(|(_, hash)| hash.parse().ok()),
        problem: None,
        file,
    }
}

/// What the content of a file proves.
fn verified(file: PathBuf, court: &Court) -> Exhibit {
    let mut exhibit = Exhibit {
        file,
        hash: None,
        height: None,
        validator: None,
        public_key: None,
        form: None,
        problem: None,
    };
    let bytes = match read(&exhibit.file) {
        Ok(bytes) => bytes,
        Err(problem) => {
            exhibit.problem = Some(problem);
            return exhibit;
        }
    };
    exhibit.hash = Some(UInt256::from_wire(sha256(&bytes)));
    match court.judge(&bytes) {
        Ok(Conviction { evidence, key }) => {
            let culprit = evidence.culprit();
            exhibit.height = Some(evidence.height.0);
            exhibit.validator = Some(culprit.0);
            exhibit.public_key = Some(key.to_string());
            exhibit.form = Some(evidence.guilt.name().to_owned());
        }
        Err(problem) => exhibit.problem = Some(problem.to_string()),
    }
    exhibit
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let length = std::fs::metadata(file).map_err(|error| error.to_string())?;
    if length.len() > MAX_PROOF {
        return Err(format!(
            "{} bytes, a proof has at most {MAX_PROOF}",
            length.len()
        ));
    }
    std::fs::read(file).map_err(|error| error.to_string())
}

fn text(exhibits: &[Exhibit], judged: bool) -> String {
    let heading = ["height", "validator", "form", "verdict", "file"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(exhibits.iter().map(|one| {
        let number = |value: Option<u32>| value.map_or_else(|| "-".to_owned(), |n| n.to_string());
        vec![
            number(one.height),
            number(one.validator.map(u32::from)),
            one.form.clone().unwrap_or_else(|| "-".to_owned()),
            match (&one.problem, judged) {
                (Some(problem), _) => problem.clone(),
                (None, true) => "guilty".to_owned(),
                (None, false) => "not judged".to_owned(),
            },
            one.file.display().to_string(),
        ]
    }));
    table(&rows)
}
