//! How transactions travel.

use neo_primitives::{Encode, Height};

use super::{
    nodes::{Node, blocks, eventually, key},
    puppet::{Puppet, version},
};
use crate::neo::{
    NeoEvent,
    wire::{Command, Message},
};

/// A transaction that decodes; nobody verifies it here.
fn transaction() -> neo_primitives::Transaction {
    use neo_primitives::{
        Datoshi, Signer, UnsignedTransaction, WitnessScope, single_signature_witness,
    };
    let key = key();
    let unsigned = UnsignedTransaction {
        nonce: 7,
        system_fee: Datoshi(1),
        network_fee: Datoshi(1),
        valid_until: Height(100),
        signers: vec![Signer::new(
            key.public_key().script_hash(),
            WitnessScope::CALLED_BY_ENTRY,
        )],
        attributes: vec![],
        script: vec![1, 2, 3],
    };
    let witness = single_signature_witness(key.sign(b"nothing"), key.public_key());
    unsigned.into_signed(vec![witness]).unwrap()
}

#[tokio::test]
async fn transactions_come_by_announcement_by_pool_and_on_request() {
    let chain = blocks(0);
    let mut a = Node::start(&chain, &[]);
    let sent = transaction();
    let hash = sent.hash();
    a.chain.pool.write().insert(hash, sent.to_bytes().into());
    let take = |event| match event {
        NeoEvent::Transaction {
            hash, transaction, ..
        } => Some((hash, transaction)),
        _ => None,
    };
    // b asks for the pool when it connects.
    let mut b = Node::start(&chain, &[&a]);
    let (came, transaction) = b.until(take).await;
    assert_eq!((came, &*transaction), (hash, &sent));
    b.handle.request_transactions(&[hash]);
    assert_eq!(b.until(take).await.0, hash, "asked for by the node");
    a.until_up().await;
    let mut puppet = Puppet::join(&a, version(1)).await;
    assert_eq!(a.handle.announce_transactions(&[hash]), 1, "b has it");
    let told = puppet
        .until(|message| match message {
            Message::Inv(told) => Some(told),
            _ => None,
        })
        .await;
    assert_eq!(told.hashes, [hash]);
}

#[tokio::test]
async fn a_node_far_behind_leaves_transactions_aside_until_it_has_caught_up() {
    let chain = blocks(30);
    let a = Node::start(&chain, &[]);
    let sent = transaction();
    let mut b = Node::start(&chain[..1], &[&a]);
    let verified = |handle: &crate::neo::NeoHandle| handle.shared.sync.lock().is_far_behind();
    let handle = b.handle.clone();
    eventually("the headers are verified", || verified(&handle)).await;
    let hash = sent.hash();
    a.chain.pool.write().insert(hash, sent.to_bytes().into());
    a.handle.announce_transactions(&[hash]);
    eventually("the announcement is read", || {
        b.handle.metrics().read(Command::Inv) == 1
    })
    .await;
    let stored = b.chain.clone();
    b.until(|event| match event {
        NeoEvent::Block { block, .. } => {
            stored.blocks.write().push(*block.clone());
            handle.stored(&block.header);
            None
        }
        NeoEvent::Transaction { hash: came, .. } => (came == hash).then_some(()),
        _ => None,
    })
    .await;
    assert!(b.handle.height() >= Height(20), "not before");
}
