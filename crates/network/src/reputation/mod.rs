//! Who misbehaved, how much of it is forgotten, and who stays out for how long.
//!
//! An [`Offence`] costs points, which halve every [`crate::ReputationLimits::half_life`]. [`BAN_POINTS`] of them
//! are a ban. Each further ban lasts twice as long, up to a bound, and the history is forgotten one ban at a time.
//!
//! Charged is whoever the offender has proven to be. A validator is charged by its key, so that neither a new peer
//! id nor another address helps it, and nobody else pays for it. A stranger is charged by its peer id and, since
//! peer ids cost nothing, by its address, which tolerates more because many can share one. A banned address keeps
//! out strangers only: a validator that proves its key always gets through.
//!
//! At most f validators are banned at a time. More than f offenders are not to be expected; then the fault may be
//! here, and a network that bans itself to a standstill would be worse than any flood.

mod offence;
mod record;

use std::{collections::HashMap, fmt, net::IpAddr, time::Duration};

use libp2p::{Multiaddr, PeerId};
use neo_primitives::PublicKey;

pub use offence::{BAN_POINTS, Offence};
use record::Record;

use crate::{address, config::ReputationLimits};

/// Most that are remembered at a time.
const CAPACITY: usize = 4096;
/// Offences of one culprit are told to the node this often, in microseconds.
const TELL_US: u64 = 1_000_000;

/// Who did something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Culprit {
    /// Its proven key, if that is one of the current validators.
    pub validator: Option<PublicKey>,
    /// Its peer id; none for a whole address.
    pub peer: Option<PeerId>,
    /// Where it was seen.
    pub address: Option<Multiaddr>,
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.validator, &self.peer) {
            (Some(key), _) => write!(f, "validator {key}")?,
            (None, Some(peer)) => write!(f, "peer {peer}")?,
            (None, None) => f.write_str("every stranger")?,
        }
        match &self.address {
            Some(address) => write!(f, " at {address}"),
            None => Ok(()),
        }
    }
}

/// What is held against one culprit.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reputation {
    /// Who it is.
    pub culprit: Culprit,
    /// From 100, nothing held against it, down to 0.
    pub score: u8,
    /// How often it did what, since it was first remembered.
    pub offences: Vec<(Offence, u64)>,
    /// Bans that are not forgotten yet.
    pub bans: u32,
    /// How much longer it stays out.
    pub banned_for: Option<Duration>,
}

/// Whom points are held against.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Validator(PublicKey),
    Peer(PeerId),
    Address(IpAddr),
}

/// A ban that has just begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ban {
    pub(crate) culprit: Culprit,
    pub(crate) length: Duration,
    /// Its number among those not forgotten, from 1.
    pub(crate) number: u32,
}

/// What follows from an offence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// The culprit's score now.
    pub(crate) score: u8,
    /// Offences since the node was told of one, if it is to be told now.
    pub(crate) tell: Option<u32>,
    pub(crate) bans: Vec<Ban>,
    /// A ban was due, and as many validators as may be are banned already.
    pub(crate) spared: bool,
}

/// All that is remembered.
#[derive(Debug)]
pub(crate) struct Reputations {
    records: HashMap<Subject, Record>,
    limits: ReputationLimits,
}

impl Reputations {
    pub(crate) fn new(limits: ReputationLimits) -> Self {
        Self {
            records: HashMap::new(),
            limits,
        }
    }

    /// Notes an offence. `most_validators` is how many of them may be banned at a time.
    pub(crate) fn charge(
        &mut self,
        culprit: &Culprit,
        offence: Offence,
        now_us: u64,
        most_validators: usize,
    ) -> Judgement {
        let mut judgement = Judgement {
            score: 100,
            ..Judgement::default()
        };
        for subject in self.subjects(culprit) {
            let is_validator = matches!(subject, Subject::Validator(_));
            let full = is_validator && self.banned_validators(now_us) >= most_validators;
            let (tolerance, longest) = match subject {
                Subject::Validator(_) => (1, self.limits.validator_ban_most),
                Subject::Peer(_) => (1, self.limits.ban_most),
                Subject::Address(_) => (self.limits.address_tolerance.max(1), self.limits.ban_most),
            };
            let limits = self.limits.clone();
            let of_address = matches!(subject, Subject::Address(_));
            let record = self.record(&subject, culprit, now_us);
            let points = record.add(offence, now_us, &limits);
            if !of_address {
                judgement.score = record.score(now_us, &limits);
                judgement.tell = record.tell(now_us, TELL_US);
            }
            if points < BAN_POINTS.saturating_mul(tolerance) || record.is_banned(now_us) {
                continue;
            }
            if full {
                judgement.spared = true;
                continue;
            }
            let (length, number) = record.ban(now_us, limits.ban, longest, limits.history);
            judgement.bans.push(Ban {
                culprit: record.culprit.clone(),
                length,
                number,
            });
        }
        judgement
    }

    /// How much longer a peer stays out that has proven `validator`, or nothing yet.
    pub(crate) fn banned(
        &self,
        validator: Option<&PublicKey>,
        peer: &PeerId,
        address: &Multiaddr,
        now_us: u64,
    ) -> Option<Duration> {
        let remaining = |subject: &Subject| self.records.get(subject)?.remaining(now_us);
        match validator {
            Some(key) => remaining(&Subject::Validator(key.clone())),
            None => {
                let peer = remaining(&Subject::Peer(*peer));
                let address = self
                    .address_of(address)
                    .and_then(|ip| remaining(&Subject::Address(ip)));
                peer.max(address)
            }
        }
    }

    /// How much longer a peer id stays out, whatever it proves. Peer ids of validators are never banned.
    pub(crate) fn banned_id(&self, peer: &PeerId, now_us: u64) -> Option<Duration> {
        self.records.get(&Subject::Peer(*peer))?.remaining(now_us)
    }

    /// Ends the bans whose time is over; returns whose they were.
    pub(crate) fn release(&mut self, now_us: u64) -> Vec<Culprit> {
        let over = self
            .records
            .values_mut()
            .filter_map(|record| record.release(now_us));
        over.collect()
    }

    /// Everything that is held against anybody, the worst first.
    pub(crate) fn list(&self, now_us: u64) -> Vec<Reputation> {
        let mut list: Vec<_> = self
            .records
            .values()
            .map(|record| record.show(now_us, &self.limits))
            .collect();
        list.sort_by_key(|reputation| (reputation.banned_for.is_none(), reputation.score));
        list
    }

    /// Validators, peers and addresses that are out.
    pub(crate) fn banned_now(&self, now_us: u64) -> usize {
        self.records
            .values()
            .filter(|record| record.is_banned(now_us))
            .count()
    }

    fn banned_validators(&self, now_us: u64) -> usize {
        self.records
            .iter()
            .filter(|(subject, record)| {
                matches!(subject, Subject::Validator(_)) && record.is_banned(now_us)
            })
            .count()
    }

    fn subjects(&self, culprit: &Culprit) -> Vec<Subject> {
        if let Some(key) = &culprit.validator {
            return vec![Subject::Validator(key.clone())];
        }
        let address = culprit.address.as_ref();
        let address = address.and_then(|address| self.address_of(address));
        culprit
            .peer
            .map(Subject::Peer)
            .into_iter()
            .chain(address.map(Subject::Address))
            .collect()
    }

    fn address_of(&self, address: &Multiaddr) -> Option<IpAddr> {
        let ip = address::ip_of(address)?.to_canonical();
        (!ip.is_loopback() || !self.limits.spare_loopback).then_some(ip)
    }

    fn record(&mut self, subject: &Subject, culprit: &Culprit, now_us: u64) -> &mut Record {
        if self.records.len() >= CAPACITY && !self.records.contains_key(subject) {
            self.make_room(now_us);
        }
        let told_of = match subject {
            Subject::Address(_) => Culprit {
                address: culprit.address.clone(),
                ..Culprit::default()
            },
            _ => culprit.clone(),
        };
        let record = self
            .records
            .entry(subject.clone())
            .or_insert_with(|| Record::new(told_of.clone(), now_us));
        // The latest place and peer id are the ones to look for.
        record.culprit = Culprit {
            address: told_of.address.or(record.culprit.address.take()),
            peer: told_of.peer.or(record.culprit.peer),
            validator: told_of.validator,
        };
        record
    }

    /// Forgets whoever has least against it: one that is not banned, or whose ban ends first.
    fn make_room(&mut self, now_us: u64) {
        let least = self
            .records
            .iter()
            .min_by_key(|(_, record)| {
                (
                    record.remaining(now_us),
                    record.bans(),
                    record.points(now_us, &self.limits),
                )
            })
            .map(|(subject, _)| subject.clone());
        if let Some(least) = least {
            self.records.remove(&least);
        }
    }
}

#[cfg(test)]
mod tests;
