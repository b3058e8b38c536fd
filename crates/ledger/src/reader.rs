//! What a chain tells to those who only read it: JSON-RPC, synchronisation, tools.

use std::{ops::RangeInclusive, sync::Arc};

use neo_primitives::{
    Block, Datoshi, Height, PublicKey, SignedHeader, Signer, Token, Transaction, UInt160, UInt256,
};

use crate::{
    config::GenesisConfig,
    error::LedgerError,
    execution::{Execution, Invocation, Notification, VmState},
};

/// A stored transaction with its place and outcome.
#[derive(Clone, Debug)]
pub struct StoredTransaction {
    /// The transaction.
    pub transaction: Arc<Transaction>,
    /// Height of its block.
    pub height: Height,
    /// Position in its block.
    pub position: u32,
    /// How its script ended.
    pub vm_state: VmState,
}

/// The executions that a stored block ran besides its transactions, as Neo reports them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockLog {
    /// Hash of the block.
    pub hash: UInt256,
    /// Fees burnt and the primary's reward, then the committee's reward.
    pub executions: Vec<Execution>,
}

/// The outcome of a stored transaction, as Neo reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionLog {
    /// Hash of the transaction.
    pub hash: UInt256,
    /// Its one execution.
    pub execution: Execution,
}

/// An account's holding of one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBalance {
    /// The token.
    pub token: Token,
    /// Amount in the token's smallest unit; never 0.
    pub amount: u64,
    /// Height of the last block with a transfer from or to the account.
    pub last_updated: Height,
}

/// A `Transfer` event of a stored block, from the view of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredTransfer {
    /// The event.
    pub event: Notification,
    /// Whether the account received it; else it gave it.
    pub received: bool,
    /// Height of the block.
    pub height: Height,
    /// Timestamp of the block, in milliseconds since 1970.
    pub timestamp: u64,
    /// The transaction whose script emitted it; the block for fees and rewards.
    pub container: UInt256,
    /// Position among the events of its execution.
    pub position: u32,
}

/// The memory pool at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolListing {
    /// Height that the pool was verified against.
    pub height: Height,
    /// Hashes in order of priority.
    pub verified: Vec<UInt256>,
}

/// Fee policy and protocol limits in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyValues {
    /// Network fee per transaction byte.
    pub fee_per_byte: Datoshi,
    /// Datoshi per unit of execution price.
    pub exec_fee_factor: u32,
    /// Datoshi per stored byte.
    pub storage_price: Datoshi,
    /// Most that the witnesses of one transaction may cost.
    pub max_verification_gas: Datoshi,
}

/// Read access to the stored chain and to the memory pool. Every method but
/// [`ChainReader::fetch_block_bytes`] answers at once.
///
/// Only stored blocks are visible: a block that was merely decided is not.
pub trait ChainReader: Send + Sync + 'static {
    /// The network's genesis configuration.
    fn config(&self) -> &GenesisConfig;

    /// Header and witness of the stored tip.
    fn tip(&self) -> SignedHeader;

    /// Hash of the stored tip.
    fn tip_hash(&self) -> UInt256;

    /// Height of the stored tip.
    fn height(&self) -> Height {
        self.tip().header.index
    }

    /// Lowest height whose block is held: 0, or that of the checkpoint that the store was restored from. What
    /// lies below is answered with `None`, as what lies above the tip is.
    fn lowest(&self) -> Height {
        Height(0)
    }

    /// Whether this process executes the blocks. Then transactions of stored blocks, their outcomes, balances and
    /// contracts are known here, and submitted transactions are answered before the call returns. Of another chain they
    /// are known to the Neo node that keeps it.
    fn executes(&self) -> bool {
        true
    }

    /// What a restored checkpoint says of the leaders: the height above the checkpoint's tip, and the encoded state of
    /// that height. `None` for a chain that is held from its genesis on.
    fn leader_base(&self) -> Option<(Height, Vec<u8>)> {
        None
    }

    /// The block of a height, `None` above the tip and below [`ChainReader::lowest`].
    ///
    /// # Errors
    /// When the store cannot be read.
    fn block(&self, height: Height) -> Result<Option<Arc<Block>>, LedgerError>;

    /// The block with this hash.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn block_by_hash(&self, hash: &UInt256) -> Result<Option<Arc<Block>>, LedgerError> {
        match self.height_of(hash)? {
            Some(height) => self.block(height),
            None => Ok(None),
        }
    }

    /// The block of a height in wire form, for synchronisation.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn block_bytes(&self, height: Height) -> Result<Option<Vec<u8>>, LedgerError>;

    /// As [`ChainReader::block_bytes`], where the block is not held here also from whoever keeps the chain. Unlike every
    /// other method it may wait, for as long as that one may take for an answer: only for threads that may block.
    /// `None`, too, when it cannot be had now.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn fetch_block_bytes(&self, height: Height) -> Result<Option<Vec<u8>>, LedgerError> {
        self.block_bytes(height)
    }

    /// Header and witness of a height.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn header(&self, height: Height) -> Result<Option<SignedHeader>, LedgerError>;

    /// Hash of the block of a height.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn block_hash(&self, height: Height) -> Result<Option<UInt256>, LedgerError> {
        Ok(self.header(height)?.map(|signed| signed.header.hash()))
    }

    /// Height of the block with this hash.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn height_of(&self, hash: &UInt256) -> Result<Option<Height>, LedgerError>;

    /// A stored transaction.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn transaction(&self, hash: &UInt256) -> Result<Option<StoredTransaction>, LedgerError>;

    /// The outcome of a stored transaction.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn transaction_log(&self, hash: &UInt256) -> Result<Option<TransactionLog>, LedgerError>;

    /// What a stored block executed besides its transactions.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn block_log(&self, hash: &UInt256) -> Result<Option<BlockLog>, LedgerError>;

    /// State hash after the block of a height.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn state_hash(&self, height: Height) -> Result<Option<UInt256>, LedgerError>;

    /// What an account holds; tokens of which it holds none are left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn balances(&self, account: &UInt160) -> Result<Vec<TokenBalance>, LedgerError>;

    /// The transfers from or to an account in blocks with timestamps in `times` (milliseconds since 1970, both ends
    /// included): the newest first, without the first `skip`, and at most `most` of them. A transfer of the account to
    /// itself counts twice. Blocks below [`ChainReader::lowest`] are not seen.
    ///
    /// # Errors
    /// When the store cannot be read, or this chain keeps no such list.
    fn transfers(
        &self,
        account: &UInt160,
        times: RangeInclusive<u64>,
        skip: usize,
        most: usize,
    ) -> Result<Vec<StoredTransfer>, LedgerError> {
        let _ = (account, times, skip, most);
        Err(LedgerError::Unsupported(
            "list the transfers of an account".into(),
        ))
    }

    /// Total supply of a token in its smallest unit.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn total_supply(&self, token: Token) -> Result<u64, LedgerError>;

    /// The committee in rank order.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn committee(&self) -> Result<Vec<PublicKey>, LedgerError>;

    /// The validators of the next block, sorted.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn validators(&self) -> Result<Vec<PublicKey>, LedgerError>;

    /// Fee policy in force.
    fn policy(&self) -> PolicyValues;

    /// Hashes in the memory pool, in order of priority.
    fn pool(&self) -> PoolListing;

    /// Number of transactions in the memory pool.
    fn pool_len(&self) -> usize;

    /// A transaction of the memory pool.
    fn pooled(&self, hash: &UInt256) -> Option<Arc<Transaction>>;

    /// Whether a transaction is in the memory pool. Of a pool elsewhere more may be known than is held.
    fn is_pooled(&self, hash: &UInt256) -> bool {
        self.pooled(hash).is_some()
    }

    /// The network fee that a transaction needs. Its witnesses carry the verification scripts;
    /// invocation scripts may be empty, signatures are then assumed.
    ///
    /// # Errors
    /// When a verification script is not of standard form.
    fn network_fee(&self, transaction: &Transaction) -> Result<Datoshi, LedgerError>;

    /// Runs a script on the state of the tip and throws its writes away. `signers` count as having signed.
    ///
    /// # Errors
    /// When the script is neither a run of transfers nor of reads of NEO and GAS, or the store cannot be read.
    fn invoke(&self, script: &[u8], signers: &[Signer]) -> Result<Invocation, LedgerError>;
}
