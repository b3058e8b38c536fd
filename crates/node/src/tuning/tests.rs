use std::cell::Cell;
use std::rc::Rc;

use super::*;

/// A network of twenty peers; the test says what they push.
#[derive(Clone, Debug, Default)]
struct Peers {
    pushed: Rc<Cell<(u64, u64)>>,
    fan_out: Rc<Cell<u64>>,
}

impl Tunable for Peers {
    fn gossip(&self) -> Gossip {
        let (pushed, repeated) = self.pushed.get();
        Gossip {
            peers: 20,
            queue_per_mille: 0,
            pushed,
            repeated,
        }
    }

    fn set_fan_out(&self, peers: u64) {
        self.fan_out.set(peers);
    }
}

fn tuner(peers: &Peers, threads: u64, bounds: Bounds) -> Tuner<Peers> {
    let bounds = TuningBounds {
        fan_out: Bounds {
            least: 4,
            most: 1_024,
        },
        threads: bounds,
    };
    let checks = Arc::new(Checks::new(threads).unwrap());
    let mut tuner = Tuner::new(peers.clone(), checks, bounds);
    tuner.cores = 8;
    tuner
}

/// Blocks whose transactions come more often than they must: the fan-out falls, is applied, and stays where too many
/// are missing, however noisy that is.
#[test]
fn the_fan_out_is_applied_and_settles_under_a_noisy_load() {
    let peers = Peers::default();
    let mut tuner = tuner(&peers, 1, Bounds { least: 1, most: 1 });
    assert_eq!(peers.fan_out.get(), 1_024, "everybody at once");
    let (mut noise, mut moves, mut late) = (7_u64, 0, 0);
    for block in 0..6_000 {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let factor = 50 + (noise >> 33) % 101;
        let fan_out = tuner.fan_out();
        let missing = if fan_out < 12 { 60 } else { 3 };
        tuner.looked_up(1_000, usize::try_from(missing * factor / 100).unwrap());
        let (pushed, repeated) = peers.pushed.get();
        let more = (fan_out * 60).min(1_000) * factor / 100;
        peers.pushed.set((pushed + 1_000, repeated + more));
        let adjusted = tuner.decided(&PerformanceMetrics::default());
        for adjustment in &adjusted {
            assert_eq!(adjustment.parameter, "fan_out");
            assert!(adjustment.cause.contains("of 1000"), "{}", adjustment.cause);
            assert_eq!(peers.fan_out.get(), adjustment.to);
            moves += 1;
            late += u32::from(block >= 3_000);
        }
    }
    assert!((10..=20).contains(&tuner.fan_out()), "{}", tuner.fan_out());
    assert!(moves < 30 && late <= 1, "{moves} moves, {late} late");
}

/// A pool that has nothing to do gives its threads back, one by one, down to the least.
#[test]
fn idle_threads_are_given_back() {
    let peers = Peers::default();
    let mut tuner = tuner(&peers, 4, Bounds { least: 2, most: 8 });
    let mut adjusted = Vec::new();
    for _ in 0..40 {
        adjusted.extend(tuner.decided(&PerformanceMetrics::default()));
    }
    let steps: Vec<_> = adjusted.iter().map(|one| (one.from, one.to)).collect();
    assert_eq!(steps, [(4, 3), (3, 2)]);
    assert_eq!(adjusted[0].parameter, "verification_parallelism");
    assert_eq!((tuner.threads(), tuner.checks.threads()), (2, 2));
}
