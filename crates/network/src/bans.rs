//! Peers that are kept out for a while.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use libp2p::PeerId;

/// Most bans at a time; the one that ends first makes room.
const CAPACITY: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Bans(HashMap<PeerId, Instant>);

impl Bans {
    pub(crate) fn add(&mut self, peer: PeerId, until: Instant) {
        if self.0.len() >= CAPACITY && !self.0.contains_key(&peer) {
            let first = self
                .0
                .iter()
                .min_by_key(|(_, until)| **until)
                .map(|(peer, _)| *peer);
            if let Some(first) = first {
                self.0.remove(&first);
            }
        }
        self.0.insert(peer, until);
    }

    /// How long the peer still has to stay away.
    pub(crate) fn remaining(&mut self, peer: &PeerId, now: Instant) -> Option<Duration> {
        let until = *self.0.get(peer)?;
        let remaining = until.saturating_duration_since(now);
        if remaining.is_zero() {
            self.0.remove(peer);
            return None;
        }
        Some(remaining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_ends() {
        let now = Instant::now();
        let peer = PeerId::random();
        let mut bans = Bans::default();
        bans.add(peer, now + Duration::from_secs(5));
        assert_eq!(bans.remaining(&peer, now), Some(Duration::from_secs(5)));
        assert_eq!(bans.remaining(&peer, now + Duration::from_secs(5)), None);
        assert_eq!(bans.remaining(&PeerId::random(), now), None);
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut bans = Bans::default();
        let first = PeerId::random();
        bans.add(first, now + Duration::from_secs(1));
        for _ in 0..CAPACITY {
            bans.add(PeerId::random(), now + Duration::from_secs(9));
        }
        assert_eq!(bans.0.len(), CAPACITY);
        assert_eq!(bans.remaining(&first, now), None);
    }
}
