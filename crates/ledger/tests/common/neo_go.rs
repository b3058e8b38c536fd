//! A neo-go node without consensus that verifies what our ledger made.

// Each test uses a part of this.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use neo_ledger::GenesisConfig;

#[path = "neo_go_process.rs"]
mod process;

pub use process::{NeoGo, free_port};

/// What a node is told besides the rules of its network.
pub struct Setup {
    /// Port of its JSON-RPC.
    pub rpc: u16,
    /// Where it takes connections: `host:port`.
    pub listen: String,
    /// Whom it dials; nobody, and it relays nothing.
    pub seeds: Vec<String>,
    /// Wallet and password of a validator; without them its consensus is off.
    pub wallet: Option<(PathBuf, String)>,
}

impl Setup {
    /// A node by itself.
    pub fn alone() -> Self {
        Self {
            rpc: free_port(),
            listen: "127.0.0.1:0".to_owned(),
            seeds: Vec::new(),
            wallet: None,
        }
    }

    /// Starts the node in this network.
    pub fn start(&self, config: &GenesisConfig) -> NeoGo {
        NeoGo::with_configuration(&protocol(config, self), self.rpc)
    }
}

impl NeoGo {
    /// Its program, for what it does besides running a node.
    pub fn program() -> std::path::PathBuf {
        process::binary()
    }

    /// Starts a node of the network, without consensus and with verification of transactions.
    pub fn start(config: &GenesisConfig) -> Self {
        Setup::alone().start(config)
    }

    /// Starts the only validator of a network, whose key is in this wallet.
    pub fn start_validator(config: &GenesisConfig, wallet: &Path, password: &str) -> Self {
        let wallet = Some((wallet.to_owned(), password.to_owned()));
        let setup = Setup {
            wallet,
            ..Setup::alone()
        };
        setup.start(config)
    }
}

/// The node's configuration for the network.
fn protocol(config: &GenesisConfig, setup: &Setup) -> String {
    let committee: String = config
        .committee()
        .iter()
        .map(|key| format!("    - {key}\n"))
        .collect();
    let initial_gas = config.initial_gas.0 / 100_000_000;
    let seeds = setup.seeds.iter().map(|seed| format!("\"{seed}\""));
    let seeds = seeds.collect::<Vec<_>>().join(", ");
    let relays = !setup.seeds.is_empty();
    let consensus = match &setup.wallet {
        None => "    Enabled: false".to_owned(),
        Some((path, password)) => format!(
            "    Enabled: true
    UnlockWallet:
      Path: \"{}\"
      Password: \"{password}\"",
            path.display()
        ),
    };
    format!(
        "ProtocolConfiguration:
  Magic: {magic}
  MaxTraceableBlocks: {traceable}
  MaxValidUntilBlockIncrement: {increment}
  MaxTransactionsPerBlock: {transactions}
  MaxBlockSize: {size}
  MaxBlockSystemFee: {fee}
  InitialGASSupply: {initial_gas}
  TimePerBlock: {block_time}ms
  MemPoolSize: 50000
  StandbyCommittee:
{committee}  ValidatorsCount: {validators}
  SeedList: [{seeds}]
  VerifyTransactions: true
  P2PSigExtensions: false
  Hardforks:
    Aspidochelone: 0
    Basilisk: 0
    Cockatrice: 0
    Domovoi: 0
    Echidna: 0
    Faun: 0
ApplicationConfiguration:
  DBConfiguration:
    Type: inmemory
  P2P:
    Addresses:
      - \"{listen}\"
    MinPeers: {min_peers}
    MaxPeers: 50
    AttemptConnPeers: {attempts}
    PingInterval: 1s
    ProtoTickInterval: 500ms
  Relay: {relays}
  Consensus:
{consensus}
  RPC:
    Enabled: true
    Addresses:
      - \"127.0.0.1:{port}\"
    MaxGasInvoke: 100
  Prometheus:
    Enabled: false
  Pprof:
    Enabled: false
",
        magic = config.magic,
        traceable = config.max_traceable_blocks,
        increment = config.max_valid_until_block_increment,
        transactions = config.max_transactions_per_block,
        size = config.max_block_size,
        fee = config.max_block_system_fee,
        validators = config.standby_validators.len(),
        block_time = config.block_time_ms,
        listen = setup.listen,
        min_peers = usize::from(relays),
        attempts = 20 * usize::from(relays),
        port = setup.rpc,
    )
}
