//! A prepared validator, alone in its network, whose configuration tests spoil.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::neo_go_process::{NeoGo, free_port};

pub(crate) fn neo_cli(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neo-cli"));
    command.args(arguments).env_remove("RUST_LOG");
    command.output().unwrap()
}

/// The only validator of a network, which is sound until a test changes its configuration. Ports that the system
/// chooses are free.
pub(crate) struct Validator {
    folder: tempfile::TempDir,
    pub(crate) config: Value,
}

impl Validator {
    /// With the embedded ledger and dBFT 3.0.
    pub(crate) fn new() -> Self {
        Self::of(&["--magic", "777"])
    }

    /// Beside a Neo node, with dBFT 2.0; files for neo-go are there, too.
    pub(crate) fn beside_neo_go() -> Self {
        let mut own = Self::of(&["--magic", "777", "--protocol", "2", "--neo-go", "1"]);
        own.config["p2p"]["listen"] = json!([]);
        own
    }

    fn of(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("net");
        let base = ["init", "--validators", "1", "--out", out.to_str().unwrap()];
        let made = neo_cli(&[&base[..], options].concat());
        assert!(made.status.success(), "{made:?}");
        let file = out.join("node0/config.json");
        let text = std::fs::read_to_string(file).unwrap();
        let mut config: Value = serde_json::from_str(&text).unwrap();
        config["network"]["listen"] = match config["protocol"]["version"].as_u64() {
            Some(2) => json!([]),
            _ => json!(["127.0.0.1:0"]),
        };
        config["rpc"]["listen"] = "127.0.0.1:0".into();
        config["metrics"]["listen"] = "127.0.0.1:0".into();
        Self { folder, config }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("net/node0").join(name)
    }

    /// Writes the configuration under this name and gives its path.
    pub(crate) fn write(&self, name: &str) -> String {
        let file = self.path(name);
        std::fs::write(&file, self.config.to_string()).unwrap();
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&file, mode).unwrap();
        file.to_str().unwrap().to_owned()
    }

    pub(crate) fn attach(&mut self, nodes: &[&str]) {
        let nodes: Vec<Value> = nodes.iter().map(|rpc| json!({"rpc": rpc})).collect();
        self.config["ledger"] = json!({"kind": "attached", "nodes": nodes});
    }

    /// neo-go on the configuration that `init` wrote for it, which the test may change.
    pub(crate) fn neo_go(&self, change: impl FnOnce(String) -> String) -> NeoGo {
        let text = std::fs::read_to_string(self.path("neo-go.yml")).unwrap();
        let rpc = free_port();
        let text = text
            .replace(":20330\"", &format!(":{}\"", free_port()))
            .replace(":20331\"", &format!(":{rpc}\""))
            .replace(":20332\"", &format!(":{}\"", free_port()))
            .replace("Type: leveldb", "Type: inmemory")
            .replace("Path: wallet.json", &self.wallet_line());
        NeoGo::with_configuration(&change(text), rpc)
    }

    fn wallet_line(&self) -> String {
        format!("Path: \"{}\"", self.path("wallet.json").display())
    }
}

/// Its consensus is off, as beside a validator of ours.
pub(crate) fn silent(text: String) -> String {
    text.replace(
        "Consensus:\n    Enabled: true",
        "Consensus:\n    Enabled: false",
    )
}

pub(crate) fn url(node: &NeoGo) -> String {
    format!("http://{}", node.address())
}
