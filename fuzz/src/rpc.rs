//! A JSON-RPC desk in front of a chain in memory.

use std::sync::Arc;

use neo_consensus::engine::Status;
use neo_ledger::store::MemoryStore;
use neo_ledger::{EmbeddedLedger, GenesisConfig};
use neo_node::config::{NodeConfig, RpcConfig};
use neo_node::metrics::Metrics;
use neo_node::rpc::{
    BlockRefused, BlockReply, ConsensusView, Desk, EvidenceEntry, Oversight, PeerEntry, PeerView,
    Relay, ReputationEntry, RpcContext, TopologyEntry, TuningEntry,
};
use neo_node::security::{alerts::Alert, conduct::Standing};
use neo_primitives::{Block, Height, Transaction, UInt256};
use serde_json::json;

use crate::network::{MAGIC, Network};

struct Outside;

impl PeerView for Outside {
    fn connected(&self) -> Vec<PeerEntry> {
        let peer = PeerEntry {
            address: "127.0.0.1".into(),
            port: 20_002,
            user_agent: "/fuzz:1/".into(),
            last_known_height: Height(5),
            validator: None,
            rtt: None,
        };
        vec![peer]
    }
}

impl ConsensusView for Outside {
    fn status(&self) -> Status {
        Status::default()
    }
}

impl Oversight for Outside {
    fn alerts(&self) -> Vec<Alert> {
        Vec::new()
    }

    fn topology(&self) -> TopologyEntry {
        TopologyEntry::default()
    }

    fn standings(&self) -> Vec<Standing> {
        Vec::new()
    }

    fn reputation(&self, _: usize) -> Vec<ReputationEntry> {
        Vec::new()
    }

    fn tuning(&self) -> Option<TuningEntry> {
        None
    }

    fn evidence(&self) -> Vec<EvidenceEntry> {
        Vec::new()
    }

    fn proof(&self, _: &UInt256) -> std::io::Result<Option<(EvidenceEntry, Vec<u8>)>> {
        Ok(None)
    }
}

impl Relay for Outside {
    fn transaction(&self, _: Arc<Transaction>) {}

    fn block(&self, _: Block) -> BlockReply {
        Box::pin(async { Err(BlockRefused::Unavailable("not here".to_owned())) })
    }
}

/// The configuration of a node of the fuzzed network.
#[must_use]
pub fn config() -> String {
    let genesis = GenesisConfig::new(MAGIC, Network::default().keys);
    let document = json!({
        "protocol": {"version": 3, "genesis": genesis},
        "data_dir": "data",
        "network": {"listen": ["127.0.0.1:20001"], "peers": [{"addresses": ["127.0.0.1:5"]}]}
    });
    document.to_string()
}

/// A desk whose chain has its genesis block only, and which relays nothing.
#[must_use]
pub fn desk() -> Desk {
    let config = NodeConfig::parse(&config()).expect("a configuration");
    let genesis = GenesisConfig::new(MAGIC, Network::default().keys);
    let store = Box::new(MemoryStore::new());
    let ledger = EmbeddedLedger::with_store(store, genesis).expect("a ledger in memory");
    let context = RpcContext {
        ledger: Arc::new(ledger),
        peers: Arc::new(Outside),
        consensus: Arc::new(Outside),
        oversight: Arc::new(Outside),
        relay: Arc::new(Outside),
        config: Arc::new(config),
        metrics: Arc::new(Metrics::new()),
    };
    let limits = RpcConfig::at(([127, 0, 0, 1], 0).into());
    Desk::open(context, &limits).expect("a thread for admissions")
}
