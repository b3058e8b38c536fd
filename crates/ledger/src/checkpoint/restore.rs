//! Making a store of a checkpoint.
//!
//! The new store is built beside the old one and takes its name by one rename, so that a crash at any point leaves
//! either the one or the other. The old file stays locked meanwhile, so no node can start on it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::{
    Checkpoint, STATE, TRANSACTIONS,
    error::{At as _, CheckpointError},
    folder::sync,
    records::read_records,
};
use crate::{
    config::GenesisConfig,
    embedded::{BASE_KEY, EmbeddedLedger, FILE, IDENTITY_KEY, Identity, height_key},
    error::LedgerError,
    reader::ChainReader as _,
    store::{Batch, ChainStore, RedbStore, Table},
};

/// Name of the store that is being built.
const BUILDING: &str = "chain.redb.restoring";
/// Name of a store that was damaged, or replaced and is to be kept: for whoever wants to look at it.
pub const BEFORE: &str = "chain.redb.before";
/// Records in one commit while the store is built.
const BATCH: usize = 20_000;

/// How far a restoration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreStep {
    /// The old store is locked: no node runs on it.
    Locked,
    /// So many records are in the new store.
    Records(u64),
    /// The new store is complete, durable and was opened once.
    Built,
    /// The old store, which is to be kept, has a second name.
    KeptAside,
    /// The new store has the old one's name.
    Swapped,
}

/// What a restoration did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The store's file.
    pub store: PathBuf,
    /// Where the store that was there before is now, if it was kept.
    pub before: Option<PathBuf>,
}

/// Replaces the store in a data directory by one that begins at the checkpoint. `keep` keeps the old one as
/// `chain.redb.before`. `watch` sees each step; an error of it ends the restoration there, and the old store stays.
///
/// # Errors
/// When a node runs on the store, the checkpoint changes under the reader, or the disk fails. Unless the last step was
/// [`RestoreStep::Swapped`], the old store is as it was.
pub fn restore(
    checkpoint: &Checkpoint,
    directory: &Path,
    config: &GenesisConfig,
    keep: bool,
    watch: &mut dyn FnMut(RestoreStep) -> Result<(), CheckpointError>,
) -> Result<Restored, CheckpointError> {
    fs::create_dir_all(directory).at(directory)?;
    let store = directory.join(FILE);
    let building = directory.join(BUILDING);
    let before = directory.join(BEFORE);
    let (_lock, empty) = lock(&store)?;
    let built = watch(RestoreStep::Locked)
        .and_then(|()| remove(&building))
        .and_then(|()| build(checkpoint, &building, config, watch));
    if let Err(error) = built {
        let _ = remove(&building);
        if empty {
            let _ = remove(&store);
        }
        return Err(error);
    }
    watch(RestoreStep::Built)?;
    // What an earlier recovery put aside goes only for what is kept now.
    let kept = keep && !empty;
    if kept {
        remove(&before)?;
        fs::hard_link(&store, &before).at(&before)?;
        sync(directory)?;
        watch(RestoreStep::KeptAside)?;
    }
    fs::rename(&building, &store).at(&store)?;
    sync(directory)?;
    watch(RestoreStep::Swapped)?;
    Ok(Restored {
        store,
        before: kept.then_some(before),
    })
}

/// Locks the store's file as a running node does. Where there is none, an empty one takes its place, which is to a node
/// the same as none. Returns the lock, and whether the file is empty.
fn lock(store: &Path) -> Result<(File, bool), CheckpointError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(store)
        .at(store)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(CheckpointError::InUse {
                path: store.to_owned(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(error).at(store),
    }
    let empty = file.metadata().at(store)?.len() == 0;
    Ok((file, empty))
}

fn remove(path: &Path) -> Result<(), CheckpointError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at(path),
        _ => Ok(()),
    }
}

/// Builds the store at `path` and opens it once.
fn build(
    checkpoint: &Checkpoint,
    path: &Path,
    config: &GenesisConfig,
    watch: &mut dyn FnMut(RestoreStep) -> Result<(), CheckpointError>,
) -> Result<(), CheckpointError> {
    let store = RedbStore::open(path)?;
    fill(checkpoint, &store, config, watch)?;
    let ledger = EmbeddedLedger::with_store(Box::new(store), config.clone())?;
    let state_hash = ledger.state_hash(ledger.height())?;
    let manifest = &checkpoint.manifest;
    if ledger.tip_hash() != manifest.tip || state_hash != Some(manifest.state_hash) {
        let problem = "the restored store has another tip than the checkpoint".to_owned();
        return Err(LedgerError::Inconsistent(problem).into());
    }
    Ok(())
}

/// Writes everything into an empty store. What makes it the store of a chain comes with the last commit.
pub(super) fn fill(
    checkpoint: &Checkpoint,
    store: &dyn ChainStore,
    config: &GenesisConfig,
    watch: &mut dyn FnMut(RestoreStep) -> Result<(), CheckpointError>,
) -> Result<(), CheckpointError> {
    let mut written = 0_u64;
    for (name, table) in [(STATE, Table::State), (TRANSACTIONS, Table::Transactions)] {
        let mut batch = Batch::new();
        let mut waiting = 0_usize;
        read_records(
            &checkpoint.path,
            checkpoint.file(name)?,
            &mut |key, value| {
                batch.put(table, key, value);
                waiting += 1;
                written = written.saturating_add(1);
                if waiting >= BATCH {
                    waiting = 0;
                    store.commit(std::mem::take(&mut batch))?;
                    watch(RestoreStep::Records(written))?;
                }
                Ok(())
            },
        )?;
        if !batch.is_empty() {
            store.commit(batch)?;
            watch(RestoreStep::Records(written))?;
        }
    }
    let manifest = &checkpoint.manifest;
    let key = height_key(manifest.height);
    let mut batch = Batch::new();
    batch.put(
        Table::Blocks,
        key,
        neo_primitives::Encode::to_bytes(checkpoint.tip.as_ref()),
    );
    batch.put(Table::BlockHeights, manifest.tip.as_wire().as_slice(), key);
    batch.put(Table::Outcomes, key, checkpoint.outcomes.as_slice());
    batch.put(
        Table::StateHashes,
        key,
        manifest.state_hash.as_wire().as_slice(),
    );
    batch.put(
        Table::Identity,
        IDENTITY_KEY,
        Identity::of(config).to_bytes(),
    );
    let mut base = manifest.height.0.to_le_bytes().to_vec();
    base.extend_from_slice(&checkpoint.leaders);
    batch.put(Table::Identity, BASE_KEY, base);
    Ok(store.commit(batch)?)
}
