//! `max_block_time`: blocks wait for transactions, and no longer than they are told to.

use serde_json::json;

use crate::common::funds::{Treasury, base64};
use crate::common::{Network, Node, eventually};

/// Longest time of an empty block, in milliseconds. Far from the block time of half a second, so that a busy machine
/// does not blur the difference.
const LONGEST_MS: u64 = 6_000;

/// The moment at which a block was due, by its leader: milliseconds since 1970.
fn due(node: &Node, height: u32) -> u64 {
    let block = node
        .rpc
        .call("getblock", &json!([height, true]))
        .expect("a stored block");
    block["time"].as_u64().expect("a time")
}

fn until(network: &Network, height: u32) {
    eventually(&format!("block {height}"), || {
        (network.height() >= height).then_some(())
    });
}

/// Clocks of all validators are the same here, and timestamps are the moments at which blocks are due: how long a
/// block waited can be read off the chain, however long the test took to look.
#[test]
fn an_empty_block_waits_for_transactions_and_a_transaction_ends_the_wait() {
    let mut network = Network::create(4, "500ms");
    for node in &network.nodes {
        node.configure(|config| config["consensus"]["max_block_time_ms"] = json!(LONGEST_MS));
    }
    network.start();
    let treasury = Treasury::open(&network);
    until(&network, 3);
    let tip = network.height();
    let transaction = treasury.transfer(tip);
    network.nodes[0]
        .rpc
        .call("sendrawtransaction", &json!([base64(&transaction)]))
        .unwrap();
    let hash = json!([transaction.hash().to_string()]);
    let paid = eventually("the transaction is in a block", || {
        let height = network.nodes[0]
            .rpc
            .call("gettransactionheight", &hash)
            .ok()?;
        u32::try_from(height.as_u64()?).ok()
    });
    until(&network, paid + 2);
    let node = &network.nodes[0];
    let waited = |height: u32| due(node, height) - due(node, height - 1);
    assert!(
        waited(paid) < LONGEST_MS - 1_000,
        "block {paid} has a transaction and waited {} ms",
        waited(paid)
    );
    for height in (2..=paid + 2).filter(|height| *height != paid) {
        // A block is due so long after the receipt of the one before, which is not before that was due; both are
        // rounded to milliseconds.
        assert!(
            waited(height) + 2 >= LONGEST_MS,
            "block {height} is empty and waited {} ms",
            waited(height)
        );
    }
    network.stop();
}
