//! What a validator process reports on its standard output with `run --events`: one JSON object a line.

use neo_primitives::{Height, UInt256};
use serde::Deserialize;

/// One line.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum NodeEvent {
    /// The node listens.
    Ready {},
    /// A block is stored durably.
    Block(BlockEvent),
    /// Its silence is over (docs/protocol.md section 5, rule 8).
    Voting {
        /// When, in nanoseconds since 1970.
        t_ns: u64,
    },
    /// Its first PreCommit or Commit since the start left.
    FirstVote {
        /// When, in nanoseconds since 1970.
        t_ns: u64,
    },
    /// An alert begins or ends.
    Alert(AlertEvent),
    /// A proof against a validator was stored.
    Evidence(Proof),
    /// A validator's conduct shows a fault or an attack, or does not any more.
    Finding(Finding),
    /// A peer is kept out.
    Ban(Ban),
    /// The node stops.
    Summary(NodeSummary),
    /// Something that is of no interest here.
    #[serde(other)]
    Other,
}

/// A stored block, as one node saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct BlockEvent {
    /// Its height.
    pub(crate) height: Height,
    /// Its hash.
    pub(crate) hash: UInt256,
    /// When it was durable, in nanoseconds since 1970.
    pub(crate) t_ns: u64,
    /// Number of transactions.
    pub(crate) transactions: u32,
    /// View in which it was decided, where this node saw the decision.
    #[serde(default)]
    pub(crate) view: Option<u32>,
    /// Microseconds from the first sight of the proposal to the decision.
    #[serde(default)]
    pub(crate) decision_us: Option<u64>,
    /// Microseconds from the first sight of the proposal to the full witness.
    #[serde(default)]
    pub(crate) witness_us: Option<u64>,
}

/// An alert that begins or ends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct AlertEvent {
    /// What it is about.
    pub(crate) kind: String,
    /// Whether it begins.
    pub(crate) active: bool,
    /// What it says.
    pub(crate) text: String,
    /// When, in nanoseconds since 1970.
    pub(crate) t_ns: u64,
}

/// A proof against a validator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Proof {
    /// Index of the guilty one.
    pub(crate) validator: usize,
    /// The form of its guilt.
    pub(crate) form: String,
}

/// What a validator's conduct shows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Finding {
    /// Its index.
    pub(crate) validator: usize,
    /// What it does.
    pub(crate) fault: String,
    /// Whether that begins or ends.
    pub(crate) active: bool,
}

/// A peer that is kept out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Ban {
    /// Index of the validator whose key the peer proved; none for strangers.
    #[serde(default)]
    pub(crate) validator: Option<usize>,
    /// What it did.
    pub(crate) reason: String,
}

/// Totals of a node's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct NodeSummary {
    /// Views that were left without a decision.
    pub(crate) view_changes: u64,
    /// Consensus messages sent, once for each receiver.
    pub(crate) messages: u64,
    /// Their bytes.
    pub(crate) message_bytes: u64,
    /// Processor time in seconds.
    pub(crate) cpu_s: f64,
    /// Greatest resident memory in MiB.
    pub(crate) peak_rss_mb: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> NodeEvent {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn lines_of_a_node() {
        assert_eq!(
            parse(r#"{"event":"ready","rpc":"127.0.0.1:1"}"#),
            NodeEvent::Ready {}
        );
        assert_eq!(parse(r#"{"event":"later","x":[1]}"#), NodeEvent::Other);
        let hash = format!("0x{}", "ab".repeat(32));
        let line = format!(
            r#"{{"event":"block","height":7,"hash":"{hash}","t_ns":1700000000000000000,"transactions":3,"view":0,"decision_us":12000,"witness_us":null}}"#
        );
        let NodeEvent::Block(block) = parse(&line) else {
            panic!("a block")
        };
        assert_eq!((block.height, block.transactions), (Height(7), 3));
        assert_eq!((block.decision_us, block.witness_us), (Some(12_000), None));
        let line = r#"{"event":"evidence","validator":3,"public_key":"02","height":4,"form":"amnesia","hash":"0x","t_ns":1}"#;
        assert!(
            matches!(parse(line), NodeEvent::Evidence(proof) if proof.validator == 3 && proof.form == "amnesia")
        );
        let line =
            r#"{"event":"alert","kind":"neo-node","active":true,"text":"none serves","t_ns":7}"#;
        assert!(
            matches!(parse(line), NodeEvent::Alert(alert) if alert.active && alert.kind == "neo-node")
        );
        let line = r#"{"event":"finding","validator":1,"public_key":"02","fault":"silent","active":true,"detail":"","t_ns":1}"#;
        assert!(matches!(parse(line), NodeEvent::Finding(finding) if finding.active));
        let line = r#"{"event":"ban","validator":null,"reason":"malformed_frame","t_ns":1}"#;
        assert!(matches!(parse(line), NodeEvent::Ban(ban) if ban.validator.is_none()));
        let line = r#"{"event":"summary","view_changes":0,"messages":120,"message_bytes":9000,"cpu_s":1.5,"peak_rss_mb":40.25}"#;
        let NodeEvent::Summary(summary) = parse(line) else {
            panic!("a summary")
        };
        assert_eq!(summary.messages, 120);
        assert!(serde_json::from_str::<NodeEvent>(r#"{"event":"block"}"#).is_err());
    }
}
