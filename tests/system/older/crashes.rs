//! `kill -9` of validators of dBFT 2.0.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::json;

use super::network;
use crate::common::audit::{assert_bound, older_messages};
use crate::common::funds::Treasury;
use crate::common::{Network, Node, PATIENCE, cycles, eventually, same_chain};
use crate::crashes::{Choices, Served, load};
use neo_consensus::v2::Kind;
use neo_primitives::Height;

fn audit(network: &Network) {
    for node in &network.nodes {
        let messages = older_messages(node);
        assert!(!messages.is_empty(), "node {} never voted", node.index);
        assert_bound(node.index, &messages);
    }
}

#[test]
fn one_validator_of_four_is_killed_again_and_again() {
    let mut choices = Choices::new();
    let mut network = network(4, "500ms");
    network.start();
    let treasury = Treasury::open(&network);
    let mut served = Served::default();
    let mut sent = Vec::new();
    eventually("the first block", || (network.height() >= 1).then_some(()));
    for cycle in 0..cycles() {
        sent.extend(load(&network, &treasury, 8));
        std::thread::sleep(Duration::from_millis(choices.below(1500)));
        let victim = usize::try_from(choices.below(4)).unwrap();
        network.nodes[victim].kill();
        served.look(&network);
        let before = network.height();
        eventually(
            &format!("cycle {cycle}: two blocks without validator {victim}"),
            || {
                served.look(&network);
                (network.height() >= before + 2).then_some(())
            },
        );
        network.nodes[victim].start();
        eventually(
            &format!("cycle {cycle}: validator {victim} votes again"),
            || {
                let messages = older_messages(&network.nodes[victim]);
                let mut new = messages.iter().map(neo_consensus::v2::Message::height);
                new.any(|height| height > Height(before + 1)).then_some(())
            },
        );
        network.nodes[victim].wait_until_up();
        served.look(&network);
        served.note_transactions(&network, &sent);
    }
    let goal = network.height();
    for node in &network.nodes {
        eventually("all nodes reach the same height", || {
            node.height().filter(|height| *height >= goal)
        });
    }
    served.note_transactions(&network, &sent);
    served.assert_kept(&network);
    same_chain(&network);
    audit(&network);
    network.stop();
}

/// Starts all of them, and kills each as soon as it says that its first Commit has left. Those that never get so far,
/// because too few are left, are killed with the last of the others. Gives who had committed at which height.
fn kill_committed(network: &mut Network) -> Vec<(usize, u32)> {
    let (commits, committed) = mpsc::channel();
    for node in &mut network.nodes {
        let (told, index, commits) = (node.start_telling(), node.index, commits.clone());
        std::thread::spawn(move || {
            for event in told.filter(|event| event["event"] == json!("first_vote")) {
                let height = event["height"].as_u64().unwrap();
                let _ = commits.send((index, u32::try_from(height).unwrap()));
            }
        });
    }
    drop(commits);
    let first = committed.recv_timeout(PATIENCE).unwrap_or_else(|error| {
        let log = std::fs::read_to_string(network.nodes[0].log()).unwrap();
        panic!("nobody commits ({error}): {log}")
    });
    network.nodes[first.0].kill();
    let mut all = vec![first];
    while all.len() < network.nodes.len() {
        // Two block times: a Commit that is to come at all has come by then.
        let Ok(next) = committed.recv_timeout(Duration::from_secs(1)) else {
            break;
        };
        network.nodes[next.0].kill();
        all.push(next);
    }
    for node in network.nodes.iter_mut().filter(|node| node.is_running()) {
        node.kill();
    }
    all
}

/// What neo-go forks on, because it writes nothing down.
#[test]
fn all_are_killed_right_after_their_commits_and_none_is_lost_or_contradicted() {
    let mut network = network(4, "500ms");
    let mut served = Served::default();
    let mut moments = BTreeSet::new();
    for cycle in 0..cycles() {
        let killed = kill_committed(&mut network);
        moments.insert(killed.len());
        for (index, height) in &killed {
            let messages = older_messages(&network.nodes[*index]);
            let mut here = messages
                .iter()
                .filter(|message| message.height() == Height(*height));
            assert!(
                here.next_back()
                    .is_some_and(|last| last.kind() == Kind::Commit),
                "cycle {cycle}: the Commit of validator {index} at height {height} is its last word"
            );
        }
        let highest = killed.iter().map(|(_, height)| *height).max().unwrap();
        network.nodes.iter_mut().for_each(Node::start);
        network.nodes.iter().for_each(Node::wait_until_up);
        eventually(&format!("cycle {cycle}: blocks above {highest}"), || {
            served.look(&network);
            (network.height() >= highest + 2).then_some(())
        });
        for node in &network.nodes {
            eventually("all reach it", || (node.height()? > highest).then_some(()));
        }
        same_chain(&network);
        audit(&network);
        network.stop();
    }
    println!("validators that had committed when all were killed: {moments:?}");
}
