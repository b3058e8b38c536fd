//! The writes of one commit.

use super::Table;

/// A key with its new value; `None` removes it.
pub type Write = (Vec<u8>, Option<Vec<u8>>);

/// The writes of one atomic commit. A later write to the same key replaces an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    tables: [Vec<Write>; Table::ALL.len()],
}

impl Batch {
    /// A batch without writes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.write(table, key.into(), Some(value.into()));
    }

    /// Removes a key.
    pub fn remove(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.write(table, key.into(), None);
    }

    fn write(&mut self, table: Table, key: Vec<u8>, value: Option<Vec<u8>>) {
        if let Some(writes) = self.tables.get_mut(table.position()) {
            writes.push((key, value));
        }
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.iter().all(Vec::is_empty)
    }

    /// The writes by table, each key once and in order, so that a tree is filled from left to right.
    pub fn into_sorted(self) -> impl Iterator<Item = (Table, Vec<Write>)> {
        Table::ALL
            .into_iter()
            .zip(self.tables)
            .filter(|(_, writes)| !writes.is_empty())
            .map(|(table, mut writes)| {
                writes.reverse();
                writes.sort_by(|(a, _), (b, _)| a.cmp(b));
                writes.dedup_by(|(later, _), (kept, _)| later == kept);
                (table, writes)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_write_to_a_key_wins_and_keys_come_sorted() {
        let mut batch = Batch::new();
        assert!(batch.is_empty());
        batch.put(Table::State, b"b", b"1");
        batch.put(Table::State, b"a", b"2");
        batch.put(Table::Blocks, b"x", b"y");
        batch.remove(Table::State, b"b");
        let sorted: Vec<_> = batch.into_sorted().collect();
        assert_eq!(
            sorted,
            vec![
                (Table::Blocks, vec![(b"x".to_vec(), Some(b"y".to_vec()))]),
                (
                    Table::State,
                    vec![(b"a".to_vec(), Some(b"2".to_vec())), (b"b".to_vec(), None)]
                ),
            ]
        );
    }
}
