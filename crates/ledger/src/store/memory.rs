//! A store in memory that can crash: for the simulator and for tests.

use std::{collections::BTreeMap, io, ops::Bound, sync::Arc};

use parking_lot::RwLock;

use super::{Batch, ChainStore, Record, StoreError, StoreReader, Table, Visit, Write};

/// Where an injected failure strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailurePoint {
    /// The disk is full: nothing of the commit is written.
    DiskFull,
    /// The machine stops after the write and before the sync: the commit is visible until
    /// [`MemoryStore::crash`], then it is lost.
    BeforeSync,
    /// The machine stops after the sync, before the answer: the commit survives, the caller sees an error.
    AfterSync,
}

type Tables = [BTreeMap<Vec<u8>, Vec<u8>>; Table::ALL.len()];

#[derive(Default)]
struct Inner {
    tables: Tables,
    /// Reverses the writes that no sync made durable, oldest first.
    undo: Vec<(Table, Write)>,
    failure: Option<(u64, FailurePoint)>,
    closed: bool,
}

/// A store in memory with the crash behaviour of a disk: what was not synced is lost by
/// [`MemoryStore::crash`]. Clones share the same contents.
#[derive(Clone, Default)]
pub struct MemoryStore {
    inner: Arc<RwLock<Inner>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the commit after the next `commits` ones fail at `point`. The store is closed then, until
    /// [`MemoryStore::crash`].
    pub fn fail_after(&self, commits: u64, point: FailurePoint) {
        self.inner.write().failure = Some((commits, point));
    }

    /// A store of its own with what is durable of this one.
    #[must_use]
    pub fn durable_copy(&self) -> Self {
        let inner = self.inner.read();
        let copy = Self {
            inner: Arc::new(RwLock::new(Inner {
                tables: inner.tables.clone(),
                undo: inner.undo.clone(),
                ..Inner::default()
            })),
        };
        copy.crash();
        copy
    }

    /// Stops the machine and starts it again: everything that was not synced is gone.
    pub fn crash(&self) {
        let mut inner = self.inner.write();
        while let Some((table, write)) = inner.undo.pop() {
            inner.apply(table, write);
        }
        inner.closed = false;
        inner.failure = None;
    }
}

impl Inner {
    /// Writes and returns what was there before.
    fn apply(&mut self, table: Table, (key, value): Write) -> Option<Write> {
        let tree = self.tables.get_mut(table.position())?;
        let before = match value {
            Some(value) => tree.insert(key.clone(), value),
            None => tree.remove(&key),
        };
        Some((key, before))
    }

    fn strike(&mut self) -> Option<FailurePoint> {
        let (commits, point) = self.failure?;
        if commits > 0 {
            self.failure = Some((commits - 1, point));
            return None;
        }
        self.failure = None;
        self.closed = true;
        Some(point)
    }
}

impl ChainStore for MemoryStore {
    fn reader(&self) -> Result<Box<dyn StoreReader>, StoreError> {
        Ok(Box::new(self.clone()))
    }

    fn snapshot(&self) -> Result<Box<dyn StoreReader>, StoreError> {
        let copy = Inner {
            tables: self.inner.read().tables.clone(),
            ..Inner::default()
        };
        Ok(Box::new(Self {
            inner: Arc::new(RwLock::new(copy)),
        }))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut inner = self.inner.write();
        if inner.closed {
            return Err(StoreError::Closed);
        }
        let failure = inner.strike();
        if failure == Some(FailurePoint::DiskFull) {
            return Err(StoreError::DiskFull(io::ErrorKind::StorageFull.into()));
        }
        for (table, writes) in batch.into_sorted() {
            for write in writes {
                if let Some(before) = inner.apply(table, write) {
                    inner.undo.push((table, before));
                }
            }
        }
        match failure {
            None => {
                inner.undo.clear();
                Ok(())
            }
            Some(point) => {
                if point == FailurePoint::AfterSync {
                    inner.undo.clear();
                }
                Err(StoreError::Io(io::ErrorKind::Interrupted.into()))
            }
        }
    }
}

impl StoreReader for MemoryStore {
    fn read(
        &self,
        table: Table,
        key: &[u8],
        use_value: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StoreError> {
        let inner = self.inner.read();
        let value = inner
            .tables
            .get(table.position())
            .and_then(|tree| tree.get(key));
        if let Some(value) = value {
            use_value(value);
        }
        Ok(value.is_some())
    }

    fn each(&self, table: Table, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let inner = self.inner.read();
        for (key, value) in inner.tables.get(table.position()).into_iter().flatten() {
            if visit(key, value).is_break() {
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
        let inner = self.inner.read();
        let tree = inner.tables.get(table.position());
        let range = (Bound::Included(first), Bound::Included(last));
        for (key, value) in tree
            .into_iter()
            .flat_map(|tree| tree.range::<[u8], _>(range))
            .rev()
        {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn last(&self, table: Table) -> Result<Option<Record>, StoreError> {
        let inner = self.inner.read();
        let last = inner
            .tables
            .get(table.position())
            .and_then(BTreeMap::last_key_value);
        Ok(last.map(|(key, value)| (key.clone(), value.clone())))
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;

    fn put(store: &MemoryStore, key: u8, value: u8) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(Table::State, [key], [value]);
        store.commit(batch)
    }

    fn value(store: &MemoryStore, key: u8) -> Option<Vec<u8>> {
        store.get(Table::State, &[key]).unwrap()
    }

    #[test]
    fn a_crash_loses_exactly_what_was_not_synced() {
        let store = MemoryStore::new();
        put(&store, 1, 1).unwrap();
        store.fail_after(1, FailurePoint::BeforeSync);
        put(&store, 2, 2).unwrap();
        assert!(matches!(put(&store, 1, 3), Err(StoreError::Io(_))));
        assert_eq!(value(&store, 1), Some(vec![3]));
        assert!(matches!(put(&store, 4, 4), Err(StoreError::Closed)));
        store.crash();
        assert_eq!(value(&store, 1), Some(vec![1]));
        assert_eq!(value(&store, 2), Some(vec![2]));
        assert_eq!(value(&store, 4), None);
        put(&store, 4, 4).unwrap();
        assert_eq!(store.last(Table::State).unwrap(), Some((vec![4], vec![4])));
    }

    #[test]
    fn a_snapshot_stays_and_shows_keys_in_order() {
        let store = MemoryStore::new();
        put(&store, 2, 2).unwrap();
        put(&store, 1, 1).unwrap();
        let snapshot = store.snapshot().unwrap();
        put(&store, 3, 3).unwrap();
        let mut seen = Vec::new();
        let mut visit = |key: &[u8], _: &[u8]| {
            seen.push(key.to_vec());
            ControlFlow::Continue(())
        };
        snapshot.each(Table::State, &mut visit).unwrap();
        assert_eq!(seen, [[1], [2]]);
    }

    #[test]
    fn a_full_disk_writes_nothing_and_a_late_failure_writes_all() {
        let store = MemoryStore::new();
        store.fail_after(0, FailurePoint::DiskFull);
        assert!(matches!(put(&store, 1, 1), Err(StoreError::DiskFull(_))));
        assert_eq!(value(&store, 1), None);
        store.crash();
        store.fail_after(0, FailurePoint::AfterSync);
        assert!(put(&store, 1, 1).is_err());
        store.crash();
        assert_eq!(value(&store, 1), Some(vec![1]));
    }
}
