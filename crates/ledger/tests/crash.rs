//! Crashes, full disks and foreign data directories.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
    io,
    sync::{Arc, Mutex},
};

use neo_ledger::{
    ChainReader, EmbeddedLedger, LedgerAnswer, LedgerError, LedgerRequest,
    store::{FailurePoint, MemoryStore, RedbStore, StoreError},
};
use neo_primitives::{Block, Datoshi, Height, Magic};
use redb::StorageBackend;

use common::{
    Network, ask,
    scenario::{Dice, KINDS, People, funding, random},
    standard_config, submit,
};

/// A chain of `count` blocks with all kinds of transactions.
fn chain(count: u32) -> (Network, Vec<Arc<Block>>) {
    let network = Network::in_memory();
    let people = People::new(&network);
    let mut dice = Dice::new(11);
    network.admit(
        funding(&people)
            .iter()
            .map(|draft| draft.sign(&network.ledger))
            .collect(),
    );
    let mut blocks = vec![network.next_block()];
    for height in 2..=count {
        let batch = (0..5)
            .map(|slot| {
                let kind = dice.below(KINDS);
                random(&mut dice, &people, kind, height * 10 + slot, height - 1)
                    .sign(&network.ledger)
            })
            .collect();
        for result in submit(&network.ledger, batch) {
            result.unwrap();
        }
        blocks.push(network.next_block());
    }
    (network, blocks)
}

/// Everything that can be read of the chain agrees with the original up to the tip.
fn assert_consistent(ledger: &EmbeddedLedger, original: &Network) {
    let tip = ledger.height();
    assert_eq!(ledger.block_hash(tip).unwrap(), Some(ledger.tip_hash()));
    assert_eq!(ledger.block(tip.next()).unwrap(), None);
    for height in 0..=tip.0 {
        let height = Height(height);
        let block = ledger.block(height).unwrap().unwrap();
        assert_eq!(
            Some(&block),
            original.ledger.block(height).unwrap().as_ref()
        );
        assert_eq!(
            ledger.state_hash(height).unwrap(),
            original.ledger.state_hash(height).unwrap()
        );
        assert_eq!(ledger.height_of(&block.hash()).unwrap(), Some(height));
        for transaction in &block.transactions {
            let hash = transaction.hash();
            let stored = ledger.transaction(&hash).unwrap().unwrap();
            assert_eq!((stored.height, &stored.transaction), (height, transaction));
            assert_eq!(
                ledger.transaction_log(&hash).unwrap(),
                original.ledger.transaction_log(&hash).unwrap()
            );
        }
    }
    if let Some(next) = original.ledger.block(tip.next()).unwrap() {
        for transaction in &next.transactions {
            assert!(ledger.transaction(&transaction.hash()).unwrap().is_none());
        }
    }
}

fn store(ledger: &EmbeddedLedger, block: &Arc<Block>) -> Result<(), LedgerError> {
    match ask(
        ledger,
        LedgerRequest::Store {
            block: Arc::clone(block),
        },
    ) {
        LedgerAnswer::Stored { .. } => Ok(()),
        LedgerAnswer::Failed { error, .. } => Err(error),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_crash_at_any_commit_leaves_a_consistent_tip() {
    let (original, blocks) = chain(12);
    for point in [
        FailurePoint::DiskFull,
        FailurePoint::BeforeSync,
        FailurePoint::AfterSync,
    ] {
        for survived in 0..=blocks.len() as u64 {
            let disk = MemoryStore::new();
            disk.fail_after(survived, point);
            // The first commit is that of the genesis block.
            let opened = EmbeddedLedger::with_store(Box::new(disk.clone()), standard_config());
            if let Ok(ledger) = opened {
                let failed = blocks.iter().find_map(|block| store(&ledger, block).err());
                let failed = failed.unwrap();
                assert!(failed.is_fatal(), "{failed}");
                assert_eq!(
                    matches!(failed, LedgerError::Store(StoreError::DiskFull(_))),
                    point == FailurePoint::DiskFull
                );
                // Nothing is served that may be lost, and nothing more is stored.
                assert_eq!(u64::from(ledger.height().0) + 1, survived);
                assert!(store(&ledger, &blocks[survived as usize - 1]).is_err());
            }
            disk.crash();
            let ledger = EmbeddedLedger::with_store(Box::new(disk), standard_config()).unwrap();
            let lost = point != FailurePoint::AfterSync;
            let expected = if lost {
                survived.saturating_sub(1)
            } else {
                survived
            };
            assert_eq!(
                u64::from(ledger.height().0),
                expected,
                "{point:?} {survived}"
            );
            assert_consistent(&ledger, &original);
            for block in &blocks[expected as usize..] {
                store(&ledger, block).unwrap();
            }
            assert_eq!(ledger.tip_hash(), original.ledger.tip_hash());
        }
    }
}

/// A disk that stops at a given write. Of what was not synced, some pages are lost.
#[derive(Clone, Debug)]
struct Disk(Arc<Mutex<DiskState>>);

#[derive(Debug, Default)]
struct DiskState {
    synced: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
    operations: u64,
    stops_at: Option<u64>,
    full_at: Option<usize>,
}

impl Disk {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn operations(&self) -> u64 {
        self.0.lock().unwrap().operations
    }

    fn stop_at(&self, operation: u64) {
        self.0.lock().unwrap().stops_at = Some(operation);
    }

    /// Starts the machine again. Each write since the last sync reached the disk or not.
    fn restart(&self, dice: &mut Dice) {
        let mut state = self.0.lock().unwrap();
        let length = state.current.len();
        let mut disk = std::mem::take(&mut state.synced);
        disk.resize(length, 0);
        for (offset, data) in std::mem::take(&mut state.unsynced) {
            if dice.below(2) == 0 && offset + data.len() <= disk.len() {
                disk[offset..offset + data.len()].copy_from_slice(&data);
            }
        }
        state.current.clone_from(&disk);
        state.synced = disk;
        state.stops_at = None;
    }
}

impl DiskState {
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        if self.stops_at.is_some_and(|at| self.operations > at) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        let start = offset as usize;
        let bytes = state.current.get(start..start + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.operate()?;
        if state.full_at.is_some_and(|full| length as usize > full) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.current.resize(length as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.operate()?;
        state.synced = state.current.clone();
        state.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.operate()?;
        let start = offset as usize;
        let end = start + data.len();
        if state.current.len() < end {
            state.current.resize(end, 0);
        }
        state.current[start..end].copy_from_slice(data);
        state.unsynced.push((start, data.to_vec()));
        Ok(())
    }
}

#[test]
fn a_disk_that_stops_at_any_write_leaves_a_consistent_tip() {
    let (original, blocks) = chain(8);
    let open = |disk: &Disk| {
        let store = RedbStore::with_backend(disk.clone())?;
        EmbeddedLedger::with_store(Box::new(store), standard_config())
    };
    let disk = Disk::new();
    let ledger = open(&disk).unwrap();
    let begun = disk.operations();
    for block in &blocks {
        store(&ledger, block).unwrap();
    }
    drop(ledger);
    let all = disk.operations() - begun;
    let mut dice = Dice::new(3);
    for _ in 0..60 {
        let disk = Disk::new();
        let ledger = open(&disk).unwrap();
        disk.stop_at(begun + dice.below(all));
        let mut acknowledged = 0;
        for block in &blocks {
            if store(&ledger, block).is_err() {
                break;
            }
            acknowledged += 1;
        }
        drop(ledger);
        disk.restart(&mut dice);
        let ledger = open(&disk).unwrap();
        // What was acknowledged is there; of the block under way all or nothing.
        let height = ledger.height().0;
        assert!(
            height == acknowledged || height == acknowledged + 1,
            "{height} {acknowledged}"
        );
        assert_consistent(&ledger, &original);
        for block in &blocks[height as usize..] {
            store(&ledger, block).unwrap();
        }
        assert_eq!(ledger.tip_hash(), original.ledger.tip_hash());
    }
}

#[test]
fn a_full_disk_is_told_and_freed_space_helps() {
    let (original, blocks) = chain(8);
    let disk = Disk::new();
    let open = || {
        let store = RedbStore::with_backend(disk.clone())?;
        EmbeddedLedger::with_store(Box::new(store), standard_config())
    };
    let ledger = open().unwrap();
    store(&ledger, &blocks[0]).unwrap();
    let size = disk.0.lock().unwrap().current.len();
    disk.0.lock().unwrap().full_at = Some(size);
    let failed = blocks[1..]
        .iter()
        .find_map(|block| store(&ledger, block).err());
    let failed = failed.expect("the disk is full before the chain ends");
    let height = ledger.height();
    assert!(
        matches!(failed, LedgerError::Store(StoreError::DiskFull(_))),
        "{failed}"
    );
    assert!(failed.to_string().contains("disk is full"));
    let again = store(&ledger, &blocks[height.0 as usize]).unwrap_err();
    assert!(again.is_fatal());
    drop(ledger);
    disk.0.lock().unwrap().full_at = None;
    let ledger = open().unwrap();
    assert_eq!(ledger.height(), height);
    for block in &blocks[height.0 as usize..] {
        store(&ledger, block).unwrap();
    }
    assert_consistent(&ledger, &original);
}

#[test]
fn a_data_directory_belongs_to_one_network() {
    let directory = tempfile::tempdir().unwrap();
    let config = standard_config();
    drop(EmbeddedLedger::open(directory.path(), config.clone()).unwrap());
    let refused = |change: &dyn Fn(&mut neo_ledger::GenesisConfig)| {
        let mut other = config.clone();
        change(&mut other);
        EmbeddedLedger::open(directory.path(), other).err().unwrap()
    };
    let other = refused(&|config| config.magic = Magic(1));
    assert!(
        matches!(
            other,
            LedgerError::OtherNetwork {
                magic: Magic(1),
                ..
            }
        ),
        "{other}"
    );
    let other = refused(&|config| config.standby_validators.truncate(1));
    assert!(matches!(other, LedgerError::OtherNetwork { .. }), "{other}");
    let other = refused(&|config| config.initial_gas = Datoshi(7));
    assert!(
        matches!(
            other,
            LedgerError::OtherRules {
                field: "initial_gas"
            }
        ),
        "{other}"
    );
    let other = refused(&|config| config.standby_validators.reverse());
    assert!(
        matches!(other, LedgerError::OtherRules { field: "committee" }),
        "{other}"
    );
    let other = refused(&|config| config.standby_validators.clear());
    assert!(matches!(other, LedgerError::Config(_)), "{other}");
    let ledger = EmbeddedLedger::open(directory.path(), config.clone()).unwrap();
    let locked = EmbeddedLedger::open(directory.path(), config)
        .err()
        .unwrap();
    assert!(matches!(locked, LedgerError::Locked { .. }), "{locked}");
    assert!(locked.to_string().contains("locked by another process"));
    drop(ledger);
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, b"not a directory").unwrap();
    let refused = EmbeddedLedger::open(&file.join("data"), standard_config())
        .err()
        .unwrap();
    assert!(
        matches!(refused, LedgerError::Directory { .. }),
        "{refused}"
    );
}

#[test]
fn the_chain_is_there_after_reopening() {
    let (original, blocks) = chain(6);
    let directory = tempfile::tempdir().unwrap();
    for block in &blocks {
        let ledger = EmbeddedLedger::open(directory.path(), standard_config()).unwrap();
        store(&ledger, block).unwrap();
    }
    let ledger = EmbeddedLedger::open(directory.path(), standard_config()).unwrap();
    assert_consistent(&ledger, &original);
    assert_eq!(ledger.tip_hash(), original.ledger.tip_hash());
}

/// Readers and submitters go on while blocks are stored.
#[test]
fn reads_see_whole_blocks_while_others_are_stored() {
    let (original, blocks) = chain(10);
    let directory = tempfile::tempdir().unwrap();
    let ledger = EmbeddedLedger::open(directory.path(), standard_config()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                let height = ledger.height();
                let block = ledger.block(height).unwrap().unwrap();
                assert!(ledger.state_hash(height).unwrap().is_some());
                for transaction in &block.transactions {
                    assert!(
                        ledger
                            .transaction_log(&transaction.hash())
                            .unwrap()
                            .is_some()
                    );
                }
                if height == Height(10) {
                    break;
                }
            }
        });
        for block in &blocks {
            store(&ledger, block).unwrap();
        }
    });
    assert_consistent(&ledger, &original);
}
