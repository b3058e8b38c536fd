//! What is asked at each scrape: the ledger, the peers, the network's own counters.

use std::{fmt, sync::Arc};

use neo_attached::AttachedLedger;
use neo_ledger::ChainReader;
use neo_network::neo::NeoHandle;
use neo_network::{NetworkHandle, NetworkMetrics, Priority, Traffic};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use super::SignerMetrics;
use crate::rpc::PeerView;

/// Who is asked at each scrape.
#[derive(Clone)]
pub struct Sources {
    /// Height and memory pool.
    pub ledger: Arc<dyn ChainReader>,
    /// Connected peers and their round-trip times.
    pub peers: Arc<dyn PeerView>,
    /// Traffic of all kinds in the mesh, not only consensus messages; none with dBFT 2.0.
    pub network: Option<NetworkHandle>,
    /// Neo N3's P2P, where it is spoken.
    pub p2p: Option<NeoHandle>,
    /// The ledger, if Neo nodes keep it.
    pub attached: Option<Arc<AttachedLedger>>,
    /// The remote signer, if the key is elsewhere.
    pub signer: Option<Arc<SignerMetrics>>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let peers = self.peers.connected();
        let validators = peers.iter().filter(|peer| peer.validator.is_some()).count();
        for (name, help, value) in [
            (
                "mempool_transactions",
                "Transactions in the memory pool.",
                self.ledger.pool_len(),
            ),
            ("peers_connected", "Connected peers.", peers.len()),
            (
                "validators_connected",
                "Connected peers that are validators.",
                validators,
            ),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let help = "Round-trip time to a validator.";
        let mut family =
            encoder.encode_descriptor("peer_rtt_seconds", help, None, MetricType::Gauge)?;
        for peer in &peers {
            if let (Some(validator), Some(rtt)) = (&peer.validator, peer.rtt) {
                let labels = [("validator", validator.to_string())];
                ConstGauge::new(rtt.as_secs_f64()).encode(family.encode_family(&labels)?)?;
            }
        }
        match &self.network {
            Some(network) => encode_network(&network.metrics(), &mut encoder),
            None => Ok(()),
        }
    }
}

/// One row of a counter by kind.
type Row = (&'static str, u64);

fn encode_network(
    network: &NetworkMetrics,
    encoder: &mut DescriptorEncoder,
) -> Result<(), fmt::Error> {
    for (name, help, value) in [
        (
            "network_validators_reachable",
            "Validators that are connected, this node included if it is one.",
            network.reachable,
        ),
        (
            "network_validators_needed",
            "Validators that it takes to decide; 0 for an observer.",
            network.needed,
        ),
        (
            "network_partitioned",
            "1 while fewer validators are connected than it takes to decide.",
            u64::from(network.partitioned),
        ),
        (
            "network_banned",
            "Peers and addresses that are banned.",
            network.banned,
        ),
        (
            "network_fullest_queue_per_mille",
            "How full the fullest queue to a peer is, in thousandths.",
            network.fullest_queue_per_mille,
        ),
    ] {
        let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
    }
    let messages = |flows: &[Traffic]| rows(flows, |flow| flow.messages);
    let bytes = |flows: &[Traffic]| rows(flows, |flow| flow.bytes);
    for (name, help, rows) in [
        (
            "network_messages_sent",
            "Messages written to peers, by priority.",
            messages(&network.sent),
        ),
        (
            "network_bytes_sent",
            "Bytes of messages written to peers, by priority.",
            bytes(&network.sent),
        ),
        (
            "network_messages_received",
            "Messages read from peers, by priority.",
            messages(&network.received),
        ),
        (
            "network_bytes_received",
            "Bytes of messages read from peers, by priority.",
            bytes(&network.received),
        ),
        (
            "network_messages_dropped",
            "Messages dropped from full queues, by priority.",
            messages(&network.dropped),
        ),
        (
            "network_events",
            "What happened to connections and requests, by kind.",
            vec![
                ("frames_sent", network.frames_sent),
                ("frames_received", network.frames_received),
                ("requests_sent", network.requests_sent),
                ("requests_failed", network.requests_failed),
                ("requests_received", network.requests_received),
                ("requests_refused", network.requests_refused),
                ("transactions", network.transactions),
                ("duplicate_transactions", network.duplicate_transactions),
                ("gossip_dropped", network.gossip_dropped),
                ("dials", network.dials),
                ("dial_failures", network.dial_failures),
                ("peers_up", network.peers_up),
                ("peers_down", network.peers_down),
                ("bans", network.bans),
                ("relays_sent", network.relays_sent.messages),
                ("relays_passed", network.relays_passed.messages),
                ("relays_received", network.relays_received.messages),
                ("relays_dropped", network.relays_dropped),
                ("evidence_sent", network.evidence_sent.messages),
                ("evidence_received", network.evidence_received.messages),
                ("evidence_dropped", network.evidence_dropped),
                ("quiet", network.quiet),
                ("throttled_ms", network.throttled_ms),
                ("late_batches", network.late_batches),
                ("partitions", network.partitions),
            ],
        ),
        (
            "network_offences",
            "Offences of peers, by kind.",
            network
                .offences
                .iter()
                .map(|(kind, n)| (*kind, *n))
                .collect(),
        ),
        (
            "network_refusals",
            "Connections refused or cut, by reason.",
            network
                .refusals
                .iter()
                .map(|(kind, n)| (*kind, *n))
                .collect(),
        ),
    ] {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (kind, value) in rows {
            ConstCounter::new(value).encode(family.encode_family(&[("kind", kind)])?)?;
        }
    }
    Ok(())
}

fn rows(flows: &[Traffic], value: impl Fn(&Traffic) -> u64) -> Vec<Row> {
    let name = |priority: &Priority| priority.name();
    Priority::ALL
        .iter()
        .map(name)
        .zip(flows.iter().map(value))
        .collect()
}
