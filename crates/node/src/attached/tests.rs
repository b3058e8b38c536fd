//! A node on an attached ledger, before Neo nodes that answer from a script.

use std::time::Duration;

use neo_ledger::GenesisConfig;
use neo_primitives::{Magic, PrivateKey};
use neo_rpc::RpcClient;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use self::fake::{FakeNode, Mood, Network};
use crate::config::NodeConfig;
use crate::events::{EventSink, NodeEvent};
use crate::node::{NodeError, RunOptions, run};

#[allow(dead_code, unused_imports)]
#[path = "../../../attached/src/fake/mod.rs"]
mod fake;

/// A Neo node of a network with one validator, and the configuration of an observer on it.
async fn neo_node(folder: &std::path::Path) -> (FakeNode, NodeConfig) {
    let key = PrivateKey::generate().public_key().clone();
    let genesis = GenesisConfig::new(Magic(77), vec![key]);
    let node = FakeNode::start(&Network {
        config: genesis.clone(),
    })
    .await;
    let config = json!({
        "protocol": {"version": 3, "genesis": genesis},
        "ledger": {
            "kind": "attached",
            "nodes": [{"rpc": node.endpoint.to_string()}],
            "poll_ms": 20,
        },
        "data_dir": folder,
        "rpc": {"listen": "127.0.0.1:0"},
        "metrics": {"listen": "127.0.0.1:0"},
        "security": {"audit": false},
    });
    (node, NodeConfig::parse(&config.to_string()).unwrap())
}

/// It says nothing useful, or everything again.
fn set_healthy(node: &FakeNode, healthy: bool) {
    node.set(|inside| {
        inside.mood = match healthy {
            true => Mood::Honest,
            false => Mood::Says("out of order"),
        };
    });
}

/// A node that runs, with what it tells.
struct Running {
    events: std::sync::mpsc::Receiver<NodeEvent>,
    stop: oneshot::Sender<()>,
    end: tokio::task::JoinHandle<Result<(), NodeError>>,
}

fn start(config: &NodeConfig) -> Running {
    let (sink, events) = EventSink::channel();
    let options = RunOptions {
        events: sink,
        ..RunOptions::default()
    };
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    let end = tokio::spawn(run(config.clone(), options, shutdown));
    Running { events, stop, end }
}

impl Running {
    /// The first event that this finds something in; the node must not end before.
    async fn find<T>(&mut self, pick: impl Fn(NodeEvent) -> Option<T>) -> T {
        loop {
            match tokio::task::block_in_place(|| self.events.recv()) {
                Ok(event) => {
                    if let Some(found) = pick(event) {
                        return found;
                    }
                }
                Err(_) => panic!("the node has ended: {:?}", (&mut self.end).await),
            }
        }
    }

    /// Waits until it is up; addresses of JSON-RPC and metrics.
    async fn ready(&mut self) -> (String, String) {
        self.find(|event| match event {
            NodeEvent::Ready {
                rpc: Some(rpc),
                metrics: Some(metrics),
                height,
                ..
            } => {
                assert_eq!(height.0, 0);
                Some((rpc, metrics))
            }
            _ => None,
        })
        .await
    }

    /// Waits for a change of the alert about Neo nodes.
    async fn alert(&mut self) -> (bool, String) {
        self.find(|event| match event {
            NodeEvent::Alert {
                kind: "neo-node",
                active,
                text,
                ..
            } => Some((active, text)),
            _ => None,
        })
        .await
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.end.await.unwrap().unwrap();
    }
}

async fn refused(rpc: &str, method: &'static str, params: Value) -> String {
    let mut client = RpcClient::new(rpc.parse().unwrap()).unwrap();
    let answer: Result<Value, _> = client.call(method, params).await;
    let error = answer.unwrap_err();
    assert_eq!(error.code(), Some(-32601), "{error}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_on_a_neo_node_says_what_is_not_here_and_alerts_while_none_serves() {
    let folder = tempfile::tempdir().unwrap();
    let (neo_node, config) = neo_node(folder.path()).await;
    let mut node = start(&config);
    let (rpc, _) = node.ready().await;
    let mut client = RpcClient::new(rpc.parse().unwrap()).unwrap();
    let count: u32 = client.call("getblockcount", json!([])).await.unwrap();
    assert_eq!(count, 1);
    let hash = config.protocol.genesis.genesis_block().hash();
    for (method, params) in [
        ("getapplicationlog", json!([hash])),
        ("getrawtransaction", json!([hash])),
        ("invokescript", json!([""])),
        ("getstorage", json!([])),
    ] {
        let error = refused(&rpc, method, params).await;
        assert!(
            error.contains(method) && error.contains("Neo node"),
            "{error}"
        );
    }
    set_healthy(&neo_node, false);
    let (active, text) = node.alert().await;
    assert!(
        active && text.contains("does not vote") && text.contains("makes no sense"),
        "{text}"
    );
    set_healthy(&neo_node, true);
    assert!(!node.alert().await.0, "it is over");
    node.stop().await;
    // It starts without the Neo node, too.
    let other = tempfile::tempdir().unwrap();
    let config = NodeConfig {
        data_dir: other.path().to_owned(),
        ..config
    };
    set_healthy(&neo_node, false);
    let mut node = start(&config);
    node.ready().await;
    assert!(node.alert().await.0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neo_node_of_another_network_ends_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (neo_node, config) = neo_node(folder.path()).await;
    neo_node.set(|inside| inside.magic = Magic(78));
    let end = start(&config).end;
    // A node that goes on instead goes on for ever.
    let end = tokio::time::timeout(Duration::from_secs(60), end).await;
    let error = end.expect("the start does not end").unwrap().unwrap_err();
    assert!(matches!(error, NodeError::ForeignNode(_)), "{error}");
    let text = error.to_string();
    for part in [
        "ledger.nodes: http://127.0.0.1:",
        "protocol.network is 78",
        "has 77",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!folder.path().join(neo_ledger::STORE_FILE).exists());
}
