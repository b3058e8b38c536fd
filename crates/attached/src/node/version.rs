//! What a node says of itself, held against the configured network.

use std::time::Duration;

use neo_ledger::GenesisConfig;
use neo_primitives::PublicKey;
use neo_rpc::Call;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Node;
use crate::error::NodeError;

/// Longest block time that is believed, in milliseconds. Neo's policy contract allows 30 s.
const MAX_BLOCK_TIME_MS: u64 = 3_600_000;

/// What of a node's `getversion` matters, after it was found to be of the configured network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// Time between blocks in force now.
    pub(crate) block_time: Duration,
    /// Most transactions in a block.
    pub(crate) max_transactions: u32,
    /// Whether it is neo-go. Then the checks of its memory pool come last, after all others.
    pub(crate) is_neo_go: bool,
}

#[derive(Deserialize)]
struct Answer {
    useragent: String,
    protocol: Protocol,
}

#[derive(Deserialize)]
struct Protocol {
    network: u32,
    msperblock: u64,
    maxtransactionsperblock: u32,
    validatorscount: usize,
    standbycommittee: Vec<PublicKey>,
}

impl Node {
    /// The call that [`Node::read_version`] reads the answer of.
    pub(super) fn version_call() -> Call {
        Call::new("getversion", json!([]))
    }

    /// Reads `getversion` and holds it against the configuration of the network.
    pub(super) fn read_version(
        &self,
        result: Value,
        config: &GenesisConfig,
    ) -> Result<Version, NodeError> {
        let Answer {
            useragent,
            protocol,
        } = self.read("getversion", result)?;
        let other = |field, found: String, expected: String| NodeError::OtherNetwork {
            endpoint: self.endpoint().clone(),
            field,
            found,
            expected,
        };
        if protocol.network != config.magic.0 {
            let (found, expected) = (protocol.network.to_string(), config.magic.to_string());
            return Err(other("protocol.network", found, expected));
        }
        let validators = config.standby_validators.len();
        if protocol.validatorscount != validators {
            let found = protocol.validatorscount.to_string();
            let expected = validators.to_string();
            return Err(other("protocol.validatorscount", found, expected));
        }
        let committee = config.committee();
        if protocol.standbycommittee != committee {
            let list = |keys: &[PublicKey]| {
                let keys: Vec<String> = keys.iter().take(30).map(ToString::to_string).collect();
                format!("[{}]", keys.join(", "))
            };
            let (found, expected) = (list(&protocol.standbycommittee), list(committee));
            return Err(other("protocol.standbycommittee", found, expected));
        }
        let odd = |field: &str, problem: String| self.field("getversion", field, problem);
        if !(1..=MAX_BLOCK_TIME_MS).contains(&protocol.msperblock) {
            let problem = format!("{} is not in 1..={MAX_BLOCK_TIME_MS}", protocol.msperblock);
            return Err(odd("protocol.msperblock", problem));
        }
        if !(1..=65_535).contains(&protocol.maxtransactionsperblock) {
            let problem = format!("{} is not in 1..=65535", protocol.maxtransactionsperblock);
            return Err(odd("protocol.maxtransactionsperblock", problem));
        }
        Ok(Version {
            block_time: Duration::from_millis(protocol.msperblock),
            max_transactions: protocol.maxtransactionsperblock,
            is_neo_go: useragent.contains("NEO-GO"),
        })
    }
}
