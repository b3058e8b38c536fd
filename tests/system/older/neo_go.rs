//! One validator of ours among three of neo-go.

use std::collections::BTreeSet;

use neo_node::config::NodeConfig;
use serde_json::{Value, json};

use super::network;
use crate::common::funds::{Treasury, base64};
use crate::common::{Network, Node, eventually};
use crate::neo_go::NeoGo;

/// What a validator's files say, for neo-go: the same network, the same key, the same ports.
fn configuration(network: &Network, node: &Node) -> (String, u16) {
    let config = NodeConfig::load(&node.folder.join("config.json")).unwrap();
    let genesis = &config.protocol.genesis;
    let p2p = config.p2p.as_ref().unwrap();
    let wallet = config.wallet.as_ref().unwrap();
    let password = std::fs::read_to_string(wallet.password_file.as_ref().unwrap()).unwrap();
    let committee: String = genesis
        .committee()
        .iter()
        .map(|key| format!("    - {key}\n"))
        .collect();
    let seeds: Vec<String> = p2p.peers.iter().map(|peer| format!("\"{peer}\"")).collect();
    let rpc = config.rpc.as_ref().unwrap().listen;
    let text = format!(
        "ProtocolConfiguration:
  Magic: {magic}
  MaxTraceableBlocks: {traceable}
  MaxValidUntilBlockIncrement: {increment}
  MaxTransactionsPerBlock: {transactions}
  MaxBlockSize: {size}
  MaxBlockSystemFee: {fee}
  InitialGASSupply: {gas}
  TimePerBlock: {block_time}ms
  MemPoolSize: 50000
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
      - \"{listen}\"
    MinPeers: 2
    MaxPeers: 10
    AttemptConnPeers: 5
    PingInterval: 1s
    ProtoTickInterval: 500ms
  Relay: true
  Consensus:
    Enabled: true
    UnlockWallet:
      Path: \"{wallet}\"
      Password: \"{password}\"
  RPC:
    Enabled: true
    Addresses:
      - \"{rpc}\"
  Prometheus:
    Enabled: false
  Pprof:
    Enabled: false
",
        magic = genesis.magic,
        traceable = genesis.max_traceable_blocks,
        increment = genesis.max_valid_until_block_increment,
        transactions = genesis.max_transactions_per_block,
        size = genesis.max_block_size,
        fee = genesis.max_block_system_fee,
        gas = genesis.initial_gas.0 / 100_000_000,
        block_time = genesis.block_time_ms,
        validators = genesis.standby_validators.len(),
        seeds = seeds.join(", "),
        listen = p2p.listen[0],
        wallet = wallet.path.display(),
        password = password.trim_end(),
    );
    assert!(network.nodes.len() == genesis.standby_validators.len());
    (text, rpc.port())
}

#[test]
fn one_of_ours_among_three_of_neo_go() {
    let mut network = network(4, "1s");
    let treasury = Treasury::open(&network);
    let others: Vec<NeoGo> = network.nodes[1..]
        .iter()
        .map(|node| {
            let (text, port) = configuration(&network, node);
            NeoGo::with_configuration(&text, port)
        })
        .collect();
    let ours = &mut network.nodes[0];
    ours.start();
    ours.wait_until_up();
    eventually("blocks", || (ours.height()? >= 2).then_some(()));
    // One by each: at ours, at neo-go.
    let hashes = [0, 1].map(|number| {
        let transaction = treasury.transfer(ours.height().unwrap());
        let call = json!([base64(&transaction)]);
        match number {
            0 => ours.rpc.call("sendrawtransaction", &call).unwrap(),
            _ => others[0].call("sendrawtransaction", call),
        };
        json!([transaction.hash().to_string()])
    });
    for hash in &hashes {
        let height = eventually("it is on ours", || {
            ours.rpc.call("gettransactionheight", hash).ok()
        });
        for other in &others {
            let found = eventually("it is on neo-go", || {
                other
                    .call_or_error("gettransactionheight", hash.clone())
                    .ok()
            });
            assert_eq!(found, height);
        }
    }
    let from = ours.height().unwrap();
    eventually("each leads", || (ours.height()? >= from + 8).then_some(()));
    let primaries: BTreeSet<u64> = (from..from + 8)
        .map(|height| {
            let block = ours.rpc.call("getblock", &json!([height, true])).unwrap();
            let hash = ours.block_hash(height).unwrap();
            for other in &others {
                assert_eq!(other.call("getblockhash", json!([height])), json!(hash));
            }
            block["primary"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(
        primaries,
        BTreeSet::from([0, 1, 2, 3]),
        "turns of eight heights"
    );
    let state: Value = ours.state().unwrap();
    assert_eq!(state["topology"]["reachable"], json!(4), "{state}");
    ours.stop();
}
