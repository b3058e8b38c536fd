//! The section that says who keeps the chain.

use std::time::Duration;

use neo_attached::{AttachedConfig, Timing, Trusted};
use neo_ledger::GenesisConfig;
use neo_primitives::{Height, UInt256};
use neo_rpc::Endpoint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::check::{conflict, within};

/// Leaders of dBFT 3.0 are counted anew at each multiple of this height.
const LEADER_SPAN: u32 = 10_000;

/// Who keeps the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LedgerKind {
    /// This process: it executes transfers of NEO and GAS, and nothing else.
    #[default]
    Embedded,
    /// Neo nodes beside it, neo-go or C#, whose own consensus is off: they execute everything.
    Attached,
}

/// Who keeps the chain: this process, or Neo nodes beside it. All keys but `kind` are of an attached ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerSection {
    /// `embedded` or `attached`.
    pub kind: LedgerKind,
    /// The Neo nodes, the preferred one first. The first that is healthy and synchronised serves.
    #[schemars(length(max = 16))]
    pub nodes: Vec<AttachedNode>,
    /// A block that the operator vouches for: a chain that is not held yet begins there instead of at genesis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted: Option<TrustedBlock>,
    /// How often each node is looked at, in milliseconds.
    #[schemars(range(min = 10, max = 10_000))]
    pub poll_ms: u64,
    /// Longest wait for one answer of a node, in milliseconds.
    #[schemars(range(min = 100, max = 60_000))]
    pub timeout_ms: u64,
    /// How long a question of consensus tries nodes before it counts as not answered, in milliseconds.
    #[schemars(range(min = 100, max = 600_000))]
    pub patience_ms: u64,
    /// Blocks below the tip that are kept whole, for nodes and peers that are behind.
    #[schemars(range(min = 16, max = 1_000_000))]
    pub kept_blocks: u32,
}

/// A Neo node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachedNode {
    /// Its JSON-RPC server: `http://HOST:PORT`, over a private path: what it says of transactions is believed.
    pub rpc: String,
}

/// A block that the operator vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedBlock {
    /// Its height.
    #[schemars(with = "u32")]
    pub height: Height,
    /// Its hash, as explorers show it.
    #[schemars(with = "String")]
    pub hash: UInt256,
}

impl Default for LedgerSection {
    fn default() -> Self {
        let timing = Timing::default();
        let millis = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        Self {
            kind: LedgerKind::Embedded,
            nodes: Vec::new(),
            trusted: None,
            poll_ms: millis(timing.poll),
            timeout_ms: millis(timing.timeout),
            patience_ms: millis(timing.patience),
            kept_blocks: neo_attached::KEPT_BLOCKS,
        }
    }
}

impl LedgerSection {
    /// Whether Neo nodes keep the chain.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.kind == LedgerKind::Attached
    }

    /// Whether the section says nothing.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !self.is_attached() {
            return match self.is_default() {
                true => Ok(()),
                false => {
                    let problem =
                        "the embedded ledger has no other keys; \"kind\": \"attached\" has";
                    Err(conflict("ledger", problem))
                }
            };
        }
        within("ledger.nodes: number of nodes", self.nodes.len(), 1, 16)?;
        within("ledger.poll_ms", self.poll_ms, 10, 10_000)?;
        within("ledger.timeout_ms", self.timeout_ms, 100, 60_000)?;
        within("ledger.patience_ms", self.patience_ms, 100, 600_000)?;
        within("ledger.kept_blocks", self.kept_blocks, 16, 1_000_000)?;
        let endpoints = self.endpoints()?;
        for (position, endpoint) in endpoints.iter().enumerate() {
            if endpoints
                .iter()
                .take(position)
                .any(|other| other == endpoint)
            {
                let at = format!("ledger.nodes[{position}].rpc");
                return Err(conflict(at, format!("{endpoint} is named twice")));
            }
        }
        Ok(())
    }

    fn endpoints(&self) -> Result<Vec<Endpoint>, ConfigError> {
        let parse = |(position, node): (usize, &AttachedNode)| {
            node.rpc.parse().map_err(|problem: String| {
                conflict(format!("ledger.nodes[{position}].rpc"), problem)
            })
        };
        self.nodes.iter().enumerate().map(parse).collect()
    }

    /// What the attached ledger of a network is opened with.
    ///
    /// # Errors
    /// When an address is none; [`super::NodeConfig::check`] finds that, too.
    pub fn attached(&self, genesis: &GenesisConfig) -> Result<AttachedConfig, ConfigError> {
        let usual = AttachedConfig::new(genesis.clone(), self.endpoints()?);
        Ok(AttachedConfig {
            trusted: self.trusted.map(|trusted| Trusted {
                height: trusted.height,
                hash: trusted.hash,
                from: Height(trusted.height.0 - trusted.height.0 % LEADER_SPAN),
            }),
            timing: Timing {
                poll: Duration::from_millis(self.poll_ms),
                timeout: Duration::from_millis(self.timeout_ms),
                patience: Duration::from_millis(self.patience_ms),
                ..usual.timing
            },
            kept_blocks: self.kept_blocks,
            ..usual
        })
    }
}

#[cfg(test)]
mod tests {
    use neo_primitives::{Magic, PrivateKey};
    use serde_json::{Value, json};

    use super::*;

    fn section(document: Value) -> LedgerSection {
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn without_a_word_the_ledger_is_embedded() {
        let embedded = section(json!({"kind": "embedded"}));
        assert_eq!(embedded, LedgerSection::default());
        assert!(embedded.check().is_ok() && !embedded.is_attached());
    }

    #[test]
    fn an_attached_ledger_has_its_nodes_and_begins_at_the_trusted_block() {
        let key = PrivateKey::generate().public_key().clone();
        let genesis = GenesisConfig::new(Magic(5), vec![key]);
        let hash = UInt256::from_wire([7; 32]);
        let of = section(json!({
            "kind": "attached",
            "nodes": [{"rpc": "http://127.0.0.1:10332"}, {"rpc": "localhost:10333"}],
            "trusted": {"height": 34_567, "hash": hash},
            "patience_ms": 9_000,
        }));
        of.check().unwrap();
        let config = of.attached(&genesis).unwrap();
        assert_eq!(config.genesis, genesis);
        assert_eq!(config.nodes[1].authority(), "localhost:10333");
        let from = Height(30_000);
        let height = Height(34_567);
        assert_eq!(config.trusted, Some(Trusted { height, hash, from }));
        assert_eq!(config.timing.patience, Duration::from_secs(9));
        assert_eq!(config.timing.poll, Timing::default().poll);
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let node = |rpc: &str| json!({"rpc": rpc});
        for (document, problem) in [
            (
                json!({"kind": "attached"}),
                "ledger.nodes: number of nodes: 0",
            ),
            (
                json!({"nodes": [node("a:1")]}),
                "ledger: the embedded ledger has no other keys",
            ),
            (
                json!({"kind": "attached", "nodes": [node("a:1"), node("https://b:1")]}),
                "ledger.nodes[1].rpc: `https://b:1`: TLS",
            ),
            (
                json!({"kind": "attached", "nodes": [node("a:1"), node("http://a:1")]}),
                "ledger.nodes[1].rpc: http://a:1 is named twice",
            ),
            (
                json!({"kind": "attached", "nodes": [node("a:1")], "poll_ms": 1}),
                "ledger.poll_ms: 1 is not within 10",
            ),
        ] {
            let error = section(document).check().unwrap_err().to_string();
            assert!(error.starts_with(problem), "{error}");
        }
    }
}
