//! How many connections there may be, in all and with one address.

use std::{collections::HashMap, net::IpAddr};

use super::{config::NeoLimits, refusal::NeoRefusal};
use crate::rates::{Bucket, Rate};

/// Addresses whose rate is remembered; more at a time are bounded by the number of connections only.
const CAPACITY: usize = 4096;

/// Who wants a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// The other side began it.
    Taken,
    /// We look for more peers.
    Sought,
    /// The configuration names the peer: it gets in where others are too many already.
    Configured,
}

/// Counts connections, also those whose handshake is under way.
#[derive(Debug)]
pub(crate) struct Doors {
    most: usize,
    most_per_address: usize,
    count_loopback: bool,
    rate: Rate,
    all: usize,
    by_address: HashMap<IpAddr, usize>,
    begun: HashMap<IpAddr, Bucket>,
}

impl Doors {
    pub(crate) fn new(limits: &NeoLimits) -> Self {
        Self {
            most: limits.max_peers,
            most_per_address: limits.max_per_address,
            count_loopback: limits.count_loopback,
            rate: limits.connection_rate,
            all: 0,
            by_address: HashMap::new(),
            begun: HashMap::new(),
        }
    }

    /// Counts a connection if there may be another one.
    pub(crate) fn enter(
        &mut self,
        ip: IpAddr,
        entrance: Entrance,
        now_us: u64,
    ) -> Result<(), NeoRefusal> {
        let ip = ip.to_canonical();
        let limited = entrance != Entrance::Configured;
        if limited && self.all >= self.most {
            return Err(NeoRefusal::TooManyPeers(self.all));
        }
        let own = self.by_address.get(&ip).copied().unwrap_or(0);
        if limited && (self.count_loopback || !ip.is_loopback()) {
            if own >= self.most_per_address {
                return Err(NeoRefusal::TooManyFromAddress {
                    ip,
                    limit: self.most_per_address,
                });
            }
            if entrance == Entrance::Taken && !self.in_time(ip, now_us) {
                return Err(NeoRefusal::TooFast {
                    ip,
                    per_second: self.rate.per_second,
                });
            }
        }
        self.all += 1;
        self.by_address.insert(ip, own + 1);
        Ok(())
    }

    /// A connection that was counted is gone.
    pub(crate) fn leave(&mut self, ip: IpAddr) {
        let ip = ip.to_canonical();
        let Some(own) = self.by_address.get_mut(&ip) else {
            return;
        };
        *own = own.saturating_sub(1);
        self.all = self.all.saturating_sub(1);
        if *own == 0 {
            self.by_address.remove(&ip);
        }
    }

    /// Connections that are counted.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.all
    }

    fn in_time(&mut self, ip: IpAddr, now_us: u64) -> bool {
        let rate = self.rate;
        if self.begun.len() >= CAPACITY && !self.begun.contains_key(&ip) {
            self.begun.retain(|_, bucket| !bucket.is_full(rate, now_us));
            if self.begun.len() >= CAPACITY {
                return true;
            }
        }
        let bucket = self.begun.entry(ip).or_default();
        bucket.try_take(rate, 1, now_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn doors(change: impl FnOnce(&mut NeoLimits)) -> Doors {
        let mut limits = NeoLimits::default();
        change(&mut limits);
        Doors::new(&limits)
    }

    #[test]
    fn all_and_each_address_are_bounded() {
        let mut doors = doors(|limits| limits.max_peers = 5);
        for _ in 0..3 {
            assert_eq!(doors.enter(address(1), Entrance::Taken, 1), Ok(()));
        }
        assert_eq!(
            doors.enter(address(1), Entrance::Sought, 1),
            Err(NeoRefusal::TooManyFromAddress {
                ip: address(1),
                limit: 3
            })
        );
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert!(
            doors.enter(mapped, Entrance::Taken, 1).is_err(),
            "the same address"
        );
        for _ in 0..2 {
            assert_eq!(doors.enter(HOME, Entrance::Taken, 1), Ok(()));
        }
        assert_eq!(
            doors.enter(address(2), Entrance::Taken, 1),
            Err(NeoRefusal::TooManyPeers(5))
        );
        assert_eq!(doors.enter(address(1), Entrance::Configured, 1), Ok(()));
        for ip in [
            address(1),
            address(1),
            address(1),
            address(1),
            HOME,
            HOME,
            HOME,
        ] {
            doors.leave(ip);
        }
        assert!(doors.all == 0 && doors.by_address.is_empty());
    }

    #[test]
    fn who_connects_again_and_again_is_slowed_down() {
        let mut doors = doors(|limits| limits.connection_rate = Rate::new(1, 2));
        let mut begin = |ip, now_us| {
            let entered = doors.enter(ip, Entrance::Taken, now_us);
            if entered.is_ok() {
                doors.leave(ip);
            }
            entered
        };
        for _ in 0..2 {
            assert_eq!(begin(address(1), 1), Ok(()));
        }
        let refused = begin(address(1), 1).unwrap_err();
        assert_eq!(refused.name(), "too_fast");
        assert_eq!(begin(address(2), 1), Ok(()));
        assert_eq!(begin(address(1), 1_000_001), Ok(()));
    }

    #[test]
    fn memory_for_addresses_is_bounded() {
        let mut doors = doors(|limits| limits.max_peers = usize::MAX);
        for number in 0..20_000u32 {
            let ip = IpAddr::from(number.to_be_bytes());
            if doors.enter(ip, Entrance::Taken, 1).is_ok() {
                doors.leave(ip);
            }
            assert!(doors.begun.len() <= CAPACITY);
        }
    }
}
