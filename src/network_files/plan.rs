//! What a new network shall be.

use std::str::FromStr;
use std::time::Duration;

use neo_ledger::{ConfigError, GenesisConfig};
use neo_primitives::wallet::ScryptParams;
use neo_primitives::{Magic, PublicKey};

use super::NodePorts;

/// Most validators of a network whose blocks Neo N3 nodes can read.
pub(crate) const NEO_VALIDATORS: usize = 22;

/// Most transactions of a block in networks made here; Neo's default of 512 holds for its 15 seconds.
const MAX_BLOCK_TRANSACTIONS: u32 = 10_000;

/// How far ahead a transaction's expiry may lie: the blocks of one day, as Neo counts it.
const EXPIRY_MILLIS: u64 = 86_400_000;

/// The consensus protocol of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ProtocolVersion {
    /// dBFT 2.0 over Neo N3's own P2P, as neo-go and C# nodes speak it.
    V2,
    /// dBFT 3.0 over the mesh.
    #[default]
    V3,
}

impl ProtocolVersion {
    /// The number in configurations.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }

    /// The protocol with this number.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        [Self::V2, Self::V3]
            .into_iter()
            .find(|version| version.number() == number)
    }
}

impl FromStr for ProtocolVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok();
        number
            .and_then(Self::from_number)
            .ok_or_else(|| format!("`{text}` is no consensus protocol: 2 (as Neo N3 has it) or 3"))
    }
}

/// Who keeps the chain of the validators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LedgerChoice {
    /// Each keeps it itself.
    #[default]
    Embedded,
    /// A neo-go node beside each, whose own consensus is off.
    Attached,
}

impl LedgerChoice {
    /// Its name in configurations.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Attached => "attached",
        }
    }
}

/// What a new network shall be.
#[derive(Clone, Debug)]
pub(crate) struct NetworkPlan {
    /// Number of validators.
    pub(crate) validators: usize,
    /// How they agree.
    pub(crate) protocol: ProtocolVersion,
    /// How many of them, the last ones, are neo-go processes.
    pub(crate) neo_go: usize,
    /// Ports of the Neo nodes that keep the chain, one beside each validator; none if each keeps it itself.
    pub(crate) neo_nodes: Vec<NodePorts>,
    /// Whether each validator has the Neo node of the next one as its second one.
    pub(crate) spare_neo_nodes: bool,
    /// With how many others the neo-go validators begin with consensus, if not with 2f.
    pub(crate) neo_go_min_peers: Option<usize>,
    /// Target time between blocks; zero for no pacing.
    pub(crate) block_time: Duration,
    /// Network magic.
    pub(crate) magic: Magic,
    /// Greatest length of a block witness script, if it shall not be Neo's.
    pub(crate) witness_limit: Option<u32>,
    /// Ports of each node.
    pub(crate) ports: Vec<NodePorts>,
    /// Cost of opening the wallets.
    pub(crate) scrypt: ScryptParams,
}

impl NetworkPlan {
    /// The genesis configuration with these validators.
    ///
    /// # Errors
    /// If there is no such network; the text says what to change.
    pub(crate) fn genesis(&self, validators: Vec<PublicKey>) -> Result<GenesisConfig, String> {
        let block_time_ms = u64::try_from(self.block_time.as_millis())
            .map_err(|_| format!("block time {:?} is out of range", self.block_time))?;
        let expiry = EXPIRY_MILLIS / block_time_ms.max(1);
        let mut genesis = GenesisConfig::new(self.magic, validators);
        genesis.block_time_ms = block_time_ms;
        genesis.max_transactions_per_block = MAX_BLOCK_TRANSACTIONS;
        genesis.max_valid_until_block_increment =
            u32::try_from(expiry).unwrap_or(u32::MAX / 2).max(1);
        if let Some(limit) = self.witness_limit {
            genesis.witness_limit = limit;
        }
        genesis.validate().map_err(|error| match error {
            ConfigError::WitnessLimit {
                validators,
                needed,
                limit,
            } if self.witness_limit.is_none() => format!(
                "{validators} validators sign a block with {needed} bytes, Neo N3 nodes read {limit} \
                 ({NEO_VALIDATORS} validators): give --witness-limit {needed} or more to make a network \
                 that Neo nodes cannot read"
            ),
            other => other.to_string(),
        })?;
        Ok(genesis)
    }

    /// A magic that no known network has.
    pub(crate) fn random_magic() -> Magic {
        const KNOWN: [u32; 3] = [0, 860_833_102, 894_710_606];
        loop {
            let magic = rand::random::<u32>();
            if !KNOWN.contains(&magic) {
                return Magic(magic);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::PrivateKey;

    fn plan(
        validators: usize,
        block_time_ms: u64,
        witness_limit: Option<u32>,
    ) -> Result<GenesisConfig, String> {
        let keys = (0..validators).map(|_| PrivateKey::generate().public_key().clone());
        let plan = NetworkPlan {
            validators,
            protocol: ProtocolVersion::V3,
            neo_go: 0,
            neo_nodes: Vec::new(),
            spare_neo_nodes: false,
            neo_go_min_peers: None,
            block_time: Duration::from_millis(block_time_ms),
            magic: Magic(7),
            witness_limit,
            ports: Vec::new(),
            scrypt: ScryptParams::default(),
        };
        plan.genesis(keys.collect())
    }

    #[test]
    fn protocols_have_their_numbers() {
        assert_eq!("2".parse(), Ok(ProtocolVersion::V2));
        assert_eq!("3".parse(), Ok(ProtocolVersion::V3));
        for text in ["", "1", "4", "two"] {
            let error = text.parse::<ProtocolVersion>().unwrap_err();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn transactions_may_live_for_a_day_of_blocks() {
        for (block_time, blocks) in [
            (1_000, 86_400),
            (500, 172_800),
            (0, 86_400_000),
            (15_000, 5_760),
        ] {
            let genesis = plan(4, block_time, None).unwrap();
            assert_eq!(genesis.max_valid_until_block_increment, blocks);
            assert_eq!(genesis.block_time_ms, block_time);
        }
    }

    #[test]
    fn more_than_22_validators_need_an_explicit_witness_limit() {
        assert!(plan(22, 1_000, None).is_ok());
        let error = plan(23, 1_000, None).unwrap_err();
        assert!(
            error.contains("--witness-limit 1056") && error.contains("Neo nodes cannot read"),
            "{error}"
        );
        assert!(plan(23, 1_000, Some(1_055)).is_err());
        assert_eq!(plan(23, 1_000, Some(1_056)).unwrap().witness_limit, 1_056);
    }
}
