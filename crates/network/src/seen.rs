//! Which transactions passed lately, and who has them.

use std::collections::HashMap;

/// SHA-256 of a transaction's bytes. The transaction hash of Neo would not do: it leaves out the witnesses, and a
/// copy with broken witnesses must not hide the good one.
pub(crate) type Fingerprint = [u8; 32];

/// Senders remembered per transaction; it is not sent back to those.
const SENDERS: usize = 4;

/// Sessions of peers that have a transaction; 0 is nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holders([u32; SENDERS]);

impl Holders {
    pub(crate) fn contains(&self, session: u32) -> bool {
        self.0.contains(&session)
    }

    fn add(&mut self, session: u32) {
        if session == 0 || self.contains(session) {
            return;
        }
        if let Some(free) = self.0.iter_mut().find(|s| **s == 0) {
            *free = session;
        }
    }
}

/// Remembers between one and two times half its capacity: the older half is forgotten at once when the newer is
/// full, so a transaction that was refused for a passing reason can come again later.
#[derive(Debug)]
pub(crate) struct Seen {
    newer: HashMap<Fingerprint, Holders>,
    older: HashMap<Fingerprint, Holders>,
    half: usize,
}

impl Seen {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            newer: HashMap::new(),
            older: HashMap::new(),
            half: (capacity / 2).max(1),
        }
    }

    /// Notes that the peer of `session` has the transaction, 0 for ourselves. True if it is new to us.
    pub(crate) fn note(&mut self, fingerprint: Fingerprint, session: u32) -> bool {
        if let Some(holders) = self
            .newer
            .get_mut(&fingerprint)
            .or_else(|| self.older.get_mut(&fingerprint))
        {
            holders.add(session);
            return false;
        }
        if self.newer.len() >= self.half {
            self.older = std::mem::take(&mut self.newer);
        }
        let mut holders = Holders::default();
        holders.add(session);
        self.newer.insert(fingerprint, holders);
        true
    }

    /// Who is known to have the transaction.
    pub(crate) fn holders(&self, fingerprint: &Fingerprint) -> Holders {
        self.newer
            .get(fingerprint)
            .or_else(|| self.older.get(fingerprint))
            .copied()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(n: u32) -> Fingerprint {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        bytes
    }

    #[test]
    fn a_second_copy_is_known_and_adds_its_sender() {
        let mut seen = Seen::new(100);
        assert!(seen.note(print(1), 7));
        assert!(!seen.note(print(1), 8));
        let holders = seen.holders(&print(1));
        assert!(holders.contains(7) && holders.contains(8) && !holders.contains(9));
        assert!(seen.note(print(2), 0));
        assert_eq!(seen.holders(&print(2)), Holders::default());
    }

    #[test]
    fn memory_is_bounded_and_the_latest_half_is_kept() {
        let mut seen = Seen::new(100);
        for n in 0..1000 {
            assert!(seen.note(print(n), 1));
            assert!(seen.newer.len() + seen.older.len() <= 100);
            assert!(
                !seen.note(print(n.saturating_sub(40)), 1),
                "the last fifty are always known"
            );
        }
        assert!(seen.note(print(0), 1), "old ones may come again");
    }
}
