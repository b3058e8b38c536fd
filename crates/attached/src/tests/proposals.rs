//! Building blocks out of a node's memory pool, and checking those of others.

use std::sync::Arc;

use neo_ledger::{
    ChainReader as _, InvalidBlock, Ledger as _, LedgerAnswer, LedgerRequest, Rejected,
};
use neo_primitives::{
    Attribute, BlockBody, Transaction, TransactionIds, UInt160, UInt256, ValidatorIndex, Witness,
    short_id, sign_data, single_signature_witness,
};
use tokio::sync::mpsc;

use super::{ask, attach, build, built, check, open, reaches};
use crate::{
    AttachedLedger,
    fake::{Draft, FakeNode, Network, key, with_witness},
};

fn account(number: u8) -> UInt160 {
    key(number).public_key().script_hash()
}

/// A node whose accounts 1 to 9 have GAS for ten transactions each, with an attached ledger.
async fn funded() -> (Network, FakeNode, AttachedLedger) {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    node.set(|inside| inside.gas = (1..10).map(|number| (account(number), 1_000)).collect());
    let ledger = attach(&network, &[&node]).await;
    open(&ledger).await;
    (network, node, ledger)
}

fn pool(node: &FakeNode, transactions: &[&Arc<Transaction>]) {
    let transactions = transactions.iter().map(|one| Arc::clone(one)).collect();
    node.set(|inside| inside.pool = transactions);
}

fn hashes(body: &BlockBody) -> Vec<UInt256> {
    body.transaction_hashes()
}

#[tokio::test]
async fn a_block_takes_what_the_node_has_verified_in_its_order() {
    let (network, node, ledger) = funded().await;
    let all: Vec<_> = (1..4)
        .map(|number| Draft::new(number, 1).signed())
        .collect();
    pool(&node, &[&all[2], &all[0], &all[1]]);
    node.set(|inside| inside.unverified = vec![Draft::new(4, 1).signed()]);
    let body = built(&ledger).await;
    assert_eq!(hashes(&body), [all[2].hash(), all[0].hash(), all[1].hash()]);
    assert!(body.fits_merkle_root());
    assert_eq!(body.header.primary_index, ValidatorIndex(2));
    assert_eq!(
        (body.header.nonce, body.header.timestamp),
        (99, 1_700_000_000_000)
    );
    assert_eq!(body.header.prev_hash, network.genesis().hash());
    check(&ledger, &body).await.unwrap().unwrap();
    // Those that the pool has are found by their names.
    let block = body.hash();
    let missing = Draft::new(9, 9).signed().hash();
    let ids = TransactionIds::Full(vec![all[1].hash(), missing]);
    let short = TransactionIds::Short(vec![
        short_id(&block, &all[0].hash()),
        short_id(&block, &missing),
    ]);
    for (ids, expected) in [(ids, &all[1]), (short, &all[0])] {
        let LedgerAnswer::Found { transactions, .. } =
            ask(&ledger, LedgerRequest::Lookup { hash: block, ids }).await
        else {
            panic!("not found");
        };
        assert_eq!(transactions, [Some(Arc::clone(expected)), None]);
    }
    let doubled = TransactionIds::Short(vec![short_id(&block, &all[0].hash()); 2]);
    let request = LedgerRequest::Lookup {
        hash: block,
        ids: doubled,
    };
    let LedgerAnswer::Found { transactions, .. } = ask(&ledger, request).await else {
        panic!("not found");
    };
    assert_eq!(transactions, [None, None], "two cannot have one name");
    let promoted = ask(&ledger, LedgerRequest::Promote { hash: block }).await;
    assert!(matches!(promoted, LedgerAnswer::Promoted { .. }));
    let unknown = ask(&ledger, LedgerRequest::Promote { hash: missing }).await;
    assert!(matches!(unknown, LedgerAnswer::Failed { .. }));
}

#[tokio::test]
async fn a_block_keeps_to_room_balances_and_conflicts() {
    let (_network, node, ledger) = funded().await;
    // Each costs 600 of 1,000: the sender pays for one.
    let dear = |nonce| {
        let mut draft = Draft::new(1, nonce);
        draft.system_fee = 510;
        draft.signed()
    };
    let (first, second) = (dear(1), dear(2));
    let other = Draft::new(2, 1).signed();
    let mut draft = Draft::new(3, 1);
    draft.attributes = vec![Attribute::Conflicts(other.hash())];
    let conflicting = draft.signed();
    pool(&node, &[&first, &second, &other, &conflicting]);
    assert_eq!(hashes(&*built(&ledger).await), [first.hash(), other.hash()]);
    pool(&node, &[&conflicting, &other]);
    assert_eq!(hashes(&*built(&ledger).await), [conflicting.hash()]);
    // The node's limit, and the asker's.
    let many: Vec<_> = (0..8).map(|nonce| Draft::new(4, nonce).signed()).collect();
    pool(&node, &many.iter().collect::<Vec<_>>());
    let mut request = build(ledger.tip_hash());
    if let LedgerRequest::Build {
        max_transactions, ..
    } = &mut request
    {
        *max_transactions = 3;
    }
    let LedgerAnswer::Built(body) = ask(&ledger, request).await else {
        panic!("not built");
    };
    assert_eq!(body.transactions, many[..3]);
    let mut huge = Draft::new(5, 1);
    huge.system_fee = ledger.config().max_block_system_fee.0 + 1;
    let huge = huge.signed();
    node.set(|inside| inside.gas.insert(account(5), u64::MAX));
    pool(&node, &[&huge]);
    assert!(built(&ledger).await.transactions.is_empty());
}

#[tokio::test]
async fn transactions_of_the_tip_that_the_pool_still_lists_are_left_out() {
    let (network, node, ledger) = funded().await;
    let transaction = Draft::new(1, 1).signed();
    let block = network.sign(&network.body(&network.genesis(), vec![Arc::clone(&transaction)]));
    node.take(&block);
    reaches(&ledger, 1).await;
    pool(&node, &[&transaction]);
    open(&ledger).await;
    assert!(built(&ledger).await.transactions.is_empty());
    let again = network.body(&block.header, vec![transaction]);
    let refused = check(&ledger, &again).await.unwrap().unwrap_err();
    assert!(matches!(
        refused,
        InvalidBlock::Transaction {
            reason: Rejected::AlreadyExists(_),
            ..
        }
    ));
}

#[tokio::test]
async fn a_pool_of_another_height_is_not_built_upon() {
    let (network, node, ledger) = funded().await;
    let stale = serde_json::json!({"height": 5, "verified": []});
    node.set(|inside| {
        inside
            .bends
            .insert("getrawmempool", crate::fake::Bend::Result(stale))
    });
    let mut config = super::config(&network, &[&node]);
    config.timing.patience = std::time::Duration::from_millis(50);
    let store = Box::new(neo_ledger::store::MemoryStore::new());
    let impatient = super::attach_with(config, store).await;
    let answer = ask(&impatient, build(impatient.tip_hash())).await;
    assert!(matches!(answer, LedgerAnswer::Failed { .. }), "{answer:?}");
    drop(ledger);
}

#[tokio::test]
async fn a_transaction_that_the_pool_lacks_gets_its_verdict_from_the_node() {
    let (network, node, ledger) = funded().await;
    let transaction = Draft::new(1, 1).signed();
    let body = network.body(&network.genesis(), vec![Arc::clone(&transaction)]);
    node.set(|inside| inside.refuses.insert(transaction.hash(), (-505, "blocked")));
    let refused = check(&ledger, &body).await.unwrap().unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("the Neo node refuses it: blocked (-505)"),
        "{refused}"
    );
    node.set(|inside| inside.refuses.insert(transaction.hash(), (-501, "there")));
    let refused = check(&ledger, &body).await.unwrap().unwrap_err();
    assert!(
        refused.to_string().contains("already on the chain"),
        "{refused}"
    );
    node.set(|inside| inside.refuses.clear());
    check(&ledger, &body).await.unwrap().unwrap();
    assert_eq!(
        node.set(|inside| inside.pool.len()),
        1,
        "the node has it now"
    );
    // In the pool and not verified on the tip is no verdict.
    let waiting = Draft::new(2, 1).signed();
    node.set(|inside| inside.unverified = vec![Arc::clone(&waiting)]);
    let body = network.body(&network.genesis(), vec![waiting]);
    let refused = check(&ledger, &body).await.unwrap().unwrap_err();
    assert!(
        refused.to_string().contains("not verified on this height"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_the_pool_itself_refuses_is_valid_for_neo_go_only() {
    for (code, message, vouched) in [
        (-502, "pool full", true),
        (-511, "insufficient funds", true),
        (-500, "mempool: has conflicts", true),
        (-500, "verification failed: mempool: has conflicts", true),
        // The words of an exception are the transaction's own.
        (
            -500,
            "verification failed: witness #0: unhandled exception: \"mempool: \"",
            false,
        ),
        (-500, "blockchain: has conflicts", false),
        (-508, "signature", false),
    ] {
        for useragent in ["/NEO-GO:0.120.0/", "/Neo:3.9.0/"] {
            let (network, node, ledger) = funded().await;
            let transaction = Draft::new(1, 1).signed();
            node.set(|inside| {
                inside.useragent = useragent;
                inside.refuses.insert(transaction.hash(), (code, message));
            });
            super::until(&ledger, |ledger| {
                let version = ledger.shared().members[0].version();
                version.is_some_and(|version| version.is_neo_go == useragent.contains("GO"))
            })
            .await;
            let body = network.body(&network.genesis(), vec![transaction]);
            let verdict = check(&ledger, &body).await.unwrap();
            assert_eq!(
                verdict.is_ok(),
                vouched && useragent.contains("GO"),
                "{code} {message} {useragent}"
            );
        }
    }
}

#[tokio::test]
async fn witnesses_must_be_those_that_the_node_has_verified_or_other_valid_ones() {
    let (network, node, ledger) = funded().await;
    let transaction = Draft::new(1, 1).signed();
    pool(&node, &[&transaction]);
    let message = sign_data(network.config.magic, &transaction.hash());
    let resigned = single_signature_witness(key(1).sign(&message), key(1).public_key());
    let forged = single_signature_witness(key(2).sign(&message), key(1).public_key());
    let empty = Witness {
        invocation: Vec::new(),
        verification: vec![0x11],
    };
    for (witness, valid) in [(resigned, true), (forged, false), (empty, false)] {
        let mut body = network.body(
            &network.genesis(),
            vec![with_witness(&transaction, witness)],
        );
        // Another block each time: a checked one is not checked again.
        body.header.nonce += u64::from(valid);
        let verdict = check(&ledger, &body).await.unwrap();
        assert_eq!(verdict.is_ok(), valid, "{verdict:?}");
    }
}

#[tokio::test]
async fn every_rule_of_a_fresh_proposal_is_kept() {
    let (network, node, ledger) = funded().await;
    let genesis = network.genesis();
    let (a, b) = (Draft::new(1, 1).signed(), Draft::new(1, 2).signed());
    let mut excluding = Draft::new(2, 1);
    excluding.attributes = vec![Attribute::Conflicts(a.hash())];
    let excluding = excluding.signed();
    let mut dear = Draft::new(3, 1);
    dear.system_fee = 951;
    let dear = dear.signed();
    let mut huge = Draft::new(4, 1);
    huge.system_fee = ledger.config().max_block_system_fee.0 + 1;
    let huge = huge.signed();
    pool(&node, &[&a, &b, &excluding, &dear, &huge]);
    let good = network.body(&genesis, vec![Arc::clone(&a), Arc::clone(&b)]);
    type Change = fn(&mut BlockBody);
    let header: [(&str, Change); 8] = [
        ("version is 1", |body| body.header.version = 1),
        ("height is 2", |body| body.header.index.0 = 2),
        ("timestamp", |body| body.header.timestamp = 1),
        ("primary index is 4", |body| {
            body.header.primary_index = ValidatorIndex(4)
        }),
        ("next consensus", |body| {
            body.header.next_consensus = UInt160::ZERO
        }),
        ("merkle root", |body| {
            body.header.merkle_root = UInt256::ZERO
        }),
        ("merkle root", |body| body.transactions.reverse()),
        ("is unknown", |body| body.header.prev_hash = UInt256::ZERO),
    ];
    for (problem, change) in header {
        let mut body = good.clone();
        change(&mut body);
        let refused = check(&ledger, &body).await.unwrap().unwrap_err();
        assert!(
            refused.to_string().contains(problem),
            "{problem}: {refused}"
        );
    }
    for (problem, transactions) in [
        ("do not fit its merkle root", vec![&a, &a]),
        ("conflicts with", vec![&a, &excluding]),
        ("fees are 1041", vec![&dear]),
        ("system fees are", vec![&huge]),
    ] {
        let transactions = transactions.into_iter().cloned().collect();
        let body = network.body(&genesis, transactions);
        let refused = check(&ledger, &body).await.unwrap().unwrap_err();
        assert!(
            refused.to_string().contains(problem),
            "{problem}: {refused}"
        );
    }
    check(&ledger, &good).await.unwrap().unwrap();
    // What a certificate confirms is not held to these rules, but to its merkle root.
    let mut certified = good.clone();
    certified.header.nonce += 1;
    certified.header.timestamp = 1;
    let request = |body: &BlockBody| LedgerRequest::Check {
        body: Arc::new(body.clone()),
        fresh: false,
    };
    let answer = ask(&ledger, request(&certified)).await;
    assert!(matches!(
        answer,
        LedgerAnswer::Checked { result: Ok(()), .. }
    ));
    certified.transactions.clear();
    let answer = ask(&ledger, request(&certified)).await;
    assert!(
        matches!(answer, LedgerAnswer::Checked { result: Ok(()), .. }),
        "known by its hash"
    );
    certified.header.nonce += 1;
    let answer = ask(&ledger, request(&certified)).await;
    assert!(matches!(
        answer,
        LedgerAnswer::Checked {
            result: Err(InvalidBlock::MerkleRoot(_)),
            ..
        }
    ));
}

#[tokio::test]
async fn the_sum_of_a_senders_fees_in_one_block_is_paid() {
    let (network, node, ledger) = funded().await;
    let ten: Vec<_> = (0..10).map(|nonce| Draft::new(1, nonce).signed()).collect();
    let eleven: Vec<_> = (0..11).map(|nonce| Draft::new(1, nonce).signed()).collect();
    pool(&node, &eleven.iter().collect::<Vec<_>>());
    check(&ledger, &network.body(&network.genesis(), ten))
        .await
        .unwrap()
        .unwrap();
    let refused = check(&ledger, &network.body(&network.genesis(), eleven))
        .await
        .unwrap();
    assert!(matches!(
        refused,
        Err(InvalidBlock::UnpaidFees {
            balance: 0,
            fees: 100,
            ..
        })
    ));
}

#[tokio::test]
async fn transactions_are_given_to_the_node_and_its_pool_is_watched() {
    let (_network, node, ledger) = funded().await;
    let (told, mut waiting) = mpsc::unbounded_channel();
    ledger.watch_pool(Box::new(move |count| {
        let _ = told.send(count);
    }));
    let (good, bad) = (Draft::new(1, 1).signed(), Draft::new(2, 1).signed());
    node.set(|inside| inside.refuses.insert(bad.hash(), (-504, "too little")));
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let transactions = vec![
        good.as_ref().clone(),
        bad.as_ref().clone(),
        good.as_ref().clone(),
    ];
    ledger.submit(
        transactions,
        Box::new(move |results| {
            let _ = sender.send(results);
        }),
    );
    let results = receiver.await.unwrap();
    assert_eq!(results[0], Ok(good.hash()));
    assert_eq!(results[1].as_ref().unwrap_err().code().0, -504);
    assert_eq!(results[2], Err(Rejected::AlreadyInPool(good.hash())));
    assert_eq!(waiting.recv().await, Some(1));
    assert_eq!(
        (ledger.pool_len(), ledger.pool().verified),
        (1, vec![good.hash()])
    );
    assert_eq!(ledger.pooled(&good.hash()), Some(good));
}

#[tokio::test]
async fn what_the_node_has_taken_is_in_the_pool_before_it_is_listed() {
    let (network, node, ledger) = funded().await;
    // The pool was read a moment ago, and is not read again by itself for a second.
    pool(&node, &[&Draft::new(9, 9).signed()]);
    assert_eq!(built(&ledger).await.transactions.len(), 1);
    let (given, forged) = (Draft::new(1, 1).signed(), Draft::new(2, 1).signed());
    let other = Witness {
        invocation: Vec::new(),
        verification: vec![0x11],
    };
    node.set(|inside| inside.pool.push(Arc::clone(&forged)));
    let forged = with_witness(&forged, other);
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let transactions = vec![given.as_ref().clone(), forged.as_ref().clone()];
    ledger.submit(
        transactions,
        Box::new(move |results| {
            let _ = sender.send(results);
        }),
    );
    assert_eq!(
        receiver.await.unwrap(),
        [
            Ok(given.hash()),
            Err(Rejected::AlreadyInPool(forged.hash()))
        ]
    );
    assert_eq!(ledger.pooled(&given.hash()), Some(Arc::clone(&given)));
    assert!(ledger.is_pooled(&given.hash()));
    assert_ne!(
        ledger.pooled(&forged.hash()),
        Some(forged),
        "the node has verified other witnesses"
    );
    // A proposal finds it without another word of the node.
    node.set(|inside| inside.mood = crate::fake::Mood::Silent);
    let block = network.genesis().hash();
    for ids in [
        TransactionIds::Full(vec![given.hash()]),
        TransactionIds::Short(vec![short_id(&block, &given.hash())]),
    ] {
        let lookup = LedgerRequest::Lookup { hash: block, ids };
        let LedgerAnswer::Found { transactions, .. } = ask(&ledger, lookup).await else {
            panic!("not found");
        };
        assert_eq!(transactions, [Some(Arc::clone(&given))]);
    }
}

#[tokio::test]
async fn what_a_proposal_brought_is_in_the_pool_too() {
    let (network, _node, ledger) = funded().await;
    let transaction = Draft::new(1, 1).signed();
    let body = network.body(&network.genesis(), vec![Arc::clone(&transaction)]);
    check(&ledger, &body).await.unwrap().unwrap();
    assert_eq!(ledger.pooled(&transaction.hash()), Some(transaction));
}
