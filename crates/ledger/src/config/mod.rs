//! What defines a network: its genesis configuration.

mod validate;

pub use validate::{ConfigError, MAX_INITIAL_GAS, MAX_VALIDATORS};

use std::time::Duration;

use neo_primitives::{
    Block, Datoshi, Magic, PublicKey, UInt160, bft_quorum, consensus_address, genesis_block,
    multisig_script,
};
use serde::{Deserialize, Serialize};

use crate::contract::BlockLimits;

/// The genesis configuration of a network.
///
/// Every node of a network must hold the same one: the fields decide which blocks are valid.
/// Written as JSON; unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisConfig {
    /// Network magic; part of every signature, not of the genesis hash.
    pub magic: Magic,
    /// Standby validators, in configuration order.
    pub standby_validators: Vec<PublicKey>,
    /// Standby committee in rank order. It starts with the validators; left out, it is the validators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub committee: Vec<PublicKey>,
    /// Target time between blocks, in milliseconds; 0 means no pacing.
    #[serde(default = "defaults::block_time_ms")]
    pub block_time_ms: u64,
    /// Most transactions in a block.
    #[serde(default = "defaults::max_transactions_per_block")]
    pub max_transactions_per_block: u32,
    /// Greatest size of a block in bytes, witness included.
    #[serde(default = "defaults::max_block_size")]
    pub max_block_size: u32,
    /// Greatest sum of the system fees of a block, in datoshi.
    #[serde(default = "defaults::max_block_system_fee")]
    pub max_block_system_fee: Datoshi,
    /// Most transactions that wait in the memory pool.
    #[serde(default = "defaults::memory_pool_max")]
    pub memory_pool_max: u32,
    /// How many blocks ahead of the tip a transaction's expiry may lie.
    #[serde(default = "defaults::max_valid_until_block_increment")]
    pub max_valid_until_block_increment: u32,
    /// How many blocks back an on-chain `Conflicts` attribute still counts.
    #[serde(default = "defaults::max_traceable_blocks")]
    pub max_traceable_blocks: u32,
    /// GAS given to the validators' multi-signature account by the genesis block, in datoshi.
    #[serde(default = "defaults::initial_gas")]
    pub initial_gas: Datoshi,
    /// Greatest length of each script of a block witness, in bytes. Neo N3 nodes read 1,024.
    #[serde(default = "defaults::witness_limit")]
    pub witness_limit: u32,
}

mod defaults {
    use neo_primitives::Datoshi;

    pub(super) fn block_time_ms() -> u64 {
        1_000
    }
    pub(super) fn max_transactions_per_block() -> u32 {
        512
    }
    pub(super) fn max_block_size() -> u32 {
        2_097_152
    }
    pub(super) fn max_block_system_fee() -> Datoshi {
        Datoshi(150_000_000_000)
    }
    pub(super) fn memory_pool_max() -> u32 {
        50_000
    }
    pub(super) fn max_valid_until_block_increment() -> u32 {
        5_760
    }
    pub(super) fn max_traceable_blocks() -> u32 {
        2_102_400
    }
    pub(super) fn initial_gas() -> Datoshi {
        Datoshi(5_200_000_000_000_000)
    }
    pub(super) fn witness_limit() -> u32 {
        crate::policy::NEO_WITNESS_LIMIT
    }
}

impl GenesisConfig {
    /// A configuration with Neo's default limits for `magic` and these validators.
    #[must_use]
    pub fn new(magic: Magic, standby_validators: Vec<PublicKey>) -> Self {
        Self {
            magic,
            standby_validators,
            committee: Vec::new(),
            block_time_ms: defaults::block_time_ms(),
            max_transactions_per_block: defaults::max_transactions_per_block(),
            max_block_size: defaults::max_block_size(),
            max_block_system_fee: defaults::max_block_system_fee(),
            memory_pool_max: defaults::memory_pool_max(),
            max_valid_until_block_increment: defaults::max_valid_until_block_increment(),
            max_traceable_blocks: defaults::max_traceable_blocks(),
            initial_gas: defaults::initial_gas(),
            witness_limit: defaults::witness_limit(),
        }
    }

    /// The committee in rank order; the validators when none is configured.
    #[must_use]
    pub fn committee(&self) -> &[PublicKey] {
        if self.committee.is_empty() {
            &self.standby_validators
        } else {
            &self.committee
        }
    }

    /// The validators sorted as Neo sorts them (X, then Y): the signing set of every height.
    #[must_use]
    pub fn validators(&self) -> Vec<PublicKey> {
        let mut keys = self.standby_validators.clone();
        keys.sort();
        keys
    }

    /// The account that each header's `next_consensus` names.
    #[must_use]
    pub fn next_consensus(&self) -> UInt160 {
        consensus_address(&self.standby_validators)
    }

    /// The majority account of the committee, `m − (m−1)/2` of `m`: it may use `HighPriority`.
    /// `None` when its script cannot be built.
    #[must_use]
    pub fn committee_address(&self) -> Option<UInt160> {
        let committee = self.committee();
        let m = committee.len();
        let majority = m - m.saturating_sub(1) / 2;
        multisig_script(majority, committee)
            .ok()
            .map(|script| neo_primitives::hash160(&script))
    }

    /// The genesis block.
    #[must_use]
    pub fn genesis_block(&self) -> Block {
        genesis_block(&self.standby_validators)
    }

    /// The limits that blocks obey.
    #[must_use]
    pub fn limits(&self) -> BlockLimits {
        BlockLimits {
            max_transactions: self.max_transactions_per_block,
            max_block_size: self.max_block_size,
            max_block_system_fee: self.max_block_system_fee,
            max_transaction_size: crate::policy::MAX_TRANSACTION_SIZE,
            witness_limit: self.witness_limit,
        }
    }

    /// Target time between blocks.
    #[must_use]
    pub fn block_time(&self) -> Duration {
        Duration::from_millis(self.block_time_ms)
    }

    /// Bytes that a block takes besides its transactions: header, full witness, counts.
    #[must_use]
    pub fn block_overhead(&self) -> usize {
        let n = self.standby_validators.len();
        let invocation = bft_quorum(n).saturating_mul(66);
        let verification = multisig_length(n);
        // 109 hashed bytes, one witness, its two lengths, and the transaction count.
        invocation
            .saturating_add(verification)
            .saturating_add(109 + 1 + 5 + 5 + 5)
    }
}

/// Length of an m-of-n verification script with n keys, at most.
fn multisig_length(keys: usize) -> usize {
    keys.saturating_mul(35).saturating_add(3 + 3 + 5)
}
