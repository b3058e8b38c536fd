//! Which validators are connected: told to the others, and watched for a partition.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::Mesh;
use crate::{
    event::NetworkEvent,
    metrics::increment,
    peer::Peer,
    topology::{Remembered, Turn},
};

impl Mesh {
    /// What stays known of a validator that is gone.
    pub(super) fn remember(&self, peer: &Peer) {
        let Some(key) = &peer.key else { return };
        if self.shared.directory.read().validators.contains(key) {
            let remembered = Remembered {
                heard_us: peer.last_heard_us(),
                round_trip: peer.rtt(),
            };
            self.shared
                .remembered
                .lock()
                .insert(key.clone(), remembered);
        }
    }

    /// Looks with whom we are connected, tells others if it changed, and notices when the network falls apart or
    /// comes together. While it is apart everybody is dialled again and again.
    pub(super) fn look_around(&mut self) {
        let (reach, (reachable, needed)) = {
            let directory = self.shared.directory.read();
            let counts = directory.reachable(self.shared.own_key.as_ref());
            (directory.reach(), counts)
        };
        self.shared.reach.send_if_modified(|known| {
            let changed = **known != reach;
            if changed {
                *known = Arc::new(reach);
            }
            changed
        });
        let now = Instant::now();
        let now_us = self.shared.clock.now_us();
        let turn = self.shared.partition.lock().look(reachable, needed, now_us);
        match turn {
            Some(Turn::Partitioned) => {
                increment(&self.shared.counters.partitions);
                tracing::error!(
                    reachable,
                    needed,
                    "too few validators are connected to decide anything"
                );
                self.tell(NetworkEvent::Partition { reachable, needed });
                self.redial_at = Some(now);
            }
            Some(Turn::Healed { since_us }) => {
                let after = Duration::from_micros(now_us.saturating_sub(since_us));
                tracing::info!(
                    reachable,
                    needed,
                    ?after,
                    "enough validators are connected again"
                );
                self.tell(NetworkEvent::Healed {
                    reachable,
                    needed,
                    after,
                });
                self.redial_at = None;
            }
            None => {}
        }
        if self.redial_at.is_some_and(|at| at <= now) {
            self.redial_at = Some(now + self.shared.timing.partition_redial);
            self.dialer.hurry(now);
        }
    }
}
