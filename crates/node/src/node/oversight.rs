//! The security layer, the connections and the tuning, as RPC asks for them.

use std::time::Duration;

use neo_network::Reputation;
use neo_primitives::UInt256;

use super::shared::Shared;
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

impl Oversight for Shared {
    fn alerts(&self) -> Vec<Alert> {
        let mut alerts = self.security.alerts().list();
        alerts.sort_by_key(|alert| !alert.active);
        alerts
    }

    fn topology(&self) -> TopologyEntry {
        let topology = self.network.topology();
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

    fn standings(&self) -> Vec<Standing> {
        self.security.standings()
    }

    fn reputation(&self, most: usize) -> Vec<ReputationEntry> {
        let worst = self.network.reputations().into_iter().take(most);
        worst
            .map(|reputation| self.reputation_of(reputation))
            .collect()
    }

    fn tuning(&self) -> Option<TuningEntry> {
        let checks = self.checks.as_ref()?;
        Some(TuningEntry {
            fan_out: u64::try_from(self.network.fan_out()).unwrap_or(u64::MAX),
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
