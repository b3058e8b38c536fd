//! `neo-cli migrate import`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::exit::{Exit, OrExit as _};
use crate::migrate::{Beside, ImportError, Imported, Mesh, MeshPeer, Wishes, import as read};
use crate::output::{print_json, print_text, table};

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// neo-go's YAML (protocol.*.yml), or the C# node's config.json.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The configuration to write; there must be none yet.
    #[arg(long, value_name = "FILE", default_value = "config.json")]
    out: PathBuf,
    /// Version of the consensus protocol: 2 among validators of the other kind, 3 among validators of this kind.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=3))]
    protocol: u32,
    /// Who keeps the chain: `embedded` means this node in place of the imported one, `attached` this node beside it.
    #[arg(long, value_name = "LEDGER", default_value = "embedded")]
    ledger: LedgerChoice,
    /// With --ledger attached: JSON-RPC of a Neo node, the preferred one first; otherwise that of the imported node.
    #[arg(long, value_name = "URL")]
    node: Vec<String>,
    /// With --ledger attached: where this node's own JSON-RPC listens; otherwise it has none.
    #[arg(long, value_name = "HOST:PORT")]
    rpc: Option<SocketAddr>,
    /// With --ledger attached: where this node's metrics listen; otherwise it has none.
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<SocketAddr>,
    /// With --protocol 3: where this node listens for the other validators (UDP and TCP).
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<SocketAddr>,
    /// With --protocol 3: another validator's node. Without one, the hosts of the seeds at the port of --listen, if each
    /// is a machine of its own.
    #[arg(long, value_name = "[KEY@]HOST:PORT")]
    peer: Vec<MeshPeer>,
    /// Folder for the chain, relative to the configuration's folder.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data_dir: PathBuf,
    /// File with the wallet's password, mode 0600. Passwords in the other configuration are not copied.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Folder of the C# node's plugins; else `Plugins` beside its configuration.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
}

/// Who keeps the chain of an imported node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LedgerChoice {
    Embedded,
    Attached,
}

impl ImportArguments {
    /// An option that means nothing beside what else was said, and what it needs.
    fn idle_option(&self) -> Option<(&'static str, &'static str)> {
        let attached = self.ledger == LedgerChoice::Attached;
        [
            (
                "--node",
                "--ledger attached",
                !attached && !self.node.is_empty(),
            ),
            (
                "--rpc",
                "--ledger attached",
                !attached && self.rpc.is_some(),
            ),
            (
                "--metrics",
                "--ledger attached",
                !attached && self.metrics.is_some(),
            ),
            (
                "--listen",
                "--protocol 3",
                self.protocol != 3 && self.listen.is_some(),
            ),
            (
                "--peer",
                "--protocol 3",
                self.protocol != 3 && !self.peer.is_empty(),
            ),
        ]
        .into_iter()
        .find_map(|(option, needs, idle)| idle.then_some((option, needs)))
    }
}

pub(super) fn import(arguments: &ImportArguments, json: bool) -> anyhow::Result<Exit> {
    if let Some((option, needs)) = arguments.idle_option() {
        return Err(Exit::Usage.error(format!("{option} means nothing without {needs}")));
    }
    let password_file = arguments.password_file.as_ref();
    let password_file = password_file.map(std::path::absolute).transpose();
    let wishes = Wishes {
        protocol: arguments.protocol,
        data_dir: arguments.data_dir.clone(),
        password_file: password_file.or_exit(Exit::Usage)?,
        plugins: arguments.plugins.clone(),
        beside: (arguments.ledger == LedgerChoice::Attached).then(|| Beside {
            nodes: arguments.node.clone(),
            rpc: arguments.rpc,
            metrics: arguments.metrics,
        }),
        mesh: Mesh {
            listen: arguments.listen,
            peers: arguments.peer.clone(),
        },
    };
    let imported = read(&arguments.from, &wishes).map_err(|error| exit_of(&error).error(error))?;
    write(arguments, &imported)?;
    if json {
        print_json(&json!({
            "config": arguments.out,
            "node": imported.node,
            "carried": imported.carried,
            "assumed": imported.assumed,
            "left": imported.left,
        }))?;
    } else {
        print_text(&report(arguments, &imported))?;
    }
    Ok(Exit::Success)
}

fn exit_of(error: &ImportError) -> Exit {
    match error {
        ImportError::File { .. }
        | ImportError::TooLong { .. }
        | ImportError::Syntax { .. }
        | ImportError::Unknown { .. } => Exit::Usage,
        ImportError::Value { .. } | ImportError::Refused(_) => Exit::Refused,
    }
}

fn write(arguments: &ImportArguments, imported: &Imported) -> anyhow::Result<()> {
    use std::io::Write as _;
    let out = &arguments.out;
    let name = out.display();
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(out);
    let mut file = made.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Exit::Busy.error(format!("{name} is there already; --out names another file"))
        }
        _ => Exit::Failure.error(format!("{name}: {error}")),
    })?;
    let text = imported.config.to_json();
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| Exit::Failure.error(format!("{name}: {error}")))
}

fn report(arguments: &ImportArguments, imported: &Imported) -> String {
    let mut text = format!(
        "{} written from {} of a {} node: {} values carried over.",
        arguments.out.display(),
        arguments.from.display(),
        imported.node,
        imported.carried.len()
    );
    if !imported.assumed.is_empty() {
        text.push_str("\n\nNot in the file, so the default of that node:\n");
        let mut rows = vec![row(["key", "value", "there"])];
        for assumed in &imported.assumed {
            rows.push(row([&assumed.to, &short(&assumed.value), &assumed.from]));
        }
        text.push_str(&table(&rows));
    }
    if imported.left.is_empty() {
        text.push_str("\n\nNothing was left behind.");
    } else {
        text.push_str("\n\nNot carried over:\n");
        let mut rows = vec![row(["key", "value", "why"])];
        for left in &imported.left {
            let value = left.value.as_ref().map_or_else(String::new, short);
            rows.push(row([&left.key, &value, &left.reason]));
        }
        text.push_str(&table(&rows));
    }
    text
}

fn row(cells: [&str; 3]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// A value on one line of a table.
fn short(value: &Value) -> String {
    const MOST: usize = 40;
    let text = match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    if text.chars().count() <= MOST {
        return text;
    }
    let begin: String = text.chars().take(MOST - 1).collect();
    format!("{begin}…")
}
