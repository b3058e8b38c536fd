//! What strategies claim and justify.

use std::collections::{BTreeMap, BTreeSet};

use neo_adversary::{Attack, Content};
use neo_consensus::View;
use neo_consensus::engine::Recipient;
use neo_consensus::v3::certificate::justification_hash;
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::{Message, Payload, SignatureCheck};
use neo_invariants::ideal::IdealCheck;
use neo_primitives::Height;

use super::{genuine, is_certified, is_own, run_with_view_changes};
use crate::network::{Network, ms};

fn claim_view(message: &Message) -> Option<View> {
    match &message.payload {
        Payload::ChangeView(change) => change.claim.map(|claim| claim.view),
        _ => None,
    }
}

#[test]
fn hidden_claims_are_lower_than_what_the_engine_holds() {
    let mut hidden = 0;
    for seed in 0..4 {
        let network = run_with_view_changes(&[Attack::HideClaim], seed, 3);
        for (_, lie) in network.let_out(|m| m.kind() == MessageKind::ChangeView && is_own(m)) {
            assert!(genuine(&network.context(lie.height.0), lie));
            let truth = network
                .meant
                .iter()
                .find_map(|sent| match &sent.outgoing.content {
                    Content::Message(truth)
                        if truth.kind() == MessageKind::ChangeView
                            && (truth.height, truth.view) == (lie.height, lie.view) =>
                    {
                        Some(truth)
                    }
                    _ => None,
                });
            let truth = truth.expect("the engine's own");
            assert!(claim_view(lie) <= claim_view(truth));
            hidden += usize::from(claim_view(lie) < claim_view(truth));
        }
        network.assert_agreement();
        network.assert_only_liars_are_accused();
    }
    assert!(hidden > 0);
}

#[test]
fn false_claims_have_no_certificate_that_verifies() {
    let mut forged = 0;
    for seed in 0..6 {
        let network = run_with_view_changes(&[Attack::FalseClaim], seed, 2);
        for (_, lie) in network.let_out(|m| m.kind() == MessageKind::ChangeView && is_own(m)) {
            let Payload::ChangeView(change) = &lie.payload else {
                continue;
            };
            let context = network.context(lie.height.0);
            let backed = change.prepared.as_ref().is_some_and(|held| {
                Some(held.claim()) == change.claim && is_certified(&context, held)
            });
            assert!(!backed, "{lie:?}");
            forged += usize::from(change.prepared.is_some());
        }
        network.assert_agreement();
        network.assert_only_liars_are_accused();
    }
    assert!(forged > 0, "some come with a forged certificate");
}

#[test]
fn a_justification_goes_to_one_validator_only() {
    let network = run_with_view_changes(&[Attack::JustificationToOne], 5, 6);
    let mut receivers: BTreeMap<Height, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for (sent, message) in network.let_out(|_| true) {
        let shows = match &message.payload {
            Payload::Proposal(proposal) => proposal.justification.is_some(),
            Payload::RecoveryMessage(recovery) => recovery.view_change.is_some(),
            _ => false,
        };
        if !shows {
            continue;
        }
        let Recipient::One(to) = &sent.outgoing.to else {
            panic!("to all: {message:?}");
        };
        let of_height = receivers.entry(message.height).or_default();
        of_height.insert(to.as_bytes().to_vec());
    }
    assert!(!receivers.is_empty());
    assert!(receivers.values().all(|to| to.len() == 1));
}

#[test]
fn a_leader_with_a_choice_hides_the_greatest_claim() {
    // Two validators prepare a block in view 0, and the leader of view 1 is ours.
    let leads = 2;
    let mut hidden = 0;
    for seed in 0..12 {
        let mut network = Network::new(7, &[(leads, &[Attack::HideGreatestClaim])], seed);
        network.filter = Box::new(|_, to, message| {
            message.view.0 > 0
                || match message.kind() {
                    MessageKind::Prepare => to == 0 || to == 3,
                    MessageKind::PreCommit | MessageKind::RecoveryMessage => false,
                    _ => true,
                }
        });
        network.until_stored(1, ms(120_000));
        let own = |m: &Message| usize::from(m.sender.0) == leads;
        for (_, bent) in network.let_out(move |m| m.kind() == MessageKind::Proposal && own(m)) {
            let Payload::Proposal(lie) = &bent.payload else {
                continue;
            };
            let truth = network
                .meant
                .iter()
                .find_map(|sent| match &sent.outgoing.content {
                    Content::Message(truth)
                        if (truth.height, truth.view) == (bent.height, bent.view) =>
                    {
                        match &truth.payload {
                            Payload::Proposal(truth) => Some(truth.clone()),
                            _ => None,
                        }
                    }
                    _ => None,
                });
            let Some(truth) = truth else { continue };
            let greatest = |proposal: &neo_consensus::v3::message::Proposal| {
                let held = proposal.justification.as_ref();
                held.and_then(|held| held.greatest_claim())
                    .map(|claim| claim.view)
            };
            let other = justification_hash(lie.justification.as_ref())
                != justification_hash(truth.justification.as_ref());
            if other {
                assert!(greatest(lie) < greatest(&truth));
                let certificate = lie.justification.as_ref().unwrap();
                let context = network.context(bent.height.0);
                let mut out = Vec::new();
                assert!(
                    context
                        .view_change_obligations(certificate, &mut out)
                        .is_ok()
                );
                assert!(IdealCheck.all_valid(&context, &out), "all of it is genuine");
                hidden += 1;
            }
        }
        network.assert_agreement();
        network.assert_only_liars_are_accused();
    }
    assert!(hidden > 0);
}
