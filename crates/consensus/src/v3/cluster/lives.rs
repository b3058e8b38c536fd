//! Starts, crashes and connections.

use std::time::Duration;

use super::run::Item;
use super::{Cluster, ms};
use crate::engine::{Connectivity, Event};

/// After this time without a heartbeat a watched validator is silent.
const QUIET_AFTER: Duration = ms(150);

impl Cluster {
    pub(super) fn boot(&mut self, node: usize) {
        let timers = self.config.timers;
        self.nodes[node].boot(timers);
        let life = self.nodes[node].life;
        if !self.nodes[node].votes {
            self.push(ms(100), Item::Follow { node, life });
        }
        self.handle(node, Event::Start);
    }

    /// A running node starts again, and its peers notice.
    pub(super) fn restart(&mut self, node: usize) {
        self.boot(node);
        self.connectivity(node, Connectivity::Up { round_trip: ms(0) });
    }

    pub(super) fn crash(&mut self, node: usize) {
        self.nodes[node].crash();
    }

    /// A crash that the others notice at once.
    pub(super) fn crash_visibly(&mut self, node: usize) {
        self.crash(node);
        self.connectivity(node, Connectivity::Down);
    }

    /// Every node learns that it is connected to every other.
    pub(super) fn connect(&mut self) {
        (0..self.nodes.len()).for_each(|node| {
            self.connectivity(node, Connectivity::Up { round_trip: ms(0) });
        });
    }

    /// Nothing comes from a node any more, though it runs and its connections stand; those that watch
    /// it find out.
    pub(super) fn stop_silently(&mut self, node: usize) {
        for other in 0..self.nodes.len() {
            self.links.block(node, other);
            self.links.block(other, node);
        }
        self.push(QUIET_AFTER, Item::Quiet { node });
    }

    /// Those that watch a node learn that it is silent.
    pub(super) fn fall_silent(&mut self, node: usize) {
        let peer = self.nodes[node].key.clone();
        for other in self.up() {
            if other != node && self.nodes[other].watched.contains(&peer) {
                let (peer, state) = (peer.clone(), Connectivity::Quiet);
                self.handle(other, Event::Connectivity { peer, state });
            }
        }
    }

    pub(super) fn connectivity(&mut self, node: usize, state: Connectivity) {
        for other in self.up() {
            if other == node || !self.links.connects(node, other) {
                continue;
            }
            let peer = self.nodes[node].key.clone();
            self.handle(other, Event::Connectivity { peer, state });
            if self.nodes[node].engine.is_some() {
                let peer = self.nodes[other].key.clone();
                self.handle(node, Event::Connectivity { peer, state });
            }
        }
    }
}
