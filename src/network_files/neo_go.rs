//! The configuration of a neo-go process: as a validator, with the same network, key and ports as ours beside it, or as
//! the Neo node that keeps the chain of one of ours, with its consensus off.

use std::fmt::Write as _;
use std::net::SocketAddr;

use neo_ledger::GenesisConfig;
use neo_primitives::bft_quorum;

use super::ports::local;
use super::{NodePorts, WALLET_FILE};

/// Name of neo-go's configuration in a node's folder.
pub(crate) const NEO_GO_FILE: &str = "neo-go.yml";
/// Name of neo-go's data folder in a node's folder.
pub(crate) const NEO_GO_DATA: &str = "neo-go-data";

/// Datoshi of one GAS.
const GAS: i64 = 100_000_000;

/// Connections that a neo-go node takes: all validators of a network that Neo can read, and as many observers.
const MAX_PEERS: usize = 50;

/// What one neo-go process is told.
#[derive(Debug)]
pub(super) struct NeoGoNode<'a> {
    /// The network.
    pub(super) genesis: &'a GenesisConfig,
    /// Ports of all neo-go nodes; to a validator, those of all validators.
    pub(super) ports: &'a [NodePorts],
    /// Its own place among them.
    pub(super) index: usize,
    /// Its part in consensus; none if it only keeps the chain.
    pub(super) consensus: Option<NeoGoConsensus<'a>>,
}

/// The part of a neo-go process in consensus.
#[derive(Debug)]
pub(super) struct NeoGoConsensus<'a> {
    /// Of its wallet.
    pub(super) password: &'a str,
    /// With how many others it begins, if not with 2f as neo-go's documentation recommends.
    pub(super) min_peers: Option<usize>,
}

impl NeoGoNode<'_> {
    /// The YAML that neo-go 0.120 reads. Paths are relative to the node's folder, in which it is to be started.
    ///
    /// # Errors
    /// If neo-go cannot run this network; the text says why.
    pub(super) fn yaml(&self) -> Result<String, String> {
        let genesis = self.genesis;
        if genesis.block_time_ms == 0 {
            return Err("neo-go has no block time of 0: give a longer one".to_owned());
        }
        if genesis.initial_gas.0 % GAS != 0 {
            return Err(format!(
                "neo-go has whole GAS in its genesis block, not {} datoshi",
                genesis.initial_gas.0
            ));
        }
        let own = self.ports.get(self.index).copied();
        let own = own.ok_or_else(|| format!("no ports for node {}", self.index))?;
        let others = self.ports.iter().enumerate();
        let others = others.filter(|(index, _)| *index != self.index);
        let seeds = others.map(|(_, ports)| local(ports.network));
        let committee = genesis.committee();
        let mut text = format!(
            "ProtocolConfiguration:
  Magic: {magic}
  MaxTraceableBlocks: {traceable}
  MaxValidUntilBlockIncrement: {increment}
  MaxTransactionsPerBlock: {transactions}
  MaxBlockSize: {size}
  MaxBlockSystemFee: {fee}
  InitialGASSupply: {gas}
  TimePerBlock: {time}ms
  MemPoolSize: {pool}
  VerifyTransactions: true
  P2PSigExtensions: false
  ValidatorsCount: {validators}
  StandbyCommittee:
",
            magic = genesis.magic,
            traceable = genesis.max_traceable_blocks,
            increment = genesis.max_valid_until_block_increment,
            transactions = genesis.max_transactions_per_block,
            size = genesis.max_block_size,
            fee = genesis.max_block_system_fee.0,
            gas = genesis.initial_gas.0 / GAS,
            time = genesis.block_time_ms,
            pool = genesis.memory_pool_max,
            validators = genesis.standby_validators.len(),
        );
        list(&mut text, "    ", committee.iter().map(ToString::to_string));
        text.push_str("  SeedList:\n");
        list(&mut text, "    ", seeds.map(|seed| seed.to_string()));
        text.push_str("  Hardforks:\n");
        for fork in HARDFORKS {
            // Writing to a string does not fail.
            let _ = writeln!(text, "    {fork}: 0");
        }
        text.push_str(&self.application(own));
        Ok(text)
    }

    fn application(&self, own: NodePorts) -> String {
        let quoted = |address: SocketAddr| format!("\"{address}\"");
        let min_peers = match &self.consensus {
            None => 1,
            Some(consensus) => consensus.min_peers.unwrap_or_else(|| {
                let validators = self.genesis.standby_validators.len();
                2 * validators.saturating_sub(bft_quorum(validators))
            }),
        };
        // Hexadecimal digits: nothing that YAML would read otherwise.
        let password = self.consensus.as_ref().map(|one| one.password);
        let consensus = match password {
            None => "    Enabled: false".to_owned(),
            Some(password) => format!(
                "    Enabled: true
    UnlockWallet:
      Path: {WALLET_FILE}
      Password: \"{password}\""
            ),
        };
        format!(
            "ApplicationConfiguration:
  LogLevel: info
  DBConfiguration:
    Type: leveldb
    LevelDBOptions:
      DataDirectoryPath: {NEO_GO_DATA}
  P2P:
    Addresses: [{p2p}]
    AttemptConnPeers: 20
    MinPeers: {min_peers}
    MaxPeers: {MAX_PEERS}
    DialTimeout: 3s
    PingInterval: 3s
    PingTimeout: 20s
    ProtoTickInterval: 500ms
  Relay: true
  Consensus:
{consensus}
  RPC:
    Enabled: true
    Addresses: [{rpc}]
    MaxGasInvoke: 100
  Prometheus:
    Enabled: true
    Addresses: [{metrics}]
  Pprof:
    Enabled: false
",
            p2p = quoted(local(own.network)),
            rpc = quoted(local(own.rpc)),
            metrics = quoted(local(own.metrics)),
        )
    }
}

/// The same configuration with consensus on or off; `None` if it does not say which it is.
pub(super) fn with_consensus(yaml: &str, on: bool) -> Option<String> {
    let says = |on: bool| format!("  Consensus:\n    Enabled: {on}\n");
    let there = [true, false].map(says);
    let found = there.iter().find(|said| yaml.contains(said.as_str()))?;
    Some(yaml.replacen(found.as_str(), &says(on), 1))
}

/// Neo's changes of rules that the embedded ledger has from the genesis block on.
const HARDFORKS: [&str; 6] = [
    "Aspidochelone",
    "Basilisk",
    "Cockatrice",
    "Domovoi",
    "Echidna",
    "Faun",
];

fn list(text: &mut String, indent: &str, items: impl Iterator<Item = String>) {
    for item in items {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{indent}- \"{item}\"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::{Datoshi, Magic, PrivateKey};

    fn genesis(validators: usize) -> GenesisConfig {
        let keys = (0..validators).map(|_| PrivateKey::generate().public_key().clone());
        GenesisConfig::new(Magic(7), keys.collect())
    }

    fn yaml(genesis: &GenesisConfig) -> Result<String, String> {
        let consensus = NeoGoConsensus {
            password: "abc",
            min_peers: None,
        };
        of(genesis, Some(consensus))
    }

    fn of(
        genesis: &GenesisConfig,
        consensus: Option<NeoGoConsensus<'_>>,
    ) -> Result<String, String> {
        let validators = genesis.standby_validators.len();
        let node = NeoGoNode {
            genesis,
            ports: &NodePorts::from_base(20_000, validators).unwrap(),
            index: 2,
            consensus,
        };
        node.yaml()
    }

    #[test]
    fn one_network_for_both_programs() {
        let genesis = genesis(4);
        let text = yaml(&genesis).unwrap();
        for line in [
            "  Magic: 7",
            "  TimePerBlock: 1000ms",
            "  InitialGASSupply: 52000000",
            "  MaxTransactionsPerBlock: 512",
            "  MaxBlockSize: 2097152",
            "  ValidatorsCount: 4",
            "    MinPeers: 2",
            "    Addresses: [\"127.0.0.1:20020\"]",
            "    Addresses: [\"127.0.0.1:20021\"]",
            "      Path: wallet.json",
            "      Password: \"abc\"",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        for key in &genesis.standby_validators {
            assert_eq!(text.matches(&key.to_string()).count(), 1);
        }
        // The others, and not itself.
        let seeds = |port: u16| text.matches(&format!("- \"127.0.0.1:{port}\"")).count();
        let of_each = [20_000, 20_010, 20_020, 20_030].map(seeds);
        assert_eq!(of_each, [1, 1, 0, 1]);
    }

    #[test]
    fn one_that_only_keeps_the_chain_has_no_wallet() {
        let text = of(&genesis(4), None).unwrap();
        assert!(
            text.contains("  Consensus:\n    Enabled: false\n  RPC:\n"),
            "{text}"
        );
        assert!(
            text.contains("    MinPeers: 1\n") && !text.contains("Wallet"),
            "{text}"
        );
        assert!(text.contains("  VerifyTransactions: true\n"), "{text}");
    }

    #[test]
    fn consensus_is_switched_and_nothing_else() {
        let text = yaml(&genesis(4)).unwrap();
        let off = with_consensus(&text, false).unwrap();
        assert!(off.contains("  Consensus:\n    Enabled: false\n    UnlockWallet:"));
        assert_eq!(with_consensus(&off, false).as_ref(), Some(&off));
        assert_eq!(with_consensus(&off, true), Some(text));
        assert_eq!(with_consensus("Consensus: {}", true), None);
    }

    #[test]
    fn what_neo_go_cannot_run_is_refused() {
        let mut paceless = genesis(4);
        paceless.block_time_ms = 0;
        assert!(yaml(&paceless).unwrap_err().contains("block time"));
        let mut odd = genesis(4);
        odd.initial_gas = Datoshi(GAS + 1);
        assert!(yaml(&odd).unwrap_err().contains("100000001 datoshi"));
    }
}
