//! What the oracles are told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use neo_consensus::ValidatorSet;
use neo_consensus::engine::{Fetch, HeightInfo, Notice, Recipient, Status};
use neo_consensus::v3::evidence::Evidence;
use neo_consensus::v3::{Message, Record};
use neo_primitives::{Block, Header, Height, Magic, UInt256, ValidatorIndex};

/// What the oracles know of the network from the start.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Network magic.
    pub magic: Magic,
    /// The validators of every height.
    pub validators: Arc<ValidatorSet>,
    /// Validators that may do anything, Twins among them: their nodes are recorded, never judged.
    pub byzantine: BTreeSet<ValidatorIndex>,
    /// The header of block 0.
    pub genesis: Header,
    /// Within this time after [`crate::Oracles::healed`] every running node must store a block that was
    /// not stored anywhere before; `None` when the run says nothing about progress.
    pub heal_bound: Option<Duration>,
    /// Greatest [`Observation::Sampled`] footprint of an honest node.
    pub footprint_limit: usize,
}

/// One thing that a node did or that happened to it. Nodes are numbered as the caller likes; two nodes
/// may share a validator key (Twins). `M`, `R` and `E` are messages, records and proofs of a protocol.
#[derive(Debug)]
pub enum Observation<'a, M = Message, R = Record, E = Evidence> {
    /// The node starts a life.
    Started {
        /// Its validator; none for an observer.
        validator: Option<ValidatorIndex>,
        /// Counts the lives of this node.
        life: u64,
        /// Whether the engine was told that its vote log is whole.
        log_intact: bool,
        /// Height of its stored tip.
        stored: Height,
        /// The records that the engine was given.
        records: &'a [R],
    },
    /// Everything volatile of the node is gone.
    Crashed,
    /// The engine was handed this `LedgerEvent::Opened`.
    Opened {
        /// What it says.
        info: &'a HeightInfo,
    },
    /// An append to the vote log has returned.
    Durable {
        /// What was appended, own messages included.
        records: &'a [R],
    },
    /// A message leaves the node.
    Sent {
        /// Whom it is for.
        to: &'a Recipient,
        /// The message.
        message: &'a M,
        /// Whether it comes from the engine's `resend`, so that it was durable before.
        again: bool,
    },
    /// The engine was handed this message as `Event::Received`.
    Delivered {
        /// The validator at the other end of the connection.
        from: ValidatorIndex,
        /// The message.
        message: &'a M,
    },
    /// All consequences of earlier deliveries have been handled: verifications done, own messages taken.
    Settled,
    /// The engine's notice.
    Noticed {
        /// The notice.
        notice: &'a Notice,
    },
    /// The engine asks for something.
    FetchAsked {
        /// What and whom.
        fetch: &'a Fetch,
    },
    /// The engine was handed this `LedgerEvent::Checked`.
    Checked {
        /// The block.
        hash: &'a UInt256,
        /// Whether the ledger accepts it.
        passed: bool,
    },
    /// The node's ledger stored a block, by consensus or by synchronisation.
    Stored {
        /// The block with its witness.
        block: &'a Block,
        /// Hash of the state after it.
        state_hash: UInt256,
        /// Whether synchronisation brought it, and not the own engine.
        imported: bool,
    },
    /// The engine convicts somebody.
    Evidence {
        /// The proof.
        evidence: &'a E,
    },
    /// The state of the engine, every so often.
    Sampled {
        /// As operators see it.
        status: &'a Status,
        /// Messages, blocks, peers and records held.
        footprint: usize,
    },
}

impl<M, R, E> Clone for Observation<'_, M, R, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, R, E> Copy for Observation<'_, M, R, E> {}
