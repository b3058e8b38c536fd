//! Validators that lead soon are watched closely (protocol section 8). Their heartbeats are not sent here:
//! silence follows from who can hear whom.

use neo_consensus::engine::{Connectivity, Event};
use neo_primitives::PublicKey;

use super::World;
use super::node::Watched;
use super::protocol::Simulated;
use super::queue::{Item, Ns};
use crate::trace::Happening;

/// Between two heartbeats of a watched validator.
const BEAT: Ns = 50_000_000;
/// Nothing for so long, and for three round trips, is silence.
const QUIET: Ns = 150_000_000;

impl<P: Simulated> World<'_, P> {
    fn watched(&mut self, node: usize, peer: usize) -> Option<&mut Watched> {
        let running = self.nodes[node].running.as_mut()?;
        running.watched.iter_mut().find(|one| one.peer == peer)
    }

    pub(super) fn is_quiet(&self, node: usize, peer: usize) -> bool {
        let running = self.nodes[node].running.as_ref();
        running.is_some_and(|running| {
            let mut watched = running.watched.iter();
            watched.any(|one| one.peer == peer && one.quiet)
        })
    }

    /// How long a watched validator may be silent.
    fn patience(&self, node: usize, peer: usize) -> Ns {
        let round_trip = self.links.round_trip(node, peer, self.now);
        QUIET.max(round_trip.saturating_mul(3))
    }

    /// The engine names whom to watch from now on.
    pub(super) fn watch_validators(&mut self, node: usize, keys: &[PublicKey]) {
        let now = self.now;
        let peers: Vec<usize> = (0..self.nodes.len())
            .filter(|peer| keys.contains(&self.nodes[*peer].key))
            .collect();
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        let before = std::mem::take(&mut running.watched);
        let known = |peer: usize| before.iter().find(|one| one.peer == peer).copied();
        running.watched = peers
            .iter()
            .map(|peer| {
                known(*peer).unwrap_or(Watched {
                    peer: *peer,
                    since: now,
                    quiet: false,
                })
            })
            .collect();
        for one in &before {
            if one.quiet && !peers.contains(&one.peer) {
                self.heard(node, one.peer);
            }
        }
        for peer in peers {
            if known(peer).is_none() {
                self.look_out(node, peer);
            }
        }
    }

    /// Plans to look whether a watched validator is silent, or is heard again.
    pub(super) fn look_out(&mut self, node: usize, peer: usize) {
        let now = self.now;
        let life = self.nodes[node].life;
        let deaf = self.nodes[node].deaf_since[peer];
        let patience = self.patience(node, peer);
        let way = self.links.mean_us(peer, node, now) * 1_000;
        let Some(watched) = self.watched(node, peer) else {
            return;
        };
        let at = match deaf {
            Some(since) => since.max(watched.since) + patience,
            None if watched.quiet => now + way + BEAT / 2,
            None => return,
        };
        self.queue
            .push(at.max(now), Item::Listen { node, life, peer });
    }

    /// A watched validator may have been silent for too long, or is heard again.
    pub(super) fn listen(&mut self, node: usize, peer: usize) {
        let now = self.now;
        let connected = self.nodes[node].hears[peer];
        let deaf = self.nodes[node].deaf_since[peer];
        let patience = self.patience(node, peer);
        let Some(watched) = self.watched(node, peer).filter(|_| connected) else {
            return;
        };
        match deaf {
            None if std::mem::take(&mut watched.quiet) => self.heard(node, peer),
            Some(since) if !watched.quiet && now >= since.max(watched.since) + patience => {
                self.fall_quiet(node, peer);
            }
            _ => {}
        }
    }

    fn fall_quiet(&mut self, node: usize, peer: usize) {
        if let Some(watched) = self.watched(node, peer) {
            watched.quiet = true;
        }
        self.book.coverage.quiet += u64::from(self.nodes[node].honest);
        self.tell_quiet(node, peer, true);
        let peer = self.nodes[peer].key.clone();
        let state = Connectivity::Quiet;
        self.within(node, Event::Connectivity { peer, state }, false);
    }

    fn heard(&mut self, node: usize, peer: usize) {
        self.tell_quiet(node, peer, false);
        if self.nodes[node].hears[peer] {
            self.tell_round_trip(node, peer);
        }
    }

    fn tell_quiet(&mut self, node: usize, peer: usize, quiet: bool) {
        let peer = u16::try_from(peer).unwrap_or(u16::MAX);
        self.emit(Some(node), Happening::Quiet { peer, quiet });
    }

    /// A lost connection is more than silence.
    pub(super) fn forget_silence(&mut self, node: usize, peer: usize) {
        if let Some(watched) = self.watched(node, peer) {
            watched.quiet = false;
        }
    }

    /// A process that stood still takes its own standstill for nobody's silence.
    pub(super) fn watch_anew(&mut self, node: usize) {
        let now = self.now;
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        let peers: Vec<usize> = running
            .watched
            .iter_mut()
            .map(|one| {
                one.since = now;
                one.peer
            })
            .collect();
        for peer in peers {
            self.look_out(node, peer);
        }
    }

    /// On a lossy network heartbeats are lost, too: sometimes several in a row.
    pub(super) fn lose_heartbeats(&mut self, node: usize) {
        let Some(running) = self.nodes[node].running.as_ref() else {
            return;
        };
        let calm = |one: &&Watched| !one.quiet;
        let peers: Vec<usize> = running
            .watched
            .iter()
            .filter(calm)
            .map(|one| one.peer)
            .collect();
        for peer in peers {
            let one = &self.nodes[node];
            let heard = one.hears[peer] && one.deaf_since[peer].is_none();
            if heard && self.links.loses_heartbeats() {
                self.fall_quiet(node, peer);
                self.look_out(node, peer);
            }
        }
    }
}
