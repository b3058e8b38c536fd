//! Starts, crashes and connections.

use super::run::Item;
use super::{Cluster, ms};
use crate::engine::{Connectivity, Event};

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

    fn connectivity(&mut self, node: usize, state: Connectivity) {
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
