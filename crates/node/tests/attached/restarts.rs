//! A node starts again on its folder.

use neo_ledger::GenesisConfig;

use crate::fake::{FakeNode, Network, key};
use crate::nodes::validators;

/// The verified headers and the vote log are kept: it goes on at once, and its Neo node, which has lost blocks, gets them
/// again.
async fn goes_on(version: u32) {
    let own = key(1);
    let magic = Network::new().config.magic;
    let config = GenesisConfig::new(magic, vec![own.public_key().clone()]);
    let network = Network { config };
    let neo_node = FakeNode::start(&network).await;
    neo_node.set(|inside| inside.block_time_ms = 200);
    let address = neo_node.endpoint.to_string();
    let address = address.trim_start_matches("http://").to_owned();
    let all = validators(version, &network.config, &[own], &[address]);
    let validator = all.first().unwrap();
    let mut node = validator.start();
    let before = node.reaches(3).await;
    node.stop().await;
    for kept in ["headers.redb", "votes"] {
        assert!(validator.config.data_dir.join(kept).exists(), "{kept}");
    }
    neo_node.set(|inside| inside.blocks.truncate(2));
    let mut node = validator.start();
    let after = node.reaches(before.height.0 + 2).await;
    node.stop().await;
    neo_node.set(|inside| {
        let hashes: Vec<_> = inside.blocks.iter().map(|block| block.hash()).collect();
        assert_eq!(hashes[before.height.0 as usize], before.hash);
        assert_eq!(hashes[after.height.0 as usize], after.hash);
        let linked = |pair: &[neo_primitives::Block]| pair[1].header.prev_hash == pair[0].hash();
        assert!(inside.blocks.windows(2).all(linked));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_node_goes_on_where_it_was_with_dbft_3() {
    goes_on(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_node_goes_on_where_it_was_with_dbft_2() {
    goes_on(2).await;
}
