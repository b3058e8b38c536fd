//! dBFT 2.0 over Neo N3's P2P: validators of ours among themselves.

mod crashes;
mod neo_go;
mod vote_log;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::common::funds::{Treasury, base64};
use crate::common::{Network, Node, eventually, rpc, same_chain};

/// A network of ours that speaks dBFT 2.0.
pub fn network(validators: u16, block_time: &str) -> Network {
    let network = Network::create(validators, block_time);
    let configs: Vec<Value> = network.nodes.iter().map(Node::config).collect();
    let addresses: Vec<Value> = configs
        .iter()
        .map(|config| config["network"]["listen"][0].clone())
        .collect();
    for (index, node) in network.nodes.iter().enumerate() {
        node.configure(|config| {
            let others = addresses.iter().enumerate();
            let others = others.filter(|(other, _)| *other != index);
            let peers: Vec<_> = others.map(|(_, address)| address.clone()).collect();
            config["protocol"]["version"] = json!(2);
            config["protocol"]["genesis"]["max_transactions_per_block"] = json!(512);
            config["network"]["listen"] = json!([]);
            config["network"]["peers"] = json!([]);
            config["p2p"] = json!({"listen": [addresses[index]], "peers": peers});
        });
    }
    network
}

#[test]
fn four_of_ours_make_blocks_and_transactions_of_any_node_are_on_all() {
    let mut network = network(4, "1s");
    network.start();
    let treasury = Treasury::open(&network);
    eventually("blocks", || (network.height() >= 3).then_some(()));
    let sent: Vec<_> = network
        .nodes
        .iter()
        .map(|node| {
            let transaction = treasury.transfer(network.height());
            node.rpc
                .call("sendrawtransaction", &json!([base64(&transaction)]))
                .unwrap();
            json!([transaction.hash().to_string()])
        })
        .collect();
    for node in &network.nodes {
        for hash in &sent {
            eventually("the transaction is on this node", || {
                node.rpc.call("gettransactionheight", hash).ok()
            });
        }
    }
    let state = network.nodes[0].state().unwrap();
    assert_eq!(state["protocol"], json!(2));
    assert_eq!(state["topology"]["reachable"], json!(4), "{state}");
    let count = network.nodes[0].rpc.call("getconnectioncount", &json!([]));
    assert!(count.unwrap().as_u64() >= Some(3));
    assert!(network.nodes[0].metric("neo_p2p_peers") >= 3.0);
    same_chain(&network);
    network.stop();
    // Its own blocks come from the others, too.
    let log = std::fs::read_to_string(network.nodes[0].log()).unwrap();
    let stored = log.lines().filter(|line| line.contains("block stored"));
    let heights: Vec<_> = stored
        .filter_map(|line| line.split("height=").nth(1)?.split_whitespace().next())
        .collect();
    let once: BTreeSet<_> = heights.iter().collect();
    assert!(
        !once.is_empty() && once.len() == heights.len(),
        "{heights:?}"
    );
}

#[test]
fn one_killed_comes_back_and_an_observer_follows() {
    let mut network = network(4, "500ms");
    network.start();
    eventually("blocks", || (network.height() >= 3).then_some(()));
    network.nodes[1].kill();
    let height = network.height();
    eventually("three go on", || {
        (network.height() >= height + 6).then_some(())
    });
    network.nodes[1].start();
    network.nodes[1].wait_until_up();
    let mut observer = observer(&network);
    observer.start();
    observer.wait_until_up();
    let height = network.height();
    for node in network.nodes.iter().chain([&observer]) {
        eventually("it has caught up", || {
            (node.height()? >= height + 3).then_some(())
        });
    }
    let state = eventually("the one that was killed votes", || {
        let state = network.nodes[1].state()?;
        (state["voting"] == json!(true)).then_some(state)
    });
    assert_eq!(state["ownindex"], json!(1));
    for height in 0..=height {
        assert_eq!(
            observer.block_hash(height),
            network.nodes[0].block_hash(height)
        );
    }
    same_chain(&network);
    observer.stop();
    network.stop();
}

/// Longest time of an empty block, in milliseconds: far from the block time of half a second.
const LONGEST_MS: u64 = 5_000;

/// Timestamps are the moments at which blocks are made: how long one waited can be read off the chain.
#[test]
fn an_empty_pool_stretches_the_block_time_and_a_transaction_ends_the_wait() {
    let mut network = network(4, "500ms");
    for node in &network.nodes {
        node.configure(|config| config["consensus"]["max_block_time_ms"] = json!(LONGEST_MS));
    }
    network.start();
    let treasury = Treasury::open(&network);
    eventually("blocks", || (network.height() >= 2).then_some(()));
    let transaction = treasury.transfer(network.height());
    network.nodes[1]
        .rpc
        .call("sendrawtransaction", &json!([base64(&transaction)]))
        .unwrap();
    let hash = json!([transaction.hash().to_string()]);
    let paid = eventually("the transaction is in a block", || {
        let height = network.nodes[0].rpc.call("gettransactionheight", &hash);
        u32::try_from(height.ok()?.as_u64()?).ok()
    });
    eventually("one more", || (network.height() > paid).then_some(()));
    let time = |height: u32| {
        let block = network.nodes[0]
            .rpc
            .call("getblock", &json!([height, true]));
        block.unwrap()["time"].as_u64().unwrap()
    };
    let waited = |height: u32| time(height) - time(height - 1);
    assert!(waited(paid) < LONGEST_MS - 1_000, "{} ms", waited(paid));
    for height in (2..=paid + 1).filter(|height| *height != paid) {
        assert!(
            waited(height) + 500 >= LONGEST_MS,
            "block {height} is empty and waited {} ms",
            waited(height)
        );
    }
    network.stop();
}

/// A node without a voice that knows one validator.
fn observer(network: &Network) -> Node {
    let folder = network.folder().join("observer");
    let mut config = network.nodes[0].config();
    let listen = config["p2p"]["listen"][0].clone();
    let rpc = config["rpc"]["listen"].as_str().unwrap().to_owned();
    let port = rpc.rsplit_once(':').unwrap().1.parse::<u16>().unwrap() + 5;
    for key in ["wallet", "metrics"] {
        config.as_object_mut().unwrap().remove(key);
    }
    config["rpc"]["listen"] = json!(format!("127.0.0.1:{port}"));
    config["p2p"] = json!({"peers": [listen]});
    config["data_dir"] = json!("data");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    Node::new(99, folder, rpc::Client::new(port))
}
