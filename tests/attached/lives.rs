//! A validator whose process is killed, beside its neo-go: what it kept on disk is enough to go on.

use neo_primitives::PrivateKey;
use serde_json::json;

use crate::common::{Node, eventually};
use crate::network::{Network, Plan, Software};

/// Alone it decides every block, so that nothing goes on without its vote log and its headers.
fn goes_on_after_kills(protocol: u32) {
    let key = PrivateKey::generate();
    let mut network = Network::start(&Plan {
        protocol,
        committee: vec![key.public_key().clone()],
        validators: 1,
        members: &[(key, Software::Ours)],
    });
    let mut hashes = Vec::new();
    for round in 1..=3 {
        let height = network.height().unwrap();
        eventually(&format!("blocks of life {round}"), || {
            (network.height()? >= height + 2).then_some(())
        });
        let tip = network.height().unwrap();
        let of = |node: &Node| (tip, node.block_hash(tip).unwrap());
        hashes.push(of(network.members[0].ours.as_ref().unwrap()));
        let node = network.members[0].ours.as_mut().unwrap();
        node.kill();
        node.start();
        node.wait_until_up();
    }
    let tip = network.height().unwrap();
    eventually("it goes on", || {
        (network.height()? >= tip + 2).then_some(())
    });
    for node in network.all() {
        for (height, hash) in &hashes {
            let held = node.call("getblockhash", &json!([height])).unwrap();
            assert_eq!(&held, hash, "height {height}");
        }
    }
    let node = network.members[0].ours.as_ref().unwrap();
    let log = std::fs::read_to_string(node.log()).unwrap();
    assert!(!log.contains("silent"), "the vote log was lost");
}

#[test]
fn a_validator_of_dbft_3_that_is_killed_goes_on_with_what_it_kept() {
    goes_on_after_kills(3);
}

#[test]
fn a_validator_of_dbft_2_that_is_killed_goes_on_with_what_it_kept() {
    goes_on_after_kills(2);
}
