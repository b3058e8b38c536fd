//! What defines a network: its genesis configuration.

use std::time::Duration;

use neo_primitives::{
    Block, Datoshi, Magic, PublicKey, UInt160, bft_quorum, consensus_address, genesis_block,
    multisig_script,
};
use serde::{Deserialize, Serialize};

use crate::contract::BlockLimits;

/// Most validators a network may have: their index is one byte.
pub const MAX_VALIDATORS: usize = 255;

/// The greatest initial GAS distribution, in datoshi. It leaves room for the 1 GAS that each of
/// 2^32 blocks can create, so that the supply always fits 63 bits.
pub const MAX_INITIAL_GAS: i64 = 8_000_000_000_000_000_000;

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

/// Why a genesis configuration is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The number of validators is outside 1..=255.
    #[error("a network has 1 to {MAX_VALIDATORS} validators, the configuration names {0}")]
    ValidatorCount(usize),
    /// A key stands twice in the committee or among the validators.
    #[error("public key {0} is named twice")]
    DuplicateKey(PublicKey),
    /// The committee does not begin with the validators.
    #[error("the first {validators} of the {committee} committee members must be the validators")]
    CommitteeOrder {
        /// Number of validators.
        validators: usize,
        /// Number of committee members.
        committee: usize,
    },
    /// The committee has more members than a multi-signature account can have.
    #[error("a committee has at most {MAX_COMMITTEE} members, the configuration names {0}")]
    CommitteeSize(usize),
    /// A block witness of this many validators is longer than the witness limit.
    #[error(
        "a block witness of {validators} validators takes {needed} bytes, witness_limit is {limit}"
    )]
    WitnessLimit {
        /// Number of validators.
        validators: usize,
        /// Length of the longer of the two witness scripts, in bytes.
        needed: usize,
        /// The configured limit.
        limit: u32,
    },
    /// A number is outside its range.
    #[error("{field} is {value}, it must be within {min}..={max}")]
    Range {
        /// The field's name.
        field: &'static str,
        /// Its value.
        value: i128,
        /// Least allowed value.
        min: i128,
        /// Greatest allowed value.
        max: i128,
    },
}

/// Most committee members: Neo's multi-signature accounts have at most 1,024 keys.
const MAX_COMMITTEE: usize = 1_024;

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

    /// Checks every rule that the fields have to fulfil together.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let validators = self.standby_validators.len();
        if !(1..=MAX_VALIDATORS).contains(&validators) {
            return Err(ConfigError::ValidatorCount(validators));
        }
        let committee = self.committee();
        if committee.len() > MAX_COMMITTEE {
            return Err(ConfigError::CommitteeSize(committee.len()));
        }
        for keys in [committee, &self.standby_validators] {
            let mut sorted: Vec<&PublicKey> = keys.iter().collect();
            sorted.sort();
            if let Some([key, _]) = sorted.array_windows().find(|[a, b]| a == b) {
                return Err(ConfigError::DuplicateKey((*key).clone()));
            }
        }
        let mut leading: Vec<&PublicKey> = committee.iter().take(validators).collect();
        let mut expected: Vec<&PublicKey> = self.standby_validators.iter().collect();
        leading.sort();
        expected.sort();
        if leading != expected {
            return Err(ConfigError::CommitteeOrder {
                validators,
                committee: committee.len(),
            });
        }
        let needed = witness_script_length(&self.standby_validators);
        if u32::try_from(needed).map_or(true, |needed| needed > self.witness_limit) {
            return Err(ConfigError::WitnessLimit {
                validators,
                needed,
                limit: self.witness_limit,
            });
        }
        self.validate_ranges()
    }

    fn validate_ranges(&self) -> Result<(), ConfigError> {
        let ranges: [(&'static str, i128, i128, i128); 7] = [
            ("block_time_ms", self.block_time_ms.into(), 0, 86_400_000),
            (
                "max_transactions_per_block",
                self.max_transactions_per_block.into(),
                1,
                65_535,
            ),
            (
                "max_block_size",
                self.max_block_size.into(),
                1_024,
                33_554_432,
            ),
            (
                "max_block_system_fee",
                self.max_block_system_fee.0.into(),
                1,
                i64::MAX.into(),
            ),
            (
                "memory_pool_max",
                self.memory_pool_max.into(),
                1,
                10_000_000,
            ),
            (
                "max_valid_until_block_increment",
                self.max_valid_until_block_increment.into(),
                1,
                i128::from(u32::MAX / 2),
            ),
            (
                "initial_gas",
                self.initial_gas.0.into(),
                0,
                MAX_INITIAL_GAS.into(),
            ),
        ];
        ranges
            .iter()
            .find(|(_, value, min, max)| value < min || value > max)
            .map_or(Ok(()), |&(field, value, min, max)| {
                Err(ConfigError::Range {
                    field,
                    value,
                    min,
                    max,
                })
            })
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

/// The longer of the two scripts of a block witness: `M` signatures of 66 bytes, or the exact
/// verification script of `n` keys.
fn witness_script_length(validators: &[PublicKey]) -> usize {
    let quorum = bft_quorum(validators.len());
    let script = multisig_script(quorum, validators)
        .map_or_else(|_| multisig_length(validators.len()), |script| script.len());
    quorum.saturating_mul(66).max(script)
}

#[cfg(test)]
mod tests {
    use neo_primitives::PrivateKey;

    use super::*;

    fn keys(count: usize) -> Vec<PublicKey> {
        (0..count)
            .map(|_| PrivateKey::generate().public_key().clone())
            .collect()
    }

    fn config(validators: usize) -> GenesisConfig {
        GenesisConfig::new(Magic(42), keys(validators))
    }

    #[test]
    fn json_comes_back_and_unknown_keys_are_refused() {
        let mut config = config(4);
        config.committee = [config.standby_validators.clone(), keys(3)].concat();
        let json = serde_json::to_value(&config).unwrap();
        assert_eq!(
            serde_json::from_value::<GenesisConfig>(json.clone()).unwrap(),
            config
        );
        let mut unknown = json;
        unknown["block_tiem_ms"] = 1.into();
        let error = serde_json::from_value::<GenesisConfig>(unknown).unwrap_err();
        assert!(error.to_string().contains("block_tiem_ms"), "{error}");
    }

    #[test]
    fn defaults_are_neos() {
        let validators = serde_json::to_value(keys(1)).unwrap();
        let json = serde_json::json!({"magic": 7, "standby_validators": validators});
        let config: GenesisConfig = serde_json::from_value(json).unwrap();
        assert_eq!(config.max_transactions_per_block, 512);
        assert_eq!(config.memory_pool_max, 50_000);
        assert_eq!(config.witness_limit, 1_024);
        assert_eq!(config.initial_gas, Datoshi(5_200_000_000_000_000));
        assert_eq!(config.committee(), config.standby_validators);
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn twenty_two_validators_are_the_most_that_a_neo_node_reads() {
        assert_eq!(config(22).validate(), Ok(()));
        let mut more = config(23);
        let refused = more.validate().unwrap_err();
        assert!(
            matches!(refused, ConfigError::WitnessLimit { needed: 1_056, .. }),
            "{refused}"
        );
        more.witness_limit = 2_048;
        assert_eq!(more.validate(), Ok(()));
        let mut most = config(255);
        most.witness_limit = 65_535;
        assert_eq!(most.validate(), Ok(()));
        assert_eq!(
            config(256).validate(),
            Err(ConfigError::ValidatorCount(256))
        );
        assert_eq!(config(0).validate(), Err(ConfigError::ValidatorCount(0)));
    }

    #[test]
    fn keys_are_different_and_the_committee_begins_with_the_validators() {
        let mut twice = config(4);
        twice.standby_validators[3] = twice.standby_validators[0].clone();
        assert!(matches!(
            twice.validate(),
            Err(ConfigError::DuplicateKey(_))
        ));
        let mut foreign = config(4);
        foreign.committee = keys(7);
        let refused = foreign.validate().unwrap_err();
        assert_eq!(
            refused,
            ConfigError::CommitteeOrder {
                validators: 4,
                committee: 7
            }
        );
        let mut short = config(4);
        short.committee = short.standby_validators[..3].to_vec();
        assert!(matches!(
            short.validate(),
            Err(ConfigError::CommitteeOrder { .. })
        ));
    }

    #[test]
    fn numbers_have_ranges() {
        let mut much = config(1);
        much.initial_gas = Datoshi(MAX_INITIAL_GAS + 1);
        let refused = much.validate().unwrap_err();
        assert!(
            matches!(
                refused,
                ConfigError::Range {
                    field: "initial_gas",
                    ..
                }
            ),
            "{refused}"
        );
        let mut none = config(1);
        none.max_transactions_per_block = 0;
        assert!(matches!(none.validate(), Err(ConfigError::Range { .. })));
    }
}
