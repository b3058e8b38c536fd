//! How the Neo nodes of an attached ledger stand.

use std::fmt;
use std::sync::Arc;

use neo_attached::{AttachedLedger, NodeReport, NodeState};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
};

/// Asked at each scrape.
pub(super) struct Attached(pub(super) Arc<AttachedLedger>);

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attached")
    }
}

impl Collector for Attached {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        encode(&self.0.nodes(), encoder)
    }
}

/// Height that is known of a node.
fn height(report: &NodeReport) -> Option<i64> {
    match report.state {
        NodeState::Synchronised { height } | NodeState::Behind { height, .. } => {
            Some(i64::from(height.0))
        }
        NodeState::Unknown | NodeState::Foreign { .. } | NodeState::Unusable { .. } => None,
    }
}

fn encode(nodes: &[NodeReport], mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
    let serves = i64::from(nodes.iter().any(|node| node.serves));
    let help =
        "Whether a Neo node serves the attached ledger; without one this validator does not vote.";
    let gauge = ConstGauge::new(serves);
    gauge.encode(encoder.encode_descriptor(
        "attached_served",
        help,
        None,
        gauge.metric_type(),
    )?)?;
    let help = "Whether this Neo node is the one that serves.";
    let mut family =
        encoder.encode_descriptor("attached_node_serves", help, None, MetricType::Gauge)?;
    for node in nodes {
        let labels = [("node", node.endpoint.to_string())];
        ConstGauge::new(i64::from(node.serves)).encode(family.encode_family(&labels)?)?;
    }
    let help = "Height of a Neo node, while it can be used.";
    let mut family =
        encoder.encode_descriptor("attached_node_height", help, None, MetricType::Gauge)?;
    for node in nodes {
        if let Some(height) = height(node) {
            let labels = [("node", node.endpoint.to_string())];
            ConstGauge::new(height).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use neo_primitives::Height;
    use prometheus_client::{encoding::text::encode_registry, registry::Registry};

    use super::*;

    #[derive(Debug)]
    struct Fixed(Vec<NodeReport>);

    impl Collector for Fixed {
        fn encode(&self, encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
            encode(&self.0, encoder)
        }
    }

    #[test]
    fn each_node_has_its_height_while_it_can_be_used() {
        let report = |port: u16, state, serves| NodeReport {
            endpoint: format!("127.0.0.1:{port}").parse().unwrap(),
            state,
            serves,
        };
        let height = Height(7);
        let problem = "gone".to_owned();
        let nodes = vec![
            report(1, NodeState::Unusable { problem }, false),
            report(2, NodeState::Synchronised { height }, true),
        ];
        let mut registry = Registry::with_prefix("neo_dbft");
        registry.register_collector(Box::new(Fixed(nodes)));
        let mut text = String::new();
        encode_registry(&mut text, &registry).unwrap();
        for line in [
            "neo_dbft_attached_served 1",
            "neo_dbft_attached_node_serves{node=\"http://127.0.0.1:1\"} 0",
            "neo_dbft_attached_node_serves{node=\"http://127.0.0.1:2\"} 1",
            "neo_dbft_attached_node_height{node=\"http://127.0.0.1:2\"} 7",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} in\n{text}");
        }
        assert!(!text.contains("height{node=\"http://127.0.0.1:1\"}"));
    }
}
