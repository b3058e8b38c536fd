//! A neo-go node without consensus that verifies what our ledger made.

// Each test uses a part of this.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::path::Path;

use neo_ledger::GenesisConfig;

#[path = "neo_go_process.rs"]
mod process;

pub use process::NeoGo;

impl NeoGo {
    /// Starts a node of the network, without consensus and with verification of transactions.
    pub fn start(config: &GenesisConfig) -> Self {
        let port = process::free_port();
        Self::with_configuration(&protocol(config, port, None), port)
    }

    /// Starts the only validator of a network, whose key is in this wallet.
    pub fn start_validator(config: &GenesisConfig, wallet: &Path, password: &str) -> Self {
        let port = process::free_port();
        let unlock = format!(
            "
    UnlockWallet:
      Path: \"{}\"
      Password: \"{password}\"",
            wallet.display()
        );
        Self::with_configuration(&protocol(config, port, Some(&unlock)), port)
    }
}

/// The node's configuration for the network.
fn protocol(config: &GenesisConfig, port: u16, unlock: Option<&str>) -> String {
    let committee: String = config
        .committee()
        .iter()
        .map(|key| format!("    - {key}\n"))
        .collect();
    let initial_gas = config.initial_gas.0 / 100_000_000;
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
  SeedList: []
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
      - \"127.0.0.1:0\"
    MinPeers: 0
    MaxPeers: 1
    AttemptConnPeers: 0
  Relay: false
  Consensus:
    Enabled: {votes}{unlock}
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
        votes = unlock.is_some(),
        unlock = unlock.unwrap_or_default(),
    )
}
