//! Opening a chain, and telling it from others.

use std::path::Path;

use neo_primitives::{DecodeError, Height, Magic, Reader, SignedHeader, UInt256, sha256};
use parking_lot::{Mutex, RwLock};

use super::{
    Base, EmbeddedLedger, Rules, Tip,
    candidates::Candidates,
    pool::Pool,
    record::{height_key, write_block},
};
use crate::{
    config::GenesisConfig,
    error::LedgerError,
    execution::genesis,
    mempool::{KeyCache, Mempool, StatelessVerifier},
    signatures::SignatureScheme,
    store::{Batch, ChainStore, RedbStore, StoreError, StoreReader, Table},
};

/// Number of the store's format.
const FORMAT: u32 = 1;
/// Key of the chain's identity in the table of that name.
pub(crate) const IDENTITY_KEY: &[u8] = b"network";
/// Key of what the store was restored from; there is none in a store that began with the genesis block.
pub(crate) const BASE_KEY: &[u8] = b"base";
/// Keys that stay parsed, enough for every sender of a busy network.
pub(crate) const KEY_CACHE: usize = 16_384;
/// File of the store in the data directory.
pub const FILE: &str = "chain.redb";

/// What tells the chain of one network from that of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    format: u32,
    pub(crate) magic: Magic,
    pub(crate) genesis: UInt256,
    pub(crate) initial_gas: i64,
    pub(crate) committee: [u8; 32],
}

impl Identity {
    pub(crate) fn of(config: &GenesisConfig) -> Self {
        let mut keys = Vec::new();
        for key in config.committee() {
            keys.extend_from_slice(key.as_bytes());
        }
        Self {
            format: FORMAT,
            magic: config.magic,
            genesis: config.genesis_block().hash(),
            initial_gas: config.initial_gas.0,
            committee: sha256(&keys),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(80);
        bytes.extend_from_slice(&self.format.to_le_bytes());
        bytes.extend_from_slice(&self.magic.0.to_le_bytes());
        bytes.extend_from_slice(self.genesis.as_wire());
        bytes.extend_from_slice(&self.initial_gas.to_le_bytes());
        bytes.extend_from_slice(&self.committee);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let identity = Self {
            format: r.field("format").u32()?,
            magic: Magic(r.field("magic").u32()?),
            genesis: UInt256::from_wire(r.field("genesis").array()?),
            initial_gas: r.field("initial GAS").i64()?,
            committee: r.field("committee").array()?,
        };
        r.finish()?;
        Ok(identity)
    }

    /// Whether `stored` is the same chain.
    fn accept(&self, stored: &Self) -> Result<(), LedgerError> {
        if stored.format != self.format {
            return Err(LedgerError::StoreFormat {
                found: stored.format,
                expected: self.format,
            });
        }
        if stored.magic != self.magic || stored.genesis != self.genesis {
            return Err(LedgerError::OtherNetwork {
                stored_magic: stored.magic,
                stored_genesis: stored.genesis,
                magic: self.magic,
                genesis: self.genesis,
            });
        }
        if stored.initial_gas != self.initial_gas {
            return Err(LedgerError::OtherRules {
                field: "initial_gas",
            });
        }
        if stored.committee != self.committee {
            return Err(LedgerError::OtherRules { field: "committee" });
        }
        Ok(())
    }
}

impl EmbeddedLedger {
    /// Opens the chain in a data directory, or begins it with its genesis block.
    ///
    /// # Errors
    /// When the configuration is not usable, the directory is locked by another process or belongs to
    /// another network, or the store fails.
    pub fn open(directory: &Path, config: GenesisConfig) -> Result<Self, LedgerError> {
        config.validate()?;
        std::fs::create_dir_all(directory).map_err(|source| LedgerError::Directory {
            path: directory.to_owned(),
            source,
        })?;
        let path = directory.join(FILE);
        let store = RedbStore::open(&path).map_err(|error| match error {
            StoreError::Locked => LedgerError::Locked { path },
            other => other.into(),
        })?;
        Self::with_store(Box::new(store), config)
    }

    /// Opens the chain in a store, or begins it with its genesis block.
    ///
    /// # Errors
    /// As [`EmbeddedLedger::open`].
    pub fn with_store(
        store: Box<dyn ChainStore>,
        config: GenesisConfig,
    ) -> Result<Self, LedgerError> {
        Self::with_signatures(store, config, Box::new(KeyCache::new(KEY_CACHE)))
    }

    /// As [`EmbeddedLedger::with_store`], for a network whose signatures are of another scheme.
    ///
    /// # Errors
    /// As [`EmbeddedLedger::open`].
    pub fn with_signatures(
        store: Box<dyn ChainStore>,
        config: GenesisConfig,
        scheme: Box<dyn SignatureScheme>,
    ) -> Result<Self, LedgerError> {
        config.validate()?;
        let identity = Identity::of(&config);
        match store.reader()?.get(Table::Identity, IDENTITY_KEY)? {
            Some(bytes) => {
                let stored =
                    Identity::from_bytes(&bytes).map_err(|source| LedgerError::Damaged {
                        what: "identity",
                        source,
                    })?;
                identity.accept(&stored)?;
            }
            None => begin(store.as_ref(), &config, &identity)?,
        }
        let tip = read_tip(store.reader()?.as_ref(), &config)?;
        let base = read_base(store.reader()?.as_ref())?;
        let height = tip.signed.header.index;
        tracing::info!(%height, hash = %tip.hash, "chain opened");
        Ok(Self {
            rules: Rules {
                validators: config.validators(),
                next_consensus: config.next_consensus(),
                committee_address: config.committee_address(),
            },
            verifier: StatelessVerifier::new(config.magic, scheme),
            candidates: Mutex::new(Candidates::new(tip.clone())),
            pool: Mutex::new(Pool {
                transactions: Mempool::new(config.memory_pool_max),
                height,
                layers: Vec::new(),
            }),
            tip: RwLock::new(tip),
            pool_watcher: RwLock::new(None),
            base,
            store,
            config,
        })
    }
}

fn begin(
    store: &dyn ChainStore,
    config: &GenesisConfig,
    identity: &Identity,
) -> Result<(), LedgerError> {
    let mut batch = Batch::new();
    batch.put(Table::Identity, IDENTITY_KEY, identity.to_bytes());
    write_block(&mut batch, &config.genesis_block(), &genesis(config)?);
    Ok(store.commit(batch)?)
}

/// What the store was restored from.
fn read_base(reader: &dyn StoreReader) -> Result<Option<Base>, LedgerError> {
    let Some(bytes) = reader.get(Table::Identity, BASE_KEY)? else {
        return Ok(None);
    };
    let (height, leaders) = bytes
        .split_first_chunk()
        .ok_or_else(|| LedgerError::Inconsistent("what the store began with".to_owned()))?;
    Ok(Some(Base {
        height: Height(u32::from_le_bytes(*height)),
        leaders: leaders.to_vec(),
    }))
}

/// The last stored block, after a look at whether its records belong together.
pub(crate) fn read_tip(
    reader: &dyn StoreReader,
    config: &GenesisConfig,
) -> Result<Tip, LedgerError> {
    let inconsistent = |what: &str| LedgerError::Inconsistent(what.to_owned());
    let (key, bytes) = reader
        .last(Table::Blocks)?
        .ok_or_else(|| inconsistent("there is no block"))?;
    let signed = SignedHeader::decode_with_limit(&mut Reader::new(&bytes), config.witness_limit)
        .map_err(|source| LedgerError::Damaged {
            what: "tip",
            source,
        })?;
    let height: Height = signed.header.index;
    if key != height_key(height) {
        return Err(inconsistent("the tip stands under another height"));
    }
    let hash = signed.header.hash();
    let known = reader.get(Table::BlockHeights, hash.as_wire())?;
    if known.as_deref() != Some(height_key(height).as_slice()) {
        return Err(inconsistent("the tip is missing from the index of blocks"));
    }
    if !reader.contains(Table::Outcomes, &key)? {
        return Err(inconsistent("the outcomes of the tip are missing"));
    }
    let state_hash = reader
        .get(Table::StateHashes, &key)?
        .and_then(|bytes| bytes.try_into().ok())
        .map(UInt256::from_wire)
        .ok_or_else(|| inconsistent("the state hash of the tip is missing"))?;
    Ok(Tip {
        hash,
        signed,
        state_hash,
    })
}
