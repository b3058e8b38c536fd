//! What a store belongs to, and how it begins.

use neo_ledger::{
    LedgerError,
    store::{Batch, ChainStore, Table},
};
use neo_primitives::{Encode as _, Height, Magic, SignedHeader, UInt256};
use serde::{Deserialize, Serialize};

use super::key;

const IDENTITY_KEY: &[u8] = b"attached";
const FORMAT: u32 = 1;

/// What the store belongs to.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    format: u32,
    magic: Magic,
    genesis: UInt256,
    lowest: Height,
}

impl Identity {
    /// That of a network, begun at genesis.
    pub(super) fn of(magic: Magic, genesis: UInt256) -> Self {
        Self {
            format: FORMAT,
            magic,
            genesis,
            lowest: Height(0),
        }
    }
}

/// What the store says that it belongs to, if it holds a chain.
pub(super) fn stored(store: &dyn ChainStore) -> Result<Option<Vec<u8>>, LedgerError> {
    Ok(store.reader()?.get(Table::Identity, IDENTITY_KEY)?)
}

/// Whether a store holds a chain already.
pub(crate) fn is_empty(store: &dyn ChainStore) -> Result<bool, LedgerError> {
    Ok(!store.reader()?.contains(Table::Identity, IDENTITY_KEY)?)
}

/// Writes the first headers of a chain. Returns the lowest height.
pub(super) fn begin(
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
pub(super) fn check_identity(bytes: &[u8], expected: &Identity) -> Result<Height, LedgerError> {
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
