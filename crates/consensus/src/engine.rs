//! What every protocol engine shares: events in, actions out.
//!
//! An engine does no IO, reads no clock, draws no random number and never blocks. The driver carries
//! its [`Actions`] out in this order: dispatch `ledger` and `fetch`; sign the drafts; make `persist`
//! and the signed drafts durable; only then send; then hand the own messages back as
//! [`Event::Own`].

use std::sync::Arc;
use std::time::Duration;

pub use neo_primitives::TransactionIds;
use neo_primitives::{
    BlockBody, Datoshi, Header, Height, Magic, PublicKey, Signature, Transaction, UInt160, UInt256,
    ValidatorIndex, Witness,
};

use crate::performance::PerformanceMetrics;
use crate::v3::leader::{LeaderState, Standing};
use crate::v3::recovery::RecoveryStrategy;
use crate::validators::{ValidatorSet, View};

/// The moment of an event, and fresh entropy: the only clock and randomness an engine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Since an arbitrary start of this process; never goes back.
    pub monotonic: Duration,
    /// Milliseconds since 1970, for block timestamps.
    pub wall_ms: u64,
    /// Eight unpredictable bytes: header nonce, jitter, recovery nonce.
    pub entropy: u64,
}

/// Limits of a block at one height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockLimits {
    /// Greatest number of transactions.
    pub max_transactions: u32,
    /// Greatest size of a block in bytes, without its witness.
    pub max_block_size: u32,
    /// Greatest sum of system fees.
    pub max_block_system_fee: Datoshi,
}

/// What the ledger says when it is ready for a height.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeightInfo {
    /// The height.
    pub height: Height,
    /// Header of the block before it.
    pub parent: Header,
    /// Hash of that header.
    pub parent_hash: UInt256,
    /// Network magic.
    pub magic: Magic,
    /// Those who vote on this height.
    pub validators: Arc<ValidatorSet>,
    /// What the header of this height must carry.
    pub next_consensus: UInt160,
    /// T; zero means no pacing.
    pub block_time: Duration,
    /// Limits of the block.
    pub limits: BlockLimits,
    /// Transactions that waited in the memory pool when the height was opened.
    pub pool: u32,
    /// Who leads its views: the state for this height (protocol section 7). In dBFT 2.0 turns follow from height
    /// and view alone.
    pub leaders: LeaderState,
}

/// Names a timer; setting one again moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    /// Height it belongs to.
    pub height: Height,
    /// What it is for.
    pub kind: TimerKind,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKind {
    /// The leader's block is due.
    Propose,
    /// The current view has failed.
    View,
    /// Repeat what may have been lost.
    Resend,
}

/// Sets or stops a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerChange {
    /// Which one.
    pub id: TimerId,
    /// When it fires, on the monotonic clock; `None` stops it.
    pub at: Option<Duration>,
}

/// A decided block with the signatures that make its witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessed {
    /// Header and transactions.
    pub body: Arc<BlockBody>,
    /// M-of-n witness over the header.
    pub witness: Witness,
}

/// What an engine asks of the ledger; the answers come back as [`LedgerEvent`]s.
#[derive(Clone, Debug)]
pub enum LedgerAction {
    /// Get ready for the height after this block.
    Open {
        /// Hash of the stored or decided parent.
        parent: UInt256,
    },
    /// Make a block on this parent.
    Build {
        /// Hash of the parent.
        parent: UInt256,
        /// Leader that will propose it.
        primary: ValidatorIndex,
        /// Its timestamp, ms since 1970.
        timestamp: u64,
        /// Its nonce.
        nonce: u64,
        /// Most transactions in it: what the leader can afford now, at most what the height allows.
        max_transactions: u32,
    },
    /// Find transactions of a proposed block in the mempool.
    Lookup {
        /// Hash of the block.
        hash: UInt256,
        /// Their ids.
        ids: TransactionIds,
    },
    /// Check the transactions of a block and execute it ahead of its decision.
    Check {
        /// The block.
        body: Arc<BlockBody>,
        /// Whether every rule for fresh blocks applies; otherwise only the merkle root.
        fresh: bool,
    },
    /// The block is decided: keep its execution, roll its rivals back.
    Promote {
        /// Hash of the block.
        hash: UInt256,
    },
    /// Store the block durably.
    Store {
        /// The block.
        block: Box<Witnessed>,
    },
}

/// What the ledger says.
#[expect(
    clippy::large_enum_variant,
    reason = "one is handled at a time, and none is kept"
)]
#[derive(Clone, Debug)]
pub enum LedgerEvent {
    /// Ready for a height.
    Opened(HeightInfo),
    /// A fresh block of the own mempool.
    Built(Arc<BlockBody>),
    /// Answer to a lookup, by position; `None` where it is missing or ambiguous.
    Found {
        /// Hash of the block.
        hash: UInt256,
        /// The transactions.
        transactions: Vec<Option<Arc<Transaction>>>,
    },
    /// Answer to a check.
    Checked {
        /// Hash of the block.
        hash: UInt256,
        /// Why it is refused.
        result: Result<(), String>,
    },
    /// The execution of a decided block is promoted.
    Promoted {
        /// Hash of the block.
        hash: UInt256,
    },
    /// A block is stored, by consensus or by synchronisation.
    Stored {
        /// Its height.
        height: Height,
        /// Its hash.
        hash: UInt256,
    },
    /// The memory pool was empty and is not any more. Nobody asks for this: it is reported as it happens.
    Pool {
        /// Transactions that wait now, at least one.
        transactions: u32,
    },
}

/// What an engine wants from other nodes by request and answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Transactions of a proposed block by position.
    Transactions {
        /// Hash of the block.
        hash: UInt256,
        /// Positions.
        positions: Vec<u32>,
        /// Whom to ask, in this order.
        from: Vec<PublicKey>,
    },
    /// All transaction hashes of a proposed block.
    Hashes {
        /// Hash of the block.
        hash: UInt256,
        /// Whom to ask, in this order.
        from: Vec<PublicKey>,
    },
    /// Header and transactions of a block.
    Body {
        /// Hash of the block.
        hash: UInt256,
        /// Whom to ask, in this order.
        from: Vec<PublicKey>,
    },
    /// This node is behind: stored blocks.
    Blocks {
        /// First height wanted.
        start: Height,
        /// Who has it.
        from: PublicKey,
    },
}

/// What came of a fetch. Nothing of it is trusted.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// Transactions by position.
    Transactions {
        /// Hash of the block.
        hash: UInt256,
        /// Position and transaction.
        transactions: Vec<(u32, Arc<Transaction>)>,
    },
    /// Transaction hashes in block order.
    Hashes {
        /// Hash of the block.
        hash: UInt256,
        /// The hashes.
        hashes: Vec<UInt256>,
    },
    /// Header and transactions.
    Body(Arc<BlockBody>),
    /// Nobody asked had it; the engine asks again when it still needs it.
    Nothing {
        /// Hash of the block.
        hash: UInt256,
    },
}

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// All other validators.
    All,
    /// One of them.
    One(PublicKey),
}

/// A validator's connection changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connectivity {
    /// Its messages come and go, with this round-trip time.
    Up {
        /// Round-trip time.
        round_trip: Duration,
    },
    /// It is watched (see [`Actions::watch`]) and nothing was heard of it for `max(3·rtt, 150 ms)`,
    /// though its connection stands. `Up` ends it.
    Quiet,
    /// It is gone.
    Down,
}

/// Noteworthy, for logs and metrics; no rule depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A height was opened.
    Opened {
        /// The height.
        height: Height,
    },
    /// The first valid proposal of a height arrived or was made here.
    Proposed {
        /// The height.
        height: Height,
        /// Its view.
        view: View,
        /// The block.
        hash: UInt256,
    },
    /// A block is decided.
    Decided {
        /// Its height.
        height: Height,
        /// The view this node was in.
        view: View,
        /// Its hash.
        hash: UInt256,
    },
    /// M header signatures are there.
    Witnessed {
        /// Its height.
        height: Height,
        /// Its hash.
        hash: UInt256,
    },
    /// A block is stored.
    Stored {
        /// Its height.
        height: Height,
        /// Its hash.
        hash: UInt256,
    },
    /// The own ChangeView.
    ViewChangeAsked {
        /// The height.
        height: Height,
        /// View asked for.
        view: View,
        /// Why.
        reason: &'static str,
    },
    /// A higher view began.
    ViewEntered {
        /// The height.
        height: Height,
        /// The view.
        view: View,
    },
    /// A block was refused.
    BlockRefused {
        /// The height.
        height: Height,
        /// The block.
        hash: UInt256,
        /// Why.
        problem: String,
    },
    /// The phase table has no such transition.
    TransitionRefused {
        /// The height.
        height: Height,
        /// Phase and trigger.
        what: String,
    },
    /// A decided block does not pass the own ledger: disk or ledger are broken.
    LedgerDisagrees {
        /// The height.
        height: Height,
        /// The block.
        hash: UInt256,
        /// Why.
        problem: String,
    },
    /// The vote log was lost; nothing is voted before the store reaches this height.
    Silent {
        /// Height to store first; unknown until M validators answered.
        until: Option<Height>,
    },
    /// The silence is over.
    Voting {
        /// First height voted on.
        from: Height,
    },
    /// The own Suspect: the leader of a view seems to be gone.
    Suspected {
        /// The height.
        height: Height,
        /// The view.
        view: View,
        /// Its leader.
        leader: ValidatorIndex,
        /// What speaks against it.
        cause: &'static str,
    },
    /// The node tuned one of its own parameters.
    Adjusted {
        /// Name of the parameter, with its unit where it has one.
        parameter: &'static str,
        /// Its value until now.
        from: u64,
        /// Its value from now on.
        to: u64,
        /// What was measured.
        cause: String,
    },
    /// A recovery strategy was chosen (protocol section 9).
    Recovery {
        /// The height that does not get on.
        height: Height,
        /// The strategy.
        strategy: RecoveryStrategy,
        /// Why this one.
        cause: &'static str,
    },
}

/// What the engine wants done.
#[derive(Clone, Debug)]
pub struct Actions<P: Protocol + ?Sized> {
    /// Requests to the ledger, in order.
    pub ledger: Vec<LedgerAction>,
    /// Requests to other nodes.
    pub fetch: Vec<Fetch>,
    /// Must be durable, together with the signed drafts of `send`, before anything of `send` leaves.
    pub persist: Vec<P::Record>,
    /// Drafts to sign, persist and send.
    pub send: Vec<(Recipient, P::Draft)>,
    /// Signed messages to send again.
    pub resend: Vec<(Recipient, P::Message)>,
    /// Signature checks to run; the outcomes come back as [`Event::Verified`].
    pub verify: Vec<P::Job>,
    /// Timers.
    pub timers: Vec<TimerChange>,
    /// The validators that lead the next two turns, in this order, without this node: they are heard
    /// closely from now on, and [`Connectivity::Quiet`] is reported of them only. `None`: as before.
    pub watch: Option<Vec<PublicKey>>,
    /// Every validator without a connection is to be dialled at once (recovery `Emergency`).
    pub redial: bool,
    /// Proofs that a validator contradicted itself.
    pub evidence: Vec<P::Evidence>,
    /// For logs and metrics.
    pub notices: Vec<Notice>,
}

impl<P: Protocol + ?Sized> Default for Actions<P> {
    fn default() -> Self {
        Self {
            ledger: Vec::new(),
            fetch: Vec::new(),
            persist: Vec::new(),
            send: Vec::new(),
            resend: Vec::new(),
            verify: Vec::new(),
            timers: Vec::new(),
            watch: None,
            redial: false,
            evidence: Vec::new(),
            notices: Vec::new(),
        }
    }
}

/// What happens to an engine.
#[expect(
    clippy::large_enum_variant,
    reason = "one is handled at a time, and none is kept"
)]
#[derive(Clone, Debug)]
pub enum Event<P: Protocol + ?Sized> {
    /// The node is up; the first event, once.
    Start,
    /// A decoded, unverified message of a validator's connection.
    Received {
        /// The validator at the other end. Where messages pass through strangers (dBFT 2.0), the one that
        /// the message claims to come from; nothing is believed because of it.
        from: PublicKey,
        /// The message.
        message: P::Message,
    },
    /// The outcome of a signature check.
    Verified(P::Outcome),
    /// An own draft, signed and durable.
    Own(P::Own),
    /// A timer fired.
    Timer(TimerId),
    /// The ledger answered.
    Ledger(LedgerEvent),
    /// A fetch ended.
    Fetched(Fetched),
    /// A validator's connection changed.
    Connectivity {
        /// The validator.
        peer: PublicKey,
        /// Its new state.
        state: Connectivity,
    },
}

/// The types of one protocol.
pub trait Protocol {
    /// A signed message.
    type Message: Clone + std::fmt::Debug;
    /// A message to sign.
    type Draft: Clone + std::fmt::Debug;
    /// An own message, signed.
    type Own: Clone + std::fmt::Debug;
    /// A record of the vote log.
    type Record: Clone + std::fmt::Debug;
    /// A signature check.
    type Job: Clone + std::fmt::Debug;
    /// What came of it.
    type Outcome: Clone + std::fmt::Debug;
    /// Proof of a contradiction.
    type Evidence: Clone + std::fmt::Debug;
}

/// What the vote log holds of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteLogState {
    /// All of it.
    Intact,
    /// It is missing, damaged, or a copy: this node must not vote yet (rule 8).
    Lost,
}

/// What a restart brings back to an engine whose vote log has records `R`.
#[derive(Clone, Debug)]
pub struct Restored<R> {
    /// Height of the stored tip.
    pub stored: Height,
    /// Its hash.
    pub tip: UInt256,
    /// Records of the vote log, oldest first.
    pub records: Vec<R>,
    /// Whether those are all.
    pub log: VoteLogState,
}

/// Signs for one validator. No engine holds a key: the driver signs its drafts.
pub trait Signer {
    /// ECDSA P-256 over SHA-256 of `preimage`.
    fn sign(&self, preimage: &[u8]) -> Signature;
}

/// What a driver needs to know of a protocol's own messages: how they are signed, which of them must be
/// durable before they leave, and which the engine counts when they come back.
pub trait Ballots: Protocol {
    /// Signs a draft.
    fn sign(draft: Self::Draft, signer: &dyn Signer) -> Self::Own;

    /// The signed message.
    fn message(own: &Self::Own) -> &Self::Message;

    /// Whether a message binds its sender: such a one is in the vote log before it leaves.
    fn binds(message: &Self::Message) -> bool;

    /// Whether the engine wants to see an own message again.
    fn counts(message: &Self::Message) -> bool;

    /// The record of an own message.
    fn record(message: Self::Message) -> Self::Record;
}

/// A consensus protocol as a state machine.
pub trait Engine: Protocol {
    /// Takes one event. Total: any event in any state gives defined actions, without a panic and in
    /// bounded memory.
    fn step(&mut self, now: Now, event: Event<Self>) -> Actions<Self>;

    /// The body of a block of an open height, for others that fetch it.
    fn body(&self, hash: &UInt256) -> Option<Arc<BlockBody>>;

    /// What it is doing, for operators.
    fn status(&self) -> Status;

    /// Number of messages, blocks, peers and records held: bounded whatever arrives.
    fn footprint(&self) -> usize;
}

/// The state of an engine as operators see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Greatest stored height.
    pub stored: Height,
    /// The open heights, lowest first.
    pub heights: Vec<HeightStatus>,
    /// Whether this node may vote; false for observers and after a lost vote log.
    pub voting: bool,
    /// How long a view may take from the moment its block is due, without growth and jitter.
    pub base_timeout: Duration,
    /// Most transactions of an own block; 0 before the first height is open.
    pub max_transactions: u32,
    /// What consensus took lately.
    pub performance: PerformanceMetrics,
}

/// One open height as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeightStatus {
    /// The height.
    pub height: Height,
    /// Current view.
    pub view: View,
    /// Phase by its name.
    pub phase: String,
    /// Leader of the current view.
    pub leader: ValidatorIndex,
    /// The leader order with what it follows from, the leader of view 0 first.
    pub order: Vec<(ValidatorIndex, Standing)>,
    /// Own index, if any.
    pub own_index: Option<ValidatorIndex>,
    /// The proposed or decided block.
    pub block: Option<UInt256>,
    /// Per validator what was seen of it.
    pub votes: Vec<VotesSeen>,
}

/// Votes of one validator at one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VotesSeen {
    /// The validator.
    pub validator: PublicKey,
    /// Its Prepare of the current view was seen.
    pub prepare: bool,
    /// Its PreCommit of the current view was seen.
    pub pre_commit: bool,
    /// Its header signature was seen.
    pub commit: bool,
    /// Highest view it asked for.
    pub change_view: Option<View>,
}
