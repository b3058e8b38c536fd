//! What consensus asks of a ledger, and what it answers.

use std::{sync::Arc, time::Duration};

use neo_primitives::{
    Block, BlockBody, Datoshi, Header, Height, Magic, PublicKey, Transaction, TransactionIds,
    UInt160, UInt256, ValidatorIndex,
};

use crate::{
    error::{InvalidBlock, LedgerError},
    reader::ChainReader,
    rejected::Rejected,
};

/// Takes the one answer to a [`LedgerRequest`].
pub type Reply = Box<dyn FnOnce(LedgerAnswer) + Send>;

/// Takes the outcome of [`Ledger::submit`]: one result for each transaction, in their order.
pub type SubmitReply = Box<dyn FnOnce(Vec<Result<UInt256, Rejected>>) + Send>;

/// Is told that transactions wait in a memory pool that was empty, and how many.
pub type PoolWatcher = Box<dyn Fn(u32) + Send + Sync>;

/// A chain that consensus extends.
///
/// Two kinds of ledger fit behind it: the embedded one executes transfers itself and answers before
/// `request` returns; an attached Neo node executes anything, answers later and on another thread,
/// and cannot begin a height before the one below is stored.
pub trait Ledger: ChainReader {
    /// Whether a height can begin before the one below it is stored.
    fn executes_ahead(&self) -> bool;

    /// The network's magic.
    fn magic(&self) -> Magic;

    /// Verifies what can be verified of a block without the state, on the caller's thread; nothing waits for it.
    ///
    /// # Errors
    /// What is wrong with the block.
    fn verify(&self, block: Arc<Block>) -> Result<VerifiedBlock, InvalidBlock>;

    /// Handles a request. `reply` is called exactly once, on any thread, perhaps later.
    fn request(&self, request: LedgerRequest, reply: Reply);

    /// Verifies transactions and takes the valid ones into the memory pool.
    fn submit(&self, transactions: Vec<Transaction>, reply: SubmitReply);

    /// Names whom to tell, on any thread and with the number of transactions, whenever the memory pool
    /// was empty and is not any more. One watcher; a later one takes its place. A ledger that cannot
    /// tell calls nobody: then a leader finds out at the opening of each height only.
    fn watch_pool(&self, watcher: PoolWatcher) {
        drop(watcher);
    }
}

/// A block of which everything was verified that needs no state: its witness, its merkle root, the signatures of its
/// transactions. Only ledgers make them.
#[derive(Clone, Debug)]
pub struct VerifiedBlock {
    pub(crate) block: Arc<Block>,
    /// The account whose witness it carries: what the header below it must name.
    pub(crate) signed_by: UInt160,
    /// A transaction that the ledger cannot execute, and why: with this block it cannot go on.
    pub(crate) beyond: Option<(UInt256, Rejected)>,
}

impl VerifiedBlock {
    /// For implementations of [`Ledger::verify`]: vouches that the block's witness is that of `signed_by`, and that its
    /// merkle root is its transactions'.
    #[must_use]
    pub fn vouched(block: Arc<Block>, signed_by: UInt160) -> Self {
        Self {
            block,
            signed_by,
            beyond: None,
        }
    }

    /// The account whose witness it carries.
    #[must_use]
    pub fn signed_by(&self) -> &UInt160 {
        &self.signed_by
    }

    /// The block.
    #[must_use]
    pub fn block(&self) -> &Arc<Block> {
        &self.block
    }
}

/// Limits that blocks and transactions obey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLimits {
    /// Most transactions in a block.
    pub max_transactions: u32,
    /// Greatest size of a block in bytes, witness included.
    pub max_block_size: u32,
    /// Greatest sum of system fees in a block.
    pub max_block_system_fee: Datoshi,
    /// Greatest size of a transaction in bytes.
    pub max_transaction_size: u32,
    /// Greatest length of each script of a block witness, in bytes.
    pub witness_limit: u32,
}

/// What consensus needs to know to run a height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeightInfo {
    /// The height to decide.
    pub height: Height,
    /// Header of the block below.
    pub parent: Header,
    /// Hash of `parent`.
    pub parent_hash: UInt256,
    /// The validators that decide and sign this height, sorted by X then Y.
    pub validators: Vec<PublicKey>,
    /// What the header of this height must carry as `next_consensus`.
    pub next_consensus: UInt160,
    /// Target time between blocks; zero means no pacing.
    pub block_time: Duration,
    /// Limits of this height.
    pub limits: BlockLimits,
    /// Transactions that wait in the memory pool.
    pub pool: u32,
}

/// A request of consensus to the ledger.
#[derive(Clone, Debug)]
pub enum LedgerRequest {
    /// Is the ledger ready for the height above `parent`? Answered by [`LedgerAnswer::Opened`].
    Open {
        /// Hash of the stored tip, or of a block that was executed ahead.
        parent: UInt256,
    },
    /// Build a fresh block on `parent` from the memory pool. Answered by [`LedgerAnswer::Built`].
    Build {
        /// Hash of the block to build on.
        parent: UInt256,
        /// The proposing validator.
        primary: ValidatorIndex,
        /// Header timestamp in milliseconds.
        timestamp: u64,
        /// Header nonce.
        nonce: u64,
        /// Most transactions in it, where the network's limit is not lower.
        max_transactions: u32,
    },
    /// Which of these transactions does the pool hold? Answered by [`LedgerAnswer::Found`].
    Lookup {
        /// Hash of the block whose transactions are named.
        hash: UInt256,
        /// Their names.
        ids: TransactionIds,
    },
    /// Check a proposed block and execute it speculatively. Answered by [`LedgerAnswer::Checked`].
    Check {
        /// Header and transactions.
        body: Arc<BlockBody>,
        /// `true` applies every rule of a fresh proposal; `false` (a block that a prepared certificate
        /// confirmed) only asks whether the transactions fit the merkle root and can be executed.
        fresh: bool,
    },
    /// The block is decided: drop what competes with it. Answered by [`LedgerAnswer::Promoted`].
    Promote {
        /// Hash of the decided block, which was checked before.
        hash: UInt256,
    },
    /// The block is decided and witnessed: store it durably. Answered by [`LedgerAnswer::Stored`].
    Store {
        /// The complete block.
        block: Arc<Block>,
    },
    /// A block from another node: verify everything, execute and store it.
    /// Answered by [`LedgerAnswer::Stored`] or [`LedgerAnswer::ImportRefused`].
    Import {
        /// The complete block. One at or below the tip changes nothing.
        block: Arc<Block>,
    },
    /// A run of blocks from other nodes: like [`LedgerRequest::Import`] for each, stored in one durable
    /// commit, which is what makes synchronisation fast.
    ImportMany {
        /// Consecutive blocks in order of height. Those at or below the tip are skipped.
        blocks: Vec<Arc<Block>>,
    },
    /// Like [`LedgerRequest::ImportMany`], for blocks of which everything that needs no state was verified before, on
    /// other threads ([`Ledger::verify`]).
    ImportVerified {
        /// Consecutive blocks in order of height. Those at or below the tip are skipped.
        blocks: Vec<VerifiedBlock>,
    },
}

impl LedgerRequest {
    /// The request's name, for errors and logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Build { .. } => "build",
            Self::Lookup { .. } => "lookup",
            Self::Check { .. } => "check",
            Self::Promote { .. } => "promote",
            Self::Store { .. } => "store",
            Self::Import { .. } => "import",
            Self::ImportMany { .. } => "import many",
            Self::ImportVerified { .. } => "import verified",
        }
    }
}

/// The ledger's answer to a [`LedgerRequest`].
#[derive(Debug)]
pub enum LedgerAnswer {
    /// The height above the parent can begin.
    Opened(HeightInfo),
    /// A fresh block on the requested parent.
    Built(Arc<BlockBody>),
    /// The transactions that were asked for, in order; `None` for what the pool lacks and for a short id
    /// that several transactions share.
    Found {
        /// The block hash of the request.
        hash: UInt256,
        /// One entry for each id.
        transactions: Vec<Option<Arc<Transaction>>>,
    },
    /// The verdict on a proposed block.
    Checked {
        /// Hash of the block.
        hash: UInt256,
        /// `Ok` when it may be voted for.
        result: Result<(), InvalidBlock>,
    },
    /// The decided block is the only one of its height now.
    Promoted {
        /// Hash of the block.
        hash: UInt256,
    },
    /// The chain is durable up to this block.
    Stored {
        /// Height of the stored tip.
        height: Height,
        /// Hash of the stored tip.
        hash: UInt256,
    },
    /// A block from another node is not valid. Valid blocks below it in the same request are stored.
    ImportRefused {
        /// Height that the refused block claims.
        height: Height,
        /// Hash of the refused block.
        hash: UInt256,
        /// Why.
        error: InvalidBlock,
    },
    /// The request could not be carried out. `error` says whether the ledger can go on.
    Failed {
        /// Name of the request.
        request: &'static str,
        /// What failed.
        error: LedgerError,
    },
}
