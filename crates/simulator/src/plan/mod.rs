//! What a run is about: the network, its faults, its liars, and what must come of it.
//!
//! A plan is data: JSON in `tests/consensus/scenarios`, made by [`crate::swarm`] from a seed, or by the
//! command line. Every number in it is an integer with its unit in its name. Nodes are numbered as
//! validators are: by public key, from 0; the second instance of the i-th [`Plan::twins`] entry is node
//! `validators + i`. Heights begin at 1, the genesis block being 0. Who leads follows from the blocks of the
//! run (protocol section 7); as long as every leader's own block is decided, that is validator `h mod n`.

mod check;
mod condition;
mod error;
mod expectation;
mod fault;
mod filter;
mod network;
mod nodes;
mod timers;
mod version;

use serde::{Deserialize, Serialize};

pub use condition::{Condition, Messages, Seen};
pub use error::PlanError;
pub use expectation::Expectation;
pub use fault::{Fault, FaultKind, StoreFailure};
pub use filter::{Fate, Filter, Part, Span};
pub use network::{Compute, Latency, Network, Swing};
pub use nodes::{Byzantine, NodeQuirk, Nodes};
pub use timers::Timers;
pub(crate) use version::COMMITTED;
pub use version::{UnknownVersion, Version};

/// Most validators of a plan: the limit of a validator set.
pub const MAX_VALIDATORS: u16 = 255;
/// Longest virtual time of a run, in milliseconds: one day.
pub const MAX_DURATION_MS: u64 = 86_400_000;

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// A name for reports.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The sentence that says what must happen; scenarios have one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub must: String,
    /// The protocol of the validators: 2 or 3, 3 without it.
    #[serde(default, skip_serializing_if = "Version::is_three")]
    pub protocol: Version,
    /// Number of validators n, 1 to 255.
    pub validators: u16,
    /// Virtual time of the run, in milliseconds.
    pub duration_ms: u64,
    /// Target time between blocks T, in milliseconds; 0 for no pacing.
    #[serde(default)]
    pub block_time_ms: u64,
    /// How messages travel.
    #[serde(default)]
    pub network: Network,
    /// What work costs.
    #[serde(default)]
    pub compute: Compute,
    /// Nodes that differ from the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeQuirk>,
    /// Transactions submitted in a second.
    #[serde(default)]
    pub load_per_s: u32,
    /// How many nodes in a hundred learn a submitted transaction before its block; one always does.
    #[serde(default = "every_node")]
    pub gossip_percent: u32,
    /// Validators that attack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub byzantine: Vec<Byzantine>,
    /// Validators of which two honest instances run, with one key and separate vote logs and stores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub twins: Vec<u16>,
    /// What goes wrong, and when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// What happens to some messages on their way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// Timers of all nodes.
    #[serde(default)]
    pub timers: Timers,
    /// From this moment on, in milliseconds, all faults are over: the network is whole and loses nothing,
    /// skewed clocks and slow nodes are mended, nodes that are down start again. Progress and storage
    /// everywhere are due within [`Plan::heal_bound_ms`] then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heal_at_ms: Option<u64>,
    /// How long after the healing progress may take, in milliseconds.
    #[serde(default = "default_heal_bound")]
    pub heal_bound_ms: u64,
    /// The run ends early when this has happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_when: Option<Condition>,
    /// Allows more than f Byzantine validators and twins. Agreement may break then, and it must be
    /// possible to convict f+1 culprits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_broken: bool,
    /// What must come of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expectation>,
}

fn every_node() -> u32 {
    100
}

fn default_heal_bound() -> u64 {
    10_000
}

impl Plan {
    /// A faultless run of `validators` for `duration_ms` over a local network, without pacing.
    #[must_use]
    pub fn new(validators: u16, duration_ms: u64) -> Self {
        Self {
            name: String::new(),
            must: String::new(),
            protocol: Version::Three,
            validators,
            duration_ms,
            block_time_ms: 0,
            network: Network::default(),
            compute: Compute::default(),
            nodes: Vec::new(),
            load_per_s: 0,
            gossip_percent: every_node(),
            byzantine: Vec::new(),
            twins: Vec::new(),
            faults: Vec::new(),
            filters: Vec::new(),
            timers: Timers::default(),
            heal_at_ms: None,
            heal_bound_ms: default_heal_bound(),
            stop_when: None,
            allow_broken: false,
            expect: Vec::new(),
        }
    }

    /// Byzantine validators tolerated, `f = ⌊(n−1)/3⌋`.
    #[must_use]
    pub fn tolerated(&self) -> u16 {
        self.validators.saturating_sub(1) / 3
    }

    /// Nodes of the run: the validators and the second instances of twins.
    #[must_use]
    pub fn node_count(&self) -> u16 {
        let twins = u16::try_from(self.twins.len()).unwrap_or(u16::MAX);
        self.validators.saturating_add(twins)
    }

    /// The validator whose key a node holds.
    #[must_use]
    pub fn validator_of(&self, node: u16) -> u16 {
        match node.checked_sub(self.validators) {
            None => node,
            Some(twin) => self.twins.get(usize::from(twin)).copied().unwrap_or(node),
        }
    }
}
