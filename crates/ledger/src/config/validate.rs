//! Which genesis configurations are usable.

use neo_primitives::{PublicKey, bft_quorum, multisig_script};

use super::{GenesisConfig, multisig_length};

/// Most validators a network may have: their index is one byte.
pub const MAX_VALIDATORS: usize = 255;

/// The greatest initial GAS distribution, in datoshi. It leaves room for the 1 GAS that each of
/// 2^32 blocks can create, so that the supply always fits 63 bits.
pub const MAX_INITIAL_GAS: i64 = 8_000_000_000_000_000_000;

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

    /// Whether Neo N3 nodes can read the blocks: the witness of so many validators keeps within their limit
    /// (22 validators at most).
    #[must_use]
    pub fn is_readable_by_neo(&self) -> bool {
        witness_script_length(&self.standby_validators) <= crate::policy::NEO_WITNESS_LIMIT as usize
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
    use neo_primitives::{Datoshi, Magic, PrivateKey};

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
        assert!(config(22).is_readable_by_neo() && !config(23).is_readable_by_neo());
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
