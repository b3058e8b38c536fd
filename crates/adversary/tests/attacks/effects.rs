//! What each strategy does to what leaves its node.

use std::collections::{BTreeMap, BTreeSet};

use neo_adversary::{Attack, Content};
use neo_consensus::View;
use neo_consensus::engine::Recipient;
use neo_consensus::v3::Signer;
use neo_consensus::v3::certificate::{PreparedCertificate, justification_hash};
use neo_consensus::v3::context::{HeightContext, MessageKind};
use neo_consensus::v3::{Message, Payload, SignatureCheck};
use neo_invariants::ideal::{IdealCheck, IdealSigner};
use neo_primitives::{Height, UInt256, ValidatorIndex};

use crate::network::{Network, Sent, ms};

const LIAR: usize = 1;

fn run(attack: Attack, seed: u64, height: u32) -> Network {
    let mut network = Network::new(4, &[(LIAR, &[attack])], seed);
    network.until_stored(height, ms(60_000));
    network
}

/// PreCommits reach nobody for a while, so that views change while something is prepared.
fn run_with_view_changes(attacks: &[Attack], seed: u64, height: u32) -> Network {
    let mut network = Network::new(4, &[(LIAR, attacks)], seed);
    network.filter = Box::new(|_, _, message| {
        message.view.0 >= 2
            || !matches!(
                message.kind(),
                MessageKind::PreCommit | MessageKind::RecoveryMessage
            )
    });
    network.until_stored(height, ms(120_000));
    network
}

fn is_own(message: &Message) -> bool {
    message.sender == ValidatorIndex(LIAR as u8)
}

fn genuine(context: &HeightContext, message: &Message) -> bool {
    let key = context.validators.key(message.sender).unwrap();
    IdealSigner::new(key.clone()).sign(&message.preimage(context)) == message.signature
}

fn nested(message: &Message) -> Vec<&Message> {
    match &message.payload {
        Payload::RecoveryMessage(recovery) => recovery.messages.iter().collect(),
        _ => Vec::new(),
    }
}

fn leaves(network: &Network, fits: impl Fn(&Message) -> bool) -> bool {
    network
        .let_out(|_| true)
        .any(|(_, message)| fits(message) || nested(message).into_iter().any(&fits))
}

fn meant(network: &Network, fits: impl Fn(&Message) -> bool) -> bool {
    network
        .meant
        .iter()
        .any(|sent| match &sent.outgoing.content {
            Content::Message(message) => fits(message),
            Content::Bytes(_) => false,
        })
}

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

fn is_certified(context: &HeightContext, certificate: &PreparedCertificate) -> bool {
    let mut obligations = Vec::new();
    context
        .prepared_obligations(certificate, &mut obligations)
        .is_ok()
        && IdealCheck.all_valid(context, &obligations)
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

fn certificates_hold(context: &HeightContext, message: &Message) -> usize {
    let Payload::RecoveryMessage(recovery) = &message.payload else {
        return 0;
    };
    let valid = |formed: bool, obligations: &[_]| {
        usize::from(formed && IdealCheck.all_valid(context, obligations))
    };
    let mut holding = 0;
    if let Some(certificate) = &recovery.prepared {
        holding += usize::from(is_certified(context, certificate));
    }
    if let Some(certificate) = &recovery.view_change {
        let mut out = Vec::new();
        let formed = context
            .view_change_obligations(certificate, &mut out)
            .is_ok();
        holding += valid(formed, &out);
    }
    if let Some(decision) = &recovery.decision {
        let mut out = Vec::new();
        let formed = context.decision_obligations(decision, &mut out).is_ok();
        holding += valid(formed, &out);
    }
    holding
}

#[test]
fn no_forged_certificate_verifies() {
    let mut seen = 0;
    for seed in 0..4 {
        let network = run(Attack::ForgeCertificates, seed, 30);
        for sent in &network.ticked {
            let Content::Message(message) = &sent.outgoing.content else {
                continue;
            };
            if message.height.0 > network.lowest() {
                continue;
            }
            seen += 1;
            let context = network.context(message.height.0);
            assert_eq!(certificates_hold(&context, message), 0, "{message:?}");
        }
        assert!(network.refused > 0);
        assert_eq!(network.highest_view(), View::ZERO, "nobody is moved");
    }
    assert!(seen > 20);
}

#[test]
fn replays_are_old_and_some_are_moved() {
    let network = run(Attack::Replay, 7, 12);
    let mut moved_signatures = 0;
    for sent in &network.ticked {
        let Content::Message(message) = &sent.outgoing.content else {
            panic!("only messages");
        };
        let said: Vec<&Message> = match nested(message) {
            inside if inside.is_empty() => vec![message],
            inside => inside,
        };
        for one in said {
            if one.kind() == MessageKind::Commit && one.height.0 <= network.lowest() {
                let stored = network.nodes[0].ledger.stored[one.height.0 as usize].hash();
                moved_signatures += usize::from(one.block() != Some(stored));
            }
        }
    }
    assert!(moved_signatures > 0, "header signatures at other heights");
    network.assert_agreement();
    network.assert_only_liars_are_accused();
}

#[test]
fn invalid_blocks_are_proposed_and_never_prepared() {
    let mut different = BTreeSet::new();
    for seed in 0..8 {
        let network = run(Attack::InvalidBlocks, seed, 9);
        let mut bad = BTreeSet::new();
        for (_, message) in network.let_out(|m| m.kind() == MessageKind::Proposal && is_own(m)) {
            let hash = message.block().unwrap();
            let honest = meant(&network, |truth| truth.block() == Some(hash));
            if !honest {
                bad.insert(hash);
                different.insert(hash);
            }
        }
        let prepared = network.honest.iter().any(|(_, message)| {
            message.kind() == MessageKind::Prepare
                && message.block().is_some_and(|hash| bad.contains(&hash))
        });
        assert!(!prepared);
    }
    assert!(different.len() > 6, "{} bad blocks", different.len());
}

#[test]
fn selective_delivery_reaches_some_and_not_others() {
    let network = run(Attack::SelectiveDelivery, 9, 6);
    let mut receivers: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for (sent, message) in network.let_out(|m| m.kind() == MessageKind::Prepare) {
        if let Recipient::One(to) = &sent.outgoing.to {
            let of = receivers.entry(message.signature.0.to_vec()).or_default();
            of.insert(to.as_bytes().to_vec());
        }
    }
    assert!(receivers.values().any(|to| to.len() == 1 || to.len() == 2));
}

#[test]
fn delays_end_before_the_timeout() {
    let network = run(Attack::DelayToTimeout, 10, 5);
    let mut late = 0;
    for (sent, message) in network.let_out(|m| m.kind() == MessageKind::Proposal) {
        let timeout = ms((300 << message.view.0.min(5)).min(2_000));
        assert!(sent.outgoing.delay < timeout);
        late += usize::from(sent.outgoing.delay > timeout / 2);
    }
    assert!(late > 0);
}

#[test]
fn floods_are_bounded_and_far() {
    let network = run(Attack::FloodFuture, 11, 5);
    let mut per_tick: BTreeMap<std::time::Duration, usize> = BTreeMap::new();
    let (mut far_height, mut far_view) = (0, 0);
    for Sent { at, outgoing, .. } in &network.ticked {
        *per_tick.entry(*at).or_default() += 1;
        if let Content::Message(message) = &outgoing.content {
            far_height += usize::from(message.height.0 > network.lowest() + 100);
            far_view += usize::from(message.view.0 > 100);
        }
    }
    assert!(per_tick.values().all(|count| *count <= 16));
    assert!(far_height > 10 && far_view > 10, "{far_height} {far_view}");
}

#[test]
fn garbage_is_mostly_undecodable_and_short() {
    let network = run(Attack::Garbage, 12, 5);
    assert!(network.undecodable > 10);
    for sent in &network.ticked {
        if let Content::Bytes(bytes) = &sent.outgoing.content {
            assert!(bytes.len() <= 5 * 4_096 + 4_096);
        }
    }
}

#[test]
fn pressure_asks_for_views_that_nobody_else_wants() {
    let network = run(Attack::ForceViewChanges, 13, 8);
    assert!(leaves(&network, |m| is_own(m)
        && m.kind() == MessageKind::ChangeView));
    assert!(leaves(&network, |m| is_own(m) && m.kind() == MessageKind::Suspect));
}

#[test]
fn false_answers_name_heights_that_do_not_exist() {
    let network = run(Attack::FalseRecovery, 14, 8);
    assert!(leaves(&network, |m| m.kind() == MessageKind::RecoveryRequest));
    network.assert_agreement();
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

#[test]
fn one_seed_makes_one_run() {
    for attack in Attack::ALL {
        let trace = |seed| {
            let network = run(attack, seed, 3);
            let sent = network.bent.into_iter();
            sent.map(|sent| (sent.at, sent.outgoing))
                .collect::<Vec<_>>()
        };
        assert!(trace(1) == trace(1), "{attack}");
    }
}
