//! The figures of validators beside Neo nodes.

use std::collections::BTreeMap;

use neo_primitives::Height;
use serde::Serialize;

use super::super::mixed::{Equality, IntervalFigures};
use super::super::usage::Usage;
use super::join::JoinFigures;
use super::trials::NeoTrial;
use crate::rpc::Endpoint;

/// The median of the block intervals, in target block times, must be below this.
const PACE: f64 = 1.1;
/// The longest time between blocks while one Neo node is away, in target block times.
const GAP: f64 = 8.0;

/// What validators beside Neo nodes did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AttachedFigures {
    /// The version of the neo-go nodes.
    pub(crate) neo_go: String,
    /// Time between blocks under load, as the first validator had them, in milliseconds.
    pub(crate) block_interval_ms: IntervalFigures,
    /// What was compared between all neo-go nodes.
    pub(crate) equality: Equality,
    /// Neo nodes that failed and came back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) trials: Vec<NeoTrial>,
    /// The node that fetched the chain at the end; it is among those that were compared.
    pub(crate) join: Option<JoinFigures>,
    /// The Neo nodes.
    pub(crate) nodes: Vec<NeoNodeFigures>,
    /// What holds and what does not.
    pub(crate) verdicts: BTreeMap<&'static str, bool>,
}

/// A Neo node at the end.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct NeoNodeFigures {
    /// Where its JSON-RPC listened.
    pub(crate) rpc: String,
    /// Processor time in seconds.
    pub(crate) cpu_s: Option<f64>,
    /// Greatest resident memory in MiB.
    pub(crate) peak_rss_mb: Option<f64>,
}

/// What the figures are made of.
pub(crate) struct AttachedEvidence<'a> {
    /// The version of the neo-go nodes.
    pub(crate) neo_go: String,
    /// When each height had its block at the first validator, in nanoseconds since 1970.
    pub(crate) moments: BTreeMap<Height, u64>,
    /// The time under load, in nanoseconds since 1970.
    pub(crate) window: (u64, u64),
    /// Target time between blocks, in milliseconds.
    pub(crate) block_time_ms: f64,
    /// What was compared.
    pub(crate) equality: Equality,
    /// What failed.
    pub(crate) trials: Vec<NeoTrial>,
    /// What joined.
    pub(crate) join: Option<JoinFigures>,
    /// Where the Neo nodes answered, and what they used.
    pub(crate) nodes: Vec<(&'a Endpoint, Option<Usage>)>,
}

impl AttachedFigures {
    /// Works them out.
    pub(crate) fn of(evidence: AttachedEvidence<'_>) -> Self {
        let (from_ns, until_ns) = evidence.window;
        let moments: Vec<_> = evidence.moments.iter().collect();
        let intervals = moments
            .array_windows()
            .filter(|[before, after]| {
                before.0.next() == *after.0 && (from_ns..=until_ns).contains(after.1)
            })
            .map(|[before, after]| after.1.saturating_sub(*before.1));
        let nodes = evidence
            .nodes
            .into_iter()
            .map(|(rpc, usage)| NeoNodeFigures {
                rpc: rpc.to_string(),
                cpu_s: usage.map(|usage| usage.cpu_s),
                peak_rss_mb: usage.map(|usage| usage.peak_rss_mb),
            });
        let mut figures = Self {
            neo_go: evidence.neo_go,
            block_interval_ms: IntervalFigures::of_nanos(intervals.collect()),
            equality: evidence.equality,
            trials: evidence.trials,
            join: evidence.join,
            nodes: nodes.collect(),
            verdicts: BTreeMap::new(),
        };
        figures.verdicts = figures.judge(evidence.block_time_ms);
        figures
    }

    fn judge(&self, block_time_ms: f64) -> BTreeMap<&'static str, bool> {
        let mut verdicts = BTreeMap::from([
            ("hashes_equal", self.equality.hashes_equal),
            ("balances_equal", self.equality.balances_equal),
            ("logs_equal", self.equality.logs_equal),
        ]);
        if self.trials.is_empty() {
            let p50 = self.block_interval_ms.p50;
            verdicts.insert("pace", p50.is_some_and(|p50| p50 < PACE * block_time_ms));
        } else {
            let all = |holds: fn(&NeoTrial) -> bool| self.trials.iter().all(holds);
            let holds = all(|one| one.spare || one.signed_meanwhile.is_empty());
            verdicts.insert("no_vote_without_neo_node", holds);
            if self.trials.iter().any(|one| one.spare) {
                let holds = all(|one| {
                    !one.spare || (one.alert.is_none() && !one.signed_meanwhile.is_empty())
                });
                verdicts.insert("spare_takes_over", holds);
            }
            let longest = self.trials.iter().map(|one| one.longest_gap_ms);
            let short = longest.fold(0.0, f64::max) <= GAP * block_time_ms;
            verdicts.insert("blocks_go_on", short && all(|one| one.blocks_meanwhile > 0));
        }
        verdicts
    }

    /// Lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let ms =
            |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"));
        let (intervals, equality) = (self.block_interval_ms, &self.equality);
        let mut lines = vec![
            format!(
                "  beside neo-go {}: interval p50 {}, p95 {}, longest {}",
                self.neo_go,
                ms(intervals.p50),
                ms(intervals.p95),
                ms(intervals.longest)
            ),
            equality.line(),
        ];
        lines.extend(
            equality
                .differences
                .iter()
                .map(|what| format!("    {what}")),
        );
        lines.extend(
            self.trials
                .iter()
                .map(|trial| format!("    {}", trial.line())),
        );
        lines.extend(self.join.iter().map(|join| {
            format!(
                "    a further neo-go node fetched {} blocks from {} others in {} s",
                join.height, join.seeds, join.seconds
            )
        }));
        let of = |value: Option<f64>| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
        };
        lines.extend(self.nodes.iter().map(|node| {
            let (cpu, memory) = (of(node.cpu_s), of(node.peak_rss_mb));
            format!(
                "    Neo node {}: CPU {cpu} s, peak memory {memory} MiB",
                node.rpc
            )
        }));
        lines.extend(
            self.verdicts.iter().map(|(what, holds)| {
                format!("    {:<32}{}", what, if *holds { "yes" } else { "NO" })
            }),
        );
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::attached::NeoFault;

    const MS: u64 = 1_000_000;

    fn figures(interval_ms: u64, trials: Vec<NeoTrial>, logs_equal: bool) -> AttachedFigures {
        let moments = (0..=20).map(|height| (Height(height), u64::from(height) * interval_ms * MS));
        AttachedFigures::of(AttachedEvidence {
            neo_go: "0.120.0".to_owned(),
            moments: moments.collect(),
            window: (0, u64::MAX),
            block_time_ms: 1_000.0,
            equality: Equality {
                hashes_equal: true,
                balances_equal: true,
                logs_equal,
                ..Equality::default()
            },
            trials,
            join: None,
            nodes: Vec::new(),
        })
    }

    fn trial(longest_gap_ms: f64, signed_meanwhile: Vec<Height>) -> NeoTrial {
        NeoTrial {
            validator: 3,
            fault: NeoFault::Freeze,
            height: Height(9),
            away_ms: 20_000.0,
            blocks_meanwhile: 15,
            longest_gap_ms,
            spare: false,
            taken_over_ms: None,
            signed_meanwhile,
            alert: Some("no Neo node serves".to_owned()),
            alert_after_ms: Some(5_000.0),
            alert_over_after_ms: Some(300.0),
            level_after_ms: 200.0,
            votes_after_ms: 1_500.0,
        }
    }

    fn failed(figures: &AttachedFigures) -> Vec<&'static str> {
        let all = figures.verdicts.iter();
        all.filter(|(_, holds)| !**holds)
            .map(|(what, _)| *what)
            .collect()
    }

    #[test]
    fn the_pace_counts_where_nothing_fails() {
        let good = figures(1_050, Vec::new(), true);
        assert_eq!(good.block_interval_ms.p50, Some(1_050.0));
        assert!(failed(&good).is_empty());
        assert_eq!(
            failed(&figures(1_100, Vec::new(), false)),
            ["logs_equal", "pace"]
        );
        assert!(failed(&figures(1_100, vec![trial(5_000.0, vec![])], true)).is_empty());
    }

    #[test]
    fn a_vote_without_a_neo_node_and_blocks_that_stop_are_told() {
        let bad = trial(8_001.0, vec![Height(14)]);
        let bad = figures(1_000, vec![trial(2_000.0, vec![]), bad], true);
        assert_eq!(failed(&bad), ["blocks_go_on", "no_vote_without_neo_node"]);
    }

    #[test]
    fn with_a_spare_neo_node_votes_go_on_without_an_alert() {
        let with_spare = |signed: Vec<Height>, alert: Option<&str>| NeoTrial {
            spare: true,
            alert: alert.map(str::to_owned),
            ..trial(1_000.0, signed)
        };
        let good = with_spare(vec![Height(12)], None);
        assert!(failed(&figures(1_000, vec![good], true)).is_empty());
        for bad in [
            with_spare(vec![], None),
            with_spare(vec![Height(12)], Some("no Neo node serves")),
        ] {
            let bad = figures(1_000, vec![bad], true);
            assert_eq!(failed(&bad), ["spare_takes_over"]);
        }
    }
}
