//! Leaders that are not there, or are thought not to be.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::{Cluster, Config, ms};
use crate::engine::{Connectivity, Event, Notice};
use crate::v3::context::MessageKind;

/// Connected, and past the first blocks.
fn running(validators: usize, seed: u64) -> Cluster {
    let mut cluster = Cluster::start(Config::of(validators), seed);
    cluster.connect();
    cluster.until_all_stored(3, ms(5_000));
    cluster
}

/// The validator that leads the open height.
fn leader(cluster: &Cluster) -> usize {
    use crate::engine::Engine;
    let status = cluster.nodes[0].engine.as_ref().unwrap().status();
    usize::from(status.heights.last().unwrap().leader.0)
}

impl Cluster {
    /// Some nodes hear nothing of another, or hear it again.
    fn hear(&mut self, nodes: &[usize], of: usize, state: Connectivity) {
        let peer = self.nodes[of].key.clone();
        for node in nodes {
            let peer = peer.clone();
            self.handle(*node, Event::Connectivity { peer, state });
        }
    }
}

#[test]
fn a_validator_that_is_dead_for_good_costs_no_time() {
    for validators in [4, 7] {
        let mut cluster = running(validators, 1);
        cluster.crash_visibly(3);
        cluster.until_all_stored(25, ms(24_000));
        let longest = cluster.longest_interval(6..25);
        assert!(longest < ms(1_050), "{validators}: {longest:?}");
        assert_eq!(cluster.asked_because("timeout"), 0);
    }
}

#[test]
fn a_leader_that_stops_as_its_block_is_due_costs_its_detection() {
    for validators in [4, 7] {
        let mut cluster = running(validators, 2);
        let height = cluster.stored(0) + 1;
        let due = cluster.proposed_at(height - 1) + ms(1_000);
        let leads = leader(&cluster);
        cluster.run(due.saturating_sub(cluster.now + ms(1)));
        assert_eq!(leader(&cluster), leads);
        cluster.stop_silently(leads);
        let others: Vec<_> = (0..validators).filter(|node| *node != leads).collect();
        cluster.until_stored(&others, height + 3, ms(6_000));
        let longest = cluster.longest_interval(height..height + 3);
        assert!(longest < ms(1_300), "{validators}: {longest:?}");
        // The one that is cut off waits in vain, nobody else does.
        let waited = cluster.notices.iter().any(|(_, node, notice)| {
            *node != leads
                && matches!(
                    notice,
                    Notice::ViewChangeAsked {
                        reason: "timeout",
                        ..
                    }
                )
        });
        assert!(!waited);
    }
}

#[test]
fn a_suspicion_ends_when_the_proposal_comes() {
    let mut cluster = running(4, 3);
    let leads = leader(&cluster);
    let others: Vec<_> = (0..4).filter(|node| *node != leads).collect();
    // Two of three lose sight of it: not enough to leave it, and its block counts.
    cluster.hear(&others[..2], leads, Connectivity::Quiet);
    let height = cluster.stored(0) + 1;
    cluster.until_all_stored(height + 6, ms(8_000));
    assert_eq!(
        cluster.noticed(|n| matches!(n, Notice::Suspected { .. })),
        2
    );
    assert_eq!(cluster.view_changes(), 0);
}

#[test]
fn a_suspicion_that_gets_lost_is_repeated() {
    let mut cluster = running(4, 4);
    let leads = leader(&cluster);
    let height = cluster.stored(0) + 1;
    let seen = Rc::new(RefCell::new(BTreeSet::new()));
    cluster.filter = Some(Box::new(move |from, to, message| {
        message.kind() != MessageKind::Suspect || !seen.borrow_mut().insert((from, to))
    }));
    cluster.crash_visibly(leads);
    cluster.until_all_stored(height, ms(1_200));
    assert_eq!(cluster.asked_because("timeout"), 0);
    let again = |sent: &&super::Sent| sent.again && sent.message.kind() == MessageKind::Suspect;
    assert!(cluster.sent.iter().filter(again).count() >= 3);
}

#[test]
fn false_suspicions_of_all_are_bounded_and_cost_no_time() {
    // Everybody thinks of everybody that it is silent, again and again, and everybody is there.
    let mut cluster = running(4, 5);
    let from = cluster.stored(0) + 1;
    for _ in 0..400 {
        for node in 0..4 {
            let others: Vec<_> = (0..4).filter(|other| *other != node).collect();
            cluster.hear(&others, node, Connectivity::Quiet);
        }
        cluster.run(ms(25));
    }
    let last = cluster.stored(0);
    assert!(last >= from + 6, "{from} to {last}");
    let mut entered: Vec<u32> = vec![0; usize::try_from(last).unwrap() + 3];
    for (_, node, notice) in &cluster.notices {
        if let (0, Notice::ViewEntered { height, .. }) = (node, notice) {
            entered[usize::try_from(height.0).unwrap()] += 1;
        }
    }
    // After n switchovers at a height only timers change the view.
    assert!(entered.iter().all(|views| *views <= 5), "{entered:?}");
    for node in 0..4 {
        let others: Vec<_> = (0..4).filter(|other| *other != node).collect();
        let up = Connectivity::Up { round_trip: ms(0) };
        cluster.hear(&others, node, up);
    }
    cluster.run(ms(2_500));
    let before = cluster.view_changes();
    cluster.until_all_stored(last + 6, ms(10_000));
    assert_eq!(cluster.view_changes(), before, "it ends with its cause");
}

#[test]
fn a_silent_validator_is_heard_again_with_its_first_message() {
    let mut cluster = running(4, 6);
    let leads = leader(&cluster);
    let others: Vec<_> = (0..4).filter(|node| *node != leads).collect();
    // It is not its turn yet: all of it happens while another leads.
    let silent = others[0];
    let rest: Vec<_> = (0..4)
        .filter(|node| *node != silent && *node != leads)
        .collect();
    cluster.hear(&rest, silent, Connectivity::Quiet);
    let height = cluster.stored(0) + 1;
    cluster.until_all_stored(height + 5, ms(8_000));
    assert_eq!(cluster.view_changes(), 0);
}

#[test]
fn those_who_lead_next_are_watched() {
    let cluster = running(4, 7);
    let leads = leader(&cluster);
    for node in 0..4 {
        let watched: Vec<_> = cluster.nodes[node]
            .watched
            .iter()
            .map(|key| cluster.node_of(key).unwrap())
            .collect();
        assert!(!watched.contains(&node));
        assert_eq!(watched.contains(&leads), node != leads, "{watched:?}");
        assert!((1..=3).contains(&watched.len()));
    }
}

#[test]
fn who_was_never_there_is_suspected_once_the_network_has_settled() {
    let mut cluster = Cluster::asleep(Config::of(4), 8);
    (0..3).for_each(|node| cluster.boot(node));
    for node in 0..3 {
        cluster.connectivity(node, Connectivity::Up { round_trip: ms(0) });
    }
    cluster.until_all_stored(20, ms(24_000));
    let longest = cluster.longest_interval(6..20);
    assert!(longest < ms(1_050), "{longest:?}");
}
