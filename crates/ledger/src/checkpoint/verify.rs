//! Reading a checkpoint: nothing of it is used before all of it was looked at.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use neo_primitives::{Block, Height, Reader, Token, merkle_root};

use super::{
    FILES, LEADERS, MANIFEST, OUTCOMES, STATE, TIP, TRANSACTIONS,
    error::{At as _, CheckpointError},
    folder::read_manifest,
    manifest::{FileEntry, Manifest},
    records::{read_file, read_records},
};
use crate::{
    config::GenesisConfig,
    embedded::{Identity, KEY_CACHE, Place},
    execution::decode_outcome,
    mempool::{KeyCache, StatelessVerifier},
    policy,
    state::{StateKey, StateValue},
};

/// A checkpoint that was read and verified.
#[derive(Debug)]
pub struct Checkpoint {
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) tip: Arc<Block>,
    pub(super) outcomes: Vec<u8>,
    pub(super) leaders: Vec<u8>,
    /// Number of records of the state.
    pub(super) records: u64,
}

impl Checkpoint {
    /// Reads and verifies the checkpoint in `folder`, every byte of it. `progress` is told the bytes read so far.
    ///
    /// # Errors
    /// The first thing that is not as it was written for this network, with its file.
    pub fn read(
        folder: &Path,
        config: &GenesisConfig,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, CheckpointError> {
        check_names(folder)?;
        let manifest = read_manifest(folder, &Identity::of(config))?;
        let named = |name| entry(&manifest, folder, name);
        let tip = read_tip(folder, &manifest, named(TIP)?, config)?;
        let outcomes = read_file(folder, named(OUTCOMES)?)?;
        for position in 0..tip.transactions.len() {
            let position = u32::try_from(position).unwrap_or(u32::MAX);
            decode_outcome(&outcomes, position).map_err(|source| CheckpointError::Damaged {
                path: folder.join(OUTCOMES),
                source,
            })?;
        }
        let leaders = read_file(folder, named(LEADERS)?)?;
        let mut read = manifest
            .files
            .iter()
            .filter(|file| [TIP, OUTCOMES, LEADERS].contains(&file.name.as_str()))
            .map(|file| file.size)
            .sum();
        progress(read);
        let mut sums = Sums::default();
        let records = read_records(folder, named(STATE)?, &mut |key, value| {
            read += 6 + (key.len() + value.len()) as u64;
            progress(read);
            sums.add(&key, &value)
                .map_err(|problem| refused(folder, STATE, problem))
        })?;
        sums.check()
            .map_err(|problem| refused(folder, STATE, problem))?;
        read_records(folder, named(TRANSACTIONS)?, &mut |key, value| {
            read += 6 + (key.len() + value.len()) as u64;
            progress(read);
            check_place(&key, &value, manifest.height)
                .map_err(|problem| refused(folder, TRANSACTIONS, problem))
        })?;
        Ok(Self {
            path: folder.to_owned(),
            manifest,
            tip,
            outcomes,
            leaders,
            records,
        })
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is of.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The block at its height, with its witness.
    #[must_use]
    pub fn tip(&self) -> &Arc<Block> {
        &self.tip
    }

    /// The state of the leader order for the height above, as the node handed it in.
    #[must_use]
    pub fn leaders(&self) -> &[u8] {
        &self.leaders
    }

    /// Number of records of the state.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn file(&self, name: &'static str) -> Result<&FileEntry, CheckpointError> {
        entry(&self.manifest, &self.path, name)
    }
}

fn entry<'m>(
    manifest: &'m Manifest,
    folder: &Path,
    name: &'static str,
) -> Result<&'m FileEntry, CheckpointError> {
    let mut files = manifest.files.iter();
    files
        .find(|file| file.name == name)
        .ok_or_else(|| CheckpointError::Files {
            path: folder.join(name),
            problem: "the manifest does not name it",
        })
}

fn refused(folder: &Path, name: &str, problem: String) -> CheckpointError {
    CheckpointError::Record {
        path: folder.join(name),
        offset: 0,
        problem,
    }
}

/// The folder holds the files of a checkpoint and no other.
fn check_names(folder: &Path) -> Result<(), CheckpointError> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).at(folder)? {
        let entry = entry.at(folder)?;
        let name = entry.file_name();
        let expected = FILES.iter().map(|(name, _)| *name).chain([MANIFEST]);
        let known = name
            .to_str()
            .and_then(|name| expected.into_iter().find(|known| *known == name));
        let Some(known) = known else {
            return Err(CheckpointError::Files {
                path: entry.path(),
                problem: "a file that does not belong to a checkpoint",
            });
        };
        if !entry.file_type().at(&entry.path())?.is_file() {
            return Err(CheckpointError::Files {
                path: entry.path(),
                problem: "not a regular file",
            });
        }
        found.insert(known);
    }
    let expected = FILES.iter().map(|(name, _)| *name).chain([MANIFEST]);
    for name in expected {
        if !found.contains(name) {
            return Err(CheckpointError::Files {
                path: folder.join(name),
                problem: "the file is missing",
            });
        }
    }
    Ok(())
}

/// The tip, as the manifest names it and signed by the validators.
fn read_tip(
    folder: &Path,
    manifest: &Manifest,
    entry: &FileEntry,
    config: &GenesisConfig,
) -> Result<Arc<Block>, CheckpointError> {
    let path = folder.join(TIP);
    let bytes = read_file(folder, entry)?;
    let mut reader = Reader::new(&bytes);
    let block = Block::decode_with_limit(&mut reader, config.witness_limit)
        .and_then(|block| reader.finish().map(|()| block))
        .map_err(|source| CheckpointError::Damaged {
            path: path.clone(),
            source,
        })?;
    let hash = block.hash();
    let pairs = [
        (
            "height",
            block.header.index.to_string(),
            manifest.height.to_string(),
        ),
        ("hash", hash.to_string(), manifest.tip.to_string()),
        (
            "timestamp",
            block.header.timestamp.to_string(),
            manifest.timestamp.to_string(),
        ),
        (
            "merkle root",
            block.header.merkle_root.to_string(),
            merkle_root(&block.transaction_hashes()).to_string(),
        ),
    ];
    for (field, found, expected) in pairs {
        if found != expected {
            return Err(CheckpointError::Tip {
                path,
                field,
                found,
                expected,
            });
        }
    }
    let verifier = StatelessVerifier::new(config.magic, Box::new(KeyCache::new(KEY_CACHE)));
    verifier
        .verify_witness(&config.next_consensus(), &block.witness, &hash)
        .map_err(|error| CheckpointError::Witness { path, hash, error })?;
    Ok(Arc::new(block))
}

/// What the holdings of all accounts add up to.
#[derive(Default)]
struct Sums {
    neo: u64,
    gas: u64,
    supply: u64,
}

impl Sums {
    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let key = StateKey::from_bytes(key).map_err(|error| format!("key: {error}"))?;
        let value = key
            .decode_value(value)
            .map_err(|error| format!("value: {error}"))?;
        match (key, value) {
            (StateKey::Account(Token::Neo, _), StateValue::Account(account)) => {
                self.neo = self.neo.saturating_add(account.balance);
            }
            (StateKey::Account(Token::Gas, _), StateValue::Account(account)) => {
                self.gas = self.gas.saturating_add(account.balance);
            }
            (StateKey::GasSupply, StateValue::Amount(amount)) => self.supply = amount,
            _ => {}
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        if self.neo != policy::NEO_TOTAL {
            let total = policy::NEO_TOTAL;
            return Err(format!(
                "{} NEO on all accounts, there are {total}",
                self.neo
            ));
        }
        if self.gas != self.supply {
            return Err(format!(
                "{} datoshi on all accounts, the supply is {}",
                self.gas, self.supply
            ));
        }
        Ok(())
    }
}

fn check_place(key: &[u8], value: &[u8], tip: Height) -> Result<(), String> {
    if key.len() != 32 {
        return Err(format!("a transaction hash of {} bytes", key.len()));
    }
    let place = Place::from_bytes(value).map_err(|error| error.to_string())?;
    if place.height > tip {
        return Err(format!(
            "a transaction of height {}, the tip is {tip}",
            place.height
        ));
    }
    Ok(())
}
