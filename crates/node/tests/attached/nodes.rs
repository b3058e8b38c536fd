//! Starting and stopping nodes on a folder each.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use neo_ledger::GenesisConfig;
use neo_node::config::NodeConfig;
use neo_node::{EventSink, NodeError, NodeEvent, RunOptions, log_identity, run, vote_log_file};
use neo_primitives::wallet::{Nep6Wallet, ScryptParams};
use neo_primitives::{Height, PrivateKey, UInt256};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// A stored block, as a node tells of it.
pub(crate) struct Stored {
    pub(crate) height: Height,
    pub(crate) hash: UInt256,
    pub(crate) transactions: usize,
}

/// A validator with its folder, whether it runs or not.
pub(crate) struct Validator {
    pub(crate) config: NodeConfig,
    // Removed with it.
    _folder: tempfile::TempDir,
}

/// One that runs.
pub(crate) struct Running {
    events: Receiver<NodeEvent>,
    stop: oneshot::Sender<()>,
    end: tokio::task::JoinHandle<Result<(), NodeError>>,
}

/// A port of 127.0.0.1 that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The validators with these keys, in mesh or Neo N3's P2P as the version of dBFT wants it. Each keeps its chain with
/// the Neo node at its address.
pub(crate) fn validators(
    version: u32,
    genesis: &GenesisConfig,
    keys: &[PrivateKey],
    neo_nodes: &[String],
) -> Vec<Validator> {
    let ports: Vec<u16> = keys.iter().map(|_| free_port()).collect();
    let own = keys.iter().zip(&ports).zip(neo_nodes);
    own.map(|((key, port), neo_node)| {
        let others = keys.iter().zip(&ports).filter(|(_, other)| *other != port);
        let networks = match version {
            3 => {
                let peers = others.map(|(key, port)| {
                    json!({
                        "public_key": key.public_key(),
                        "addresses": [format!("127.0.0.1:{port}")],
                    })
                });
                let peers: Vec<Value> = peers.collect();
                json!({"network": {"listen": [format!("127.0.0.1:{port}")], "peers": peers}})
            }
            _ => {
                let peers: Vec<String> = others
                    .map(|(_, port)| format!("127.0.0.1:{port}"))
                    .collect();
                json!({"p2p": {"listen": [format!("127.0.0.1:{port}")], "peers": peers}})
            }
        };
        validator(version, genesis, key, neo_node, networks)
    })
    .collect()
}

fn validator(
    version: u32,
    genesis: &GenesisConfig,
    key: &PrivateKey,
    neo_node: &str,
    networks: Value,
) -> Validator {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut wallet = Nep6Wallet::new(None, ScryptParams { n: 2, r: 1, p: 1 });
    wallet.import(key, "password", None).unwrap();
    wallet.save(&path("wallet.json")).unwrap();
    private(&path("password"), "password");
    let mut config = json!({
        "protocol": {"version": version, "genesis": genesis},
        // Busy machines are slow.
        "ledger": {
            "kind": "attached",
            "nodes": [{"rpc": format!("http://{neo_node}")}],
            "poll_ms": 20,
            "timeout_ms": 20_000,
            "patience_ms": 40_000,
        },
        "data_dir": path("data"),
        "wallet": {"path": path("wallet.json"), "password_file": path("password")},
        "security": {"audit": false},
    });
    for (name, section) in networks.as_object().unwrap() {
        config[name] = section.clone();
    }
    let config = NodeConfig::parse(&config.to_string()).unwrap();
    std::fs::create_dir(&config.data_dir).unwrap();
    let identity = log_identity(&config, key.public_key().clone());
    vote_log_file::initialise(&config.data_dir, identity).unwrap();
    Validator {
        config,
        _folder: folder,
    }
}

/// A file that only its owner reads.
fn private(path: &PathBuf, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

impl Validator {
    pub(crate) fn start(&self) -> Running {
        let (sink, events) = EventSink::channel();
        let options = RunOptions {
            events: sink,
            ..RunOptions::default()
        };
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let end = tokio::spawn(run(self.config.clone(), options, shutdown));
        Running { events, stop, end }
    }
}

impl Running {
    /// The next event; the node must not end.
    pub(crate) async fn event(&mut self) -> NodeEvent {
        match tokio::task::block_in_place(|| self.events.recv()) {
            Ok(event) => event,
            Err(_) => panic!("the node has ended: {:?}", (&mut self.end).await),
        }
    }

    /// The next block that is stored. A validator that kept its vote log is never silent.
    pub(crate) async fn block(&mut self) -> Stored {
        loop {
            match self.event().await {
                NodeEvent::Block {
                    height,
                    hash,
                    transactions,
                    ..
                } => {
                    return Stored {
                        height,
                        hash,
                        transactions,
                    };
                }
                NodeEvent::Silent { .. } => panic!("the vote log was lost"),
                _ => {}
            }
        }
    }

    /// The block of this height.
    pub(crate) async fn reaches(&mut self, height: u32) -> Stored {
        loop {
            let stored = self.block().await;
            if stored.height.0 >= height {
                return stored;
            }
        }
    }

    /// The next block with transactions.
    pub(crate) async fn busy_block(&mut self) -> Stored {
        loop {
            let stored = self.block().await;
            if stored.transactions > 0 {
                return stored;
            }
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.end.await.unwrap().unwrap();
    }
}
