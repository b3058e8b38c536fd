//! Our Neo N3 network and real neo-go processes: one that makes blocks, and one that has them from us.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use neo_network::neo::{NeoEvent, wire::Command};
use neo_primitives::{
    Datoshi, Encode, ExtensiblePayload, Height, PrivateKey, Signer, Token, Transaction, UInt160,
    UnsignedTransaction, Witness, WitnessScope, hash160, multisig_script, multisig_witness,
    sign_data, single_signature_witness, transfer_script,
};
use serde_json::json;

#[path = "../../../ledger/tests/common/neo_go_process.rs"]
mod neo_go_process;
#[path = "../../src/neo/tests/nodes.rs"]
mod nodes;
mod setup;

use neo_go_process::{NeoGo, free_port};
use nodes::{MAGIC, Node, eventually, key};
use setup::{Setup, configuration, ours, validator, validators};

/// A payload that neo-go takes of a validator, for a service that it does not know.
fn payload(height: Height) -> ExtensiblePayload {
    let key = key();
    let mut payload = ExtensiblePayload {
        category: "neo-dbft-test".to_owned(),
        valid_block_start: Height(0),
        valid_block_end: height.checked_add(1000).unwrap(),
        sender: key.public_key().script_hash(),
        data: b"from ours".to_vec(),
        witness: Witness::default(),
    };
    let signature = key.sign(&sign_data(MAGIC, &payload.hash()));
    payload.witness = single_signature_witness(signature, key.public_key());
    payload
}

/// GAS from the validators' account, which has all of it, to nobody's.
fn transfer(height: Height) -> Transaction {
    let key = key();
    let keys = [key.public_key().clone()];
    let script = multisig_script(1, &keys).unwrap();
    let from = hash160(&script);
    let to = UInt160::from_wire([5; 20]);
    let unsigned = UnsignedTransaction {
        nonce: 7,
        system_fee: Datoshi(9_977_780),
        network_fee: Datoshi(5_000_000),
        valid_until: height.checked_add(100).unwrap(),
        signers: vec![Signer::new(from, WitnessScope::CALLED_BY_ENTRY)],
        attributes: vec![],
        script: transfer_script(Token::Gas, &from, &to, 100_000_000, true),
    };
    let signature = key.sign(&unsigned.sign_data(MAGIC));
    let witness = multisig_witness(&[signature], script);
    unsigned.into_signed(vec![witness]).unwrap()
}

/// Stores what comes until an event is what is waited for.
async fn meanwhile<T>(node: &mut Node, mut wanted: impl FnMut(&NeoEvent) -> Option<T>) -> T {
    let (handle, chain) = (node.handle.clone(), node.chain.clone());
    node.until(move |event| {
        let found = wanted(&event);
        if let NeoEvent::Block { block, .. } = event {
            handle.stored(&block.header);
            chain.blocks.write().push(*block);
        }
        found
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neo_go_validator_and_two_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let (neo_go, address) = validator(folder.path());
    let start = || ours(&[key()], vec![address.clone()]);
    let (mut a, mut b) = (start(), start());
    let agent = a
        .until(|event| match event {
            NeoEvent::PeerUp { user_agent, .. } => Some(user_agent),
            _ => None,
        })
        .await;
    assert_eq!(agent, "/NEO-GO:0.120.0/");
    b.until_up().await;

    // Blocks, as the other one has them.
    a.follow(3).await;
    let hash = neo_go.call("getblockhash", json!([3]));
    let ours = a.chain.blocks.read()[3].hash();
    assert_eq!(hash, json!(ours.to_string()));

    // Pings both ways.
    eventually("neo-go pings and answers pings", || {
        a.handle.metrics().read(Command::Ping) > 0
            && a.handle
                .peers()
                .iter()
                .all(|peer| peer.round_trip.is_some())
    })
    .await;

    // Ours, through neo-go to b.
    let mine = payload(a.handle.height());
    assert_eq!(a.handle.broadcast_extensible(mine.clone()), 1);
    meanwhile(&mut b, |event| match event {
        NeoEvent::Extensible { payload, .. } => (**payload == mine).then_some(()),
        _ => None,
    })
    .await;

    // A transaction of ours: announced, fetched by neo-go, announced to b, and in a block.
    let transaction = transfer(a.handle.height());
    let hash = transaction.hash();
    let bytes = transaction.to_bytes().into();
    a.chain.pool.write().insert(hash, bytes);
    assert_eq!(a.handle.announce_transactions(&[hash]), 1);
    meanwhile(&mut b, |event| match event {
        NeoEvent::Transaction { hash: came, .. } => (*came == hash).then_some(()),
        _ => None,
    })
    .await;
    let included = meanwhile(&mut a, |event| match event {
        NeoEvent::Block { block, .. } if !block.transactions.is_empty() => Some(block.clone()),
        _ => None,
    })
    .await;
    assert_eq!(included.transaction_hashes(), [hash]);
    let found = neo_go.call("getrawtransaction", json!([hash.to_string(), 1]));
    assert_eq!(found["blockhash"], json!(included.hash().to_string()));

    let metrics = a.handle.metrics();
    assert!(metrics.refusals.is_empty(), "{:?}", metrics.refusals);
    assert!(
        a.handle.peers().len() == 1 && b.handle.peers().len() == 1,
        "{}",
        neo_go.log()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neo_go_fetches_the_chain_from_us() {
    let folder = tempfile::tempdir().unwrap();
    let (source, address) = validator(folder.path());
    let mut node = ours(&[key()], vec![address]);
    node.follow(5).await;
    drop(source);
    let (rpc, p2p) = (free_port(), free_port());
    let text = configuration(&Setup {
        rpc,
        p2p,
        keys: &[key()],
        seeds: vec![node.address().to_string()],
        wallet: None,
    });
    let fetcher = NeoGo::with_configuration(&text, rpc);
    eventually("neo-go has all blocks", || {
        fetcher.call("getblockcount", json!([])) == json!(node.chain.blocks.read().len())
    })
    .await;
    let hash = node.chain.blocks.read()[5].hash();
    assert_eq!(
        fetcher.call("getblockhash", json!([5])),
        json!(hash.to_string())
    );
    let asked = node.handle.metrics();
    assert!(asked.read(Command::GetBlockByIndex) > 0, "{asked:?}");

    // What we announce stays in its pool, for nobody makes blocks; who asks for the pool gets it.
    let transaction = transfer(node.handle.height());
    let hash = transaction.hash();
    let bytes = transaction.to_bytes().into();
    node.chain.pool.write().insert(hash, bytes);
    assert_eq!(node.handle.announce_transactions(&[hash]), 1);
    eventually("neo-go has the transaction", || {
        fetcher.call("getrawmempool", json!([])) == json!([hash.to_string()])
    })
    .await;
    let stored = node.chain.blocks.read().clone();
    let mut late = Node::with(&stored, &[], |config| {
        config.peers = vec![format!("127.0.0.1:{p2p}")];
    });
    late.until(|event| match event {
        NeoEvent::Transaction { hash: came, .. } => (came == hash).then_some(()),
        _ => None,
    })
    .await;
}

/// Prepare request, prepare response and commit: what it takes to decide a block.
const DECIDING: [u8; 3] = [0x20, 0x21, 0x30];

/// Four validators of neo-go decide; we hear all of them and follow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_neo_go_validators_and_one_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<PrivateKey> = (1..=4)
        .map(|seed| PrivateKey::from_bytes(&[seed; 32]).unwrap())
        .collect();
    let network = validators(folder.path(), &keys);
    let addresses = network.iter().map(|(_, address)| address.clone());
    let mut node = ours(&keys, addresses.collect());
    let (mut senders, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    let handle = node.handle.clone();
    meanwhile(&mut node, |event| {
        if let NeoEvent::Extensible { payload, .. } = event {
            payload.verify(MAGIC).unwrap();
            senders.insert(payload.sender);
            kinds.insert(payload.data[0]);
            handle.relay_extensible((**payload).clone());
        }
        let all_kinds = DECIDING.iter().all(|kind| kinds.contains(kind));
        (handle.height() >= Height(6) && senders.len() == 4 && all_kinds).then_some(())
    })
    .await;
    let expected: BTreeSet<UInt160> = keys
        .iter()
        .map(|key| key.public_key().script_hash())
        .collect();
    assert_eq!(senders, expected);
    let hash = node.chain.blocks.read()[6].hash().to_string();
    for (neo_go, _) in &network {
        eventually("this one has the block, too", || {
            neo_go.call("getblockcount", json!([])).as_u64() > Some(6)
        })
        .await;
        assert_eq!(neo_go.call("getblockhash", json!([6])), json!(hash));
    }
    let offences = node.handle.metrics().refusals;
    assert!(
        offences
            .keys()
            .all(|name| *name == "lost" || *name == "closed"),
        "{offences:?}"
    );
    eventually("all four are connected", || node.handle.peers().len() == 4).await;
}
