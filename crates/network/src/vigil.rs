//! Watching those who lead next: when has a validator been silent for too long?
//!
//! A busy machine must not take its own delay for the silence of another. Silence is therefore not the distance
//! between two moments; it is added up from ticks, and of a tick that came late only what a tick should take is
//! counted: in the rest this process did not run, so it could not have heard anything either. In the same tick
//! nobody is given up, because what waits to be read is read first.

use std::{collections::HashMap, sync::Arc, sync::atomic::Ordering::Relaxed, time::Duration};

use neo_primitives::PublicKey;
use tokio::time::{Instant, sleep_until};

use crate::{
    error::PeerRef, event::NetworkEvent, metrics::increment, peer::Peer, pulse::patience,
    shared::Shared,
};

/// Between two looks.
const TICK: Duration = Duration::from_millis(25);
const TICK_US: u64 = 25_000;
/// A tick that took longer came late.
const LATE_US: u64 = 2 * TICK_US;

/// What is known of a watched validator at a tick.
#[derive(Clone, Debug)]
struct Sight {
    key: PublicKey,
    /// When anything last came from it.
    heard_us: u64,
    /// How long it may be silent.
    limit_us: u64,
}

/// What a tick has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Quiet(PublicKey, u64),
    Heard(PublicKey),
}

#[derive(Clone, Copy, Debug)]
struct Watch {
    heard_us: u64,
    silent_us: u64,
    quiet: bool,
}

/// Adds up silence. Reads no clock.
#[derive(Debug, Default)]
struct Vigil {
    last_us: Option<u64>,
    watches: HashMap<PublicKey, Watch>,
}

impl Vigil {
    fn tick(&mut self, now_us: u64, sights: &[Sight]) -> Vec<Change> {
        let elapsed = self.last_us.map_or(0, |last| now_us.saturating_sub(last));
        self.last_us = Some(now_us);
        let late = elapsed > LATE_US;
        let ran_us = if late { TICK_US } else { elapsed };
        let mut changes = Vec::new();
        self.watches.retain(|key, watch| {
            let watched = sights.iter().any(|sight| sight.key == *key);
            if !watched && watch.quiet {
                changes.push(Change::Heard(key.clone()));
            }
            watched
        });
        for sight in sights {
            let begin = Watch {
                heard_us: sight.heard_us,
                silent_us: 0,
                quiet: false,
            };
            let known = self.watches.contains_key(&sight.key);
            let watch = self.watches.entry(sight.key.clone()).or_insert(begin);
            if watch.heard_us != sight.heard_us {
                watch.heard_us = sight.heard_us;
                watch.silent_us = now_us.saturating_sub(sight.heard_us).min(ran_us);
                if std::mem::take(&mut watch.quiet) {
                    changes.push(Change::Heard(sight.key.clone()));
                }
            } else if known {
                watch.silent_us = watch.silent_us.saturating_add(ran_us);
            }
            if !late && !watch.quiet && watch.silent_us >= sight.limit_us {
                watch.quiet = true;
                changes.push(Change::Quiet(sight.key.clone(), watch.silent_us));
            }
        }
        changes
    }
}

impl Shared {
    fn watched_peers(&self) -> Vec<(PublicKey, Arc<Peer>)> {
        let watched = self.watched.borrow().clone();
        let directory = self.directory.read();
        let connected = watched.iter().filter_map(|key| {
            let peer = directory.find(&PeerRef::Validator(key.clone()))?;
            peer.is_mutual().then(|| (key.clone(), peer.clone()))
        });
        connected.collect()
    }

    fn keep_vigil(&self, vigil: &mut Vigil) {
        let peers = self.watched_peers();
        let sights: Vec<_> = peers
            .iter()
            .map(|(key, peer)| {
                let limit = patience(self.timing.quiet_after, peer.rtt());
                Sight {
                    key: key.clone(),
                    heard_us: peer.last_heard_us(),
                    limit_us: u64::try_from(limit.as_micros()).unwrap_or(u64::MAX),
                }
            })
            .collect();
        for change in vigil.tick(self.clock.now_us(), &sights) {
            let (key, silent_us) = match change {
                Change::Quiet(key, silent_us) => (key, Some(silent_us)),
                Change::Heard(key) => (key, None),
            };
            let found = self
                .directory
                .read()
                .find(&PeerRef::Validator(key.clone()))
                .cloned();
            // Of one that is gone the node knows already.
            let Some(peer) = found else { continue };
            peer.quiet.store(silent_us.is_some(), Relaxed);
            let event = match silent_us {
                Some(us) => {
                    increment(&self.counters.quiet);
                    let silent = Duration::from_micros(us);
                    tracing::debug!(validator = %key, ?silent, "a watched validator is quiet");
                    NetworkEvent::Quiet {
                        validator: key,
                        silent,
                    }
                }
                None => NetworkEvent::Heard { validator: key },
            };
            // Closed only when the node does not listen any more.
            let _ = self.events.connectivity.send(event);
        }
    }
}

/// Watches whoever is to be watched until the network ends.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut vigil = Vigil::default();
    let mut watched = shared.watched.subscribe();
    let mut next = Instant::now();
    loop {
        if watched.borrow_and_update().is_empty() {
            shared.keep_vigil(&mut vigil);
            vigil.last_us = None;
            if watched.changed().await.is_err() {
                return;
            }
            next = Instant::now();
        }
        sleep_until(next).await;
        // What has arrived by now is read before anybody is given up.
        tokio::task::yield_now().await;
        shared.keep_vigil(&mut vigil);
        next = Instant::now() + TICK;
    }
}

#[cfg(test)]
mod tests {
    use neo_primitives::PrivateKey;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const LIMIT_US: u64 = 150_000;

    fn key() -> PublicKey {
        PrivateKey::generate().public_key().clone()
    }

    fn sight(key: &PublicKey, heard_us: u64) -> Sight {
        Sight {
            key: key.clone(),
            heard_us,
            limit_us: LIMIT_US,
        }
    }

    #[test]
    fn a_silent_leader_is_given_up_after_the_limit_and_taken_back_when_heard() {
        let (key, mut vigil) = (key(), Vigil::default());
        let mut changes = Vec::new();
        for tick in 0..20 {
            let now = 1_000_000 + tick * TICK_US;
            let heard = if tick < 14 { 1_000_000 } else { now - 1_000 };
            for change in vigil.tick(now, &[sight(&key, heard)]) {
                changes.push((tick, change));
            }
        }
        assert_eq!(
            changes,
            [
                (6, Change::Quiet(key.clone(), LIMIT_US)),
                (14, Change::Heard(key))
            ]
        );
    }

    #[test]
    fn an_own_standstill_is_nobodys_silence() {
        let (key, mut vigil) = (key(), Vigil::default());
        assert!(vigil.tick(1_000_000, &[sight(&key, 999_000)]).is_empty());
        // This process was stopped for five seconds; the heartbeats of that time still wait to be read.
        assert!(vigil.tick(6_000_000, &[sight(&key, 999_000)]).is_empty());
        assert!(vigil.tick(6_025_000, &[sight(&key, 6_020_000)]).is_empty());
    }

    #[test]
    fn a_crawling_machine_needs_as_many_ticks_as_a_fast_one() {
        let (key, mut vigil) = (key(), Vigil::default());
        let mut now = 1_000_000;
        for _ in 0..50 {
            now += 140_000;
            assert!(
                vigil.tick(now, &[sight(&key, 999_000)]).is_empty(),
                "nobody is given up in a tick that came late"
            );
        }
        now += TICK_US;
        assert_eq!(vigil.tick(now, &[sight(&key, 999_000)]).len(), 1);
    }

    #[test]
    fn who_is_not_watched_any_more_is_not_quiet() {
        let (key, mut vigil) = (key(), Vigil::default());
        for tick in 0..10 {
            vigil.tick(1_000_000 + tick * TICK_US, &[sight(&key, 1)]);
        }
        assert_eq!(vigil.tick(1_250_000, &[]), [Change::Heard(key)]);
        assert_eq!(vigil.tick(1_275_000, &[]), []);
    }

    proptest! {
        /// The other beats every 50 ms and what it sends is read at the tick after it came, however late our ticks
        /// are: nobody is ever given up.
        #[test]
        fn no_lateness_of_ours_is_an_alarm(delays in vec(0u64..3_000_000, 1..200)) {
            let (key, mut vigil) = (key(), Vigil::default());
            let (mut now, mut heard) = (1_000_000, 1_000_000);
            for delay in delays {
                now += TICK_US + delay;
                prop_assert_eq!(vigil.tick(now, &[sight(&key, heard)]), []);
                // Read by now: the last beat before this tick.
                heard = now - now % 50_000;
            }
        }

        /// One that has stopped is given up after so many ticks in time, whatever came late in between.
        #[test]
        fn a_dead_one_is_found(delays in vec(0u64..300_000, 200)) {
            let (key, mut vigil) = (key(), Vigil::default());
            let mut now = 1_000_000;
            let mut in_time = 0;
            let mut found = None;
            for delay in delays {
                let delay = if delay < 200_000 { 0 } else { delay };
                now += TICK_US + delay;
                in_time += u64::from(delay == 0);
                if !vigil.tick(now, &[sight(&key, 1)]).is_empty() {
                    found.get_or_insert(in_time);
                }
            }
            prop_assert!(found.is_some_and(|ticks| ticks <= LIMIT_US / TICK_US + 1), "{found:?}");
        }
    }
}
