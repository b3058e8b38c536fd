//! The embedded ledger: native NEO and GAS, in this process.

mod candidates;
mod check;
mod history;
mod import;
mod lookup;
mod open;
mod pool;
mod reads;
mod record;
mod requests;
mod storing;

use neo_primitives::{Height, PublicKey, SignedHeader, UInt160, UInt256};
use parking_lot::{Mutex, RwLock};

pub use self::open::FILE;
use self::{candidates::Candidates, pool::Pool};
pub(crate) use self::{
    open::{BASE_KEY, IDENTITY_KEY, Identity, KEY_CACHE, read_tip},
    record::{Place, height_key},
};
use crate::{
    config::GenesisConfig, contract::PoolWatcher, mempool::StatelessVerifier, store::ChainStore,
};

/// A Neo N3 ledger for transfers of native NEO and GAS.
///
/// Every request is carried out before [`crate::Ledger::request`] returns, on the caller's thread; only
/// signatures are verified on several threads. It has no clock and no threads of its own, so a simulator
/// can drive it. Submissions and reads do not wait for requests.
pub struct EmbeddedLedger {
    pub(crate) config: GenesisConfig,
    rules: Rules,
    pub(crate) store: Box<dyn ChainStore>,
    verifier: StatelessVerifier,
    /// Blocks above the stored ones. Locked before `pool`, never after.
    candidates: Mutex<Candidates>,
    pool: Mutex<Pool>,
    tip: RwLock<Tip>,
    pool_watcher: RwLock<Option<PoolWatcher>>,
    base: Option<Base>,
}

/// The checkpoint that the store was restored from.
#[derive(Clone, Debug)]
struct Base {
    height: Height,
    /// Encoded state of the leader order for the height above.
    leaders: Vec<u8>,
}

/// What follows from the genesis configuration.
struct Rules {
    validators: Vec<PublicKey>,
    next_consensus: UInt160,
    committee_address: Option<UInt160>,
}

/// The last stored block.
#[derive(Clone, Debug)]
pub(crate) struct Tip {
    pub(crate) hash: UInt256,
    pub(crate) signed: SignedHeader,
    pub(crate) state_hash: UInt256,
}
