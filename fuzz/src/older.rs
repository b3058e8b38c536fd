//! A network of dBFT 2.0 with four validators at height 1.

use std::sync::Arc;
use std::time::Duration;

use neo_consensus::ValidatorSet;
use neo_consensus::engine::{BlockLimits, Event, HeightInfo, LedgerEvent, TimerId, TimerKind};
use neo_consensus::v2::V2Engine;
use neo_consensus::v3::leader::LeaderState;
use neo_primitives::{
    Datoshi, Header, Height, Magic, PrivateKey, PublicKey, UInt160, UInt256, ValidatorIndex,
};

/// The keys of the validators, in their order.
pub fn keys() -> Vec<PublicKey> {
    let key = |byte: u8| {
        let key = PrivateKey::from_bytes(&[byte; 32]).expect("a key");
        key.public_key().clone()
    };
    let mut keys: Vec<_> = (1..=4).map(key).collect();
    keys.sort();
    keys
}

/// The header of block 0.
pub fn genesis() -> Header {
    Header {
        version: 0,
        prev_hash: UInt256::ZERO,
        merkle_root: UInt256::ZERO,
        timestamp: 1,
        nonce: 0,
        index: Height(0),
        primary_index: ValidatorIndex(0),
        next_consensus: UInt160::ZERO,
    }
}

/// The ledger is ready for height 1.
pub fn opened(set: &Arc<ValidatorSet>) -> Event<V2Engine> {
    Event::Ledger(LedgerEvent::Opened(HeightInfo {
        height: Height(1),
        parent: genesis(),
        parent_hash: genesis().hash(),
        magic: Magic(1),
        validators: Arc::clone(set),
        next_consensus: UInt160::ZERO,
        block_time: Duration::from_secs(1),
        limits: BlockLimits {
            max_transactions: 512,
            max_block_size: 1 << 20,
            max_block_system_fee: Datoshi(i64::MAX),
        },
        pool: 0,
        leaders: LeaderState::fresh(Height(1), 4),
    }))
}

/// The timer of the open view.
pub fn view_timer() -> TimerId {
    TimerId {
        height: Height(1),
        kind: TimerKind::View,
    }
}
