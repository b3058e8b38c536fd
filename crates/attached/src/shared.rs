//! What the tasks of an attached ledger share.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use neo_ledger::{BlockLimits, LedgerError, PoolWatcher};
use neo_primitives::{BlockBody, Height, PublicKey, UInt160, UInt256};
use neo_rpc::{Endpoint, Limits};
use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    config::{AttachedConfig, Backoff},
    error::NodeError,
    headers::{Headers, Tip},
    mirror::Mirror,
    node::{Node, Version},
    old_blocks::OldBlocks,
    submitting::Submitting,
};

/// Checked proposals that are remembered, at most.
const MAX_CANDIDATES: usize = 16;

/// How long a node is left alone that took a block while it was read.
const MOVED: Duration = Duration::from_millis(10);

/// Is told of a tip that was not stored through [`neo_ledger::LedgerRequest`].
pub(crate) type TipWatcher = Box<dyn Fn(Height, UInt256) + Send + Sync>;

/// How a node stands, for status pages and errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// It was not asked yet.
    Unknown,
    /// It has every verified block, and can serve.
    Synchronised {
        /// Height of its last block.
        height: Height,
    },
    /// It lacks verified blocks.
    Behind {
        /// Height of its last block.
        height: Height,
        /// Height of the verified chain.
        tip: Height,
    },
    /// It is of another network than the configured one: waiting does not mend that.
    Foreign {
        /// What differs; names the endpoint and the field.
        problem: String,
    },
    /// It cannot be used.
    Unusable {
        /// Why; names the endpoint and the field.
        problem: String,
    },
}

/// A configured node and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// Its address.
    pub endpoint: Endpoint,
    /// How it stands.
    pub state: NodeState,
    /// Whether requests go to it.
    pub serves: bool,
}

impl fmt::Display for NodeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = &self.endpoint;
        match &self.state {
            NodeState::Unknown => write!(f, "{endpoint} was not reached yet"),
            NodeState::Synchronised { height } => write!(f, "{endpoint} is at height {height}"),
            NodeState::Behind { height, tip } => {
                write!(f, "{endpoint} is at height {height}, the chain is at {tip}")
            }
            NodeState::Foreign { problem } | NodeState::Unusable { problem } => {
                f.write_str(problem)
            }
        }
    }
}

/// A configured node.
pub(crate) struct Member {
    pub(crate) node: Node,
    state: RwLock<NodeState>,
    version: RwLock<Option<Version>>,
    /// Asks for another look at the node.
    pub(crate) nudge: Notify,
    /// How long it is left alone after requests of consensus that failed.
    failures: Mutex<Backoff>,
    rest: Mutex<Option<Duration>>,
    /// The tip on which it and another node named different validators.
    disputed: Mutex<Option<UInt256>>,
}

impl Member {
    pub(crate) fn version(&self) -> Option<Version> {
        self.version.read().clone()
    }

    pub(crate) fn state(&self) -> NodeState {
        self.state.read().clone()
    }

    /// How long the node is to be left alone before the next look, after a request failed.
    pub(crate) fn rest(&self) -> Option<Duration> {
        self.rest.lock().take()
    }

    /// Whether it and another node have named different validators on this tip.
    pub(crate) fn disputes(&self, tip: &UInt256) -> bool {
        self.disputed.lock().as_ref() == Some(tip)
    }

    /// The tip on which it and another node name different validators, if they do.
    pub(crate) fn set_dispute(&self, tip: Option<UInt256>) {
        *self.disputed.lock() = tip;
    }

    /// It carried out what it was asked.
    pub(crate) fn succeeded(&self) {
        self.failures.lock().succeeded();
    }
}

/// What consensus needs to know of the height above the tip.
#[derive(Clone, Debug)]
pub(crate) struct Office {
    /// Hash of the block below.
    pub(crate) parent: UInt256,
    /// The committee in rank order.
    pub(crate) committee: Vec<PublicKey>,
    /// The validators of the height.
    pub(crate) validators: Vec<PublicKey>,
    /// What its header names.
    pub(crate) next_consensus: UInt160,
    /// Time between blocks.
    pub(crate) block_time: Duration,
    /// Limits of its block.
    pub(crate) limits: BlockLimits,
}

/// A checked proposal.
pub(crate) struct Proposal {
    pub(crate) body: Arc<BlockBody>,
    /// It passed every check of a fresh one.
    pub(crate) fresh: bool,
}

/// The state of an attached ledger.
pub(crate) struct Shared {
    pub(crate) config: AttachedConfig,
    pub(crate) headers: Headers,
    pub(crate) members: Vec<Arc<Member>>,
    pub(crate) mirror: Mutex<Mirror>,
    pub(crate) office: RwLock<Option<Office>>,
    pub(crate) old_blocks: OldBlocks,
    pub(crate) submitting: Submitting,
    /// Held while it is read: engine and gate ask at the same moment.
    pub(crate) reading_office: tokio::sync::Mutex<()>,
    proposals: Mutex<VecDeque<Proposal>>,
    pub(crate) tip_watcher: RwLock<Option<TipWatcher>>,
    pub(crate) pool_watcher: RwLock<Option<PoolWatcher>>,
    /// Counts changes of nodes and of the tip.
    changes: watch::Sender<u64>,
    pub(crate) ended: watch::Sender<bool>,
    /// Closes when all of this is gone, the store with it: the last field goes last.
    pub(crate) held: watch::Sender<()>,
}

/// The members of a configuration.
pub(crate) fn members(config: &AttachedConfig) -> Vec<Arc<Member>> {
    let limits = Limits {
        timeout: config.timing.timeout,
        answer: config.max_answer,
    };
    config
        .nodes
        .iter()
        .map(|endpoint| {
            Arc::new(Member {
                node: Node::new(endpoint.clone(), limits, config.genesis.witness_limit),
                state: RwLock::new(NodeState::Unknown),
                version: RwLock::default(),
                nudge: Notify::new(),
                failures: Mutex::new(Backoff::new(config.timing)),
                rest: Mutex::default(),
                disputed: Mutex::default(),
            })
        })
        .collect()
}

impl Shared {
    pub(crate) fn new(config: AttachedConfig, headers: Headers, members: Vec<Arc<Member>>) -> Self {
        Self {
            config,
            headers,
            members,
            mirror: Mutex::default(),
            office: RwLock::default(),
            old_blocks: OldBlocks::new(),
            submitting: Submitting::new(),
            reading_office: tokio::sync::Mutex::default(),
            proposals: Mutex::default(),
            tip_watcher: RwLock::default(),
            pool_watcher: RwLock::default(),
            changes: watch::Sender::new(0),
            ended: watch::Sender::new(false),
            held: watch::Sender::new(()),
        }
    }

    /// The highest verified block.
    pub(crate) fn tip(&self) -> Tip {
        self.headers.tip()
    }

    /// The node that requests go to: the first one, as configured, that has the tip.
    pub(crate) fn serving(&self) -> Option<Arc<Member>> {
        let tip = self.tip().height();
        let synchronised = |member: &&Arc<Member>| matches!(member.state(), NodeState::Synchronised { height } if height >= tip);
        self.members.iter().find(synchronised).cloned()
    }

    /// As [`Shared::serving`], waiting for one.
    pub(crate) async fn serving_until(&self, end: Instant) -> Result<Arc<Member>, LedgerError> {
        let mut changes = self.changes.subscribe();
        loop {
            if let Some(member) = self.serving() {
                return Ok(member);
            }
            let changed = tokio::time::timeout_at(end, changes.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                return Err(LedgerError::NoNode(self.problems()));
            }
        }
    }

    /// Why no node serves.
    pub(crate) fn problems(&self) -> String {
        let tip = self.tip().height();
        let problem = |member: &Arc<Member>| {
            let endpoint = member.node.endpoint();
            match member.state() {
                NodeState::Unknown => format!("{endpoint} was not reached yet"),
                NodeState::Synchronised { height } | NodeState::Behind { height, .. } => {
                    format!("{endpoint} is at height {height}, the chain is at {tip}")
                }
                NodeState::Foreign { problem } | NodeState::Unusable { problem } => problem,
            }
        };
        let problems: Vec<String> = self.members.iter().map(problem).collect();
        problems.join("; ")
    }

    /// Something changed for those who wait.
    pub(crate) fn changed(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Waits for the next change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// A look at a node gave this.
    pub(crate) fn set_state(&self, member: &Member, version: Option<Version>, state: NodeState) {
        let before = std::mem::replace(&mut *member.state.write(), state.clone());
        let renewed = version.is_some() && *member.version.read() != version;
        if renewed {
            *member.version.write() = version;
        }
        if before == state {
            if renewed {
                self.changed();
            }
            return;
        }
        let endpoint = member.node.endpoint();
        match &state {
            NodeState::Foreign { problem } | NodeState::Unusable { problem } => {
                tracing::warn!(%problem, "a Neo node cannot be used")
            }
            NodeState::Behind { height, tip } => {
                tracing::info!(%endpoint, %height, %tip, "a Neo node is behind");
            }
            NodeState::Synchronised { height } => {
                tracing::debug!(%endpoint, %height, "a Neo node is synchronised");
            }
            NodeState::Unknown => {}
        }
        self.changed();
    }

    /// What an error says of the node that caused it.
    pub(crate) fn state_after(&self, error: &NodeError) -> NodeState {
        let lowest = self.headers.lowest().header.index;
        let problem = error.to_string();
        match error {
            NodeError::OtherNetwork { .. } => NodeState::Foreign { problem },
            // Where the chain begins there is nothing to disagree about.
            NodeError::OtherChain { height, .. } if *height == lowest => {
                NodeState::Foreign { problem }
            }
            _ => NodeState::Unusable { problem },
        }
    }

    /// A request to a node failed: it is left alone for a while, and looked at before it is asked again.
    pub(crate) fn failed(&self, member: &Member, error: &NodeError) {
        let (state, rest) = match error {
            NodeError::Moved { .. } => (NodeState::Unknown, MOVED),
            error => {
                let rest = member.failures.lock().failed();
                (self.state_after(error), rest)
            }
        };
        *member.rest.lock() = Some(rest);
        self.set_state(member, None, state);
        member.nudge.notify_one();
    }

    /// All nodes are looked at now.
    pub(crate) fn nudge(&self) {
        for member in &self.members {
            member.nudge.notify_one();
        }
    }

    /// When a request that begins now gives up.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.config.timing.patience
    }

    /// Remembers a checked proposal.
    pub(crate) fn remember(&self, body: Arc<BlockBody>, fresh: bool) {
        let tip = self.tip().height();
        let hash = body.hash();
        let mut proposals = self.proposals.lock();
        proposals.retain(|known| known.body.header.index > tip);
        if let Some(known) = proposals.iter_mut().find(|known| known.body.hash() == hash) {
            known.fresh |= fresh;
            return;
        }
        if proposals.len() >= MAX_CANDIDATES {
            proposals.pop_front();
        }
        proposals.push_back(Proposal { body, fresh });
    }

    /// Whether a proposal was checked, and if so as a fresh one.
    pub(crate) fn checked(&self, hash: &UInt256) -> Option<bool> {
        let proposals = self.proposals.lock();
        let known = proposals.iter().find(|known| known.body.hash() == *hash);
        known.map(|known| known.fresh)
    }
}
