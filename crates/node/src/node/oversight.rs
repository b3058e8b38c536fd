//! The security layer, the connections and the tuning, as RPC asks for them.

use std::time::Duration;

use neo_network::{NetworkHandle, Reputation};
use neo_primitives::{UInt256, bft_quorum};

use super::shared::{Hearing, Shared};
use crate::rpc::{
    EvidenceEntry, LinkEntry, Oversight, ReputationEntry, TopologyEntry, TuningEntry,
};
use crate::security::alerts::Alert;
use crate::security::conduct::Standing;

fn whole(count: u128) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Shared {
    fn reputation_of(&self, reputation: Reputation) -> ReputationEntry {
        let Reputation {
            culprit,
            score,
            offences,
            bans,
            banned_for,
            ..
        } = reputation;
        let validator = culprit
            .validator
            .as_ref()
            .and_then(|key| self.security.index(key));
        ReputationEntry {
            validator: validator.map(|index| index.0),
            publickey: culprit.validator,
            peer: culprit.peer.map(|peer| peer.to_string()),
            address: culprit.address.map(|address| address.to_string()),
            score,
            offences: offences
                .into_iter()
                .map(|(offence, times)| (offence.name(), times))
                .collect(),
            bans,
            banned_s: banned_for.as_ref().map(Duration::as_secs),
        }
    }
}

impl Shared {
    fn topology_of(&self, mesh: &NetworkHandle) -> TopologyEntry {
        let topology = mesh.topology();
        let links = topology.validators.into_iter().map(|link| LinkEntry {
            index: self.security.index(&link.key).map(|index| index.0),
            publickey: link.key,
            connected: link.connected,
            round_trip_us: link.round_trip.map(|length| whole(length.as_micros())),
            last_heard_ms: link.last_heard.map(|length| whole(length.as_millis())),
            relayed: link.relayed,
            quiet: link.quiet,
        });
        TopologyEntry {
            reachable: topology.reachable,
            needed: topology.needed,
            partitioned: topology.partitioned,
            validators: links.collect(),
        }
    }
}

impl Hearing {
    /// In Neo N3's P2P messages go through anybody: who was heard of lately is in reach.
    fn topology(&self) -> TopologyEntry {
        let validators = self.gate.validators();
        let others = validators.iter().zip(0_u8..);
        let others = others.filter(|(key, _)| Some(*key) != self.own.as_ref());
        let links: Vec<_> = others
            .map(|(key, index)| LinkEntry {
                index: Some(index),
                publickey: key.clone(),
                connected: self.heard.is_there(key),
                round_trip_us: None,
                last_heard_ms: self.heard.since(key).map(|since| whole(since.as_millis())),
                relayed: true,
                quiet: false,
            })
            .collect();
        let there = links.iter().filter(|link| link.connected).count();
        let reachable = there + usize::from(self.own.is_some());
        let needed = match self.own {
            Some(_) => bft_quorum(validators.len()),
            None => 0,
        };
        TopologyEntry {
            reachable,
            needed,
            partitioned: reachable < needed,
            validators: links,
        }
    }
}

impl Oversight for Shared {
    fn alerts(&self) -> Vec<Alert> {
        let mut alerts = self.security.alerts().list();
        alerts.sort_by_key(|alert| !alert.active);
        alerts
    }

    fn topology(&self) -> TopologyEntry {
        match (&self.neighbours.mesh, &self.hearing) {
            (Some(mesh), _) => self.topology_of(mesh),
            (None, Some(hearing)) => hearing.topology(),
            (None, None) => TopologyEntry::default(),
        }
    }

    fn standings(&self) -> Vec<Standing> {
        self.security.standings()
    }

    fn reputation(&self, most: usize) -> Vec<ReputationEntry> {
        let mesh = self.neighbours.mesh.iter();
        let worst = mesh.flat_map(NetworkHandle::reputations);
        worst
            .take(most)
            .map(|reputation| self.reputation_of(reputation))
            .collect()
    }

    fn tuning(&self) -> Option<TuningEntry> {
        let (checks, mesh) = (self.checks.as_ref()?, self.neighbours.mesh.as_ref()?);
        Some(TuningEntry {
            fan_out: u64::try_from(mesh.fan_out()).unwrap_or(u64::MAX),
            verification_threads: checks.threads(),
        })
    }

    fn evidence(&self) -> Vec<EvidenceEntry> {
        self.security.evidence()
    }

    fn proof(&self, hash: &UInt256) -> std::io::Result<Option<(EvidenceEntry, Vec<u8>)>> {
        self.security.proof(hash)
    }
}
