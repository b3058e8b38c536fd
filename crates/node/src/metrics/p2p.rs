//! What Neo N3's P2P counts.

use std::fmt;

use neo_network::neo::{NeoHandle, NeoMetrics};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// Prefix of all names.
pub(super) const PREFIX: &str = "neo_p2p";

/// Asked at each scrape.
#[derive(Debug)]
pub(super) struct P2p(pub(super) NeoHandle);

impl Collector for P2p {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let best = self.0.peers().iter().filter_map(|peer| peer.height).max();
        let best = best.map_or(0, |height| i64::from(height.0));
        encode(&self.0.metrics(), best, encoder)
    }
}

fn encode(
    metrics: &NeoMetrics,
    best: i64,
    mut encoder: DescriptorEncoder,
) -> Result<(), fmt::Error> {
    let peers = i64::try_from(metrics.peers).unwrap_or(i64::MAX);
    for (name, help, value) in [
        ("peers", "Peers that are up.", peers),
        (
            "best_height",
            "Greatest height that a peer says it has.",
            best,
        ),
    ] {
        let gauge = ConstGauge::new(value);
        gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
    }
    for (name, help, value) in [
        ("bytes_received", "Bytes of frames read.", metrics.bytes_in),
        ("frames_sent", "Frames written.", metrics.frames_out),
        ("bytes_sent", "Bytes written.", metrics.bytes_out),
        (
            "repeated_payloads",
            "Extensible payloads that came again in the same bytes.",
            metrics.repeated,
        ),
        (
            "over_rate",
            "Extensible payloads and questions dropped because a peer sent too many.",
            metrics.over_rate,
        ),
        (
            "frames_dropped",
            "Frames dropped because a peer takes them too slowly.",
            metrics.dropped_out,
        ),
    ] {
        let counter = ConstCounter::new(value);
        counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
    }
    let help = "Messages read, by command.";
    let mut family =
        encoder.encode_descriptor("messages_received", help, None, MetricType::Counter)?;
    for (command, times) in &metrics.messages_in {
        let labels = [("command", command.to_string())];
        ConstCounter::new(*times).encode(family.encode_family(&labels)?)?;
    }
    let help = "Connections that ended, by reason.";
    let mut family =
        encoder.encode_descriptor("connections_ended", help, None, MetricType::Counter)?;
    for (reason, times) in &metrics.refusals {
        let labels = [("reason", *reason)];
        ConstCounter::new(*times).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use neo_network::neo::wire::Command;
    use prometheus_client::{encoding::text::encode_registry, registry::Registry};

    use super::*;

    #[derive(Debug)]
    struct Fixed(NeoMetrics);

    impl Collector for Fixed {
        fn encode(&self, encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
            encode(&self.0, 7, encoder)
        }
    }

    #[test]
    fn what_the_network_counts_is_in_the_text() {
        let mut metrics = NeoMetrics {
            peers: 3,
            bytes_in: 11,
            messages_in: vec![(Command::Ping, 5)],
            ..NeoMetrics::default()
        };
        metrics.refusals.insert("magic", 2);
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(Fixed(metrics)));
        let mut text = String::new();
        encode_registry(&mut text, &registry).unwrap();
        for line in [
            "neo_p2p_peers 3",
            "neo_p2p_best_height 7",
            "neo_p2p_bytes_received_total 11",
            "neo_p2p_messages_received_total{command=\"Ping\"} 5",
            "neo_p2p_connections_ended_total{reason=\"magic\"} 2",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} in\n{text}");
        }
    }
}
