//! A block that only a whole Neo node can execute ends the node that gets it, and the node says why.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use neo_primitives::{
    Block, CallFlags, Decode as _, Encode as _, Header, Height, ScriptBuilder, Token,
    ValidatorIndex, merkle_root,
};
use serde_json::json;

use crate::common::Network;
use crate::common::funds::Treasury;

/// The exit code of a node that has to end.
const FAILURE: i32 = 1;

#[test]
fn a_decided_vote_ends_a_validator_and_an_observer_with_its_name() {
    let mut network = Network::create(4, "1s");
    network.nodes[1].configure(|config| config["consensus"]["enabled"] = json!(false));
    let treasury = Treasury::open(&network).account();
    let mut script = ScriptBuilder::new();
    script.null().hash(&treasury.address());
    script.call(&Token::Neo.hash(), "vote", 2, CallFlags::ALL);
    let vote = treasury.transaction(script.into_bytes(), 10_000_000, 10_000_000, 0, Vec::new());

    // Of four validators one is a minority: nothing is decided unless we sign for the others.
    for node in &mut network.nodes[..2] {
        node.start();
        node.wait_until_up();
        let genesis = node.rpc.call("getblock", &json!([0])).unwrap();
        let genesis = BASE64_STANDARD.decode(genesis.as_str().unwrap()).unwrap();
        let genesis = Block::from_bytes(&genesis).unwrap();
        let transactions = vec![std::sync::Arc::new(vote.clone())];
        let header = Header {
            version: 0,
            prev_hash: genesis.hash(),
            merkle_root: merkle_root(&[vote.hash()]),
            timestamp: genesis.header.timestamp + 1_000,
            nonce: 5,
            index: Height(1),
            primary_index: ValidatorIndex(0),
            next_consensus: genesis.header.next_consensus,
        };
        let witness = treasury.witness(&header.hash());
        let block = Block {
            header,
            witness,
            transactions,
        };
        let submitted = json!([BASE64_STANDARD.encode(block.to_bytes())]);
        assert!(node.rpc.call("submitblock", &submitted).is_err());
        assert_eq!(node.ended().code(), Some(FAILURE));
        let log = std::fs::read_to_string(node.log()).unwrap();
        let last = log.lines().last().unwrap_or_default();
        for part in [
            &block.hash().to_string(),
            &vote.hash().to_string(),
            "method `vote`",
        ] {
            assert!(last.contains(part), "{part} in: {last}");
        }
    }
}
