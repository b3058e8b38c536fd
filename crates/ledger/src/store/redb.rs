//! The store on disk.

use std::{io, path::Path};

use redb::{
    CommitError, Database, DatabaseError, ReadOnlyTable, ReadableDatabase, ReadableTable,
    StorageBackend, StorageError, TableDefinition, TableError, TransactionError,
};

use super::{Batch, ChainStore, Record, StoreError, StoreReader, Table, Visit};

/// Memory for cached pages, in bytes.
const CACHE_SIZE: usize = 64 << 20;

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// A chain in one redb file.
///
/// A commit is two-phase and records the allocator state, so that opening after a crash takes no longer
/// than after a regular end, however large the file is.
pub struct RedbStore {
    database: Database,
}

impl RedbStore {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it open, [`StoreError::Damaged`] when it is not a
    /// store of this kind.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::builder()
            .set_cache_size(CACHE_SIZE)
            .create(path)?;
        Self::prepare(database)
    }

    /// Opens a store on another kind of medium.
    ///
    /// # Errors
    /// As [`RedbStore::open`].
    pub fn with_backend(backend: impl StorageBackend) -> Result<Self, StoreError> {
        let database = Database::builder()
            .set_cache_size(CACHE_SIZE)
            .create_with_backend(backend)?;
        Self::prepare(database)
    }

    /// Creates missing tables, so that readers find them.
    fn prepare(database: Database) -> Result<Self, StoreError> {
        let mut write = database.begin_write()?;
        write.set_quick_repair(true);
        for table in Table::ALL {
            write.open_table(definition(table))?;
        }
        write.commit()?;
        Ok(Self { database })
    }
}

fn definition(table: Table) -> Definition {
    TableDefinition::new(table.name())
}

impl ChainStore for RedbStore {
    fn reader(&self) -> Result<Box<dyn StoreReader>, StoreError> {
        let read = self.database.begin_read()?;
        let tables = Table::ALL
            .into_iter()
            .map(|table| read.open_table(definition(table)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Box::new(RedbReader { tables }))
    }

    /// A read transaction sees one state of the file, for all tables.
    fn snapshot(&self) -> Result<Box<dyn StoreReader>, StoreError> {
        self.reader()
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut write = self.database.begin_write()?;
        write.set_quick_repair(true);
        for (table, writes) in batch.into_sorted() {
            let mut tree = write.open_table(definition(table))?;
            for (key, value) in writes {
                match value {
                    Some(value) => tree.insert(key.as_slice(), value.as_slice())?,
                    None => tree.remove(key.as_slice())?,
                };
            }
        }
        Ok(write.commit()?)
    }
}

struct RedbReader {
    tables: Vec<ReadOnlyTable<&'static [u8], &'static [u8]>>,
}

impl RedbReader {
    fn table(
        &self,
        table: Table,
    ) -> Result<&ReadOnlyTable<&'static [u8], &'static [u8]>, StoreError> {
        self.tables.get(table.position()).ok_or(StoreError::Closed)
    }
}

impl StoreReader for RedbReader {
    fn read(
        &self,
        table: Table,
        key: &[u8],
        use_value: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StoreError> {
        let value = self.table(table)?.get(key)?;
        if let Some(value) = &value {
            use_value(value.value());
        }
        Ok(value.is_some())
    }

    fn each(&self, table: Table, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        for entry in self.table(table)?.iter()? {
            let (key, value) = entry?;
            if visit(key.value(), value.value()).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn backwards(
        &self,
        table: Table,
        first: &[u8],
        last: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        if first > last {
            return Ok(());
        }
        for entry in self.table(table)?.range(first..=last)?.rev() {
            let (key, value) = entry?;
            if visit(key.value(), value.value()).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn last(&self, table: Table) -> Result<Option<Record>, StoreError> {
        let last = self.table(table)?.last()?;
        Ok(last.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())))
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(error),
            io::ErrorKind::InvalidData => Self::Damaged(error.to_string()),
            _ => Self::Io(error),
        }
    }
}

impl From<StorageError> for StoreError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Io(error) => error.into(),
            StorageError::PreviousIo | StorageError::DatabaseClosed => Self::Closed,
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                Self::Locked
            }
            DatabaseError::Storage(error) => error.into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<TransactionError> for StoreError {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Storage(error) => error.into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<TableError> for StoreError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Storage(error) => error.into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<CommitError> for StoreError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Storage(error) => error.into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;

    fn keys_backwards(reader: &dyn StoreReader, first: &[u8], last: &[u8]) -> Vec<Vec<u8>> {
        let mut seen = Vec::new();
        let mut visit = |key: &[u8], _: &[u8]| {
            seen.push(key.to_vec());
            ControlFlow::Continue(())
        };
        reader
            .backwards(Table::Blocks, first, last, &mut visit)
            .unwrap();
        seen
    }

    #[test]
    fn a_second_opener_is_told_that_the_store_is_locked() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chain.redb");
        let _first = RedbStore::open(&path).unwrap();
        assert!(matches!(RedbStore::open(&path), Err(StoreError::Locked)));
    }

    #[test]
    fn a_file_that_is_no_store_is_damaged() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chain.redb");
        std::fs::write(&path, vec![7; 10_000]).unwrap();
        assert!(matches!(
            RedbStore::open(&path),
            Err(StoreError::Damaged(_))
        ));
    }

    #[test]
    fn commits_are_there_after_reopening() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chain.redb");
        let store = RedbStore::open(&path).unwrap();
        let mut batch = Batch::new();
        batch.put(Table::State, b"k", b"v");
        batch.put(Table::Blocks, 1u32.to_be_bytes(), b"one");
        store.commit(batch).unwrap();
        let mut batch = Batch::new();
        batch.remove(Table::State, b"k");
        store.commit(batch).unwrap();
        let snapshot = store.snapshot().unwrap();
        let mut batch = Batch::new();
        batch.put(Table::Blocks, 256u32.to_be_bytes(), b"later");
        store.commit(batch).unwrap();
        let mut seen = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            seen.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        };
        snapshot.each(Table::Blocks, &mut visit).unwrap();
        assert_eq!(seen, [(1u32.to_be_bytes().to_vec(), b"one".to_vec())]);
        let later = store.reader().unwrap();
        let (one, big) = (1u32.to_be_bytes(), 256u32.to_be_bytes());
        assert_eq!(keys_backwards(later.as_ref(), &one, &big), [big, one]);
        assert_eq!(keys_backwards(later.as_ref(), &big, &big), [big]);
        assert!(keys_backwards(later.as_ref(), &big, &one).is_empty());
        drop((snapshot, later, store));
        let reader = RedbStore::open(&path).unwrap().reader().unwrap();
        assert_eq!(reader.get(Table::State, b"k").unwrap(), None);
        assert_eq!(
            reader.last(Table::Blocks).unwrap(),
            Some((256u32.to_be_bytes().to_vec(), b"later".to_vec()))
        );
    }
}
