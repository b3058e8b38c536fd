//! Writing a checkpoint.

use std::{
    fs::File,
    io::Write as _,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use neo_primitives::{Header, Height};

use super::{
    Checkpoint, CheckpointFolder, LEADERS, MANIFEST, MAX_LEADERS, OUTCOMES, STATE, TIP,
    TRANSACTIONS, VERSION,
    error::{At as _, CheckpointError},
    manifest::{Manifest, hex},
    records::HashedFile,
};
use crate::{
    embedded::{EmbeddedLedger, Identity, Tip, height_key, read_tip},
    error::LedgerError,
    store::{StoreReader, Table},
};

/// Gives the encoded state of the leader order for the height above a stored block.
pub type LeaderState<'a> = dyn Fn(&Header) -> Result<Vec<u8>, LedgerError> + 'a;

/// A checkpoint that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its folder.
    pub path: PathBuf,
    /// What it is of.
    pub manifest: Manifest,
    /// Whether it was written now; `false` when there was a valid one of the height already.
    pub fresh: bool,
    /// Heights of the older ones that were removed.
    pub removed: Vec<Height>,
}

impl EmbeddedLedger {
    /// Writes a checkpoint of the stored tip and removes older ones, so that at most `keep` are left. It reads from a
    /// snapshot: blocks are stored meanwhile. `progress` is told the bytes written so far.
    ///
    /// # Errors
    /// When the tip is the genesis block, the store cannot be read, or the folder cannot be written. Then there is no
    /// new checkpoint, and the older ones are still there.
    pub fn write_checkpoint(
        &self,
        folder: &CheckpointFolder,
        keep: usize,
        leaders: &LeaderState<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Written, CheckpointError> {
        let snapshot = self.store.snapshot()?;
        let identity = Identity::of(&self.config);
        let tip = read_tip(snapshot.as_ref(), &self.config)?;
        let height = tip.signed.header.index;
        if height == Height(0) {
            return Err(CheckpointError::Nothing);
        }
        let path = folder.of(height);
        if let Ok(there) = Checkpoint::read(&path, &self.config, &mut |_| {})
            && there.manifest.tip == tip.hash
        {
            return Ok(Written {
                path,
                manifest: there.manifest,
                fresh: false,
                removed: Vec::new(),
            });
        }
        let leaders = leaders(&tip.signed.header)?;
        let limit = MAX_LEADERS;
        if leaders.len() as u64 > limit {
            let length = leaders.len();
            return Err(CheckpointError::Leaders { length, limit });
        }
        let writing = folder.begin(height)?;
        let manifest = write_files(&writing, snapshot.as_ref(), &tip, &leaders, progress)
            .map(|files| Manifest {
                version: VERSION,
                magic: identity.magic,
                genesis: identity.genesis,
                initial_gas: identity.initial_gas,
                committee: hex(&identity.committee),
                height,
                tip: tip.hash,
                state_hash: tip.state_hash,
                timestamp: tip.signed.header.timestamp,
                files,
                seal: String::new(),
            })
            .map(Manifest::sealed)
            .and_then(|manifest| {
                write_manifest(&writing, &manifest)?;
                folder.publish(&writing, height)?;
                Ok(manifest)
            });
        let manifest = match manifest {
            Ok(manifest) => manifest,
            Err(error) => {
                // What cannot be removed now goes before the next one is written.
                let _ = std::fs::remove_dir_all(&writing);
                return Err(error);
            }
        };
        let removed = folder.prune(height, keep)?;
        Ok(Written {
            path,
            manifest,
            fresh: true,
            removed,
        })
    }
}

fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), CheckpointError> {
    let path = folder.join(MANIFEST);
    let mut file = File::create_new(&path).at(&path)?;
    file.write_all(&manifest.to_bytes()).at(&path)?;
    file.sync_all().at(&path)
}

fn write_files(
    folder: &Path,
    snapshot: &dyn StoreReader,
    tip: &Tip,
    leaders: &[u8],
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<super::FileEntry>, CheckpointError> {
    let key = height_key(tip.signed.header.index);
    let mut written = 0_u64;
    let mut whole = |name, bytes: &[u8]| {
        let mut file = HashedFile::create(folder, name)?;
        file.write(bytes)?;
        written = written.saturating_add(bytes.len() as u64);
        file.finish()
    };
    let missing = || LedgerError::Inconsistent("the tip is gone".to_owned());
    let block = snapshot.get(Table::Blocks, &key)?.ok_or_else(missing)?;
    let outcomes = snapshot.get(Table::Outcomes, &key)?.ok_or_else(missing)?;
    let tip_entry = whole(TIP, &block)?;
    let outcomes_entry = whole(OUTCOMES, &outcomes)?;
    let leaders_entry = whole(LEADERS, leaders)?;
    let mut table = |name, table| {
        let mut file = HashedFile::create(folder, name)?;
        let mut failed = None;
        snapshot.each(table, &mut |key, value| {
            written = written.saturating_add((key.len() + value.len()) as u64 + 6);
            progress(written);
            match file.record(key, value) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        match failed {
            Some(error) => Err(error),
            None => file.finish(),
        }
    };
    let state_entry = table(STATE, Table::State)?;
    let transactions_entry = table(TRANSACTIONS, Table::Transactions)?;
    Ok(vec![
        tip_entry,
        outcomes_entry,
        state_entry,
        transactions_entry,
        leaders_entry,
    ])
}
