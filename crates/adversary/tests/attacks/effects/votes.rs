//! What strategies say twice, not at all, or too late.

use std::collections::{BTreeMap, BTreeSet};

use neo_adversary::Attack;
use neo_consensus::View;
use neo_consensus::engine::Recipient;
use neo_consensus::v3::Message;
use neo_consensus::v3::context::MessageKind;
use neo_primitives::{Height, UInt256, ValidatorIndex};

use super::{LIAR, genuine, is_own, leaves, meant, run};
use crate::network::{Network, ms};

#[test]
fn equivocating_leaders_send_two_blocks_that_are_both_accepted() {
    let network = run(Attack::EquivocateProposals, 1, 6);
    let mut told: BTreeMap<(Height, View), BTreeSet<UInt256>> = BTreeMap::new();
    for (_, message) in network.let_out(|m| m.kind() == MessageKind::Proposal && is_own(m)) {
        assert!(genuine(&network.context(message.height.0), message));
        let blocks = told.entry((message.height, message.view)).or_default();
        blocks.insert(message.block().unwrap());
    }
    let pairs: Vec<_> = told
        .iter()
        .filter(|(_, blocks)| blocks.len() == 2)
        .collect();
    assert!(!pairs.is_empty());
    // Somewhere honest validators prepared both.
    let both = pairs.iter().any(|((height, view), blocks)| {
        let prepared: BTreeSet<_> = network
            .honest
            .iter()
            .filter(|(_, m)| {
                m.kind() == MessageKind::Prepare && m.height == *height && m.view == *view
            })
            .filter_map(|(_, message)| message.block())
            .collect();
        prepared == **blocks
    });
    assert!(both, "each half prepares its own block");
}

#[test]
fn equivocating_votes_differ_between_the_halves() {
    let network = run(Attack::EquivocateVotes, 2, 5);
    for kind in [MessageKind::Prepare, MessageKind::PreCommit] {
        let mut said: BTreeMap<(Height, View), BTreeSet<UInt256>> = BTreeMap::new();
        for (_, message) in network.let_out(|m| m.kind() == kind && is_own(m)) {
            assert!(genuine(&network.context(message.height.0), message));
            let key = (message.height, message.view);
            said.entry(key)
                .or_default()
                .insert(message.block().unwrap());
        }
        assert!(said.values().any(|blocks| blocks.len() > 1), "{kind:?}");
    }
    let culprits: BTreeSet<_> = (1..=5)
        .flat_map(|height| network.archive(height).culprits())
        .collect();
    assert_eq!(culprits, BTreeSet::from([ValidatorIndex(LIAR as u8)]));
}

#[test]
fn what_is_withheld_does_not_leave_even_inside_answers() {
    type Fits = fn(&Message) -> bool;
    let cases: [(Attack, Fits); 3] = [
        (Attack::WithholdVotes, |m| {
            is_own(m)
                && matches!(
                    m.kind(),
                    MessageKind::Prepare
                        | MessageKind::PreCommit
                        | MessageKind::ChangeView
                        | MessageKind::Suspect
                )
        }),
        (Attack::WithholdCommits, |m| {
            is_own(m) && m.kind() == MessageKind::Commit
        }),
        (Attack::WithholdProposals, |m| {
            is_own(m) && m.kind() == MessageKind::Proposal
        }),
    ];
    for (attack, fits) in cases {
        let network = run(attack, 3, 8);
        assert!(meant(&network, fits), "{attack}: the engine wanted to");
        assert!(!leaves(&network, fits), "{attack}");
        assert!(network.let_out(|_| true).next().is_some());
    }
}

#[test]
fn views_that_were_left_get_votes_all_the_same() {
    let mut late = 0;
    for seed in 0..6 {
        // Our engine sees no proposal before view 2, and gives up; the others prepare.
        let mut network = Network::new(4, &[(LIAR, &[Attack::VoteInLeftViews])], seed);
        network.filter = Box::new(|_, to, message| {
            message.view.0 >= 2
                || match message.kind() {
                    MessageKind::PreCommit | MessageKind::RecoveryMessage => false,
                    MessageKind::Proposal => to != LIAR,
                    _ => true,
                }
        });
        network.until_stored(4, ms(120_000));
        let mut asked: BTreeMap<Height, View> = BTreeMap::new();
        for (_, message) in network.let_out(is_own) {
            let left = asked.entry(message.height).or_default();
            match message.kind() {
                MessageKind::ChangeView => *left = message.view.max(*left),
                MessageKind::Prepare | MessageKind::PreCommit if message.view < *left => {
                    assert!(genuine(&network.context(message.height.0), message));
                    late += 1;
                }
                _ => {}
            }
        }
        network.assert_only_liars_are_accused();
    }
    assert!(late > 0);
}

#[test]
fn private_votes_go_to_one_validator() {
    let network = run(Attack::PrivateCertificates, 15, 6);
    let private = network.let_out(|m| m.kind() == MessageKind::PreCommit && is_own(m));
    assert!(
        private
            .filter(|(sent, _)| matches!(sent.outgoing.to, Recipient::One(_)))
            .count()
            > 0
    );
}

#[test]
fn pressure_asks_for_views_that_nobody_else_wants() {
    let network = run(Attack::ForceViewChanges, 13, 8);
    assert!(leaves(&network, |m| is_own(m)
        && m.kind() == MessageKind::ChangeView));
    assert!(leaves(&network, |m| is_own(m) && m.kind() == MessageKind::Suspect));
}
