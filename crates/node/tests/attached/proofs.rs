//! Proofs against validators that were elected.

use std::sync::Arc;

use neo_attached::{AttachedConfig, AttachedLedger};
use neo_consensus::v3::context::HeightContext;
use neo_consensus::v3::evidence::{Evidence, Guilt, Says, Statement};
use neo_consensus::{ValidatorSet, View};
use neo_ledger::store::MemoryStore;
use neo_ledger::{ChainReader as _, Ledger as _, LedgerAnswer, LedgerRequest};
use neo_node::security::court::{Court, Unproven};
use neo_primitives::{
    Encode as _, Height, PublicKey, Signature, UInt256, ValidatorIndex, consensus_address,
};
use tokio::sync::oneshot;

use crate::fake::{FakeNode, Network, key};

/// A signed ChangeView for view 0 of a height, which nobody honest signs, by the first of these validators.
fn proof(network: &Network, height: u32, validators: &[u8]) -> (PublicKey, Vec<u8>) {
    let keys = validators.iter().map(|number| key(*number));
    let keys: Vec<_> = keys.map(|key| (key.public_key().clone(), key)).collect();
    let set = ValidatorSet::new(keys.iter().map(|(public, _)| public.clone()).collect()).unwrap();
    let sender = ValidatorIndex(0);
    let public = set.key(sender).unwrap().clone();
    let context = HeightContext {
        magic: network.config.magic,
        height: Height(height),
        prev_hash: UInt256::ZERO,
        validators: Arc::new(set),
    };
    let mut statement = Statement {
        sender,
        view: View::ZERO,
        says: Says::ChangeView { claim: None },
        signature: Signature([0; 64]),
    };
    let (_, own) = keys.iter().find(|(one, _)| *one == public).unwrap();
    statement.signature = own.sign(&statement.preimage(&context));
    let evidence = Evidence::new(&context, Guilt::Impossible { statement });
    (public, evidence.to_bytes())
}

async fn open(ledger: &AttachedLedger) {
    let (sender, receiver) = oneshot::channel();
    let request = LedgerRequest::Open {
        parent: ledger.tip_hash(),
    };
    let reply = move |answer| sender.send(answer).unwrap();
    ledger.request(request, Box::new(reply));
    let answer = receiver.await.unwrap();
    assert!(matches!(answer, LedgerAnswer::Opened(_)), "{answer:?}");
}

#[tokio::test]
async fn a_proof_is_judged_by_the_validators_of_its_height() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let (old, new) = ([1, 2, 3, 4], [13, 14, 15, 16]);
    node.set(|inside| {
        inside.voters = 20_000_000;
        let public = |number: u8| key(number).public_key().clone();
        let candidate = |number| (public(number), true, 1_000 - u64::from(number));
        inside.candidates = (13..20).map(candidate).collect();
    });
    // Block 7 brings the elected committee; whoever signs block 8 is of it.
    let elected: Vec<PublicKey> = new.map(|number| key(number).public_key().clone()).to_vec();
    let mut blocks = network.blocks(&network.genesis(), 6);
    let mut body = network.body(&blocks[5].header, Vec::new());
    body.header.next_consensus = consensus_address(&elected);
    blocks.push(network.sign(&body));
    let mut body = network.body(&blocks[6].header, Vec::new());
    body.header.next_consensus = consensus_address(&elected);
    blocks.push(network.sign_by(&body, &new));
    for block in &blocks {
        node.take(block);
    }
    let config = AttachedConfig::new(network.config.clone(), vec![node.endpoint.clone()]);
    let ledger = AttachedLedger::open(config, Box::new(MemoryStore::new())).await;
    let ledger = Arc::new(ledger.unwrap());
    let (told, mut tips) = tokio::sync::mpsc::unbounded_channel();
    ledger.watch_tip(move |height, _| {
        let _ = told.send(height);
    });
    while ledger.height() < Height(8) {
        tips.recv().await;
    }
    let court = Court::of_chain(ledger.clone());
    let convicts = |height, validators: &[u8]| {
        let (guilty, bytes) = proof(&network, height, validators);
        court.judge(&bytes).map(|conviction| {
            assert_eq!(conviction.key, guilty);
            assert_eq!(conviction.evidence.height, Height(height));
        })
    };
    for (height, right, wrong) in [(1, old, new), (7, old, new), (8, new, old)] {
        convicts(height, &right).unwrap();
        let refused = convicts(height, &wrong);
        assert!(
            matches!(refused, Err(Unproven::NotGuilty(_))),
            "{refused:?}"
        );
    }
    // The open height, as soon as it is known who was elected.
    let early = convicts(9, &new);
    assert!(
        matches!(early, Err(Unproven::UnknownValidators(Height(9)))),
        "{early:?}"
    );
    assert_eq!(
        court.now().unwrap().keys(),
        court.of_height(Height(8)).unwrap().keys()
    );
    open(&ledger).await;
    convicts(9, &new).unwrap();
    for unknown in [0, 10, u32::MAX] {
        let refused = convicts(unknown, &new);
        assert!(
            matches!(refused, Err(Unproven::UnknownValidators(_))),
            "{refused:?}"
        );
    }
    // The validators of genesis are others.
    let fixed = Court::of(&network.config).unwrap();
    assert!(fixed.judge(&proof(&network, 9, &new).1).is_err());
    assert!(fixed.judge(&proof(&network, 9, &old).1).is_ok());
}
