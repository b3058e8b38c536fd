//! Whom the header names at a refresh of the committee.

use std::sync::Arc;

use neo_ledger::{ChainReader as _, LedgerAnswer, LedgerError, LedgerRequest};
use neo_primitives::{Block, Header, PublicKey, UInt160, consensus_address};

use super::{ask, asked, attach, check, open, problem, reaches};
use crate::{
    election::validators,
    fake::{Bend, FakeNode, Inside, Network, key},
};

fn public(number: u8) -> PublicKey {
    key(number).public_key().clone()
}

/// Nine candidates of which the first is blocked and the second not registered; the others are elected.
fn elect(inside: &mut Inside) {
    inside.voters = 20_000_000;
    inside.candidates = (11..20)
        .map(|number| (public(number), number != 12, 1_000 - u64::from(number)))
        .collect();
    inside.blocked = vec![public(11).script_hash()];
}

/// The account of the elected validators: the four with most votes that may be elected.
fn elected() -> UInt160 {
    consensus_address(&validators(&[13, 14, 15, 16].map(public), 4))
}

fn take(node: &FakeNode, blocks: &[Block]) {
    for block in blocks {
        node.take(block);
    }
}

fn count(calls: &[impl PartialEq<&'static str>], method: &'static str) -> usize {
    calls.iter().filter(|call| **call == method).count()
}

fn last(blocks: &[Block]) -> Header {
    blocks.last().unwrap().header
}

#[tokio::test]
async fn the_block_before_the_new_committee_names_it_and_no_other() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let standby = consensus_address(&network.config.standby_validators);
    node.set(elect);
    let blocks = network.blocks(&network.genesis(), 6);
    take(&node, &blocks[..5]);
    let ledger = attach(&network, &[&node]).await;
    reaches(&ledger, 5).await;
    assert_eq!(open(&ledger).await.next_consensus, standby, "height 6");
    node.take(&blocks[5]);
    reaches(&ledger, 6).await;
    let info = open(&ledger).await;
    assert_eq!(info.next_consensus, elected(), "height 7");
    assert_eq!(
        consensus_address(&info.validators),
        standby,
        "signed by the old ones"
    );

    // A block that names the old ones is not valid here, one that names the new ones is.
    let parent = last(&blocks);
    let old = network.body(&parent, Vec::new());
    let refused = check(&ledger, &old).await.unwrap().unwrap_err();
    assert!(refused.to_string().contains("next consensus"), "{refused}");
    let mut new = old;
    new.header.next_consensus = elected();
    check(&ledger, &new).await.unwrap().unwrap();
    let block = Arc::new(network.sign(&new));
    let stored = ask(
        &ledger,
        LedgerRequest::Store {
            block: Arc::clone(&block),
        },
    )
    .await;
    assert!(matches!(stored, LedgerAnswer::Stored { .. }));
    let info = open(&ledger).await;
    assert_eq!(consensus_address(&info.validators), elected());
    assert_eq!(info.next_consensus, elected(), "height 8");
    assert_eq!(
        ledger.committee().unwrap(),
        (13..20).map(public).collect::<Vec<_>>()
    );

    // The new ones sign, the old ones do not any more.
    let mut next = network.body(&block.header, Vec::new());
    next.header.next_consensus = elected();
    node.take(&network.sign_by(&next, &[1, 2, 3, 4]));
    let problem = problem(&ledger, 0).await;
    assert!(problem.contains("witness"), "{problem}");
    node.set(|inside| inside.blocks[8] = network.sign_by(&next, &[13, 14, 15, 16]));
    reaches(&ledger, 8).await;
}

#[tokio::test]
async fn who_is_in_office_is_read_once_for_each_tip() {
    let network = Network::new();
    let node = FakeNode::start(&network).await;
    let ledger = attach(&network, &[&node]).await;
    let readings = || node.set(|inside| std::mem::take(&mut inside.calls));
    let readings = || {
        readings()
            .iter()
            .filter(|call| *call == "getstorage")
            .count()
    };
    for (height, block) in network.blocks(&network.genesis(), 2).iter().enumerate() {
        let parent = ledger.tip_hash();
        // Engine and gate ask at the same moment, a restarted engine later.
        let both = [
            asked(&ledger, LedgerRequest::Open { parent }),
            asked(&ledger, LedgerRequest::Open { parent }),
        ];
        for opened in both {
            let answer = opened.await.unwrap();
            assert!(matches!(answer, LedgerAnswer::Opened(_)), "{answer:?}");
        }
        open(&ledger).await;
        assert_eq!(readings(), 1, "above {height}");
        node.take(block);
        reaches(&ledger, height as u32 + 1).await;
    }
}

#[tokio::test]
async fn nodes_that_disagree_about_an_election_open_nothing() {
    let network = Network::new();
    let (one, other) = (
        FakeNode::start(&network).await,
        FakeNode::start(&network).await,
    );
    let blocks = network.blocks(&network.genesis(), 6);
    for node in [&one, &other] {
        node.set(elect);
        take(node, &blocks);
    }
    other.set(|inside| inside.candidates[4].2 = 5_000_000);
    let ledger = attach(&network, &[&one, &other]).await;
    reaches(&ledger, 6).await;
    super::until(&ledger, |ledger| {
        let synchronised =
            |node: &crate::NodeReport| matches!(node.state, crate::NodeState::Synchronised { .. });
        ledger.nodes().iter().all(synchronised)
    })
    .await;
    let parent = ledger.tip_hash();
    // Votes for the fourth change the rank and not the set of validators; then the set.
    let votes = other.set(|inside| std::mem::replace(&mut inside.candidates[8].2, 6_000_000));
    let mut opening = asked(&ledger, LedgerRequest::Open { parent });
    let disagreement = problem(&ledger, 0).await;
    assert!(
        disagreement.contains("disagree about who was elected at height 6"),
        "{disagreement}"
    );

    // The first is left alone for a while, and the other does not decide alone; nor does one of them when the other is
    // down.
    let readings = |node: &FakeNode| node.set(|inside| count(&inside.calls, "findstorage"));
    let is_open = |ledger: &crate::AttachedLedger| ledger.shared().office.read().is_some();
    let more_readings = async || {
        let before = readings(&other) + 3;
        super::until(&ledger, |ledger| {
            readings(&other) > before || is_open(ledger)
        })
        .await;
    };
    more_readings().await;
    one.set(|inside| {
        inside
            .bends
            .insert("getstorage", Bend::Result(serde_json::json!(7)))
    });
    more_readings().await;
    assert!(
        !is_open(&ledger) && opening.try_recv().is_err(),
        "nobody knows who was elected"
    );

    one.set(|inside| inside.bends.clear());
    other.set(|inside| inside.candidates[8].2 = votes);
    assert!(matches!(opening.await.unwrap(), LedgerAnswer::Opened(_)));
}

#[tokio::test]
async fn what_a_node_stores_of_candidates_is_held_to_its_form() {
    for (bend, expected) in [
        (
            serde_json::json!({"results": [{"key": "IQI=", "value": ""}], "next": 0, "truncated": false}),
            "candidate",
        ),
        (
            serde_json::json!({"results": [{"key": "AQ==", "value": ""}], "next": 0, "truncated": false}),
            "results[].key: does not begin",
        ),
        (
            serde_json::json!({"results": [], "next": 0, "truncated": true}),
            "next: is 0 after 0",
        ),
        (
            serde_json::json!({"results": [{"value": ""}], "next": 0, "truncated": false}),
            "results[0]",
        ),
        (serde_json::json!([]), "findstorage"),
    ] {
        let network = Network::new();
        let node = FakeNode::start(&network).await;
        take(&node, &network.blocks(&network.genesis(), 6));
        node.set(|inside| {
            inside
                .bends
                .insert("findstorage", crate::fake::Bend::Result(bend))
        });
        let ledger = attach(&network, &[&node]).await;
        reaches(&ledger, 6).await;
        let parent = ledger.tip_hash();
        let opening = asked(&ledger, LedgerRequest::Open { parent });
        let found = problem(&ledger, 0).await;
        assert!(found.contains(expected), "{expected}: {found}");
        node.set(|inside| inside.bends.clear());
        assert!(matches!(opening.await.unwrap(), LedgerAnswer::Opened(_)));
    }
}

/// A block that comes while the state is read makes what was read worth nothing.
#[tokio::test]
async fn the_state_of_another_height_is_not_taken_for_this_one() {
    for method in ["getstorage", "findstorage"] {
        let network = Network::new();
        let node = FakeNode::start(&network).await;
        node.set(elect);
        let blocks = network.blocks(&network.genesis(), 6);
        take(&node, &blocks);
        let ledger = attach(&network, &[&node]).await;
        reaches(&ledger, 6).await;
        let mut body = network.body(&last(&blocks), Vec::new());
        body.header.next_consensus = elected();
        let next = network.sign(&body);
        node.set(|inside| inside.arriving = Some((method, next.clone())));
        let parent = ledger.tip_hash();
        match ask(&ledger, LedgerRequest::Open { parent }).await {
            LedgerAnswer::Failed { error, .. } => {
                assert!(matches!(error, LedgerError::UnknownParent(_)), "{error}");
            }
            other => panic!("{method}: {other:?}"),
        }
        assert_eq!(ledger.tip_hash(), next.hash());
        assert_eq!(open(&ledger).await.next_consensus, elected());
    }
}
