//! The summary: JSON for programs, a table for people.

use neo_simulator::report::Latencies;
use serde_json::{Value, json};

use super::arguments::SimulateArguments;
use super::replay;
use super::totals::{Finding, Totals};
use crate::output::table;

/// Findings that the text shows.
const MOST_SHOWN: usize = 20;

/// What is said in the end.
pub(crate) struct Summary<'a> {
    totals: &'a Totals,
    arguments: &'a SimulateArguments,
    wanted: u64,
}

impl<'a> Summary<'a> {
    /// A summary of `wanted` runs.
    pub(crate) fn new(totals: &'a Totals, arguments: &'a SimulateArguments, wanted: u64) -> Self {
        Self {
            totals,
            arguments,
            wanted,
        }
    }

    /// One object.
    pub(crate) fn json(&self) -> Value {
        let totals = self.totals;
        let violations: Vec<Value> = totals
            .findings()
            .map(|finding| {
                json!({
                    "seed": finding.seed,
                    "invariant": finding.invariant,
                    "replay": replay::command(self.arguments, finding.seed),
                    "at_ms": finding.at_ms,
                    "node": finding.node,
                    "height": finding.height,
                    "what": finding.what,
                })
            })
            .collect();
        let coverage: serde_json::Map<String, Value> = totals
            .coverage
            .counters()
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count.into()))
            .collect();
        json!({
            "seeds": totals.runs,
            "violations": violations,
            "heights": totals.heights,
            "heights_per_second": (totals.heights_per_second() * 10.0).round() / 10.0,
            "trace_hash": totals.trace_hash(),
            "decision_ms": percentiles(&totals.decision),
            "witness_ms": percentiles(&totals.witness),
            "locked_heights": totals.locked_heights,
            "locked_runs": totals.locked_runs,
            "view_changes": totals.view_changes,
            "messages": totals.messages,
            "message_bytes_avg": average(totals.message_bytes, totals.messages),
            "coverage": coverage,
            "expected_violations": &totals.expected,
            "convicted": totals.convicted.keys().collect::<Vec<_>>(),
            "virtual_ms": u64::try_from(totals.virtual_time.as_millis()).unwrap_or(u64::MAX),
            "elapsed_ms": u64::try_from(totals.took.as_millis()).unwrap_or(u64::MAX),
            "interrupted": totals.interrupted,
        })
    }

    /// Findings, then a table.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for finding in self.totals.findings().take(MOST_SHOWN) {
            text.push_str(&self.finding(finding));
            text.push('\n');
        }
        let all = self.totals.findings().count();
        if all > MOST_SHOWN {
            text.push_str(&format!(
                "... and {} more; --json lists all\n\n",
                all - MOST_SHOWN
            ));
        }
        text.push_str(&table(&self.rows()));
        text
    }

    fn finding(&self, finding: &Finding) -> String {
        let mut place = vec![format!("seed {}", finding.seed)];
        place.extend(finding.at_ms.map(|at| format!("{at} ms")));
        place.extend(finding.node.map(|node| format!("node {node}")));
        place.extend(finding.height.map(|height| format!("height {height}")));
        let replay = replay::command(self.arguments, finding.seed);
        let look = finding.height.map_or(String::new(), |height| {
            format!("\n  draw:   {replay} --diagram height-{height}.svg --height {height}")
        });
        format!(
            "{}: {}\n  {}\n  replay: {replay}{look}\n",
            finding.invariant,
            place.join(", "),
            finding.what
        )
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let totals = self.totals;
        let runs = if totals.runs == self.wanted {
            totals.runs.to_string()
        } else {
            format!("{} of {}, interrupted", totals.runs, self.wanted)
        };
        let mut rows = vec![
            ["seeds", runs.as_str()].map(str::to_owned).to_vec(),
            row("with violations", totals.broken_runs()),
            row("heights", totals.heights),
            row(
                "heights per second",
                format!("{:.1}", totals.heights_per_second()),
            ),
            row("decision", latencies(&totals.decision)),
            row("witness", latencies(&totals.witness)),
            row("locked heights", locked(totals)),
            row("view changes", totals.view_changes),
            row("messages", totals.messages),
            row(
                "bytes per message",
                average(totals.message_bytes, totals.messages)
                    .map_or_else(|| "-".to_owned(), |a| a.to_string()),
            ),
        ];
        let counters = totals.coverage.counters();
        let counters = counters.into_iter();
        rows.extend(counters.map(|(name, count)| row(&name.replace('_', " "), count)));
        for (invariant, count) in &totals.expected {
            rows.push(row(&format!("expected: {invariant}"), count));
        }
        if !totals.convicted.is_empty() {
            let names = totals.convicted.iter();
            let names: Vec<_> = names
                .map(|(who, runs)| format!("{who} ({runs} runs)"))
                .collect();
            rows.push(row("convicted", names.join(", ")));
        }
        rows.push(row(
            "virtual time",
            format!("{:.1} s", totals.virtual_time.as_secs_f64()),
        ));
        rows.push(row("time", format!("{:.1} s", totals.took.as_secs_f64())));
        rows.push(row("trace hash", totals.trace_hash()));
        rows
    }
}

fn row(name: &str, value: impl ToString) -> Vec<String> {
    vec![name.to_owned(), value.to_string()]
}

/// Milliseconds to the microsecond; null without a sample.
fn percentiles(latencies: &Latencies) -> Value {
    let millis = |percent| {
        latencies
            .percentile(percent)
            .map(|us| f64::from(us) / 1000.0)
    };
    json!({ "p50": millis(50), "p99": millis(99) })
}

/// How many heights were locked, and in how many runs.
fn locked(totals: &Totals) -> String {
    match totals.locked_heights {
        0 => "0".to_owned(),
        heights => format!("{heights} in {} runs", totals.locked_runs),
    }
}

fn latencies(latencies: &Latencies) -> String {
    let millis = |percent| {
        latencies
            .percentile(percent)
            .map(|us| f64::from(us) / 1000.0)
    };
    match (millis(50), millis(99)) {
        (Some(half), Some(most)) => format!("{half} ms (p50), {most} ms (p99)"),
        _ => "-".to_owned(),
    }
}

/// Rounded to one digit behind the point; none of nothing.
fn average(sum: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| (sum as f64 * 10.0 / count as f64).round() / 10.0)
}
