//! Prepared misconfigurations, each found and named.

mod attached;
mod fake;
mod others;
mod own;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use neo_network::{Identity, NetworkConfig};
use neo_node::config::{NodeConfig, PeerConfig, SignerSection};
use neo_primitives::wallet::ScryptParams;
use neo_primitives::{Magic, PrivateKey};

use super::disk::Disk;
use super::*;
use crate::exit::Exit;
use crate::network_files::{NetworkPlan, NodePorts, ProtocolVersion, create};
use fake::Fake;

/// A sound network of four in a folder of its own; validator 0 is examined.
struct Prepared {
    folder: tempfile::TempDir,
    config: NodeConfig,
    request: Request,
}

impl Prepared {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("net");
        let plan = NetworkPlan {
            validators: 4,
            protocol: ProtocolVersion::V3,
            neo_go: 0,
            neo_nodes: Vec::new(),
            spare_neo_nodes: false,
            neo_go_min_peers: None,
            block_time: Duration::from_secs(1),
            magic: Magic(4242),
            witness_limit: None,
            ports: NodePorts::from_base(20_000, 4).unwrap(),
            scrypt: ScryptParams { n: 2, r: 1, p: 1 },
        };
        create(&root, &plan).unwrap();
        let file = root.join("node0/config.json");
        let mut config = NodeConfig::load(&file).unwrap();
        // Ports that the system chooses are free, and nobody is dialled unless a test says whom.
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        config.network.listen = vec![any];
        config.network.peers.clear();
        if let Some(rpc) = &mut config.rpc {
            rpc.listen = any;
        }
        if let Some(metrics) = &mut config.metrics {
            metrics.listen = any;
        }
        let request = Request {
            file,
            others: Vec::new(),
            nodes: Vec::new(),
            timeout: Duration::from_secs(10),
        };
        Self {
            folder,
            config,
            request,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("net").join(name)
    }

    async fn examine(&self) -> Vec<Finding> {
        examine(&self.config, &self.request, |_| {}).await
    }

    /// All findings but those about the machine that the tests run on, which may be slow, full or small.
    async fn findings(&self) -> Vec<Finding> {
        const MACHINE: [&str; 5] = [
            "disk-kind",
            "disk-space",
            "disk-latency",
            "open-files",
            "clock-steady",
        ];
        let mut all = self.examine().await;
        for check in MACHINE {
            assert!(all.iter().any(|finding| finding.check == check), "{check}");
        }
        all.retain(|finding| !MACHINE.contains(&finding.check));
        all
    }

    /// The only failures are of this check; gives the first of them.
    async fn fails(&self, check: &str) -> Finding {
        let all = self.findings().await;
        let failed: Vec<_> = all.iter().filter(|f| f.state == State::Fail).collect();
        assert!(!failed.is_empty(), "{check} was not found: {all:#?}");
        for finding in &failed {
            assert_eq!(finding.check, check, "{finding:#?}");
            assert!(
                finding.mend.is_some() && !finding.place.is_empty(),
                "{finding:#?}"
            );
        }
        failed[0].clone()
    }

    /// Compares with another validator that says this.
    async fn against(&mut self, change: impl FnOnce(&mut Fake)) {
        let mut fake = Fake::of(&self.config);
        change(&mut fake);
        let endpoint = fake.serve().await;
        self.request.others.push(Other::Rpc(endpoint));
    }
}

fn of<'a>(all: &'a [Finding], check: &str) -> &'a Finding {
    all.iter().find(|finding| finding.check == check).unwrap()
}

fn has(text: &Option<String>, part: &str) -> bool {
    text.as_ref().is_some_and(|text| text.contains(part))
}

/// Every file below a folder with its bytes.
fn content(folder: &Path, into: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            content(&path, into);
        } else {
            into.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    into.sort();
}

#[tokio::test]
async fn a_sound_validator_fails_nothing_and_nothing_is_changed() {
    let mut prepared = Prepared::new();
    prepared.against(|_| {}).await;
    prepared
        .request
        .others
        .push(Other::File(prepared.file("node1/config.json")));
    let (mut before, mut after) = (Vec::new(), Vec::new());
    content(prepared.folder.path(), &mut before);
    let all = prepared.findings().await;
    content(prepared.folder.path(), &mut after);
    assert_eq!(before, after);
    assert_eq!(count(&all, State::Fail), 0, "{all:#?}");
    for check in [
        "wallet",
        "key",
        "vote-log",
        "data-folder",
        "node-reachable",
        "network",
        "limits",
        "protocol-version",
        "node-level",
        "clock",
        "port",
        "permissions",
    ] {
        assert_eq!(of(&all, check).state, State::Ok, "{:#?}", of(&all, check));
    }
    assert_eq!(of(&all, "ledger").state, State::NotChecked);
    assert_eq!(exit_of(&all), Exit::Success);
}
