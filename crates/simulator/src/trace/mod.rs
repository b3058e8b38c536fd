//! What happens in a run, event by event, for people, diagrams and the trace hash.

mod fingerprint;
mod kind;

use std::borrow::Cow;

use neo_primitives::UInt256;
use serde::{Deserialize, Serialize};

pub use fingerprint::Fingerprint;
pub use kind::Kind;

/// One event. As JSON it is one object: `at_us`, `node`, `event` (its name in snake case), and its fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceEvent {
    /// Virtual time since the start, in microseconds.
    pub at_us: u64,
    /// The node it happened at; none for what concerns the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u16>,
    /// What happened.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happening {
    /// The node starts a life.
    Started {
        /// The validator whose key it holds.
        validator: u16,
        /// Counts its lives from 0.
        life: u64,
        /// Height of its stored tip.
        stored: u32,
        /// Records in its vote log.
        records: u32,
        /// Whether the log is whole; a torn last write is.
        log_intact: bool,
        /// Bytes of a torn last write that were cut off.
        torn: u64,
    },
    /// The node stops, and everything volatile of it is gone.
    Crashed {
        /// Why.
        cause: CrashCause,
    },
    /// The vote log of the node is gone, damaged, or replaced by an old copy.
    LogLost {
        /// How.
        how: LogLoss,
    },
    /// The block store of the node is gone.
    StoreLost,
    /// The block store of the node went back to a copy.
    StoreRestored,
    /// The node does nothing any more.
    Frozen,
    /// The node goes on.
    Thawed,
    /// A message leaves the node for one receiver.
    Sent(Transmission),
    /// A message reaches the node.
    Delivered(Transmission),
    /// A message that left the node does not arrive.
    Dropped {
        /// The message.
        #[serde(flatten)]
        message: Transmission,
        /// Why.
        reason: DropReason,
    },
    /// The node passes on a message of another one to its receiver.
    Relayed(Transmission),
    /// The node opened a height.
    Opened {
        /// The height.
        height: u32,
    },
    /// The first valid proposal of a height reached the node or was made by it.
    Proposed {
        /// The height.
        height: u32,
        /// Its view.
        view: u32,
        /// The block.
        block: UInt256,
    },
    /// A height of the node is in another phase (protocol section 4).
    Phase {
        /// The height.
        height: u32,
        /// The node's view.
        view: u32,
        /// Name of the phase.
        phase: Cow<'static, str>,
    },
    /// Records became durable in the node's vote log.
    Durable {
        /// Number of records.
        records: u32,
        /// Kinds, heights and views of the own messages among them.
        votes: Vec<Vote>,
    },
    /// The node holds a prepared certificate, durably.
    Prepared {
        /// The height.
        height: u32,
        /// View of the certificate.
        view: u32,
        /// The block.
        block: UInt256,
    },
    /// The node asks for a new view.
    ViewChangeAsked {
        /// The height.
        height: u32,
        /// View asked for.
        view: u32,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// A higher view began at the node.
    ViewEntered {
        /// The height.
        height: u32,
        /// The view.
        view: u32,
    },
    /// The node refused a block.
    BlockRefused {
        /// The height.
        height: u32,
        /// The block.
        block: UInt256,
        /// Why.
        problem: String,
    },
    /// The node decided a block.
    Decided {
        /// The height.
        height: u32,
        /// The view it was in.
        view: u32,
        /// The block.
        block: UInt256,
    },
    /// The node holds M header signatures.
    Witnessed {
        /// The height.
        height: u32,
        /// The block.
        block: UInt256,
    },
    /// The node stored a block.
    Stored {
        /// The height.
        height: u32,
        /// The block.
        block: UInt256,
        /// Whether synchronisation brought it, and not consensus.
        imported: bool,
    },
    /// The node asks another for something besides messages.
    FetchAsked {
        /// What: `transactions`, `hashes`, `body` or `blocks`.
        what: Cow<'static, str>,
        /// The peer asked.
        from: u16,
        /// The block; none for stored blocks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        block: Option<UInt256>,
        /// First height of stored blocks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<u32>,
    },
    /// A fetch of the node ended.
    Fetched {
        /// What came: `transactions`, `hashes`, `body`, `blocks` or `nothing`.
        what: Cow<'static, str>,
        /// The block; none for stored blocks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        block: Option<UInt256>,
    },
    /// The node's connection to another validator changed.
    Connection {
        /// The other node.
        peer: u16,
        /// Whether it is there now.
        up: bool,
    },
    /// The node watches another validator and hears nothing of it, or hears it again.
    Quiet {
        /// The other node.
        peer: u16,
        /// Whether it is quiet now.
        quiet: bool,
    },
    /// Transactions wait in the node's pool, which was empty.
    Pooled {
        /// How many.
        transactions: u32,
    },
    /// The node repeats everything: nothing was decided for long, though a quorum is connected.
    Emergency {
        /// The height.
        height: u32,
    },
    /// The node is silent: its vote log was lost.
    Silent {
        /// Height to store first; none as long as that is unknown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<u32>,
    },
    /// The node votes again.
    Voting {
        /// First height voted on.
        from: u32,
    },
    /// The node convicts a validator.
    Evidence {
        /// The culprit.
        against: u16,
        /// The height.
        height: u32,
        /// What kind of guilt.
        kind: Cow<'static, str>,
    },
    /// The node's engine met what should not happen: a transition outside the table, a ledger that
    /// disagrees.
    Trouble {
        /// The height.
        height: u32,
        /// What.
        what: String,
    },
    /// The network splits.
    Partitioned {
        /// Its groups.
        groups: Vec<Vec<u16>>,
    },
    /// Nothing passes from some nodes to others.
    Cut {
        /// From.
        from: Vec<u16>,
        /// To.
        to: Vec<u16>,
    },
    /// All partitions and cuts end.
    Healed,
    /// The network loses, doubles and reorders as said here from now on.
    Weather {
        /// Messages lost in a million.
        loss_ppm: u32,
        /// Messages that arrive twice, in a million.
        duplicate_ppm: u32,
        /// Messages in a million that are overtaken.
        reorder_ppm: u32,
    },
    /// The node's clock or speed changed.
    Clock {
        /// Wall clock ahead of true time, in milliseconds.
        skew_ms: i64,
        /// Millionths by which its clocks run too fast.
        drift_ppm: i32,
        /// Time of its work in hundredths of the usual.
        slow_percent: u32,
    },
    /// A height of dBFT 2.0 is locked: M validators run, and nothing that they may still say makes a block.
    Locked {
        /// The height.
        height: u32,
    },
    /// An oracle found a breach.
    Violated {
        /// Name of the invariant.
        invariant: Cow<'static, str>,
        /// What was breached.
        what: String,
    },
}

/// A message on its way from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transmission {
    /// Number of the message; a copy that the network makes has the same one.
    pub id: u64,
    /// The sending node.
    pub from: u16,
    /// The receiving node.
    pub to: u16,
    /// Kind of message.
    pub kind: Kind,
    /// Its height; 0 where it has none.
    pub height: u32,
    /// Its view; of a ChangeView the view asked for.
    pub view: u32,
    /// The block it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<UInt256>,
    /// Length in bytes.
    pub bytes: u32,
    /// Whether it repeats an earlier message.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// An own message that became durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Its kind.
    pub kind: Kind,
    /// Its height.
    pub height: u32,
    /// Its view.
    pub view: u32,
}

/// Why a node stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrashCause {
    /// A fault of the plan.
    Planned,
    /// Its votes were durable, and none of them had left.
    BeforeSend,
    /// A write of its vote log was cut short.
    TornWrite,
    /// A commit of its block store failed.
    StoreFailure,
    /// Its log or store was taken away or changed.
    Tampered,
}

/// How a vote log was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLoss {
    /// It is gone.
    Gone,
    /// It does not read.
    Damaged,
    /// An old copy stands in its place.
    Restored,
}

/// Why a message does not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The network lost it.
    Loss,
    /// A partition or a cut lies between.
    Partition,
    /// A filter of the plan took it.
    Filter,
    /// The receiver was down, or went down while the message travelled.
    Down,
    /// It does not decode.
    Undecodable,
}

/// Takes the events of a run as they happen.
pub trait TraceSink {
    /// Whether events are wanted. The trace hash is computed either way.
    fn wants_events(&self) -> bool {
        true
    }

    /// One event, in order of time.
    fn event(&mut self, event: &TraceEvent);
}

/// Wants no events.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace;

impl TraceSink for NoTrace {
    fn wants_events(&self) -> bool {
        false
    }

    fn event(&mut self, _event: &TraceEvent) {}
}

impl TraceSink for Vec<TraceEvent> {
    fn event(&mut self, event: &TraceEvent) {
        self.push(event.clone());
    }
}

/// Writes events as JSON lines. The first failure stops the writing and is kept.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
    failure: Option<std::io::Error>,
}

impl<W: std::io::Write> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, failure: None }
    }

    /// Flushes what was written.
    ///
    /// # Errors
    /// The first error of writing.
    pub fn finish(mut self) -> std::io::Result<W> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: std::io::Write> TraceSink for JsonLines<W> {
    fn event(&mut self, event: &TraceEvent) {
        if self.failure.is_some() {
            return;
        }
        let written = serde_json::to_writer(&mut self.out, event)
            .map_err(std::io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"));
        self.failure = written.err();
    }
}
