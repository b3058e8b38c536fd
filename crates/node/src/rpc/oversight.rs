//! What the node found out about itself and about others, in the form in which RPC shows it.

use std::collections::BTreeMap;

use neo_primitives::{PublicKey, UInt256};
use serde::Serialize;

use crate::security::alerts::Alert;
use crate::security::conduct::Standing;

/// The security layer, the connections and the tuning of a node. Everything but a proof's bytes is answered from
/// memory.
pub trait Oversight: Send + Sync + 'static {
    /// Alerts since the start, those that are up first.
    fn alerts(&self) -> Vec<Alert>;
    /// The connections with the other validators.
    fn topology(&self) -> TopologyEntry;
    /// How the other validators behave, as seen from here.
    fn standings(&self) -> Vec<Standing>;
    /// What is held against whom, the worst first, at most this many.
    fn reputation(&self, most: usize) -> Vec<ReputationEntry>;
    /// What the node tunes by itself; nothing at an observer.
    fn tuning(&self) -> Option<TuningEntry>;
    /// Proofs against validators, the newest height first.
    fn evidence(&self) -> Vec<EvidenceEntry>;
    /// One proof with its bytes.
    ///
    /// # Errors
    /// If it cannot be read.
    fn proof(&self, hash: &UInt256) -> std::io::Result<Option<(EvidenceEntry, Vec<u8>)>>;
}

/// All validators as this node sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TopologyEntry {
    /// Validators that are connected, this node included if it is one.
    pub reachable: usize,
    /// How many it takes to decide, M; 0 for an observer.
    pub needed: usize,
    /// Whether fewer are connected.
    pub partitioned: bool,
    /// All but this node.
    pub validators: Vec<LinkEntry>,
}

/// The connection with one validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkEntry {
    /// Its index.
    pub index: Option<u8>,
    /// Its key.
    pub publickey: PublicKey,
    /// Whether consensus messages pass directly, in both directions.
    pub connected: bool,
    /// Smoothed round trip in microseconds, of the last connection where there is none now.
    pub round_trip_us: Option<u64>,
    /// How long ago anything came from it directly, in milliseconds.
    pub last_heard_ms: Option<u64>,
    /// Whether its messages can go through others.
    pub relayed: bool,
    /// Whether it leads soon and has been silent for too long.
    pub quiet: bool,
}

/// What is held against a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReputationEntry {
    /// Index of the validator whose key it proved, if it did.
    pub validator: Option<u8>,
    /// That key.
    pub publickey: Option<PublicKey>,
    /// Its peer id; none for a whole address.
    pub peer: Option<String>,
    /// Where it was seen.
    pub address: Option<String>,
    /// From 100, nothing held against it, down to 0, a ban.
    pub score: u8,
    /// How often it did what.
    pub offences: BTreeMap<&'static str, u64>,
    /// Bans that are not forgotten yet.
    pub bans: u32,
    /// How much longer it stays out, in seconds.
    pub banned_s: Option<u64>,
}

/// What the node tunes besides what the engine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TuningEntry {
    /// Peers that a batch of transactions goes to first.
    pub fan_out: u64,
    /// Threads that check signatures of consensus messages.
    pub verification_threads: u64,
}

/// A proof that a validator broke the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvidenceEntry {
    /// SHA-256 of its bytes, the end of its file's name.
    pub hash: UInt256,
    /// The height at which the protocol was broken.
    pub height: u32,
    /// Index of who broke it.
    pub validator: u8,
    /// Its key.
    pub publickey: Option<PublicKey>,
    /// The form of its guilt (protocol section 6).
    pub form: String,
    /// Length of the proof.
    pub bytes: u64,
}
