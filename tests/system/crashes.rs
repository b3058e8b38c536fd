//! `kill -9` of one validator and of all of them, again and again, on real processes and real disks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::common::audit::{assert_no_contradiction, own_messages};
use crate::common::funds::{Treasury, base64};
use crate::common::{Network, cycles, eventually, same_chain};
use serde_json::json;

/// A repeatable source of moments and choices; the seed is in the output.
pub struct Choices(u64);

impl Choices {
    pub fn new() -> Self {
        let seed = std::env::var("DBFT_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or(1);
        println!("reproduce the choices with DBFT_SEED={seed}");
        Self(seed)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit
    }
}

/// Everything that any RPC server ever said was final.
#[derive(Default)]
pub struct Served {
    blocks: BTreeMap<u32, String>,
    transactions: BTreeMap<String, u32>,
}

impl Served {
    /// Looks at all nodes; a height with two hashes is a fork.
    pub fn look(&mut self, network: &Network) {
        for node in network.nodes.iter().filter(|node| node.is_running()) {
            let Some(height) = node.height() else {
                continue;
            };
            for height in height.saturating_sub(3)..=height {
                let Some(hash) = node.block_hash(height) else {
                    continue;
                };
                let before = self.blocks.insert(height, hash.clone());
                assert!(
                    before.is_none() || before.as_ref() == Some(&hash),
                    "height {height}: {before:?} was served before, node {} now serves {hash}",
                    node.index
                );
            }
        }
    }

    pub fn note_transactions(&mut self, network: &Network, sent: &[String]) {
        for hash in sent {
            for node in network.nodes.iter().filter(|node| node.is_running()) {
                let height = node.rpc.call("gettransactionheight", &json!([hash]));
                if let Some(height) = height.ok().and_then(|height| height.as_u64()) {
                    self.transactions
                        .insert(hash.clone(), u32::try_from(height).unwrap());
                }
            }
        }
    }

    /// Asserts that every node still serves all of it.
    pub fn assert_kept(&self, network: &Network) {
        for node in &network.nodes {
            for (height, hash) in &self.blocks {
                assert_eq!(
                    node.block_hash(*height).as_ref(),
                    Some(hash),
                    "node {} lost or replaced block {height}",
                    node.index
                );
            }
            for (hash, height) in &self.transactions {
                let found = node
                    .rpc
                    .call("gettransactionheight", &json!([hash]))
                    .unwrap();
                assert_eq!(found, json!(height), "node {} lost {hash}", node.index);
            }
        }
    }
}

/// Sends transfers to running nodes, and gives their hashes.
pub fn load(network: &Network, treasury: &Treasury, count: usize) -> Vec<String> {
    let height = network.height();
    let running: Vec<_> = network
        .nodes
        .iter()
        .filter(|node| node.is_running())
        .collect();
    let mut sent = Vec::new();
    for number in 0..count {
        let transaction = treasury.transfer(height);
        let node = running[number % running.len()];
        let answer = node
            .rpc
            .call("sendrawtransaction", &json!([base64(&transaction)]));
        if answer.is_ok() {
            sent.push(transaction.hash().to_string());
        }
    }
    sent
}

fn audit(network: &Network) {
    for node in &network.nodes {
        let messages = own_messages(node);
        assert!(
            !messages.is_empty(),
            "the vote log of node {} is empty",
            node.index
        );
        assert_no_contradiction(node.index, &messages);
    }
}

fn seconds(times: &[Duration]) -> String {
    let longest = times.iter().max().copied().unwrap_or_default();
    let mean = times.iter().sum::<Duration>().as_secs_f64() / times.len().max(1) as f64;
    format!(
        "mean {mean:.3} s, longest {:.3} s of {}",
        longest.as_secs_f64(),
        times.len()
    )
}

#[test]
fn one_validator_of_four_is_killed_again_and_again() {
    let mut choices = Choices::new();
    let mut network = Network::create(4, "1s");
    network.start();
    let treasury = Treasury::open(&network);
    let mut served = Served::default();
    let mut sent = Vec::new();
    let mut votes_again = Vec::new();
    eventually("the first block", || (network.height() >= 1).then_some(()));
    for cycle in 0..cycles() {
        sent.extend(load(&network, &treasury, 8));
        std::thread::sleep(Duration::from_millis(choices.below(1500)));
        let victim = usize::try_from(choices.below(4)).unwrap();
        network.nodes[victim].kill();
        served.look(&network);
        let before = network.height();
        sent.extend(load(&network, &treasury, 8));
        eventually(
            &format!("cycle {cycle}: two blocks without validator {victim}"),
            || {
                served.look(&network);
                (network.height() >= before + 2).then_some(())
            },
        );
        let voted = own_messages(&network.nodes[victim]).len();
        let restarted = Instant::now();
        network.nodes[victim].start();
        let again = eventually(
            &format!("cycle {cycle}: validator {victim} votes again"),
            || {
                let messages = own_messages(&network.nodes[victim]);
                messages
                    .iter()
                    .skip(voted)
                    .any(|message| message.height.0 > before)
                    .then(|| restarted.elapsed())
            },
        );
        votes_again.push(again);
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
    let height = same_chain(&network);
    audit(&network);
    println!(
        "{} cycles, {height} blocks, {} transactions; from restart to the next vote: {}",
        cycles(),
        served.transactions.len(),
        seconds(&votes_again)
    );
    network.stop();
}

#[test]
fn all_four_validators_are_killed_under_load() {
    let mut choices = Choices::new();
    let mut network = Network::create(4, "1s");
    network.start();
    let treasury = Treasury::open(&network);
    let mut served = Served::default();
    let mut sent = Vec::new();
    let mut new_block = Vec::new();
    eventually("the first block", || (network.height() >= 1).then_some(()));
    for cycle in 0..cycles() {
        let end = Instant::now() + Duration::from_millis(800 + choices.below(1500));
        while Instant::now() < end {
            sent.extend(load(&network, &treasury, 8));
            served.look(&network);
        }
        for node in &mut network.nodes {
            node.kill();
        }
        let highest = served.blocks.keys().next_back().copied().unwrap();
        let restarted = Instant::now();
        network
            .nodes
            .iter_mut()
            .for_each(crate::common::Node::start);
        let again = eventually(
            &format!("cycle {cycle}: a new block above {highest}"),
            || (network.height() > highest).then(|| restarted.elapsed()),
        );
        new_block.push(again);
        network
            .nodes
            .iter()
            .for_each(crate::common::Node::wait_until_up);
        served.look(&network);
        served.note_transactions(&network, &sent);
        eventually("every node has every block that was served", || {
            let served = served.blocks.keys().next_back().copied().unwrap();
            network
                .nodes
                .iter()
                .all(|node| node.height() >= Some(served))
                .then_some(())
        });
        served.assert_kept(&network);
    }
    let height = same_chain(&network);
    audit(&network);
    println!(
        "{} blackouts, {height} blocks, {} transactions; from restart to a new block: {}",
        cycles(),
        served.transactions.len(),
        seconds(&new_block)
    );
    network.stop();
}
