//! `neo-cli evidence fetch`: the proofs of a running node as files.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use neo_node::security::proofs::ENDING;
use neo_primitives::{UInt256, sha256};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::MAX_PROOF;
use crate::exit::{Exit, OrExit as _};
use crate::output::{print_json, print_text, table};
use crate::rpc::{Endpoint, RpcClient};

/// Proofs asked for at a time; nodes give at most 200.
const PAGE: usize = 200;
/// Most proofs that are fetched; nodes keep at most so many.
const MOST: usize = 65_536;

#[derive(Debug, Args)]
pub(crate) struct FetchArguments {
    /// Where the node's RPC server listens.
    #[arg(long, value_name = "URL")]
    rpc: Endpoint,
    /// Folder for the files; it is made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Hashes of single proofs; all that the node has if none is named.
    hashes: Vec<UInt256>,
}

#[derive(Debug, Deserialize)]
struct Page {
    evidence: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    hash: UInt256,
}

/// One proof as the node gives it.
#[derive(Debug, Deserialize)]
struct Proof {
    height: u32,
    validator: u8,
    form: String,
    proof: String,
}

/// A file that was written.
#[derive(Debug, Serialize)]
struct Written {
    height: u32,
    validator: u8,
    form: String,
    hash: UInt256,
    file: PathBuf,
}

/// Asks the node and writes the files.
///
/// # Errors
/// With [`Exit::Unreachable`] if the node does not answer, [`Exit::Failure`] if it gives other bytes than the hash says,
/// or a file cannot be written.
pub(super) async fn fetch(arguments: &FetchArguments, json: bool) -> anyhow::Result<Exit> {
    let mut client = RpcClient::new(arguments.rpc.clone()).or_exit(Exit::Unreachable)?;
    let hashes = match arguments.hashes.as_slice() {
        [] => all(&mut client).await?,
        named => named.to_vec(),
    };
    let place = || format!("{}", arguments.out.display());
    std::fs::create_dir_all(&arguments.out).with_context(place)?;
    let mut written = Vec::with_capacity(hashes.len());
    for hash in hashes {
        let proof: Proof = client
            .call("getevidence", json!([hash]))
            .await
            .or_exit(Exit::Unreachable)?;
        written.push(write(&arguments.out, hash, proof)?);
    }
    if json {
        print_json(&written)?;
    } else {
        let heading = ["height", "validator", "form", "file"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        rows.extend(written.iter().map(|one| {
            let file = one.file.display().to_string();
            let (height, validator) = (one.height.to_string(), one.validator.to_string());
            vec![height, validator, one.form.clone(), file]
        }));
        print_text(&table(&rows))?;
    }
    Ok(Exit::Success)
}

async fn all(client: &mut RpcClient) -> anyhow::Result<Vec<UInt256>> {
    let mut hashes = Vec::new();
    while hashes.len() < MOST {
        let page: Page = client
            .call("getevidence", json!([hashes.len(), PAGE]))
            .await
            .or_exit(Exit::Unreachable)?;
        if page.evidence.is_empty() {
            break;
        }
        hashes.extend(page.evidence.into_iter().map(|listed| listed.hash));
    }
    Ok(hashes)
}

/// Writes a proof under the name that nodes give it.
fn write(folder: &Path, hash: UInt256, proof: Proof) -> anyhow::Result<Written> {
    let bytes = BASE64_STANDARD
        .decode(&proof.proof)
        .with_context(|| format!("proof {hash}"))?;
    let found = UInt256::from_wire(sha256(&bytes));
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if found != hash || length > MAX_PROOF {
        return Err(Exit::Failure.error(format!(
            "the node gave {length} bytes with the hash {found} for the proof {hash}"
        )));
    }
    // A form is a word of letters and hyphens: whatever a node says, the file is in the folder.
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !proof.form.chars().all(word) {
        return Err(Exit::Failure.error(format!("{:?} is no form of guilt", proof.form)));
    }
    let Proof {
        height,
        validator,
        form,
        ..
    } = proof;
    let file = folder.join(format!("{height}-{validator}-{form}-{hash}.{ENDING}"));
    std::fs::write(&file, bytes).with_context(|| format!("{}", file.display()))?;
    Ok(Written {
        height,
        validator,
        form,
        hash,
        file,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(form: &str, bytes: &[u8]) -> Proof {
        Proof {
            height: 7,
            validator: 2,
            form: form.to_owned(),
            proof: BASE64_STANDARD.encode(bytes),
        }
    }

    #[test]
    fn a_proof_is_written_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let hash = UInt256::from_wire(sha256(b"proof"));
        let written = write(folder.path(), hash, proof("two-votes", b"proof")).unwrap();
        assert_eq!(std::fs::read(&written.file).unwrap(), b"proof");
        let name = written.file.file_name().unwrap().to_string_lossy();
        assert_eq!(name, format!("7-2-two-votes-{hash}.proof"));
    }

    #[test]
    fn a_node_that_lies_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let hash = UInt256::from_wire(sha256(b"proof"));
        for lie in [proof("two-votes", b"other"), proof("../../x", b"proof")] {
            write(folder.path(), hash, lie).unwrap_err();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
