//! Leaders fail, certificates get lost, networks split.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use neo_primitives::Height;

use super::toys::{ToyCheck, ToySigner};
use super::{Cluster, Config, ms};
use crate::engine::{Engine, Event, Notice, Now, Recipient, TimerId, TimerKind};
use crate::v3::OwnMessage;
use crate::v3::context::MessageKind;
use crate::v3::message::{ChangeView, ChangeViewReason, Draft, Message, Payload};
use crate::validators::View;

/// At height 1 view v is led by validator `(1 + v) mod n`.
const FIRST_LEADER: usize = 1;

#[test]
fn a_crashed_leader_costs_one_timeout() {
    for validators in [4, 7] {
        let mut cluster = Cluster::asleep(Config::of(validators), 1);
        for node in (0..validators).filter(|node| *node != FIRST_LEADER) {
            cluster.boot(node);
        }
        cluster.until_all_stored(1, ms(2250));
        assert!(cluster.notices.iter().any(|(_, _, notice)| matches!(
            notice,
            Notice::Decided { view, .. } if view.0 == 1
        )));
        // Every later turn of the dead leader costs one more.
        cluster.until_all_stored(9, ms(14_000));
    }
}

#[test]
fn a_visible_crash_of_the_leader_needs_no_timeout() {
    let mut cluster = Cluster::start(Config::of(4), 2);
    cluster.connect();
    cluster.until_all_stored(1, ms(2000));
    // Height 2 is open, its leader waits for its moment.
    cluster.crash_visibly(2);
    // The next leader is there long before the block is due, so nobody waits for it.
    let before = cluster.proposed_at(1);
    cluster.until_all_stored(2, ms(1100));
    assert!(
        cluster.now - before < ms(1100),
        "{:?}",
        cluster.now - before
    );
    let asked = |reason: &str| {
        cluster.noticed(
            |notice| matches!(notice, Notice::ViewChangeAsked { reason: r, .. } if *r == reason),
        )
    };
    assert_eq!(asked("timeout"), 0);
    assert!(asked("the leader is suspected") > 0);
}

#[test]
fn fewer_than_a_quorum_of_suspects_changes_nothing() {
    let mut cluster = Cluster::start(Config::of(4), 3);
    for from in [0, 3] {
        let suspect = cluster.forge(from, 1, 0, Payload::Suspect);
        cluster.send(from, Recipient::All, suspect, false);
    }
    cluster.until_all_stored(3, ms(3500));
    assert_eq!(cluster.view_changes(), 0);
}

#[test]
fn the_leader_crashes_right_after_one_validator_decided() {
    // Only node 2 gets the PreCommits; then it and the leader are gone.
    let mut cluster = Cluster::start(Config::of(7), 4);
    cluster.filter = Some(Box::new(|from, to, message| {
        let kind = message.kind();
        let lost =
            kind == MessageKind::PreCommit && to != 2 || kind != MessageKind::Prepare && from == 2;
        message.height.0 != 1 || !lost
    }));
    cluster.until(ms(3000), "node 2 decides", |cluster| {
        cluster.noticed(|notice| matches!(notice, Notice::Decided { .. })) == 1
    });
    let decided = cluster
        .notices
        .iter()
        .find_map(|(_, node, notice)| match notice {
            Notice::Decided { hash, .. } => Some((*node, *hash)),
            _ => None,
        });
    let (node, hash) = decided.unwrap();
    assert_eq!(node, 2);
    cluster.crash(FIRST_LEADER);
    cluster.links.partition(&[&[2], &[0, 3, 4, 5, 6]]);
    cluster.filter = None;
    // View 1 is led by node 2 itself, so two timeouts.
    cluster.until_stored(&[0, 3, 4, 5, 6], 1, ms(6000));
    assert_eq!(cluster.block(0, 1), hash);
    cluster.links.heal();
    cluster.until_stored(&[0, 2, 3, 4, 5, 6], 4, ms(10_000));
    assert_eq!(cluster.block(2, 1), hash);
}

#[test]
fn a_view_change_certificate_that_one_node_knows_reaches_all() {
    let mut cluster = Cluster::asleep(Config::of(4), 5);
    [0, 2, 3].into_iter().for_each(|node| cluster.boot(node));
    // ChangeViews reach node 3 only, and what node 3 makes of them reaches nobody.
    cluster.filter = Some(Box::new(|from, to, message| {
        to == 3 && message.kind() == MessageKind::ChangeView
            || from != 3 && message.kind() != MessageKind::ChangeView
    }));
    cluster.until(ms(2250), "node 3 enters view 1", |cluster| {
        cluster.view(3, 1) == Some(1)
    });
    cluster.run(ms(100));
    assert_eq!((cluster.view(0, 1), cluster.view(2, 1)), (Some(0), Some(0)));
    // Nobody asks: it answers the repeated ChangeViews.
    cluster.filter = Some(Box::new(|_, _, message| {
        message.kind() != MessageKind::RecoveryRequest
    }));
    cluster.until(ms(250), "all enter view 1", |cluster| {
        [0, 2, 3]
            .into_iter()
            .all(|node| cluster.view(node, 1) != Some(0))
    });
    cluster.until_all_stored(1, ms(500));
}

#[test]
fn a_node_that_entered_a_view_by_its_prepared_certificate_goes_on() {
    // Node 6 learns of view 1 by its Prepares only: all that brings a TC is kept from it.
    let mut cluster = Cluster::start(Config::of(7), 6);
    cluster.filter = Some(Box::new(|_, to, message| match &message.payload {
        Payload::Proposal(_) => !(message.height.0 == 1 && (message.view.0 == 0 || to == 6)),
        Payload::RecoveryMessage(_) => false,
        Payload::ChangeView(_) => to != 6,
        Payload::PreCommit { .. } => message.height.0 != 1 || message.view.0 > 1,
        _ => true,
    }));
    cluster.until(ms(2500), "node 6 is in view 1", |cluster| {
        cluster.view(6, 1) == Some(1)
    });
    // Nobody decides in view 1; a later view has to.
    cluster.run(ms(500));
    assert_eq!(cluster.stored(0), 0);
    cluster.filter = None;
    cluster.until_all_stored(2, ms(8000));
}

#[test]
fn lost_commits_are_sent_again() {
    let mut cluster = Cluster::start(Config::of(4), 7);
    cluster.filter = Some(Box::new(|_, _, message| {
        let carries_commits = match &message.payload {
            Payload::RecoveryMessage(recovery) => recovery
                .messages
                .iter()
                .any(|m| m.kind() == MessageKind::Commit),
            _ => message.kind() == MessageKind::Commit,
        };
        !carries_commits
    }));
    cluster.run(ms(3000));
    assert!(cluster.up().iter().all(|node| cluster.stored(*node) == 0));
    // Two heights are decided, a third must not begin.
    assert!(cluster.sent.iter().all(|sent| sent.message.height.0 <= 2));
    cluster.filter = None;
    cluster.until_all_stored(2, ms(300));
    assert_eq!(cluster.view_changes(), 0);
}

#[test]
fn a_healed_split_in_halves_goes_on_at_once() {
    let mut cluster = Cluster::start(Config::of(4), 8);
    cluster.until_all_stored(2, ms(3000));
    cluster.links.partition(&[&[0, 1], &[2, 3]]);
    cluster.run(ms(120_000));
    for node in 0..4 {
        let height = cluster.stored(node) + 1;
        assert!(
            cluster.view(node, height).unwrap() <= 1,
            "views do not run away"
        );
    }
    cluster.links.heal();
    let stored = cluster
        .up()
        .iter()
        .map(|node| cluster.stored(*node))
        .max()
        .unwrap();
    cluster.until_all_stored(stored + 1, ms(600));
    cluster.until_all_stored(stored + 4, ms(5000));
}

#[test]
fn a_minority_that_was_away_does_not_disturb_the_others() {
    let mut cluster = Cluster::start(Config::of(7), 9);
    cluster.until_all_stored(1, ms(2000));
    cluster.links.partition(&[&[0, 1], &[2, 3, 4, 5, 6]]);
    cluster.run(ms(30_000));
    let majority = cluster.stored(3);
    assert!(majority > 10);
    let before = cluster.view_changes();
    cluster.links.heal();
    cluster.until_all_stored(majority + 2, ms(4000));
    cluster.run(ms(10_000));
    let after = cluster.view_changes();
    // What the two asked for while they were away ends with the first answers.
    assert!(after - before <= 4, "{before} then {after}");
}

#[test]
fn four_pre_committed_and_three_behind_do_not_lock() {
    // dBFT 2.0 stops here for ever: four committed at view 0, three ask for view 1.
    let mut cluster = Cluster::start(Config::of(7), 10);
    cluster.filter = Some(Box::new(|_, to, message| {
        let first = message.height.0 == 1 && message.view.0 == 0;
        match message.kind() {
            MessageKind::Prepare => !(first && to >= 4),
            MessageKind::PreCommit => !first,
            MessageKind::RecoveryMessage => false,
            _ => true,
        }
    }));
    cluster.until(ms(1500), "four PreCommits", |cluster| {
        let own = |sent: &&super::Sent| sent.message.kind() == MessageKind::PreCommit;
        cluster.sent.iter().filter(own).count() == 4
    });
    let proposed = cluster
        .sent
        .iter()
        .find_map(|sent| sent.message.block())
        .unwrap();
    cluster.until_all_stored(1, ms(4000));
    assert_eq!(
        cluster.block(0, 1),
        proposed,
        "what was prepared is proposed again"
    );
    cluster.filter = None;
    cluster.until_all_stored(4, ms(5000));
}

#[test]
fn a_leader_that_resigns_is_left_at_once() {
    let mut cluster = Cluster::asleep(Config::of(4), 11);
    [0, 2, 3].into_iter().for_each(|node| cluster.boot(node));
    cluster.run(ms(50));
    cluster.oracle.byzantine.insert(FIRST_LEADER);
    let resigns = cluster.forge_change_view(FIRST_LEADER, 1, 1);
    cluster.send(FIRST_LEADER, Recipient::All, resigns, false);
    cluster.until(ms(100), "view 1", |cluster| cluster.view(0, 1) == Some(1));
    // Its block is no earlier than that of view 0 would have been.
    cluster.until_all_stored(1, ms(1100));
    assert!(cluster.proposed_at(1) >= ms(1000));
}

#[test]
fn a_leader_that_resigned_before_its_view_is_passed_over() {
    // Node 2 leads view 1, and asked for view 2 before anybody came to view 1.
    let mut cluster = Cluster::asleep(Config::of(4), 12);
    [0, 1, 3].into_iter().for_each(|node| cluster.boot(node));
    cluster.filter = Some(Box::new(|_, _, message| {
        let kind = message.kind();
        kind != MessageKind::Proposal && kind != MessageKind::RecoveryMessage
    }));
    cluster.oracle.byzantine.insert(2);
    let resigns = cluster.forge_change_view(2, 1, 2);
    cluster.send(2, Recipient::All, resigns, false);
    cluster.until(ms(2250), "view 1", |cluster| cluster.view(0, 1) == Some(1));
    cluster.filter = None;
    cluster.until_all_stored(1, ms(300));
}

#[test]
fn a_lost_proposal_of_a_later_view_is_fetched() {
    let mut cluster = Cluster::asleep(Config::of(4), 13);
    [0, 2, 3].into_iter().for_each(|node| cluster.boot(node));
    let lost = Rc::new(Cell::new(0));
    let count = Rc::clone(&lost);
    cluster.filter = Some(Box::new(move |_, _, message| {
        let hit = message.kind() == MessageKind::Proposal && count.get() < 2;
        count.set(count.get() + u32::from(hit));
        !hit
    }));
    cluster.until_all_stored(1, ms(3000));
    assert_eq!(lost.get(), 2);
    assert_eq!(cluster.block(0, 1), cluster.block(3, 1));
    assert!(cluster.notices.iter().all(|(_, _, notice)| !matches!(
        notice,
        Notice::ViewEntered { view, .. } if view.0 > 1
    )));
}

#[test]
fn one_way_links_do_not_stop_the_others() {
    let mut cluster = Cluster::start(Config::of(4), 14);
    // Node 3 hears nobody, and everybody hears it.
    (0..3).for_each(|from| cluster.links.block(from, 3));
    cluster.until_stored(&[0, 1, 2], 6, ms(14_000));
    cluster.links.heal();
    cluster.until_all_stored(8, ms(6000));
}

#[test]
fn a_proposal_that_was_lost_to_all_is_asked_for() {
    // The leader asks what became of its block, which shows that it has one.
    let mut cluster = Cluster::start(Config::of(4), 15);
    cluster.filter = Some(Box::new(|_, _, message| {
        message.kind() != MessageKind::Proposal
    }));
    cluster.until_all_stored(1, ms(1900));
    assert_eq!(cluster.view_changes(), 0);
}

#[test]
fn above_32_validators_certificates_go_to_the_next_leader_and_to_whoever_asks() {
    // All hold PC(0) of height 1, then the leader is gone; in the second run also the next one.
    for gone in [vec![1], vec![1, 2]] {
        let config = Config {
            load: 0,
            wire: false,
            ..Config::of(34)
        };
        let mut cluster = Cluster::start(config, 17);
        cluster.filter = Some(Box::new(|_, _, message| {
            message.view.0 > 0
                || !matches!(
                    message.kind(),
                    MessageKind::PreCommit | MessageKind::RecoveryMessage
                )
        }));
        cluster.until(ms(2000), "all pre-commit", |cluster| {
            let voted = |sent: &&super::Sent| sent.message.kind() == MessageKind::PreCommit;
            cluster.sent.iter().filter(voted).count() == 34
        });
        let proposed = cluster.proposed(1);
        gone.iter().for_each(|node| cluster.crash(*node));
        cluster.until_all_stored(1, ms(4000));
        assert_eq!(cluster.block(0, 1), proposed);
        let loud = cluster
            .sent
            .iter()
            .filter(|sent| match &sent.message.payload {
                Payload::ChangeView(change) => {
                    sent.to == Recipient::All && change.prepared.is_some()
                }
                _ => false,
            });
        assert_eq!(loud.count(), 0, "certificates are not broadcast");
    }
}

#[test]
fn a_target_that_was_raised_is_not_repeated_while_the_log_is_written() {
    let mut cluster = Cluster::asleep(Config::of(4), 1);
    cluster.boot(0);
    cluster.run(ms(50));
    let mut engine = cluster.nodes[0].engine.take().unwrap();
    let own = cluster.nodes[0].key.clone();
    let now = |at| Now {
        monotonic: ms(at),
        wall_ms: 1_700_000_001_000 + at,
        entropy: 0,
    };
    let timer = |kind| {
        let height = Height(1);
        Event::Timer(TimerId { height, kind })
    };
    let asks = |drafts: &[(Recipient, Draft)]| -> Vec<u32> {
        let drafts = drafts.iter().map(|(_, draft)| draft.unsigned());
        drafts
            .filter(|message| message.kind() == MessageKind::ChangeView)
            .map(|message| message.view.0)
            .collect()
    };
    // Its ChangeView for view 1 is durable and out.
    let mut sent = engine.step(now(5_000), timer(TimerKind::View)).send;
    assert_eq!(asks(&sent), [1]);
    let (_, draft) = sent.swap_remove(0);
    let context = Arc::clone(draft.context());
    let signed = OwnMessage::sign(draft, &ToySigner(own.clone()));
    engine.step(now(5_000), Event::Own(signed));
    // Two others ask for view 3; it joins, and the disk is slow.
    let mut drafted = Vec::new();
    let others = context
        .validators
        .indexes()
        .filter(|index| context.validators.key(*index) != Some(&own));
    for sender in others.take(2) {
        let payload = Payload::ChangeView(Arc::new(ChangeView {
            claim: None,
            prepared: None,
            reason: ChangeViewReason::Timeout,
        }));
        let from = context.validators.key(sender).unwrap().clone();
        let draft = Draft::new(&context, sender, View(3), payload);
        let message = draft.sign(&ToySigner(from.clone()));
        let received = engine.step(now(5_010), Event::Received { from, message });
        for job in received.verify {
            let outcome = job.run(&ToyCheck);
            drafted.extend(engine.step(now(5_010), Event::Verified(outcome)).send);
        }
    }
    assert_eq!(asks(&drafted), [3]);
    let again = engine.step(now(5_200), timer(TimerKind::Resend)).resend;
    let lower = |message: &Message| message.kind() == MessageKind::ChangeView;
    assert!(
        !again.iter().any(|(_, message)| lower(message)),
        "{again:?}"
    );
}
