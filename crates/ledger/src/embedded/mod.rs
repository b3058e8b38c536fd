//! The embedded ledger: native NEO and GAS, in this process.

mod candidates;
mod check;
mod import;
mod lookup;
mod open;
mod pool;
mod reads;
mod record;
mod requests;
mod storing;

use neo_primitives::{PublicKey, SignedHeader, UInt160, UInt256};
use parking_lot::{Mutex, RwLock};

use self::{candidates::Candidates, pool::Pool};
use crate::{
    config::GenesisConfig, contract::PoolWatcher, mempool::StatelessVerifier, store::ChainStore,
};

/// A Neo N3 ledger for transfers of native NEO and GAS.
///
/// Every request is carried out before [`crate::Ledger::request`] returns, on the caller's thread; only
/// signatures are verified on several threads. It has no clock and no threads of its own, so a simulator
/// can drive it. Submissions and reads do not wait for requests.
pub struct EmbeddedLedger {
    config: GenesisConfig,
    rules: Rules,
    store: Box<dyn ChainStore>,
    verifier: StatelessVerifier,
    /// Blocks above the stored ones. Locked before `pool`, never after.
    candidates: Mutex<Candidates>,
    pool: Mutex<Pool>,
    tip: RwLock<Tip>,
    pool_watcher: RwLock<Option<PoolWatcher>>,
}

/// What follows from the genesis configuration.
struct Rules {
    validators: Vec<PublicKey>,
    next_consensus: UInt160,
    committee_address: Option<UInt160>,
}

/// The last stored block.
#[derive(Clone, Debug)]
struct Tip {
    hash: UInt256,
    signed: SignedHeader,
    state_hash: UInt256,
}
