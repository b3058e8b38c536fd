//! What strategies make up, and what they show where it does not belong.

use std::collections::{BTreeMap, BTreeSet};

use neo_adversary::{Attack, Content};
use neo_consensus::View;
use neo_consensus::v3::context::{HeightContext, MessageKind};
use neo_consensus::v3::{Message, Payload, SignatureCheck};
use neo_invariants::ideal::IdealCheck;

use super::{is_certified, is_own, leaves, meant, nested, run};
use crate::network::Sent;

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
fn false_answers_name_heights_that_do_not_exist() {
    let network = run(Attack::FalseRecovery, 14, 8);
    assert!(leaves(&network, |m| m.kind() == MessageKind::RecoveryRequest));
    network.assert_agreement();
}
