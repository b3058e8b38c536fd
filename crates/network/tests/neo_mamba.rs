//! neo-mamba, the Python library for Neo, fetches headers and blocks from us with its own P2P client.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

#[path = "../src/neo/tests/nodes.rs"]
mod nodes;

use nodes::{MAGIC, Node, blocks};

const PACKAGE: &str = "neo-mamba==2.7.0";

/// A Python that has neo-mamba: `NEO_MAMBA_PYTHON`, or an environment that is made once in the build directory.
fn python() -> PathBuf {
    if let Some(path) = std::env::var_os("NEO_MAMBA_PYTHON") {
        return path.into();
    }
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("neo-mamba-2.7.0");
    let python = home.join("bin/python");
    let complete = home.join("complete");
    if !complete.exists() {
        run(Command::new("python3").arg("-m").arg("venv").arg(&home));
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", PACKAGE]));
        fs::write(complete, PACKAGE).unwrap();
    }
    python
}

fn run(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neo_mamba_fetches_headers_and_blocks_from_us() {
    let chain = blocks(1200);
    let node = Node::start(&chain, &[]);
    let address = node.address();
    let fetch = move || {
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ecosystem/neo-mamba/sync.py");
        run(Command::new(python())
            .arg(script)
            .arg(address.ip().to_string())
            .arg(address.port().to_string())
            .arg(MAGIC.0.to_string())
            .arg("1200"))
    };
    let output = tokio::task::spawn_blocking(fetch).await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let hash = chain[1200].hash().to_string();
    let last = said.lines().last().unwrap_or_default();
    assert_eq!(
        last.trim_start_matches("last ").trim_start_matches("0x"),
        hash.trim_start_matches("0x"),
        "{said}"
    );
    let offences = node.handle.metrics().refusals;
    assert!(
        offences.keys().all(|name| *name == "closed"),
        "{offences:?}"
    );
}
