//! Recovery of real processes: far behind, without a store, and all at once with torn logs.

use std::io::Write;

use crate::checkpoints::json;
use crate::common::audit::{assert_no_contradiction, own_messages};
use crate::common::{Network, Node, eventually};

/// The chain stands while two of four are down, and goes on with node 3, whose vote it takes.
fn goes_on_with_node_3(network: &mut Network, prepare: impl FnOnce(&Node)) {
    network.nodes[2].kill();
    prepare(&network.nodes[3]);
    let tip = network.height();
    network.nodes[3].start();
    network.nodes[3].wait_until_up();
    eventually("blocks with the vote of node 3", || {
        (network.height() >= tip + 3).then_some(())
    });
    network.nodes[2].start();
    network.nodes[2].wait_until_up();
    let tip = network.height();
    eventually("all are level", || {
        let mut heights = network.nodes.iter().map(Node::height);
        heights.all(|height| height >= Some(tip)).then_some(())
    });
    same_block(network, tip);
    network.stop();
    for node in &network.nodes {
        assert_no_contradiction(node.index, &own_messages(node));
    }
}

/// All have the same block of a height, and with it the same chain.
fn same_block(network: &Network, height: u32) {
    let hashes = network.nodes.iter().map(|node| node.block_hash(height));
    let hashes: std::collections::BTreeSet<_> = hashes.collect();
    assert!(hashes.len() == 1 && !hashes.contains(&None), "{hashes:?}");
}

fn until_height(network: &Network, height: u32) {
    eventually("blocks", || (network.height() >= height).then_some(()));
}

#[test]
fn a_validator_far_behind_catches_up_and_votes() {
    let mut network = Network::create(4, "0ms");
    network.start();
    until_height(&network, 5);
    network.nodes[3].kill();
    let behind = network.height() + 1_500;
    until_height(&network, behind);
    goes_on_with_node_3(&mut network, |_| {});
}

#[test]
fn a_validator_without_its_store_comes_back_from_its_checkpoint_and_votes() {
    let mut network = Network::create(4, "100ms");
    network.start();
    until_height(&network, 10);
    network.nodes[3].stop();
    let written = json(&network.nodes[3], &["checkpoint", "create"]);
    let height = written["height"].as_u64().unwrap();
    let later = network.height() + 20;
    until_height(&network, later);
    goes_on_with_node_3(&mut network, |node| {
        std::fs::remove_file(node.data().join("chain.redb")).unwrap();
    });
    let log = std::fs::read_to_string(network.nodes[3].log()).unwrap();
    assert!(log.contains("FullRecovery"), "{log}");
    let listed = json(&network.nodes[3], &["checkpoint", "list"]);
    assert_eq!(listed[0]["height"], height);
}

#[test]
fn four_that_are_killed_with_torn_logs_go_on() {
    let mut network = Network::create(4, "100ms");
    network.start();
    for round in 1..=3_u8 {
        let tip = network.height();
        until_height(&network, tip + 4);
        network.nodes.iter_mut().for_each(Node::kill);
        for node in &network.nodes {
            let folder = node.data().join("votes");
            let segments = std::fs::read_dir(folder).unwrap();
            let last = segments.map(|entry| entry.unwrap().path()).max().unwrap();
            let log = std::fs::OpenOptions::new().append(true).open(last);
            // The length of a record of 500 bytes, and the beginning of the rest.
            let torn = [vec![0xf4, 1, 0, 0], vec![round; 3 * usize::from(round)]].concat();
            log.unwrap().write_all(&torn).unwrap();
        }
        network.start();
        until_height(&network, tip + 8);
    }
    let tip = network.nodes.iter().filter_map(Node::height).min();
    same_block(&network, tip.unwrap());
    network.stop();
    for node in &network.nodes {
        assert_no_contradiction(node.index, &own_messages(node));
    }
}
