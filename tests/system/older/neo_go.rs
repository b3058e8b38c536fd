//! Real neo-go nodes: beside one validator of ours, and behind validators of dBFT 3.0.

use std::collections::BTreeSet;

use neo_node::config::NodeConfig;
use serde_json::{Value, json};

use super::network;
use crate::common::funds::{Treasury, base64};
use crate::common::{Network, Node, eventually};
use crate::neo_go::{NeoGo, Setup};

/// In the place of one of our validators: the same key, the same ports.
fn in_place_of(node: &Node) -> Setup {
    let config = NodeConfig::load(&node.folder.join("config.json")).unwrap();
    let p2p = config.p2p.unwrap();
    let wallet = config.wallet.unwrap();
    let password = std::fs::read_to_string(wallet.password_file.unwrap()).unwrap();
    Setup {
        rpc: config.rpc.unwrap().listen.port(),
        listen: p2p.listen[0].to_string(),
        seeds: p2p.peers,
        wallet: Some((wallet.path, password.trim_end().to_owned())),
    }
}

/// Starts it in the network of our nodes.
fn start(setup: &Setup, network: &Network) -> NeoGo {
    let config = NodeConfig::load(&network.nodes[0].folder.join("config.json")).unwrap();
    setup.start(&config.protocol.genesis)
}

/// Sends a transaction to one node, by whatever takes its call.
fn send(treasury: &Treasury, height: u32, call: impl FnOnce(Value)) -> Value {
    let transaction = treasury.transfer(height);
    call(json!([base64(&transaction)]));
    json!([transaction.hash().to_string()])
}

#[test]
fn one_of_ours_among_three_of_neo_go() {
    let mut network = network(4, "1s");
    let treasury = Treasury::open(&network);
    let others: Vec<NeoGo> = network.nodes[1..]
        .iter()
        .map(|node| start(&in_place_of(node), &network))
        .collect();
    let ours = &mut network.nodes[0];
    ours.start();
    ours.wait_until_up();
    eventually("blocks", || (ours.height()? >= 2).then_some(()));
    // One by each: at ours, at neo-go.
    let height = ours.height().unwrap();
    let hashes = [
        send(&treasury, height, |call| {
            ours.rpc.call("sendrawtransaction", &call).unwrap();
        }),
        send(&treasury, height, |call| {
            others[0].call("sendrawtransaction", call);
        }),
    ];
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

#[test]
fn a_full_node_of_neo_go_follows_validators_of_dbft_3_and_relays_to_them() {
    let mut network = Network::create(4, "1s");
    let listen = {
        let config = network.nodes[0].config();
        let mesh = config["network"]["listen"][0].as_str().unwrap();
        let port: u16 = mesh.rsplit_once(':').unwrap().1.parse().unwrap();
        format!("127.0.0.1:{}", port + 5)
    };
    network.nodes[0].configure(|config| config["p2p"] = json!({"listen": [listen]}));
    network.start();
    let treasury = Treasury::open(&network);
    eventually("some blocks", || (network.height() >= 3).then_some(()));
    let rpc = network.nodes[0].config()["rpc"]["listen"].clone();
    let rpc: u16 = rpc
        .as_str()
        .unwrap()
        .rsplit_once(':')
        .unwrap()
        .1
        .parse()
        .unwrap();
    let setup = Setup {
        rpc: rpc + 5,
        listen: format!("127.0.0.1:{}", rpc + 6),
        seeds: vec![listen],
        wallet: None,
    };
    let full = start(&setup, &network);
    let has = |height: u32| full.call("getblockcount", json!([])).as_u64() > Some(height.into());
    eventually("it has caught up", || has(network.height()).then_some(()));
    // From neo-go to a validator without P2P, and back with the block.
    let theirs = send(&treasury, network.height(), |call| {
        full.call("sendrawtransaction", call);
    });
    let ours = send(&treasury, network.height(), |call| {
        network.nodes[3]
            .rpc
            .call("sendrawtransaction", &call)
            .unwrap();
    });
    for hash in [theirs, ours] {
        let height = eventually("it is final", || {
            let found = network.nodes[2].rpc.call("gettransactionheight", &hash);
            found.ok()
        });
        let found = eventually("neo-go has its block", || {
            full.call_or_error("gettransactionheight", hash.clone())
                .ok()
        });
        assert_eq!(found, height);
    }
    let height = network.height();
    eventually("it follows", || has(height + 2).then_some(()));
    for height in 0..=height {
        let hash = full.call("getblockhash", json!([height]));
        assert_eq!(
            network.nodes[1].block_hash(height).map(Value::from),
            Some(hash)
        );
    }
    let state = network.nodes[0].state().unwrap();
    assert_eq!(state["protocol"], json!(3));
    network.stop();
}
