//! Networks of neo-go processes, and nodes of ours that dial them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use neo_primitives::{
    PrivateKey, PublicKey, genesis_block,
    wallet::{Nep6Wallet, ScryptParams},
};

use crate::{
    neo_go_process::{NeoGo, free_port},
    nodes::{MAGIC, Node, key},
};

const PASSWORD: &str = "one";

/// What differs between the nodes of a test.
pub(crate) struct Setup<'a> {
    pub(crate) rpc: u16,
    pub(crate) p2p: u16,
    /// The standby validators.
    pub(crate) keys: &'a [PrivateKey],
    pub(crate) seeds: Vec<String>,
    /// With a wallet the node is the validator whose key it holds.
    pub(crate) wallet: Option<PathBuf>,
}

pub(crate) fn configuration(setup: &Setup<'_>) -> String {
    let seeds: Vec<String> = setup
        .seeds
        .iter()
        .map(|seed| format!("\"{seed}\""))
        .collect();
    let committee: String = setup
        .keys
        .iter()
        .map(|key| format!("    - {}\n", key.public_key()))
        .collect();
    let consensus = setup
        .wallet
        .as_ref()
        .map_or("    Enabled: false".to_owned(), |path| {
            format!(
                "    Enabled: true
    UnlockWallet:
      Path: \"{}\"
      Password: \"{PASSWORD}\"",
                path.display()
            )
        });
    format!(
        "ProtocolConfiguration:
  Magic: {magic}
  MaxTraceableBlocks: 200000
  MaxValidUntilBlockIncrement: 5760
  InitialGASSupply: 52000000
  TimePerBlock: 1s
  MemPoolSize: 5000
  StandbyCommittee:
{committee}  ValidatorsCount: {validators}
  SeedList: [{seeds}]
  VerifyTransactions: true
  P2PSigExtensions: false
ApplicationConfiguration:
  DBConfiguration:
    Type: inmemory
  P2P:
    Addresses:
      - \"127.0.0.1:{p2p}\"
    MinPeers: {min}
    MaxPeers: 10
    AttemptConnPeers: 5
    PingInterval: 300ms
    PingTimeout: 20s
    ProtoTickInterval: 500ms
  Relay: true
  Consensus:
{consensus}
  RPC:
    Enabled: true
    Addresses:
      - \"127.0.0.1:{rpc}\"
  Prometheus:
    Enabled: false
  Pprof:
    Enabled: false
",
        magic = MAGIC.0,
        validators = setup.keys.len(),
        seeds = seeds.join(", "),
        p2p = setup.p2p,
        rpc = setup.rpc,
        min = u8::from(!seeds.is_empty()),
    )
}

/// A wallet with one key.
fn wallet(folder: &Path, number: usize, key: &PrivateKey) -> PathBuf {
    let mut wallet = Nep6Wallet::new(None, ScryptParams::default());
    wallet.import(key, PASSWORD, None).unwrap();
    let path = folder.join(format!("wallet{number}.json"));
    wallet.save_new(&path).unwrap();
    path
}

/// The validators as neo-go processes, and where they take connections.
pub(crate) fn validators(folder: &Path, keys: &[PrivateKey]) -> Vec<(NeoGo, String)> {
    let ports: Vec<u16> = keys.iter().map(|_| free_port()).collect();
    let address = |port: &u16| format!("127.0.0.1:{port}");
    let start = |(number, key): (usize, &PrivateKey)| {
        let p2p = ports[number];
        let rpc = free_port();
        let others = ports.iter().filter(|port| **port != p2p);
        let text = configuration(&Setup {
            rpc,
            p2p,
            keys,
            seeds: others.map(address).collect(),
            wallet: Some(wallet(folder, number, key)),
        });
        (NeoGo::with_configuration(&text, rpc), address(&p2p))
    };
    keys.iter().enumerate().map(start).collect()
}

/// The only validator of a network.
pub(crate) fn validator(folder: &Path) -> (NeoGo, String) {
    validators(folder, &[key()]).remove(0)
}

/// A node of ours at the genesis block that dials neo-go.
pub(crate) fn ours(keys: &[PrivateKey], peers: Vec<String>) -> Node {
    let keys: Vec<PublicKey> = keys.iter().map(|key| key.public_key().clone()).collect();
    Node::with(&[genesis_block(&keys)], &[], |config| {
        config.peers = peers;
        config.timing.ping_interval = Duration::from_millis(200);
    })
}
