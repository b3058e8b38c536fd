//! Reads vote logs and proves that no validator signed two things.

use std::collections::BTreeMap;

use neo_consensus::v2;
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::{Message, Payload, Record};
use neo_consensus::vote_log::LogRecord;
use neo_node::config::NodeConfig;
use neo_primitives::wallet::Nep6Wallet;
use neo_primitives::{Height, PublicKey, UInt256};

use super::Node;

/// The own messages in a validator's vote log.
pub fn own_messages(node: &Node) -> Vec<Message> {
    let own = |record| match record {
        Record::Own(message) => Some(message),
        _ => None,
    };
    records(node).into_iter().filter_map(own).collect()
}

/// The same of a validator of dBFT 2.0.
pub fn older_messages(node: &Node) -> Vec<v2::Message> {
    let own = |record| match record {
        v2::Record::Own(message) => Some(message),
        _ => None,
    };
    records(node).into_iter().filter_map(own).collect()
}

/// The records in a validator's vote log, read from a copy, so that a running node is not disturbed.
fn records<R: LogRecord>(node: &Node) -> Vec<R> {
    let config = NodeConfig::load(&node.folder.join("config.json")).unwrap();
    let validator = validator_of(&config);
    let copy = tempfile::tempdir().unwrap();
    let folder = copy.path().join(neo_node::vote_log_file::FOLDER);
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(node.data().join(neo_node::vote_log_file::FOLDER)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    let identity = neo_node::log_identity(&config, validator);
    neo_node::vote_log_file::open(copy.path(), identity)
        .unwrap()
        .records
}

/// Asserts that a validator of dBFT 2.0 never said two things of one kind in one view, and nothing else any more at a
/// height once it had committed.
pub fn assert_bound(node: usize, messages: &[v2::Message]) {
    let mut said: BTreeMap<(Height, v2::Kind, u8), v2::Message> = BTreeMap::new();
    let mut committed: BTreeMap<Height, u8> = BTreeMap::new();
    for message in messages {
        let (height, kind, view) = (message.height(), message.kind(), message.view());
        let before = said.insert((height, kind, view), message.clone());
        assert!(
            kind == v2::Kind::ChangeView
                || before.is_none_or(|before| before.content() == message.content()),
            "validator {node} signed two things: {kind:?} in view {view} of height {height}"
        );
        if let Some(bound) = committed.get(&height) {
            assert!(
                kind == v2::Kind::Commit && view == *bound,
                "validator {node} had committed in view {bound} of height {height}, and signed a {kind:?} in view {view}"
            );
        }
        if kind == v2::Kind::Commit {
            committed.insert(height, view);
        }
    }
}

/// The validator of a node, without opening its wallet: the account's script names the key.
fn validator_of(config: &NodeConfig) -> PublicKey {
    let wallet = Nep6Wallet::load(&config.wallet.as_ref().unwrap().path).unwrap();
    let validators = config.protocol.genesis.validators();
    validators
        .into_iter()
        .find(|key| wallet.account(&key.script_hash()).is_some())
        .expect("the wallet holds a validator's account")
}

/// What a message binds its sender to.
fn subject(message: &Message) -> (UInt256, UInt256) {
    match &message.payload {
        Payload::Proposal(proposal) => (
            proposal.header.hash(),
            neo_consensus::v3::safety::justification_of(proposal),
        ),
        Payload::Prepare {
            hash,
            justification,
        } => (*hash, *justification),
        Payload::PreCommit { hash } | Payload::Commit { hash } => (*hash, UInt256::ZERO),
        Payload::ChangeView(change) => {
            change
                .claim
                .map_or((UInt256::ZERO, UInt256::ZERO), |claim| {
                    let mut view = [0; 32];
                    view[..4].copy_from_slice(&claim.view.0.to_le_bytes());
                    (claim.hash, UInt256::from_wire(view))
                })
        }
        _ => (UInt256::ZERO, UInt256::ZERO),
    }
}

/// Asserts rules 1 and 2 of the protocol over a whole vote log.
pub fn assert_no_contradiction(node: usize, messages: &[Message]) {
    let mut said: BTreeMap<(Height, MessageKind, u32), (UInt256, UInt256)> = BTreeMap::new();
    let mut left: BTreeMap<Height, u32> = BTreeMap::new();
    for message in messages {
        let kind = message.kind();
        let view = message.view.0;
        let place = (message.height, kind, view);
        let what = subject(message);
        let before = said.insert(place, what);
        assert!(
            before.is_none() || before == Some(what),
            "validator {node} signed two things: {place:?}"
        );
        match kind {
            MessageKind::ChangeView => {
                let highest = left.entry(message.height).or_default();
                *highest = view.max(*highest);
            }
            MessageKind::Proposal | MessageKind::Prepare | MessageKind::PreCommit => {
                let highest = left.get(&message.height).copied().unwrap_or(0);
                assert!(
                    view >= highest,
                    "validator {node} voted in view {view} of height {} after it left for {highest}",
                    message.height
                );
            }
            _ => {}
        }
    }
}
