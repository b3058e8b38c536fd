//! A network that stands still, and one that comes together again.

use std::time::Duration;

use super::{Cluster, Config, ms};
use crate::engine::{Connectivity, Notice};
use crate::v3::context::MessageKind;
use crate::v3::message::Payload;
use crate::v3::recovery::RecoveryStrategy;
use crate::v3::timing::TimerSettings;

fn emergencies(cluster: &Cluster) -> usize {
    cluster.noticed(|notice| {
        matches!(notice, Notice::Recovery { strategy, .. } if *strategy == RecoveryStrategy::Emergency)
    })
}

#[test]
fn no_decision_for_long_with_a_quorum_connected_is_an_emergency() {
    let mut cluster = Cluster::start(Config::of(4), 1);
    cluster.connect();
    cluster.until_all_stored(2, ms(4_000));
    let height = cluster.stored(0) + 2;
    // Nothing that decides passes, in whatever message.
    cluster.filter = Some(Box::new(move |_, _, message| {
        message.height.0 < height || matches!(message.kind(), MessageKind::ChangeView)
    }));
    let began = cluster.now;
    cluster.until(ms(14_000), "an emergency", |cluster| {
        emergencies(cluster) == 4
    });
    assert!(cluster.now - began > ms(9_000), "{:?}", cluster.now - began);
    assert_eq!(cluster.redials, 4);
    // It goes on for as long as it lasts, and not faster.
    cluster.run(ms(20_500));
    assert!(
        (8..=12).contains(&emergencies(&cluster)),
        "{}",
        emergencies(&cluster)
    );
    cluster.filter = None;
    cluster.until_all_stored(height, ms(12_000));
}

#[test]
fn what_an_emergency_repeats_is_enough_to_decide() {
    // All that decides got lost, nobody asks or answers; what the emergency sends is let through.
    let config = Config {
        timers: TimerSettings {
            base_timeout: ms(15_000),
            ..TimerSettings::default()
        },
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 2);
    cluster.connect();
    cluster.filter = Some(Box::new(|_, _, message| match &message.payload {
        Payload::PreCommit { .. } => message.height.0 != 1,
        Payload::RecoveryRequest(_) => false,
        _ => true,
    }));
    cluster.until_all_stored(1, ms(13_000));
    assert_eq!(emergencies(&cluster), 4);
    assert_eq!(cluster.view_changes(), 0);
}

#[test]
fn without_a_quorum_nobody_declares_an_emergency() {
    let mut cluster = Cluster::start(Config::of(4), 3);
    cluster.connect();
    cluster.until_all_stored(2, ms(4_000));
    cluster.crash_visibly(1);
    cluster.crash_visibly(2);
    cluster.run(ms(40_000));
    assert_eq!(emergencies(&cluster), 0);
}

/// One resend interval plus six message delays after healing, however long it lasted.
fn heals(halves: (&[usize], &[usize]), away: Duration, seed: u64, told: bool) {
    let validators = halves.0.len() + halves.1.len();
    let latency = ms(10);
    let mut cluster = Cluster::start(Config::of(validators), seed);
    cluster.connect();
    cluster.until_all_stored(4, ms(6_000));
    cluster.run(ms(300));
    cluster.links.partition(&[halves.0, halves.1]);
    let tell = |cluster: &mut Cluster, state| {
        let both = [(halves.0, halves.1), (halves.1, halves.0)];
        for (one, other) in both.into_iter().filter(|_| told) {
            for node in one {
                for peer in other {
                    let peer = cluster.nodes[*peer].key.clone();
                    let event = crate::engine::Event::Connectivity { peer, state };
                    cluster.handle(*node, event);
                }
            }
        }
    };
    tell(&mut cluster, Connectivity::Down);
    cluster.run(away + ms(seed * 7));
    let height = (0..validators)
        .map(|node| cluster.stored(node))
        .max()
        .unwrap()
        + 1;
    cluster.links.heal();
    tell(&mut cluster, Connectivity::Up { round_trip: ms(0) });
    let healed = cluster.now;
    let limit = ms(100) + latency * 6;
    let decides =
        |notice: &Notice| matches!(notice, Notice::Decided { height: of, .. } if of.0 >= height);
    let before = cluster.noticed(decides);
    cluster.until(limit, "somebody decides", |cluster| {
        cluster.noticed(decides) > before
    });
    assert!(cluster.now - healed <= limit);
    cluster.until_all_stored(height + 3, ms(6_000));
}

#[test]
fn a_healed_partition_decides_within_one_resend_interval_and_six_delays() {
    let ten: Vec<usize> = (0..10).collect();
    let eleven: Vec<usize> = (10..21).collect();
    for told in [false, true] {
        for seed in 1..4 {
            heals((&[0, 1], &[2, 3]), ms(60_000), seed, told);
        }
        heals((&ten, &eleven), ms(4_000), 1, told);
    }
}
