//! Who is connected with whom, as each node believes.
//!
//! A connection is lost when its heartbeats are missing for long, or when the process at its other end is
//! gone. It is made again when somebody dials, at growing intervals, at short ones by who has no quorum,
//! and at once when the engine says so (protocol section 9). Messages that a link lets through travel
//! whether or not the two have noticed yet.

use std::time::Duration;

use neo_consensus::engine::{Connectivity, Event};

use super::World;
use super::protocol::Simulated;
use super::queue::{Item, Ns};
use crate::trace::Happening;

/// Heartbeats that are missing for this long, and for three round trips, are a lost connection (protocol
/// section 8).
const SILENCE: Ns = 1_500_000_000;
/// A dialled connection is made within this time, besides its round trips.
const RECONNECT: Ns = 20_000_000;
/// Waits between dialling grow from the first of these to the second (`neo_network::NetworkTiming`).
const REDIAL: (Ns, Ns) = (50_000_000, 1_000_000_000);
/// Between two dials of who is connected to less than a quorum.
const PARTITION_REDIAL: Ns = 250_000_000;

impl<P: Simulated> World<'_, P> {
    pub(super) fn can_hear(&self, node: usize, peer: usize) -> bool {
        let (one, other) = (&self.nodes[node], &self.nodes[peer]);
        one.validator != other.validator
            && one.running.is_some()
            && other.running.is_some()
            && !other.is_frozen()
            && self.links.passes(peer, node)
    }

    /// Whether both ends of a connection believe in it.
    pub(super) fn is_mutual(&self, one: usize, other: usize) -> bool {
        self.nodes[one].hears[other] && self.nodes[other].hears[one]
    }

    fn round_trip(&self, node: usize, peer: usize) -> Ns {
        self.links.round_trip(node, peer, self.now)
    }

    /// How long heartbeats have to be missing for a lost connection.
    fn silence(&self, node: usize, peer: usize) -> Ns {
        SILENCE.max(self.round_trip(node, peer).saturating_mul(3))
    }

    /// Who can hear whom may have changed: nodes notice it after a while.
    pub(super) fn connect(&mut self) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].running.is_none() {
                continue;
            }
            for peer in 0..self.nodes.len() {
                let can = self.can_hear(node, peer);
                let deaf = self.nodes[node].deaf_since[peer];
                if can && deaf.is_some() {
                    self.nodes[node].deaf_since[peer] = None;
                    self.look_out(node, peer);
                } else if !can && deaf.is_none() {
                    self.nodes[node].deaf_since[peer] = Some(self.now);
                    self.look_out(node, peer);
                }
                if can == self.nodes[node].hears[peer] {
                    continue;
                }
                let at = if can {
                    let dialled = self.next_dial(node, peer).min(self.next_dial(peer, node));
                    dialled + RECONNECT + self.round_trip(node, peer)
                } else {
                    self.now + self.silence(node, peer)
                };
                self.queue.push(at, Item::Perceive { node, peer });
            }
        }
    }

    /// When a node dials another one the next time.
    fn next_dial(&self, node: usize, peer: usize) -> Ns {
        let Some(lost) = self.nodes[node].lost_at[peer] else {
            return self.now;
        };
        if self.is_partitioned(node) {
            let dials = self.now.saturating_sub(lost).div_ceil(PARTITION_REDIAL);
            return lost + dials.max(1) * PARTITION_REDIAL;
        }
        let (mut wait, most) = REDIAL;
        let mut at = lost + wait;
        while at < self.now {
            wait = (wait * 2).min(most);
            at += wait;
        }
        at
    }

    /// Whether a node is connected to less than a quorum, itself included.
    fn is_partitioned(&self, node: usize) -> bool {
        let connected = (0..self.nodes.len())
            .filter(|peer| self.is_mutual(node, *peer))
            .count();
        let quorum = self.plan.validators - self.plan.tolerated();
        connected + 1 < usize::from(quorum)
    }

    /// The engine has everybody without a connection dialled at once.
    pub(super) fn redial(&mut self, node: usize) {
        for peer in 0..self.nodes.len() {
            for (one, other) in [(node, peer), (peer, node)] {
                if self.can_hear(one, other) && !self.nodes[one].hears[other] {
                    let at = self.now + RECONNECT + self.round_trip(one, other);
                    let item = Item::Perceive {
                        node: one,
                        peer: other,
                    };
                    self.queue.push(at, item);
                }
            }
        }
    }

    /// A node notices whether it hears another one.
    pub(super) fn perceive(&mut self, node: usize, peer: usize) {
        let can = self.can_hear(node, peer);
        if self.nodes[node].running.is_none() || can == self.nodes[node].hears[peer] {
            return;
        }
        let silence = self.silence(node, peer);
        let deaf = self.nodes[node].deaf_since[peer];
        if !can && deaf.is_some_and(|since| since + silence > self.now) {
            // It was heard in the meantime.
            return;
        }
        if can {
            self.hook_up(node, peer);
        } else {
            self.hang_up(node, peer);
        }
    }

    fn hook_up(&mut self, node: usize, peer: usize) {
        self.nodes[node].hears[peer] = true;
        self.tell_connection(node, peer, true);
        self.tell_round_trip(node, peer);
    }

    /// A node loses the connection to another one.
    pub(super) fn hang_up(&mut self, node: usize, peer: usize) {
        let now = self.now;
        let one = &mut self.nodes[node];
        if one.running.is_none() || !std::mem::take(&mut one.hears[peer]) {
            return;
        }
        one.lost_at[peer] = Some(now);
        self.forget_silence(node, peer);
        self.tell_connection(node, peer, false);
        // Questions and answers need both directions.
        self.lost_peer(node, peer);
        self.lost_peer(peer, node);
        let peer = self.nodes[peer].key.clone();
        let state = Connectivity::Down;
        self.within(node, Event::Connectivity { peer, state }, false);
    }

    fn tell_connection(&mut self, node: usize, peer: usize, up: bool) {
        let happening = Happening::Connection {
            peer: u16::try_from(peer).unwrap_or(u16::MAX),
            up,
        };
        self.emit(Some(node), happening);
    }

    /// The engine learns that a connection stands, and its round trip.
    pub(super) fn tell_round_trip(&mut self, node: usize, peer: usize) {
        let round_trip = self.round_trip(node, peer);
        if let Some(running) = self.nodes[node].running.as_mut()
            && let Some(told) = running.round_trips.get_mut(peer)
        {
            *told = round_trip;
        }
        let state = Connectivity::Up {
            round_trip: Duration::from_nanos(round_trip),
        };
        let peer = self.nodes[peer].key.clone();
        self.within(node, Event::Connectivity { peer, state }, false);
    }

    /// Tells the engine of round trips that have changed since it was told.
    pub(super) fn report_round_trips(&mut self, node: usize) {
        for peer in 0..self.nodes.len() {
            if !self.nodes[node].hears[peer] || self.is_quiet(node, peer) {
                continue;
            }
            let told = self.nodes[node].running.as_ref();
            let told = told.and_then(|running| running.round_trips.get(peer).copied());
            let measured = self.round_trip(node, peer);
            if told.is_some_and(|told| told.abs_diff(measured) > told / 16) {
                self.tell_round_trip(node, peer);
            }
        }
    }
}
