//! Hashes that peers announced and we have asked for, each of one peer at a time.
//!
//! C# serves each hash once to each peer, so that the same peer is never asked twice: what does not come in time,
//! or is not found, is asked of the next one that announced it.

use std::{collections::HashMap, time::Duration};

use neo_primitives::UInt256;

use super::{event::NeoPeerId, wire::InventoryKind};

/// Peers remembered for each hash.
const HOLDERS: usize = 8;

/// A hash of a kind.
pub(crate) type Item = (InventoryKind, UInt256);

#[derive(Debug)]
struct Entry {
    asked: NeoPeerId,
    since: Duration,
    others: Vec<NeoPeerId>,
}

/// What we wait for.
#[derive(Debug)]
pub(crate) struct Wanted {
    entries: HashMap<Item, Entry>,
    by_peer: HashMap<NeoPeerId, usize>,
    limit: usize,
    per_peer: usize,
}

impl Wanted {
    /// At most `limit` hashes, a quarter of them from one peer.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            entries: HashMap::new(),
            by_peer: HashMap::new(),
            limit: limit.max(4),
            per_peer: (limit / 4).max(1),
        }
    }

    /// A peer has announced an item that we do not have. True if it is to be asked for it now.
    pub(crate) fn announced(&mut self, peer: NeoPeerId, item: Item, now: Duration) -> bool {
        if let Some(entry) = self.entries.get_mut(&item) {
            let known = entry.asked == peer || entry.others.contains(&peer);
            if !known && entry.others.len() < HOLDERS {
                entry.others.push(peer);
            }
            return false;
        }
        let asked = self.by_peer.entry(peer).or_default();
        if self.entries.len() >= self.limit || *asked >= self.per_peer {
            return false;
        }
        *asked += 1;
        self.entries.insert(
            item,
            Entry {
                asked: peer,
                since: now,
                others: Vec::new(),
            },
        );
        true
    }

    /// The item came. True if it was waited for.
    pub(crate) fn arrived(&mut self, item: &Item) -> bool {
        match self.entries.remove(item) {
            Some(entry) => {
                self.released(entry.asked);
                true
            }
            None => false,
        }
    }

    /// The peer does not have the item. The next one to ask, if there is one.
    pub(crate) fn not_found(
        &mut self,
        peer: NeoPeerId,
        item: &Item,
        now: Duration,
    ) -> Option<NeoPeerId> {
        let entry = self.entries.get_mut(item)?;
        entry.others.retain(|other| *other != peer);
        if entry.asked != peer {
            return None;
        }
        self.next(item, now)
    }

    /// What did not come within `patience`, and whom to ask now.
    pub(crate) fn overdue(&mut self, now: Duration, patience: Duration) -> Vec<(NeoPeerId, Item)> {
        let late: Vec<Item> = self
            .entries
            .iter()
            .filter(|(_, entry)| now.saturating_sub(entry.since) >= patience)
            .map(|(item, _)| *item)
            .collect();
        self.move_on(&late, now)
    }

    /// The peer is gone: whom to ask instead.
    pub(crate) fn gone(&mut self, peer: NeoPeerId, now: Duration) -> Vec<(NeoPeerId, Item)> {
        let mut left = Vec::new();
        for (item, entry) in &mut self.entries {
            entry.others.retain(|other| *other != peer);
            if entry.asked == peer {
                left.push(*item);
            }
        }
        let moved = self.move_on(&left, now);
        self.by_peer.remove(&peer);
        moved
    }

    /// How many peers are known to have the item, the asked one included.
    #[cfg(test)]
    pub(crate) fn holders(&self, item: &Item) -> usize {
        let entry = self.entries.get(item);
        entry.map_or(0, |entry| 1 + entry.others.len())
    }

    fn move_on(&mut self, items: &[Item], now: Duration) -> Vec<(NeoPeerId, Item)> {
        items
            .iter()
            .filter_map(|item| self.next(item, now).map(|peer| (peer, *item)))
            .collect()
    }

    /// Turns to the next holder, or gives the item up until somebody announces it again.
    fn next(&mut self, item: &Item, now: Duration) -> Option<NeoPeerId> {
        let entry = self.entries.get_mut(item)?;
        let before = entry.asked;
        if entry.others.is_empty() {
            self.entries.remove(item);
            self.released(before);
            return None;
        }
        let peer = entry.others.remove(0);
        entry.asked = peer;
        entry.since = now;
        self.released(before);
        *self.by_peer.entry(peer).or_default() += 1;
        Some(peer)
    }

    fn released(&mut self, peer: NeoPeerId) {
        if let Some(count) = self.by_peer.get_mut(&peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_peer.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NeoPeerId = NeoPeerId(1);
    const B: NeoPeerId = NeoPeerId(2);
    const SECOND: Duration = Duration::from_secs(1);

    fn item(number: u32) -> Item {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        (InventoryKind::Transaction, UInt256::from_wire(bytes))
    }

    #[test]
    fn one_peer_is_asked_and_the_next_one_later() {
        let mut wanted = Wanted::new(100);
        assert!(wanted.announced(A, item(1), Duration::ZERO));
        assert!(!wanted.announced(B, item(1), Duration::ZERO));
        assert!(!wanted.announced(B, item(1), Duration::ZERO));
        assert!(wanted.overdue(SECOND / 2, SECOND).is_empty());
        assert_eq!(wanted.overdue(SECOND, SECOND), [(B, item(1))]);
        assert!(
            wanted.overdue(SECOND * 2, SECOND).is_empty(),
            "nobody is left"
        );
        assert!(wanted.announced(A, item(1), SECOND * 2), "asked anew");
        assert!(wanted.arrived(&item(1)));
        assert!(!wanted.arrived(&item(1)));
        assert!(wanted.by_peer.is_empty() && wanted.entries.is_empty());
    }

    #[test]
    fn who_has_it_not_or_leaves_is_replaced() {
        let mut wanted = Wanted::new(100);
        for number in 0..2 {
            wanted.announced(A, item(number), Duration::ZERO);
            wanted.announced(B, item(number), Duration::ZERO);
        }
        assert_eq!(wanted.not_found(B, &item(0), SECOND), None, "was not asked");
        assert_eq!(
            wanted.not_found(A, &item(0), SECOND),
            None,
            "B has it not, either"
        );
        assert_eq!(wanted.gone(A, SECOND), [(B, item(1))]);
        assert!(wanted.gone(B, SECOND).is_empty());
        assert!(wanted.by_peer.is_empty() && wanted.entries.is_empty());
    }

    #[test]
    fn announcements_are_bounded() {
        let mut wanted = Wanted::new(100);
        let asked = (0..1000)
            .filter(|number| wanted.announced(A, item(*number), Duration::ZERO))
            .count();
        assert_eq!(asked, 25);
        assert!(
            wanted.announced(B, item(2000), Duration::ZERO),
            "others have room"
        );
    }
}
