//! Where other nodes are.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::wire::{Capability, MAX_ADDRESSES, NodeAddress};

/// An address that misbehaved is not dialled for this long.
const SHUNNED: Duration = Duration::from_secs(600);
/// Failed attempts after which an address is forgotten.
const ATTEMPTS: u32 = 3;

#[derive(Debug)]
struct Entry {
    /// Seconds since 1970 when it was said to be there.
    seen: u32,
    failures: u32,
    /// Not dialled before this time.
    not_before: Duration,
}

/// Addresses heard of, at most as many as allowed.
#[derive(Debug)]
pub(crate) struct AddressBook {
    entries: HashMap<SocketAddr, Entry>,
    /// Our own addresses, found out by dialling ourselves.
    own: HashSet<SocketAddr>,
    limit: usize,
}

impl AddressBook {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            entries: HashMap::new(),
            own: HashSet::new(),
            limit,
        }
    }

    /// Notes what a peer says. Addresses that are full of nothing are left out; a full book takes no more.
    pub(crate) fn heard(&mut self, addresses: &[NodeAddress]) {
        for address in addresses {
            let Some(socket) = address.socket() else {
                continue;
            };
            self.add(socket, address.timestamp);
        }
    }

    /// Notes an address.
    pub(crate) fn add(&mut self, socket: SocketAddr, seen: u32) {
        if !is_dialable(socket.ip()) || self.own.contains(&socket) {
            return;
        }
        if let Some(entry) = self.entries.get_mut(&socket) {
            entry.seen = entry.seen.max(seen);
        } else if self.entries.len() < self.limit {
            let entry = Entry {
                seen,
                failures: 0,
                not_before: Duration::ZERO,
            };
            self.entries.insert(socket, entry);
        }
    }

    /// The dialled address is us.
    pub(crate) fn is_own(&mut self, socket: SocketAddr) {
        self.entries.remove(&socket);
        if self.own.len() < MAX_ADDRESSES {
            self.own.insert(socket);
        }
    }

    /// A dial succeeded.
    pub(crate) fn connected(&mut self, socket: &SocketAddr, seen: u32) {
        if let Some(entry) = self.entries.get_mut(socket) {
            entry.failures = 0;
            entry.seen = entry.seen.max(seen);
        }
    }

    /// A dial failed; after some failures the address is forgotten.
    pub(crate) fn failed(&mut self, socket: &SocketAddr, now: Duration) {
        let Some(entry) = self.entries.get_mut(socket) else {
            return;
        };
        entry.failures += 1;
        entry.not_before = now + Duration::from_secs(5) * entry.failures;
        if entry.failures >= ATTEMPTS {
            self.entries.remove(socket);
        }
    }

    /// Who is there misbehaved.
    pub(crate) fn shun(&mut self, socket: &SocketAddr, now: Duration) {
        if let Some(entry) = self.entries.get_mut(socket) {
            entry.not_before = now + SHUNNED;
        }
    }

    /// Up to `count` addresses to dial, of those that are not `taken`. `random` decides where to begin.
    pub(crate) fn pick(
        &self,
        count: usize,
        taken: &HashSet<SocketAddr>,
        now: Duration,
        random: usize,
    ) -> Vec<SocketAddr> {
        let mut free: Vec<SocketAddr> = self
            .entries
            .iter()
            .filter(|(socket, entry)| entry.not_before <= now && !taken.contains(socket))
            .map(|(socket, _)| *socket)
            .collect();
        free.sort_unstable();
        let begin = random.checked_rem(free.len()).unwrap_or_default();
        free.rotate_left(begin);
        free.truncate(count);
        free
    }

    /// What is told to others: the latest seen first, at most 200.
    pub(crate) fn share(&self, random: usize) -> Vec<NodeAddress> {
        let mut all: Vec<(&SocketAddr, &Entry)> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.failures == 0)
            .collect();
        all.sort_unstable_by_key(|(socket, entry)| (u32::MAX - entry.seen, **socket));
        let begin = match all.len() > MAX_ADDRESSES {
            true => random.checked_rem(all.len()).unwrap_or_default(),
            false => 0,
        };
        all.rotate_left(begin);
        all.truncate(MAX_ADDRESSES);
        all.into_iter()
            .map(|(socket, entry)| NodeAddress {
                timestamp: entry.seen,
                ip: socket.ip(),
                capabilities: vec![Capability::TcpServer(socket.port())],
            })
            .collect()
    }
}

fn is_dialable(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], port))
    }

    #[test]
    fn the_book_is_bounded_and_takes_no_nonsense() {
        let mut book = AddressBook::new(3);
        book.add(SocketAddr::from(([0, 0, 0, 0], 1)), 1);
        book.add(SocketAddr::from(([224, 0, 0, 1], 1)), 1);
        for last in 0..9 {
            book.add(socket(last, 1), 1);
        }
        assert_eq!(book.entries.len(), 3);
        let portless = NodeAddress {
            timestamp: 1,
            ip: socket(1, 1).ip(),
            capabilities: vec![],
        };
        AddressBook::new(9).heard(&[portless]);
    }

    #[test]
    fn failures_are_forgotten_misbehaviour_waits() {
        let mut book = AddressBook::new(9);
        book.add(socket(1, 1), 1);
        book.add(socket(2, 1), 1);
        let none = HashSet::new();
        let hour = Duration::from_secs(3600);
        book.shun(&socket(1, 1), hour);
        assert_eq!(book.pick(9, &none, hour, 0), [socket(2, 1)]);
        assert_eq!(book.pick(9, &none, hour + SHUNNED, 0).len(), 2);
        for _ in 0..ATTEMPTS {
            book.failed(&socket(2, 1), hour);
        }
        assert_eq!(book.pick(9, &none, hour + SHUNNED, 0), [socket(1, 1)]);
        let taken = HashSet::from([socket(1, 1)]);
        assert!(book.pick(9, &taken, hour + SHUNNED, 0).is_empty());
    }

    #[test]
    fn our_own_address_is_never_taken_again() {
        let mut book = AddressBook::new(9);
        book.add(socket(1, 1), 1);
        book.is_own(socket(1, 1));
        book.add(socket(1, 1), 2);
        assert!(book.share(7).is_empty());
    }
}
