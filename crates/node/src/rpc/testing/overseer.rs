//! What a node in trouble would tell of itself.

use neo_primitives::UInt256;

use super::keys;
use crate::rpc::{
    EvidenceEntry, LinkEntry, Oversight, ReputationEntry, TopologyEntry, TuningEntry,
};
use crate::security::alerts::{Alert, AlertKind};
use crate::security::conduct::{Fault, Standing, Totals};

/// Proofs of the test network.
const PROOFS: u32 = 230;

/// A node of which everything can be told: a partition, a relayed validator, one that equivocates and is banned.
pub(super) struct Overseer;

impl Overseer {
    /// The proof at this place of the list.
    fn proof_at(place: u32) -> EvidenceEntry {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&place.to_le_bytes());
        EvidenceEntry {
            hash: UInt256::from_wire(hash),
            height: 1_000 - place,
            validator: 3,
            publickey: Some(keys()[3].public_key().clone()),
            form: "two-votes".into(),
            bytes: 5,
        }
    }
}

impl Oversight for Overseer {
    fn alerts(&self) -> Vec<Alert> {
        vec![Alert {
            kind: AlertKind::Partition,
            active: true,
            count: 2,
            last_ns: 9,
            text: "2 validators are in reach, 3 are needed".into(),
        }]
    }

    fn topology(&self) -> TopologyEntry {
        let link = LinkEntry {
            index: Some(2),
            publickey: keys()[2].public_key().clone(),
            connected: false,
            round_trip_us: Some(1_500),
            last_heard_ms: Some(7_000),
            relayed: true,
            quiet: false,
        };
        TopologyEntry {
            reachable: 2,
            needed: 3,
            partitioned: true,
            validators: vec![link],
        }
    }

    fn standings(&self) -> Vec<Standing> {
        vec![Standing {
            index: 3,
            publickey: keys()[3].public_key().clone(),
            score: 50,
            findings: vec![Fault::Equivocates],
            totals: Totals::default(),
        }]
    }

    fn reputation(&self, most: usize) -> Vec<ReputationEntry> {
        let one = ReputationEntry {
            validator: Some(3),
            score: 0,
            offences: [("guilty", 4)].into(),
            bans: 1,
            banned_s: Some(12),
            ..ReputationEntry::default()
        };
        vec![one; 100].into_iter().take(most).collect()
    }

    fn tuning(&self) -> Option<TuningEntry> {
        Some(TuningEntry {
            fan_out: 12,
            verification_threads: 2,
        })
    }

    fn evidence(&self) -> Vec<EvidenceEntry> {
        (0..PROOFS).map(Self::proof_at).collect()
    }

    fn proof(&self, hash: &UInt256) -> std::io::Result<Option<(EvidenceEntry, Vec<u8>)>> {
        let first = Self::proof_at(0);
        if *hash == Self::proof_at(1).hash {
            return Err(std::io::Error::other("the disk is gone"));
        }
        Ok((first.hash == *hash).then(|| (first, b"proof".to_vec())))
    }
}
