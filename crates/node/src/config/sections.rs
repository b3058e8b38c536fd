//! The sections of a configuration.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use neo_consensus::tuning::Bounds;
use neo_consensus::v3::timing::TimerSettings;
use neo_ledger::GenesisConfig;
use neo_network::{Endpoint, PeerAddress};
use neo_primitives::PublicKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{GenesisDocument, PublicKeyText};

/// Number of dBFT 2.0.
pub(super) const DBFT_2: u32 = 2;
/// Number of dBFT 3.0.
pub(super) const DBFT_3: u32 = 3;

/// The network and its rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtocolConfig {
    /// Version of the consensus protocol: 3, or 2 beside neo-go and C# nodes.
    #[schemars(range(min = 2, max = 3))]
    pub version: u32,
    /// The genesis configuration.
    #[schemars(with = "GenesisDocument")]
    pub genesis: GenesisConfig,
}

impl ProtocolConfig {
    /// Whether this is dBFT 2.0, over Neo N3's own P2P protocol.
    #[must_use]
    pub fn is_dbft_2(&self) -> bool {
        self.version == DBFT_2
    }
}

/// Where the validator's key is, and where its password comes from. Without `password_file` and
/// `password_env` the node asks for it at the terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletConfig {
    /// The NEP-6 wallet.
    pub path: PathBuf,
    /// File with the password, readable by its owner only. A line end after the password is not part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Name of the environment variable with the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
}

/// A remote signer (docs/operations.md), which has the validator's key instead of a wallet here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignerSection {
    /// Where it listens: `http://HOST:PORT`.
    pub endpoint: String,
    /// The validator's key.
    #[schemars(with = "PublicKeyText")]
    pub public_key: PublicKey,
    /// Longest time of an answer, in milliseconds.
    #[serde(default = "defaults::signer_timeout_ms")]
    #[schemars(range(min = 10, max = 60_000))]
    pub timeout_ms: u64,
}

/// Timers of consensus (docs/protocol.md section 8). They are local: validators may differ. dBFT 2.0 has of these only
/// `enabled` and `max_block_time_ms`, its `MaxTimePerBlock`, and the threads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConsensusConfig {
    /// Whether this node votes, if it has a validator key.
    pub enabled: bool,
    /// How long a view may take from the moment its block is due, in milliseconds.
    #[schemars(range(min = 10, max = 600_000))]
    pub base_timeout_ms: u64,
    /// Growth of that time with each failed view of a height.
    #[schemars(range(min = 1.0, max = 10.0))]
    pub backoff_multiplier: f64,
    /// Longest time of a view, in milliseconds.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub max_timeout_ms: u64,
    /// Interval of repeating what may have been lost, in milliseconds.
    #[schemars(range(min = 10, max = 60_000))]
    pub resend_interval_ms: u64,
    /// Least time of a view that adapting arrives at, in milliseconds.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub min_timeout_ms: u64,
    /// Failed views of a height after which the time of a view grows no more.
    #[schemars(range(max = 64))]
    pub max_retries: u32,
    /// Longest time between two blocks when there are no transactions, in milliseconds; 0 for the block
    /// time of the network.
    #[schemars(range(max = 3_600_000))]
    pub max_block_time_ms: u64,
    /// Without a decision for this long everything is repeated, in milliseconds.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub emergency_after_ms: u64,
    /// Whether the time of a view follows what views take.
    pub adaptive: bool,
    /// Fewer transactions than this are in an own block only when no more wait: tuning stops here.
    #[schemars(range(min = 1, max = 65_535))]
    pub min_block_transactions: u32,
    /// Most transactions of an own block; the network's limit holds, too.
    #[schemars(range(min = 1, max = 65_535))]
    pub max_block_transactions: u32,
    /// Fewest threads that check the signatures of consensus messages: tuning stops here.
    #[schemars(range(min = 1, max = 256))]
    pub min_verification_threads: u32,
    /// Most of them; the number of processors holds, too.
    #[schemars(range(min = 1, max = 256))]
    pub max_verification_threads: u32,
}

impl Default for ConsensusConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            base_timeout_ms: 1_000,
            backoff_multiplier: 2.0,
            max_timeout_ms: 30_000,
            resend_interval_ms: 100,
            min_timeout_ms: 200,
            max_retries: 5,
            max_block_time_ms: 0,
            emergency_after_ms: 10_000,
            adaptive: true,
            min_block_transactions: 16,
            max_block_transactions: 65_535,
            min_verification_threads: 2,
            max_verification_threads: 64,
        }
    }
}

impl ConsensusConfig {
    /// Bounds of the own blocks' size as the engine takes them.
    #[must_use]
    pub fn transactions(&self) -> Bounds {
        Bounds {
            least: u64::from(self.min_block_transactions),
            most: u64::from(self.max_block_transactions),
        }
    }

    /// Bounds of the verification pool.
    #[must_use]
    pub fn verification_threads(&self) -> Bounds {
        Bounds {
            least: u64::from(self.min_verification_threads),
            most: u64::from(self.max_verification_threads),
        }
    }

    /// The timers as the engine takes them.
    #[must_use]
    pub fn timers(&self) -> TimerSettings {
        TimerSettings {
            base_timeout: Duration::from_millis(self.base_timeout_ms),
            backoff_multiplier: self.backoff_multiplier,
            max_timeout: Duration::from_millis(self.max_timeout_ms),
            resend_interval: Duration::from_millis(self.resend_interval_ms),
            min_timeout: Duration::from_millis(self.min_timeout_ms),
            max_retries: self.max_retries,
            max_block_time: Duration::from_millis(self.max_block_time_ms),
            emergency_after: Duration::from_millis(self.emergency_after_ms),
            adaptive: self.adaptive,
        }
    }
}

/// Listeners and peers of the node network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSection {
    /// Address to listen on, over QUIC (UDP) and TCP on the same port; none for a node that only dials.
    #[schemars(with = "Vec<String>", length(max = 1))]
    pub listen: Vec<SocketAddr>,
    /// Peers that are dialled until they are connected.
    #[schemars(length(max = 1024))]
    pub peers: Vec<PeerConfig>,
    /// Most connected peers that are no validators.
    #[schemars(range(max = 10_000))]
    pub max_strangers: usize,
    /// Interval of heartbeats between validators, in milliseconds.
    #[schemars(range(min = 10, max = 10_000))]
    pub heartbeat_ms: u64,
    /// Most incoming connections from one address; loopback addresses are not counted.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_connections_per_address: u32,
    /// Most peers that are dialled at a time.
    #[schemars(range(min = 1, max = 1_024))]
    pub max_dials: usize,
    /// Length of a first ban, in seconds; each further one lasts twice as long, up to `ban_most_s`.
    #[schemars(range(min = 1, max = 86_400))]
    pub ban_s: u64,
    /// Longest ban of a peer that is no validator, in seconds. Of a validator: 300, or `ban_s` if that is more.
    #[schemars(range(min = 1, max = 604_800))]
    pub ban_most_s: u64,
    /// Fewest peers that a batch of transactions goes to at once; the others get it 50 ms later. Tuning stops here.
    #[schemars(range(min = 1, max = 1_024))]
    pub min_fan_out: u32,
    /// Most of them; at first there are as many.
    #[schemars(range(min = 1, max = 1_024))]
    pub max_fan_out: u32,
}

impl NetworkSection {
    /// Bounds of the gossip's fan-out.
    #[must_use]
    pub fn fan_out(&self) -> Bounds {
        Bounds {
            least: u64::from(self.min_fan_out),
            most: u64::from(self.max_fan_out),
        }
    }
}

impl Default for NetworkSection {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            peers: Vec::new(),
            max_strangers: 64,
            heartbeat_ms: 100,
            max_connections_per_address: 64,
            max_dials: 64,
            ban_s: 30,
            ban_most_s: 3_600,
            min_fan_out: 4,
            max_fan_out: 1_024,
        }
    }
}

/// A peer that is dialled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    /// Its validator key, where it is a validator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<PublicKeyText>")]
    pub public_key: Option<PublicKey>,
    /// Where to reach it, in this order: `host:port` or a multiaddress.
    #[serde(with = "endpoints")]
    #[schemars(with = "Vec<String>", length(min = 1, max = 16))]
    pub addresses: Vec<Endpoint>,
}

impl PeerConfig {
    /// The peer as the network takes it.
    #[must_use]
    pub fn to_peer_address(&self) -> PeerAddress {
        PeerAddress {
            public_key: self.public_key.clone(),
            addresses: self.addresses.clone(),
        }
    }
}

mod endpoints {
    use neo_network::Endpoint;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// One address, so that an error names its position.
    struct One(Endpoint);

    impl<'de> Deserialize<'de> for One {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            text.parse().map(Self).map_err(D::Error::custom)
        }
    }

    pub(super) fn serialize<S: Serializer>(list: &[Endpoint], out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(list.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Endpoint>, D::Error> {
        let list = Vec::<One>::deserialize(deserializer)?;
        Ok(list.into_iter().map(|one| one.0).collect())
    }
}

/// The JSON-RPC server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RpcConfig {
    /// Address to listen on.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Longest body of a request, in bytes.
    #[serde(default = "defaults::max_body_bytes")]
    #[schemars(range(min = 1_024, max = 134_217_728))]
    pub max_body_bytes: usize,
    /// Most calls in a batch.
    #[serde(default = "defaults::max_batch")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_batch: usize,
    /// Most connections at a time; further ones wait.
    #[serde(default = "defaults::max_connections")]
    #[schemars(range(min = 1, max = 65_536))]
    pub max_connections: usize,
    /// Longest time of a request from its first byte to its answer, in milliseconds.
    #[serde(default = "defaults::request_timeout_ms")]
    #[schemars(range(min = 100, max = 600_000))]
    pub request_timeout_ms: u64,
    /// Most transactions that wait for admission to the memory pool.
    #[serde(default = "defaults::admission_queue")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub admission_queue: usize,
}

impl RpcConfig {
    /// A server at this address with the default limits.
    #[must_use]
    pub fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            max_body_bytes: defaults::max_body_bytes(),
            max_batch: defaults::max_batch(),
            max_connections: defaults::max_connections(),
            request_timeout_ms: defaults::request_timeout_ms(),
            admission_queue: defaults::admission_queue(),
        }
    }
}

mod defaults {
    pub(super) fn signer_timeout_ms() -> u64 {
        1_000
    }
    pub(super) fn max_body_bytes() -> usize {
        5 << 20
    }
    pub(super) fn max_batch() -> usize {
        256
    }
    pub(super) fn max_connections() -> usize {
        1_024
    }
    pub(super) fn request_timeout_ms() -> u64 {
        30_000
    }
    pub(super) fn admission_queue() -> usize {
        16_384
    }
}

/// The Prometheus server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// Address to listen on; `GET /metrics` there.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
}

/// Checkpoints of the chain, which a running node writes by itself: what a store that is gone or damaged is restored
/// from (docs/operations.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointConfig {
    /// A checkpoint is written whenever this many blocks were stored since the last one; 0 writes none.
    pub interval: u32,
    /// Newest checkpoints that are kept; older ones are removed after a new one is written.
    #[schemars(range(min = 1, max = 1_000))]
    pub keep: usize,
    /// Folder of the checkpoints; left out, `checkpoints` in the data folder. Another disk survives the loss of this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self {
            interval: 1_000,
            keep: 3,
            folder: None,
        }
    }
}

/// What is logged, to standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Least severity that is logged.
    pub level: LogLevel,
    /// Form of the lines.
    pub format: LogFormat,
}

/// Severity of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What an operator must act on.
    Error,
    /// What an operator should look at.
    Warn,
    /// What happens normally.
    #[default]
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The level as `tracing` names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
