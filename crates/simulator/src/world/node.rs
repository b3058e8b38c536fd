//! One node: what a crash takes and what it leaves.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use neo_consensus::engine::{Event, LedgerAction, TimerId};
use neo_consensus::vote_log::{MemoryMedium, VoteLog};
use neo_driver::Leaders;
use neo_invariants::ideal::IdealSigner;
use neo_ledger::store::MemoryStore;
use neo_ledger::{ChainReader, EmbeddedLedger};
use neo_primitives::{Block, BlockBody, Height, PublicKey, Transaction, UInt256, ValidatorIndex};

use super::clock::Clock;
use super::exchange::Asked;
use super::flooding::Known;
use super::mail::Parcel;
use super::protocol::Simulated;
use super::queue::{Item, Ns};
use crate::random::Random;

/// One node.
pub(super) struct Node<P: Simulated> {
    pub(super) key: PublicKey,
    pub(super) validator: ValidatorIndex,
    pub(super) signer: IdealSigner,
    /// A Byzantine node has one around its engine.
    pub(super) adversary: Option<P::Villain>,
    /// Whether the oracles judge it: no attacker and no twin.
    pub(super) honest: bool,
    pub(super) random: Random,
    pub(super) clock: Clock,
    /// Its work takes this many hundredths of the usual time.
    pub(super) slow_percent: u32,
    /// Counts its lives; what belongs to an earlier one is void.
    pub(super) life: u64,
    /// What runs; none while the node is down.
    pub(super) running: Option<Running<P>>,
    /// The vote log while the node is down.
    pub(super) medium: MemoryMedium,
    /// A copy of the vote log that was made once.
    pub(super) copy: Option<MemoryMedium>,
    pub(super) store: MemoryStore,
    /// The next write of the vote log ends in a crash.
    pub(super) armed: Option<Armed>,
    /// The operator vouches for the vote log at the next start.
    pub(super) trusted: bool,
    /// A copy of the block store that was made once.
    pub(super) store_copy: Option<MemoryStore>,
    /// Which nodes it believes to be connected to.
    pub(super) hears: Vec<bool>,
    /// Since when nothing comes from other nodes.
    pub(super) deaf_since: Vec<Option<Ns>>,
    /// When it lost the connections that it had.
    pub(super) lost_at: Vec<Option<Ns>>,
    /// What came due while it was frozen; none when it is not.
    pub(super) frozen: Option<Vec<Item<P>>>,
    /// Counts the ways around dead links, so that each message takes others.
    pub(super) relay_turn: usize,
    /// It crashed once and has stored nothing new since.
    pub(super) recovering: bool,
}

/// The volatile part of a node.
pub(super) struct Running<P: Simulated> {
    pub(super) engine: P,
    pub(super) log: VoteLog<MemoryMedium>,
    pub(super) ledger: EmbeddedLedger,
    pub(super) leaders: Leaders,
    pub(super) timers: BTreeMap<TimerId, Duration>,
    /// When the next `Wake` is planned.
    pub(super) wake_at: Option<Ns>,
    /// Events from within the node, taken before messages.
    pub(super) inside: VecDeque<Inside<P>>,
    /// Messages that wait for the processor.
    pub(super) inbox: VecDeque<Parcel<P>>,
    /// Whether a `Work` is planned.
    pub(super) working: bool,
    /// The processor is busy until then.
    pub(super) busy_until: Ns,
    /// Requests to the ledger, which carries them out one after the other.
    pub(super) requests: VecDeque<LedgerJob>,
    pub(super) ledger_free_at: Ns,
    /// Verifications of delivered messages that are not handled yet.
    pub(super) verifying: usize,
    /// Whom it watches, and since when.
    pub(super) watched: Vec<Watched>,
    /// Round trips that the engine was told, by node.
    pub(super) round_trips: Vec<Ns>,
    /// Transactions that came to its empty pool and were not told yet.
    pub(super) pooled: Arc<AtomicU32>,
    /// Numbers of the messages that came through others lately.
    pub(super) relayed: VecDeque<u64>,
    /// Messages that were passed on, where everybody passes everything on.
    pub(super) known: Known,
    /// Something was delivered since the last moment when all was handled.
    pub(super) unsettled: bool,
    /// Questions to other nodes, by their number.
    pub(super) asked: BTreeMap<u64, Asked>,
    /// Peers that turned out to be ahead, in order.
    pub(super) ahead: VecDeque<usize>,
    /// A synchronisation is under way.
    pub(super) syncing: bool,
    /// Stored height at the last comparison with the peers, when one was ahead.
    pub(super) behind: Option<Height>,
    pub(super) ticks: u64,
}

/// A validator that leads soon.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watched {
    pub(super) peer: usize,
    pub(super) since: Ns,
    pub(super) quiet: bool,
}

/// What waits inside a node.
pub(super) enum Inside<P: Simulated> {
    /// An event for the engine; whether it is the outcome of a verification.
    Event {
        event: Box<Event<P>>,
        verification: bool,
    },
    /// Some timers are due.
    Timers,
}

/// One request to the ledger.
pub(super) enum LedgerJob {
    Consensus(LedgerAction),
    Import {
        blocks: Vec<Arc<Block>>,
        from: usize,
    },
}

/// How the next write of a vote log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Armed {
    /// It is durable, and the node stops before it sends anything.
    BeforeSend,
    /// Only a part of it reaches the disk.
    Torn,
}

impl<P: Simulated> Node<P> {
    /// Whether this life of it runs.
    pub(super) fn lives(&self, life: u64) -> bool {
        self.life == life && self.running.is_some()
    }

    /// Whether its process stands still.
    pub(super) fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Greatest stored height; none while it is down.
    pub(super) fn stored(&self) -> Option<Height> {
        self.running.as_ref().map(|running| running.ledger.height())
    }
}

impl<P: Simulated> Running<P> {
    /// A transaction by its hash: of the open height, of the pool, or stored.
    pub(super) fn transaction(&self, hash: &UInt256) -> Option<Arc<Transaction>> {
        let held = self.engine.transaction(hash);
        held.or_else(|| self.ledger.pooled(hash)).or_else(|| {
            let stored = self.ledger.transaction(hash).ok().flatten()?;
            Some(stored.transaction)
        })
    }

    /// The body of a block, for others that ask: of an open height, or stored.
    pub(super) fn body(&self, hash: &UInt256) -> Option<Arc<BlockBody>> {
        if let Some(body) = self.engine.body(hash) {
            return Some(body);
        }
        let block = self.ledger.block_by_hash(hash).ok().flatten()?;
        Some(Arc::new(BlockBody {
            header: block.header,
            transactions: block.transactions.clone(),
        }))
    }
}
