//! The chain as far as it is verified: each header signed by the account that the one below names.

use std::sync::Arc;

use neo_ledger::{
    GenesisConfig, InvalidBlock, LedgerError,
    store::{Batch, ChainStore, Table},
};
use neo_primitives::{
    Block, DecodeError, Encode, Header, Height, Magic, Reader, SignedHeader, UInt256,
    parse_multisig_script, verify_witness,
};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use crate::config::Trusted;

const IDENTITY_KEY: &[u8] = b"attached";
const FORMAT: u32 = 1;

/// What the store belongs to.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    format: u32,
    magic: Magic,
    genesis: UInt256,
    lowest: Height,
}

/// The highest verified block.
#[derive(Clone, Debug)]
pub(crate) struct Tip {
    pub(crate) hash: UInt256,
    pub(crate) signed: SignedHeader,
}

impl Tip {
    pub(crate) fn height(&self) -> Height {
        self.signed.header.index
    }
}

/// Verified headers on disk, of the newest also the transactions.
///
/// The record of a height is `header ‖ witness`, and where the block is kept whole, its transactions behind that:
/// Neo's wire form of a block.
pub(crate) struct Headers {
    store: Box<dyn ChainStore>,
    magic: Magic,
    witness_limit: u32,
    kept_blocks: u32,
    lowest: SignedHeader,
    tip: RwLock<Tip>,
    /// Held while the chain grows.
    growing: Mutex<()>,
}

/// Why the chain does not grow.
#[derive(Debug)]
pub(crate) enum NotAppended {
    /// The header or block is not valid on the tip.
    Invalid(Height, InvalidBlock),
    /// The store failed.
    Failed(LedgerError),
}

impl From<neo_ledger::store::StoreError> for NotAppended {
    fn from(error: neo_ledger::store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

fn key(height: Height) -> [u8; 4] {
    height.0.to_be_bytes()
}

fn damaged(what: &'static str) -> impl FnOnce(DecodeError) -> LedgerError {
    move |source| LedgerError::Damaged { what, source }
}

/// Whether a store holds a chain already.
pub(crate) fn is_empty(store: &dyn ChainStore) -> Result<bool, LedgerError> {
    Ok(!store.reader()?.contains(Table::Identity, IDENTITY_KEY)?)
}

impl Headers {
    /// Opens the chain of a store, or begins it: with `first`, else with the genesis block.
    pub(crate) fn open(
        store: Box<dyn ChainStore>,
        config: &GenesisConfig,
        kept_blocks: u32,
        first: Option<&[SignedHeader]>,
    ) -> Result<Self, LedgerError> {
        let genesis = config.genesis_block().signed_header();
        let identity = Identity {
            format: FORMAT,
            magic: config.magic,
            genesis: genesis.hash(),
            lowest: Height(0),
        };
        let stored = store.reader()?.get(Table::Identity, IDENTITY_KEY)?;
        let lowest = match stored {
            Some(bytes) => check_identity(&bytes, &identity)?,
            None => {
                let own = [genesis];
                let first = first.unwrap_or(&own);
                begin(store.as_ref(), identity, first)?
            }
        };
        let limit = config.witness_limit;
        let last = store.reader()?.last(Table::Blocks)?;
        let (_, bytes) = last.ok_or_else(|| LedgerError::Inconsistent("no header".to_owned()))?;
        let signed = header_of(&bytes, limit)?;
        let lowest = store
            .reader()?
            .get(Table::Blocks, &key(lowest))?
            .ok_or_else(|| LedgerError::Inconsistent(format!("header {lowest} is missing")))?;
        Ok(Self {
            lowest: header_of(&lowest, limit)?,
            store,
            magic: config.magic,
            witness_limit: limit,
            kept_blocks,
            tip: RwLock::new(Tip {
                hash: signed.hash(),
                signed,
            }),
            growing: Mutex::default(),
        })
    }

    /// The highest verified block.
    pub(crate) fn tip(&self) -> Tip {
        self.tip.read().clone()
    }

    /// The lowest held header.
    pub(crate) fn lowest(&self) -> &SignedHeader {
        &self.lowest
    }

    /// The header of a height.
    pub(crate) fn header(&self, height: Height) -> Result<Option<SignedHeader>, LedgerError> {
        let bytes = self.store.reader()?.get(Table::Blocks, &key(height))?;
        bytes
            .map(|bytes| header_of(&bytes, self.witness_limit))
            .transpose()
    }

    /// The height of a held header.
    pub(crate) fn height_of(&self, hash: &UInt256) -> Result<Option<Height>, LedgerError> {
        let bytes = self
            .store
            .reader()?
            .get(Table::BlockHeights, hash.as_wire())?;
        bytes
            .map(|bytes| match <[u8; 4]>::try_from(bytes) {
                Ok(bytes) => Ok(Height(u32::from_be_bytes(bytes))),
                Err(_) => Err(LedgerError::Inconsistent(format!("height of block {hash}"))),
            })
            .transpose()
    }

    /// The bytes of a block that is kept whole.
    pub(crate) fn block_bytes(&self, height: Height) -> Result<Option<Vec<u8>>, LedgerError> {
        let bytes = self.store.reader()?.get(Table::Blocks, &key(height))?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let header = header_of(&bytes, self.witness_limit)?.encoded_len();
        Ok((bytes.len() > header).then_some(bytes))
    }

    /// A block that is kept whole.
    pub(crate) fn block(&self, height: Height) -> Result<Option<Block>, LedgerError> {
        let Some(bytes) = self.block_bytes(height)? else {
            return Ok(None);
        };
        let mut r = Reader::new(&bytes);
        Block::decode_with_limit(&mut r, self.witness_limit)
            .map(Some)
            .map_err(damaged("block"))
    }

    /// Verifies headers above the tip and stores them. Those at or below it must be the ones that are held.
    pub(crate) fn append(&self, headers: &[SignedHeader]) -> Result<(), NotAppended> {
        self.grow(headers.iter().map(|signed| (signed.clone(), None)))
    }

    /// As [`Headers::append`], of whole blocks.
    pub(crate) fn append_blocks(&self, blocks: &[Arc<Block>]) -> Result<(), NotAppended> {
        self.grow(
            blocks
                .iter()
                .map(|block| (block.signed_header(), Some(block.as_ref()))),
        )
    }

    /// Appends until one is not valid; what is valid is stored in any case.
    fn grow<'b>(
        &self,
        links: impl Iterator<Item = (SignedHeader, Option<&'b Block>)>,
    ) -> Result<(), NotAppended> {
        let _growing = self.growing.lock();
        let mut batch = Batch::new();
        let mut tip = self.tip();
        let mut refused = None;
        for (signed, block) in links {
            let height = signed.header.index;
            let link = if height <= tip.height() {
                self.hold(&tip, &signed, block)?
            } else {
                self.link(&tip, &signed, block)
            };
            match link {
                Ok(None) => {}
                Ok(Some(record)) => {
                    batch.put(Table::Blocks, key(height), record);
                    if block.is_some() {
                        self.prune(&mut batch, height)?;
                    }
                    if height > tip.height() {
                        let hash = signed.hash();
                        batch.put(Table::BlockHeights, *hash.as_wire(), key(height));
                        tip = Tip { hash, signed };
                    }
                }
                Err(error) => {
                    refused = Some(NotAppended::Invalid(height, error));
                    break;
                }
            }
        }
        if !batch.is_empty() {
            self.store.commit(batch)?;
            *self.tip.write() = tip;
        }
        refused.map_or(Ok(()), Err)
    }

    /// The record of a block above the tip.
    fn link(
        &self,
        tip: &Tip,
        signed: &SignedHeader,
        block: Option<&Block>,
    ) -> Result<Option<Vec<u8>>, InvalidBlock> {
        self.follows(tip, signed)?;
        match block {
            None => Ok(Some(signed.to_bytes())),
            Some(block) => fits_merkle_root(block).map(|()| Some(block.to_bytes())),
        }
    }

    /// The record of a block that is held already, if it gains its transactions by this one. Its witness stays the one
    /// that was verified.
    fn hold(
        &self,
        tip: &Tip,
        signed: &SignedHeader,
        block: Option<&Block>,
    ) -> Result<Result<Option<Vec<u8>>, InvalidBlock>, NotAppended> {
        let height = signed.header.index;
        let known = if height == tip.height() {
            Some(tip.signed.clone())
        } else {
            self.header(height).map_err(NotAppended::Failed)?
        };
        let Some(known) = known else {
            return Ok(Ok(None));
        };
        let decided = known.hash();
        if decided != signed.hash() {
            return Ok(Err(InvalidBlock::OtherBlockDecided { height, decided }));
        }
        let Some(block) = block else {
            return Ok(Ok(None));
        };
        if self
            .block_bytes(height)
            .map_err(NotAppended::Failed)?
            .is_some()
            || tip.height().0.saturating_sub(height.0) >= self.kept_blocks
        {
            return Ok(Ok(None));
        }
        Ok(fits_merkle_root(block)
            .map(|()| Some(Block::from_body(&block.body(), known.witness).to_bytes())))
    }

    /// The block that is too old to be kept whole becomes its header.
    fn prune(&self, batch: &mut Batch, height: Height) -> Result<(), NotAppended> {
        let Some(old) = height.0.checked_sub(self.kept_blocks).map(Height) else {
            return Ok(());
        };
        if self
            .block_bytes(old)
            .map_err(NotAppended::Failed)?
            .is_some()
            && let Some(signed) = self.header(old).map_err(NotAppended::Failed)?
        {
            batch.put(Table::Blocks, key(old), signed.to_bytes());
        }
        Ok(())
    }

    /// The header stands on the tip and is signed by the account that the tip names.
    fn follows(&self, tip: &Tip, signed: &SignedHeader) -> Result<(), InvalidBlock> {
        let (header, parent) = (&signed.header, &tip.signed.header);
        if header.version != 0 {
            return Err(InvalidBlock::Version(header.version));
        }
        if header.index != parent.index.next() {
            return Err(InvalidBlock::Index {
                found: header.index,
                parent: parent.index,
            });
        }
        if header.prev_hash != tip.hash {
            return Err(InvalidBlock::UnknownParent(header.prev_hash));
        }
        if header.timestamp <= parent.timestamp {
            return Err(InvalidBlock::Timestamp {
                found: header.timestamp,
                parent: parent.timestamp,
            });
        }
        self.signed_by(signed, parent)
    }

    /// The witness is that of the account that `parent` names, and the primary is one of its validators.
    pub(crate) fn signed_by(
        &self,
        signed: &SignedHeader,
        parent: &Header,
    ) -> Result<(), InvalidBlock> {
        let witness = &signed.witness;
        let length = witness.invocation.len().max(witness.verification.len());
        if u32::try_from(length).map_or(true, |length| length > self.witness_limit) {
            return Err(InvalidBlock::WitnessLength {
                length,
                limit: self.witness_limit,
            });
        }
        verify_witness(&parent.next_consensus, witness, self.magic, &signed.hash())?;
        // A network of one validator has a 1-of-1 account.
        let validators =
            parse_multisig_script(&witness.verification).map_or(1, |(_, keys)| keys.len());
        if signed.header.primary_index.position() >= validators {
            return Err(InvalidBlock::Primary {
                found: signed.header.primary_index,
                validators,
            });
        }
        Ok(())
    }
}

fn fits_merkle_root(block: &Block) -> Result<(), InvalidBlock> {
    if neo_primitives::merkle_root(&block.transaction_hashes()) == block.header.merkle_root {
        return Ok(());
    }
    Err(InvalidBlock::MerkleRoot(block.hash()))
}

fn header_of(bytes: &[u8], limit: u32) -> Result<SignedHeader, LedgerError> {
    SignedHeader::decode_with_limit(&mut Reader::new(bytes), limit).map_err(damaged("header"))
}

/// Writes the first headers of a chain. Returns the lowest height.
fn begin(
    store: &dyn ChainStore,
    identity: Identity,
    first: &[SignedHeader],
) -> Result<Height, LedgerError> {
    let lowest = first
        .first()
        .map_or(Height(0), |signed| signed.header.index);
    let identity = Identity { lowest, ..identity };
    let bytes = serde_json::to_vec(&identity)
        .map_err(|error| LedgerError::Inconsistent(format!("identity: {error}")))?;
    let mut batch = Batch::new();
    batch.put(Table::Identity, IDENTITY_KEY, bytes);
    for signed in first {
        let at = key(signed.header.index);
        batch.put(Table::BlockHeights, *signed.hash().as_wire(), at);
        batch.put(Table::Blocks, at, signed.to_bytes());
    }
    store.commit(batch)?;
    Ok(lowest)
}

/// Holds a stored identity against the configured one. Returns the lowest height.
fn check_identity(bytes: &[u8], expected: &Identity) -> Result<Height, LedgerError> {
    let found: Identity = serde_json::from_slice(bytes)
        .map_err(|error| LedgerError::Inconsistent(format!("identity of the store: {error}")))?;
    if found.format != FORMAT {
        return Err(LedgerError::StoreFormat {
            found: found.format,
            expected: FORMAT,
        });
    }
    if (found.magic, found.genesis) != (expected.magic, expected.genesis) {
        return Err(LedgerError::OtherNetwork {
            stored_magic: found.magic,
            stored_genesis: found.genesis,
            magic: expected.magic,
            genesis: expected.genesis,
        });
    }
    Ok(found.lowest)
}

/// Headers that end in a trusted block and are linked by their hashes.
pub(crate) fn lead_to(headers: &[SignedHeader], trusted: &Trusted) -> Result<(), InvalidBlock> {
    let mut expected = trusted.hash;
    let mut height = trusted.height;
    for signed in headers.iter().rev() {
        if signed.header.index != height {
            return Err(InvalidBlock::Index {
                found: signed.header.index,
                parent: Height(height.0.saturating_sub(1)),
            });
        }
        if signed.hash() != expected {
            return Err(InvalidBlock::UnknownParent(expected));
        }
        expected = signed.header.prev_hash;
        height = Height(height.0.saturating_sub(1));
    }
    Ok(())
}
