//! With which validators we are connected, and how well.

use std::{collections::HashMap, time::Duration};

use neo_primitives::PublicKey;

use crate::{
    error::PeerRef,
    shared::{Directory, Shared},
};

/// All validators as this node sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Topology {
    /// Every current validator but ourselves, by key.
    pub validators: Vec<ValidatorLink>,
    /// Validators that are connected, ourselves included if we are one.
    pub reachable: usize,
    /// How many are needed to decide anything, M; 0 for a node that is no validator.
    pub needed: usize,
    /// Whether fewer than that have been reachable since the last event said so.
    pub partitioned: bool,
}

/// One validator as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValidatorLink {
    /// Whose link it is.
    pub key: PublicKey,
    /// Whether there is a connection on which both sides take consensus messages.
    pub connected: bool,
    /// Smoothed round trip; of the last connection where there is none now.
    pub round_trip: Option<Duration>,
    /// How long ago anything came from it directly.
    pub last_heard: Option<Duration>,
    /// Whether its messages can go through others: a connected validator says that it is connected with it.
    pub relayed: bool,
    /// Whether it is watched and quiet.
    pub quiet: bool,
}

/// What stays known of a validator whose connection is gone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Remembered {
    pub(crate) heard_us: u64,
    pub(crate) round_trip: Option<Duration>,
}

/// Of `n` validators, how many make a quorum.
pub(crate) fn quorum(n: usize) -> usize {
    n.saturating_sub(most_byzantine(n))
}

/// Of `n` validators, how many may be Byzantine.
pub(crate) fn most_byzantine(n: usize) -> usize {
    n.saturating_sub(1) / 3
}

/// What became of the connection with the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Partitioned,
    Healed { since_us: u64 },
}

/// Whether too few validators are reachable, and since when. Reads no clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partition {
    since_us: Option<u64>,
    /// Enough were reachable once, or the time for that is over.
    begun: bool,
    grace_until_us: u64,
}

impl Partition {
    pub(crate) fn new(grace: Duration) -> Self {
        Self {
            since_us: None,
            begun: false,
            grace_until_us: u64::try_from(grace.as_micros()).unwrap_or(u64::MAX),
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.since_us.is_some()
    }

    pub(crate) fn look(&mut self, reachable: usize, needed: usize, now_us: u64) -> Option<Turn> {
        let enough = reachable >= needed;
        self.begun |= enough || now_us >= self.grace_until_us;
        match (enough, self.since_us) {
            (false, None) if self.begun => {
                self.since_us = Some(now_us);
                Some(Turn::Partitioned)
            }
            (true, Some(since_us)) => {
                self.since_us = None;
                Some(Turn::Healed { since_us })
            }
            _ => None,
        }
    }
}

impl Directory {
    /// Validators that are connected and how many are needed, both with ourselves if we are one. Nothing is needed
    /// by a node that is none.
    pub(crate) fn reachable(&self, own: Option<&PublicKey>) -> (usize, usize) {
        let connected = self.peers().filter(|peer| peer.is_mutual()).count();
        match own.is_some_and(|own| self.validators.contains(own)) {
            true => (connected + 1, quorum(self.validators.len())),
            false => {
                let connected = self.peers().filter(|peer| self.is_validator(peer)).count();
                (connected, 0)
            }
        }
    }
}

impl Shared {
    pub(crate) fn topology(&self) -> Topology {
        let now_us = self.clock.now_us();
        let directory = self.directory.read();
        let remembered: HashMap<PublicKey, Remembered> = self.remembered.lock().clone();
        let own = self.own_key.as_ref();
        let mut validators: Vec<_> = directory
            .validators
            .iter()
            .filter(|key| own != Some(*key))
            .map(|key| {
                let peer = directory.find(&PeerRef::Validator(key.clone()));
                let past = remembered.get(key);
                let ago = |at_us: u64| Duration::from_micros(now_us.saturating_sub(at_us));
                ValidatorLink {
                    key: key.clone(),
                    connected: peer.is_some_and(|peer| self.is_linked(peer)),
                    round_trip: peer
                        .and_then(|peer| peer.rtt())
                        .or_else(|| past.and_then(|past| past.round_trip)),
                    last_heard: peer
                        .map(|peer| peer.silent(now_us))
                        .or_else(|| past.map(|past| ago(past.heard_us))),
                    relayed: directory.is_relayed(key),
                    quiet: peer.is_some_and(|peer| peer.is_quiet()),
                }
            })
            .collect();
        validators.sort_by(|a, b| a.key.cmp(&b.key));
        let (reachable, needed) = directory.reachable(own);
        Topology {
            validators,
            reachable,
            needed,
            partitioned: self.partition.lock().is_on(),
        }
    }

    /// For an observer every connection is as good as any.
    fn is_linked(&self, peer: &crate::peer::Peer) -> bool {
        peer.is_mutual() || self.own_key.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quorums_are_those_of_the_protocol() {
        assert_eq!(
            [1, 2, 3, 4, 7, 10, 21, 100].map(quorum),
            [1, 2, 3, 3, 5, 7, 15, 67]
        );
        assert_eq!(quorum(0), 0);
    }

    #[test]
    fn a_start_is_no_partition_unless_it_takes_too_long() {
        let mut partition = Partition::new(Duration::from_secs(5));
        assert_eq!(partition.look(1, 3, 1_000_000), None);
        assert_eq!(partition.look(1, 3, 5_000_000), Some(Turn::Partitioned));
        assert_eq!(partition.look(2, 3, 6_000_000), None);
        let healed = Turn::Healed {
            since_us: 5_000_000,
        };
        assert_eq!(partition.look(3, 3, 7_000_000), Some(healed));
    }

    #[test]
    fn once_together_a_loss_is_noticed_at_once() {
        let mut partition = Partition::new(Duration::from_secs(5));
        assert_eq!(partition.look(3, 3, 1_000), None);
        assert_eq!(partition.look(2, 3, 2_000), Some(Turn::Partitioned));
        assert!(partition.is_on());
        assert_eq!(partition.look(2, 3, 3_000), None);
    }

    #[test]
    fn an_observer_is_never_partitioned() {
        let mut partition = Partition::new(Duration::ZERO);
        assert_eq!(partition.look(0, 0, 9), None);
    }
}
