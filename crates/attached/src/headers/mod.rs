//! The chain as far as it is verified: each header signed by the account that the one below names.

mod growing;
mod identity;

use neo_ledger::{
    GenesisConfig, LedgerError,
    store::{ChainStore, Table},
};
use neo_primitives::{
    Block, DecodeError, Encode as _, Height, Magic, Reader, SignedHeader, UInt256,
};
use parking_lot::{Mutex, RwLock};

use self::identity::{Identity, begin, check_identity, stored};
pub(crate) use self::{growing::NotAppended, identity::is_empty};

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

fn key(height: Height) -> [u8; 4] {
    height.0.to_be_bytes()
}

fn damaged(what: &'static str) -> impl FnOnce(DecodeError) -> LedgerError {
    move |source| LedgerError::Damaged { what, source }
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
        let identity = Identity::of(config.magic, genesis.hash());
        let stored = stored(store.as_ref())?;
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
}

fn header_of(bytes: &[u8], limit: u32) -> Result<SignedHeader, LedgerError> {
    SignedHeader::decode_with_limit(&mut Reader::new(bytes), limit).map_err(damaged("header"))
}
