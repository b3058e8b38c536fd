//! Where a chain is kept: ordered tables of bytes with atomic, durable commits.

use std::ops::ControlFlow;

mod batch;
mod memory;
mod redb;

pub use self::{
    batch::{Batch, Write},
    memory::{FailurePoint, MemoryStore},
    redb::RedbStore,
};

/// The tables of a chain. Keys that are heights are big-endian, so that they sort as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// What identifies the chain: one record under one key.
    Identity,
    /// Height to block in Neo's wire form.
    Blocks,
    /// Block hash to height.
    BlockHeights,
    /// Transaction hash to its place: height, position, byte range in the block.
    Transactions,
    /// Height to what the scripts of the block did.
    Outcomes,
    /// Height to state hash.
    StateHashes,
    /// Accounts, supply and conflict records.
    State,
    /// Account and height of each block with a transfer from or to it; without values.
    History,
}

impl Table {
    /// All tables, in order.
    pub const ALL: [Self; 8] = [
        Self::Identity,
        Self::Blocks,
        Self::BlockHeights,
        Self::Transactions,
        Self::Outcomes,
        Self::StateHashes,
        Self::State,
        Self::History,
    ];

    /// Position in [`Table::ALL`].
    #[must_use]
    pub fn position(self) -> usize {
        self as usize
    }

    /// The table's name on disk.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Blocks => "blocks",
            Self::BlockHeights => "block-heights",
            Self::Transactions => "transactions",
            Self::Outcomes => "outcomes",
            Self::StateHashes => "state-hashes",
            Self::State => "state",
            Self::History => "history",
        }
    }
}

/// A key with its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space is left for the chain.
    #[error("the disk is full: {0}")]
    DiskFull(std::io::Error),
    /// The operating system failed to read or write.
    #[error("the store cannot be read or written: {0}")]
    Io(std::io::Error),
    /// Another process has the store open.
    #[error("the store is locked by another process")]
    Locked,
    /// The file is not a store, or it is damaged.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// An earlier failure closed the store.
    #[error("the store failed before and must be opened again")]
    Closed,
}

/// A store of one chain.
pub trait ChainStore: Send + Sync + 'static {
    /// A view for reading. It sees at least every commit that returned before, and may see later ones.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn reader(&self) -> Result<Box<dyn StoreReader>, StoreError>;

    /// A view for reading that stays as it is now, whatever is committed later.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn snapshot(&self) -> Result<Box<dyn StoreReader>, StoreError>;

    /// Applies all writes of a batch, or none. When it returns `Ok`, they survive a crash; after an error
    /// the batch may be there or not, and the store must be opened again.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;
}

/// Is shown a key and its value, and says whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// A view of a store for reading.
pub trait StoreReader: Send + Sync {
    /// Lets `use_value` see the value of a key without copying it. Returns whether the key is there.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn read(
        &self,
        table: Table,
        key: &[u8],
        use_value: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StoreError>;

    /// Shows every key of a table with its value, in order of the keys, until `visit` breaks off.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn each(&self, table: Table, visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Shows the keys of a table from `first` to `last`, both included, the greatest first, until `visit` breaks off.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn backwards(
        &self,
        table: Table,
        first: &[u8],
        last: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError>;

    /// The greatest key of a table with its value.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn last(&self, table: Table) -> Result<Option<Record>, StoreError>;

    /// The value of a key.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut value = None;
        self.read(table, key, &mut |bytes| value = Some(bytes.to_vec()))?;
        Ok(value)
    }

    /// Whether a key is there.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn contains(&self, table: Table, key: &[u8]) -> Result<bool, StoreError> {
        self.read(table, key, &mut |_| {})
    }
}
