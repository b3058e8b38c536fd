//! Blocks ahead of the stored tip: pipeline, competitors, decisions, and what makes a block invalid.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use neo_ledger::{
    ChainReader, InvalidBlock, LedgerAnswer, LedgerError, LedgerRequest, TransactionIds, short_id,
};
use neo_primitives::{
    Attribute, BlockBody, Height, Token, Transaction, UInt256, ValidatorIndex, Witness,
    merkle_root, transfer_script,
};

use common::{
    Draft, Network, Wallet, ask,
    scenario::{Dice, FEE, KINDS, People, funding, random, stranger},
    submit, user_key,
};

fn check(network: &Network, body: &Arc<BlockBody>, fresh: bool) -> Result<(), InvalidBlock> {
    match ask(
        &network.ledger,
        LedgerRequest::Check {
            body: Arc::clone(body),
            fresh,
        },
    ) {
        LedgerAnswer::Checked { hash, result } => {
            assert_eq!(hash, body.hash());
            result
        }
        other => panic!("{other:?}"),
    }
}

fn opens(network: &Network, parent: UInt256) -> bool {
    match ask(&network.ledger, LedgerRequest::Open { parent }) {
        LedgerAnswer::Opened(info) => info.parent_hash == parent,
        LedgerAnswer::Failed {
            error: LedgerError::UnknownParent(_),
            ..
        } => false,
        other => panic!("{other:?}"),
    }
}

/// A body with other transactions, and the merkle root that they have.
fn with_transactions(body: &BlockBody, transactions: Vec<Arc<Transaction>>) -> Arc<BlockBody> {
    let hashes: Vec<_> = transactions
        .iter()
        .map(|transaction| transaction.hash())
        .collect();
    let mut header = body.header;
    header.merkle_root = merkle_root(&hashes);
    Arc::new(BlockBody {
        header,
        transactions,
    })
}

/// A transfer from the treasury.
fn gift(network: &Network, nonce: u32) -> Transaction {
    let treasury = network.treasury();
    let script = transfer_script(Token::Gas, &treasury.account(), &stranger(), 7, true);
    Draft::new(&treasury, script, FEE)
        .nonce(nonce)
        .sign(&network.ledger)
}

#[test]
fn the_next_height_runs_on_a_block_that_is_not_decided_yet() {
    let network = Network::in_memory();
    network.admit((0..5).map(|nonce| gift(&network, nonce)).collect());
    let genesis = network.ledger.tip_hash();
    let first = network.build(genesis, 1);
    assert_eq!(first.transactions.len(), 5);
    network.check(&first);
    network.admit(vec![gift(&network, 100)]);
    let second = network.build(first.hash(), 2);
    assert_eq!(
        second.transactions.len(),
        1,
        "the first block has the others"
    );
    network.check(&second);
    // The pool moves on at the decision, the stored chain at storage.
    assert_eq!(network.ledger.pool_len(), 6);
    network.promote(first.hash());
    assert_eq!(
        (network.ledger.pool_len(), network.ledger.height()),
        (1, Height(0))
    );
    assert_eq!(network.ledger.block(Height(1)).unwrap(), None);
    network.promote(second.hash());
    let third = network.build(second.hash(), 3);
    network.check(&third);
    network.store(&network.witness(&first));
    network.store(&network.witness(&second));
    assert_eq!(network.ledger.tip_hash(), second.hash());
    network.promote(third.hash());
    network.store(&network.witness(&third));
    assert_eq!(network.ledger.height(), Height(3));
    let received = network.ledger.balances(&stranger()).unwrap();
    assert_eq!(
        (received[0].amount, received[0].last_updated),
        (42, Height(2))
    );
}

#[test]
fn a_decision_drops_the_competitors_and_what_stands_on_them() {
    let network = Network::in_memory();
    network.admit(vec![gift(&network, 1)]);
    let genesis = network.ledger.tip_hash();
    let winner = network.build(genesis, 1);
    let loser = with_transactions(&winner, Vec::new());
    network.check(&winner);
    network.check(&loser);
    let on_loser = network.build(loser.hash(), 2);
    assert_eq!(on_loser.transactions.len(), 1);
    network.check(&on_loser);
    assert!(opens(&network, on_loser.hash()));
    network.promote(winner.hash());
    assert!(opens(&network, winner.hash()));
    assert!(!opens(&network, loser.hash()) && !opens(&network, on_loser.hash()));
    assert!(!opens(&network, genesis), "its height is over");
    let late = check(&network, &loser, true).unwrap_err();
    assert!(
        matches!(
            late,
            InvalidBlock::OtherBlockDecided {
                height: Height(1),
                ..
            }
        ),
        "{late}"
    );
    assert!(check(&network, &winner, true).is_ok());
    let answer = ask(
        &network.ledger,
        LedgerRequest::Store {
            block: network.witness(&loser),
        },
    );
    assert!(
        matches!(
            &answer,
            LedgerAnswer::Failed {
                error: LedgerError::NotNext { .. },
                ..
            }
        ),
        "{answer:?}"
    );
    network.store(&network.witness(&winner));
    network.store(&network.witness(&winner));
}

#[test]
fn a_block_can_be_stored_that_was_never_checked_here() {
    let builder = Network::in_memory();
    builder.admit(vec![gift(&builder, 1)]);
    let block = builder.next_block();
    let network = Network::in_memory();
    network.admit(vec![block.transactions[0].as_ref().clone()]);
    network.store(&block);
    assert_eq!(network.ledger.pool_len(), 0);
    assert_eq!(
        network.ledger.state_hash(Height(1)).unwrap(),
        builder.ledger.state_hash(Height(1)).unwrap()
    );
}

#[test]
fn candidates_of_a_height_are_bounded() {
    let network = Network::in_memory();
    let genesis = network.ledger.tip_hash();
    let bodies: Vec<_> = (0..40u64)
        .map(|nonce| {
            let mut body = network.build(genesis, 1).as_ref().clone();
            body.header.nonce = nonce;
            Arc::new(body)
        })
        .collect();
    for body in &bodies {
        network.check(body);
    }
    let kept = bodies
        .iter()
        .filter(|body| opens(&network, body.hash()))
        .count();
    assert_eq!(kept, 16);
    assert!(opens(&network, bodies[39].hash()) && !opens(&network, bodies[0].hash()));
    network.check(&bodies[0]);
    network.promote(bodies[0].hash());
}

#[test]
fn what_makes_a_proposal_invalid() {
    let network = Network::in_memory();
    network.admit(vec![gift(&network, 1), gift(&network, 2)]);
    let good = network.build(network.ledger.tip_hash(), 1);
    let changed = |change: &dyn Fn(&mut BlockBody)| {
        let mut body = good.as_ref().clone();
        change(&mut body);
        check(&network, &Arc::new(body), true).unwrap_err()
    };
    use InvalidBlock as I;
    assert!(matches!(changed(&|b| b.header.version = 1), I::Version(1)));
    assert!(matches!(
        changed(&|b| b.header.prev_hash = UInt256::ZERO),
        I::UnknownParent(_)
    ));
    assert!(matches!(
        changed(&|b| b.header.index = Height(2)),
        I::Index { .. }
    ));
    let genesis_time = network.ledger.tip().header.timestamp;
    assert!(matches!(
        changed(&|b| b.header.timestamp = genesis_time),
        I::Timestamp { .. }
    ));
    let primary = ValidatorIndex(4);
    assert!(matches!(
        changed(&|b| b.header.primary_index = primary),
        I::Primary { .. }
    ));
    let account = stranger();
    assert!(matches!(
        changed(&|b| b.header.next_consensus = account),
        I::NextConsensus { .. }
    ));
    assert!(matches!(
        changed(&|b| b.header.merkle_root = UInt256::ZERO),
        I::MerkleRoot(_)
    ));
    assert!(matches!(
        changed(&|b| b.transactions.reverse()),
        I::MerkleRoot(_)
    ));
    assert!(check(&network, &good, true).is_ok());
}

#[test]
fn what_makes_the_transactions_of_a_proposal_invalid() {
    let network = Network::in_memory();
    let alice = Wallet::single(user_key(1));
    let good = network.build(network.ledger.tip_hash(), 1);
    let verdict = |transactions: Vec<Transaction>| {
        let transactions = transactions.into_iter().map(Arc::new).collect();
        check(&network, &with_transactions(&good, transactions), true)
    };
    let gift = gift(&network, 1);
    let mut forged = gift.witnesses()[0].clone();
    *forged.invocation.last_mut().unwrap() ^= 1;
    let forge = |witness: Witness| gift.unsigned().clone().into_signed(vec![witness]).unwrap();
    let refused = verdict(vec![forge(forged.clone())]).unwrap_err();
    assert!(
        matches!(refused, InvalidBlock::Transaction { .. }),
        "{refused}"
    );
    // Also when the pool holds it with its right witness.
    network.admit(vec![gift.clone()]);
    assert!(verdict(vec![forge(forged)]).is_err());
    assert!(matches!(
        verdict(vec![gift.clone(), gift.clone()]).unwrap_err(),
        InvalidBlock::Duplicate(_)
    ));
    let script = transfer_script(Token::Gas, &alice.account(), &stranger(), 1, true);
    let poor = Draft::new(&alice, script, FEE).sign(&network.ledger);
    assert!(matches!(
        verdict(vec![poor]).unwrap_err(),
        InvalidBlock::UnpaidFees { .. }
    ));
    let treasury = network.treasury();
    let script = transfer_script(Token::Gas, &treasury.account(), &stranger(), 7, true);
    let rival = Draft::new(&treasury, script.clone(), FEE)
        .attribute(Attribute::Conflicts(gift.hash()))
        .sign(&network.ledger);
    assert!(matches!(
        verdict(vec![gift.clone(), rival]).unwrap_err(),
        InvalidBlock::Conflict(..)
    ));
    let expired = Draft::new(&treasury, script.clone(), FEE)
        .valid_until(0)
        .sign(&network.ledger);
    assert!(verdict(vec![expired]).is_err());
    let cheap = Draft::new(&treasury, script, FEE)
        .tip(-1)
        .sign(&network.ledger);
    assert!(verdict(vec![cheap]).is_err());
    assert!(verdict(vec![gift]).is_ok());
}

#[test]
fn limits_bind_fresh_proposals_only() {
    let network = Network::with_store(Box::new(neo_ledger::store::MemoryStore::new()), |config| {
        config.max_transactions_per_block = 2;
        config.max_block_system_fee = neo_primitives::Datoshi(3 * FEE);
        config.max_block_size = 3_000;
    });
    let good = network.build(network.ledger.tip_hash(), 1);
    let gifts = |count| {
        (0..count)
            .map(|n| Arc::new(gift(&network, n)))
            .collect::<Vec<_>>()
    };
    let three = with_transactions(&good, gifts(3));
    let refused = check(&network, &three, true).unwrap_err();
    assert!(
        matches!(
            refused,
            InvalidBlock::TransactionCount { count: 3, limit: 2 }
        ),
        "{refused}"
    );
    assert!(check(&network, &three, false).is_ok());
    let treasury = network.treasury();
    let costly = |nonce| {
        let script = transfer_script(Token::Gas, &treasury.account(), &stranger(), 7, true);
        Draft::new(&treasury, script, 2 * FEE)
            .nonce(nonce)
            .sign(&network.ledger)
    };
    let costly = with_transactions(&good, vec![Arc::new(costly(1)), Arc::new(costly(2))]);
    assert!(matches!(
        check(&network, &costly, true).unwrap_err(),
        InvalidBlock::SystemFee { .. }
    ));
    let long = {
        let one = transfer_script(Token::Gas, &treasury.account(), &stranger(), 7, true);
        Draft::new(&treasury, one.repeat(30), 0).sign(&network.ledger)
    };
    let long = with_transactions(&good, vec![Arc::new(long)]);
    assert!(matches!(
        check(&network, &long, true).unwrap_err(),
        InvalidBlock::Size { .. }
    ));
    // A proposal built here stays within all of them.
    network.admit((10..20).map(|nonce| gift(&network, nonce)).collect());
    let built = network.build(network.ledger.tip_hash(), 1);
    assert_eq!(built.transactions.len(), 2);
    network.check(&built);
}

#[test]
fn transactions_are_found_by_short_and_by_full_name() {
    let network = Network::in_memory();
    network.admit((0..50).map(|nonce| gift(&network, nonce)).collect());
    let body = network.build(network.ledger.tip_hash(), 1);
    let hash = body.hash();
    let found = |ids| match ask(&network.ledger, LedgerRequest::Lookup { hash, ids }) {
        LedgerAnswer::Found { transactions, .. } => transactions,
        other => panic!("{other:?}"),
    };
    let hashes = body.transaction_hashes();
    let mut short: Vec<_> = hashes.iter().map(|it| short_id(&hash, it)).collect();
    let expected: Vec<_> = body.transactions.iter().cloned().map(Some).collect();
    assert_eq!(found(TransactionIds::Short(short.clone())), expected);
    assert_eq!(found(TransactionIds::Full(hashes)), expected);
    assert_eq!(found(TransactionIds::Full(vec![UInt256::ZERO])), vec![None]);
    assert_eq!(found(TransactionIds::Short(Vec::new())), vec![]);
    // A name that stands twice names two transactions; none is guessed.
    short[1] = short[0];
    short[2] = [0; 6];
    let found = found(TransactionIds::Short(short));
    assert_eq!(found[..3], [None, None, None]);
    assert_eq!(found[3..], expected[3..]);
}

/// The same blocks give the same state, whether executed ahead among losers, or stored one by one.
#[test]
fn speculation_leaves_no_trace() {
    let (ahead, plain) = (Network::in_memory(), Network::in_memory());
    let people = People::new(&ahead);
    let mut dice = Dice::new(7);
    ahead.admit(
        funding(&people)
            .iter()
            .map(|draft| draft.sign(&ahead.ledger))
            .collect(),
    );
    let mut parent = ahead.ledger.tip_hash();
    let mut waiting = Vec::new();
    for height in 1..=40u32 {
        if height > 2 {
            let batch = (0..6)
                .map(|slot| {
                    let nonce = height * 100 + slot;
                    let kind = dice.below(KINDS);
                    random(
                        &mut dice,
                        &people,
                        kind,
                        nonce,
                        ahead.ledger.pool().height.0,
                    )
                    .sign(&ahead.ledger)
                })
                .collect();
            for result in submit(&ahead.ledger, batch) {
                result.unwrap();
            }
        }
        let body = ahead.build(parent, height);
        let loser = with_transactions(&body, body.transactions.iter().skip(1).cloned().collect());
        ahead.check(&loser);
        let on_loser = ahead.build(loser.hash(), height + 1);
        ahead.check(&on_loser);
        ahead.check(&body);
        ahead.promote(body.hash());
        waiting.push(ahead.witness(&body));
        if dice.below(3) > 0 {
            for block in waiting.drain(..) {
                ahead.store(&block);
            }
        }
        parent = body.hash();
    }
    for block in waiting {
        ahead.store(&block);
    }
    for height in 1..=40 {
        let height = Height(height);
        plain.store(&ahead.ledger.block(height).unwrap().unwrap());
        let hash = plain.ledger.state_hash(height).unwrap();
        assert!(hash.is_some());
        assert_eq!(
            hash,
            ahead.ledger.state_hash(height).unwrap(),
            "height {height}"
        );
    }
    for account in people.everyone() {
        assert_eq!(
            plain.ledger.balances(&account).unwrap(),
            ahead.ledger.balances(&account).unwrap()
        );
    }
}
