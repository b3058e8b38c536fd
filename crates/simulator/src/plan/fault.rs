//! What goes wrong, and when.

use serde::{Deserialize, Serialize};

use super::{Condition, Latency, Nodes};

/// One fault, or the mending of one. It strikes once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When.
    pub when: Condition,
    /// What.
    pub kind: FaultKind,
}

impl Fault {
    /// A fault at a moment, in milliseconds.
    #[must_use]
    pub fn at(ms: u64, kind: FaultKind) -> Self {
        Self {
            when: Condition::At(ms),
            kind,
        }
    }
}

/// What goes wrong. Faults of nodes that are down already, and restarts of those that run, change
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// Nodes stop; what was not durable is lost.
    Crash {
        /// Which.
        nodes: Nodes,
        /// Whether the others see the connections break at once.
        #[serde(default)]
        seen: bool,
    },
    /// Nodes stop when the next votes of them are durable and none of them has left.
    CrashBeforeSend {
        /// Which.
        nodes: Nodes,
    },
    /// Nodes stop in the middle of the next write of their vote logs, of which a part remains.
    TornWrite {
        /// Which.
        nodes: Nodes,
    },
    /// Nodes stop at the next commit of their block stores.
    FailStore {
        /// Which.
        nodes: Nodes,
        /// Where in the commit.
        point: StoreFailure,
    },
    /// Nodes start again with what is durable.
    Restart {
        /// Which.
        nodes: Nodes,
    },
    /// The vote logs of nodes are gone; those that run crash.
    LoseLog {
        /// Which.
        nodes: Nodes,
    },
    /// A bit in the vote logs of nodes flips; those that run crash.
    DamageLog {
        /// Which.
        nodes: Nodes,
    },
    /// The vote logs of nodes are copied away.
    CopyLog {
        /// Which.
        nodes: Nodes,
    },
    /// The vote logs of nodes are replaced by the copies that were made of them; those that run crash.
    RestoreLog {
        /// Which.
        nodes: Nodes,
    },
    /// The block stores of nodes are gone; those that run crash.
    LoseStore {
        /// Which.
        nodes: Nodes,
    },
    /// What is durable of the block stores of nodes is copied away.
    CopyStore {
        /// Which.
        nodes: Nodes,
    },
    /// The block stores of nodes are replaced by the copies that were made of them, as after the restoring
    /// of a backup; those that run crash.
    RestoreStore {
        /// Which.
        nodes: Nodes,
    },
    /// Nodes do nothing any more, as after `SIGSTOP`: their clocks run on, their connections stand until
    /// the others miss their heartbeats, and what was sent to them waits.
    Freeze {
        /// Which.
        nodes: Nodes,
    },
    /// Frozen nodes go on with what waits for them.
    Thaw {
        /// Which.
        nodes: Nodes,
    },
    /// The operator vouches for the vote logs of nodes at their next start.
    TrustLog {
        /// Which.
        nodes: Nodes,
    },
    /// Only nodes of one group reach each other; nodes in no group reach nobody.
    Partition {
        /// The groups.
        groups: Vec<Vec<u16>>,
    },
    /// Nothing gets from these nodes to those; the way back stays.
    Cut {
        /// From.
        from: Nodes,
        /// To.
        to: Nodes,
    },
    /// All partitions and cuts end.
    Heal,
    /// The work of nodes takes this many hundredths of the usual time from now on.
    Slow {
        /// Which.
        nodes: Nodes,
        /// Hundredths; 100 is usual.
        percent: u32,
    },
    /// The wall clocks of nodes jump to be ahead by so much; behind when negative.
    Skew {
        /// Which.
        nodes: Nodes,
        /// Milliseconds ahead of the true time.
        ms: i64,
    },
    /// The clocks of nodes run too fast from now on, by millionths; too slow when negative.
    Drift {
        /// Which.
        nodes: Nodes,
        /// Millionths.
        ppm: i32,
    },
    /// The network loses, doubles and reorders from now on as said here.
    Weather {
        /// Messages lost in a million.
        loss_ppm: u32,
        /// Messages that arrive twice, in a million.
        duplicate_ppm: u32,
        /// Messages in a million that are overtaken.
        reorder_ppm: u32,
        /// One-way delays, when they change.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        latency: Option<Latency>,
    },
}

/// Where a commit of a block store fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreFailure {
    /// Nothing is written: the disk is full.
    DiskFull,
    /// Written, not synced: a crash loses it.
    BeforeSync,
    /// Synced, and nobody was told.
    AfterSync,
}
