//! A validator of dBFT 2.0 without its vote log, or with that of dBFT 3.0.

use serde_json::json;

use super::network;
use crate::common::audit::{assert_bound, older_messages, own_messages};
use crate::common::{Network, Node, eventually};

fn log_of(node: &Node) -> String {
    std::fs::read_to_string(node.log()).unwrap()
}

fn votes(node: &Node) -> Option<bool> {
    node.state()?["voting"].as_bool()
}

#[test]
fn without_its_vote_log_it_is_silent_until_a_block_is_young_enough() {
    let mut network = network(4, "500ms");
    network.start();
    eventually("some blocks", || (network.height() >= 3).then_some(()));
    network.nodes[1].kill();
    std::fs::remove_dir_all(network.nodes[1].data().join("votes")).unwrap();
    let before = network.height();
    network.nodes[1].start();
    network.nodes[1].wait_until_up();
    eventually("it votes again", || {
        (votes(&network.nodes[1])? && !older_messages(&network.nodes[1]).is_empty()).then_some(())
    });
    let log = log_of(&network.nodes[1]);
    assert!(log.contains("this validator is silent until"), "{log}");
    // Eight block times of half a second: the first blocks of its new life were made without it.
    let own = older_messages(&network.nodes[1]);
    let first = own.first().unwrap().height().0;
    assert!(first > before + 4, "height {first} after {before}");
    for node in &network.nodes {
        assert_bound(node.index, &older_messages(node));
    }
    network.stop();
}

#[test]
fn an_operator_may_vouch_for_it() {
    let mut network = network(4, "500ms");
    network.start();
    eventually("some blocks", || (network.height() >= 2).then_some(()));
    network.stop();
    // With two silent ones nothing would go on for ever.
    for node in &mut network.nodes[..2] {
        std::fs::remove_dir_all(node.data().join("votes")).unwrap();
        node.start_as(&["run", "--trust-vote-log"]);
    }
    network.nodes[2..].iter_mut().for_each(Node::start);
    network.nodes.iter().for_each(Node::wait_until_up);
    let height = network.height();
    eventually("blocks", || (network.height() >= height + 3).then_some(()));
    assert_eq!(votes(&network.nodes[0]), Some(true));
    network.stop();
}

#[test]
fn the_vote_log_of_the_other_version_is_as_good_as_lost_and_the_log_says_so() {
    let mut network = Network::create(4, "500ms");
    network.start();
    eventually("this validator has voted", || {
        (!own_messages(&network.nodes[0]).is_empty()).then_some(())
    });
    network.stop();
    let node = &mut network.nodes[0];
    node.configure(|config| {
        config["protocol"]["version"] = json!(2);
        config["p2p"] = json!({"listen": config["network"]["listen"]});
        config["network"] = json!({});
    });
    node.start();
    node.wait_until_up();
    eventually("it keeps silent", || votes(node).filter(|votes| !votes));
    let log = log_of(node);
    assert!(
        log.contains("the vote log is of the other dBFT version"),
        "{log}"
    );
    node.stop();
}
