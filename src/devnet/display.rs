//! The live table.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use neo_primitives::Height;

use super::clock::now_ns;
use super::events::BlockEvent;
use super::observations::{NodeSeen, Observations};
use super::statistics::millis;
use crate::output::table;

/// How often the table is drawn at a terminal.
const REDRAW: Duration = Duration::from_millis(250);
/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(5);
/// Over how long TPS is averaged.
const RECENT_NS: u64 = 5_000_000_000;
/// Most validators with a line of their own.
const MAX_ROWS: usize = 32;

/// Shows what the validators do, on standard error.
pub(crate) struct Display {
    seen: Arc<Observations>,
    live: ProgressBar,
}

impl Display {
    /// A table that is not drawn yet.
    pub(crate) fn new(seen: Arc<Observations>) -> Self {
        let live = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            live.set_style(style);
        }
        Self { seen, live }
    }

    /// Draws until it is dropped.
    pub(crate) async fn run(&self) {
        if !std::io::stderr().is_terminal() {
            return self.run_plain().await;
        }
        let mut redraw = tokio::time::interval(REDRAW);
        loop {
            redraw.tick().await;
            let rows = self.seen.read(|nodes| rows(nodes, now_ns()));
            self.live.set_message(table(&rows));
        }
    }

    /// Writes a line now and then.
    async fn run_plain(&self) {
        let mut interval = tokio::time::interval(LINE);
        interval.tick().await;
        loop {
            interval.tick().await;
            let line = self.seen.read(|nodes| {
                let tips: Vec<_> = nodes.iter().map(|node| node.height().to_string()).collect();
                let first = nodes.first().map(|node| figures(node, now_ns())).unwrap_or_default();
                let [view, transactions, tps, interval, finality] = first;
                format!(
                    "heights {}  view {view}  transactions {transactions}  TPS {tps}  interval {interval}  finality {finality}",
                    tips.join(" ")
                )
            });
            eprintln!("{line}");
        }
    }

    /// Writes a line above the table.
    pub(crate) fn say(&self, line: &str) {
        self.live.suspend(|| eprintln!("{line}"));
    }

    /// Removes the table.
    pub(crate) fn clear(&self) {
        self.live.finish_and_clear();
    }
}

/// The table: a heading, then a row for each validator.
fn rows(nodes: &[NodeSeen], now_ns: u64) -> Vec<Vec<String>> {
    let heading = [
        "validator",
        "height",
        "view",
        "transactions",
        "TPS",
        "interval",
        "finality",
        "state",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for (index, node) in nodes.iter().enumerate().take(MAX_ROWS) {
        let state = match (&node.ended, node.ready) {
            (Some(how), _) => how.clone(),
            (None, true) => "running".to_owned(),
            (None, false) => "starting".to_owned(),
        };
        let mut row = vec![index.to_string(), node.height().to_string()];
        row.extend(figures(node, now_ns));
        row.push(state);
        rows.push(row);
    }
    rows
}

/// View, transactions, TPS, block interval and finality of a validator.
fn figures(node: &NodeSeen, now_ns: u64) -> [String; 5] {
    let last = node.blocks.last();
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let interval = match node.blocks.as_slice() {
        [.., before, last] => Some(last.t_ns.saturating_sub(before.t_ns)),
        _ => None,
    };
    let finality = last.and_then(|block| block.witness_us.or(block.decision_us));
    [
        or_dash(
            last.and_then(|block| block.view)
                .map(|view| view.to_string()),
        ),
        node.transactions.to_string(),
        format!("{:.0}", recent_tps(&node.blocks, now_ns)),
        or_dash(interval.map(|nanos| format!("{:.0} ms", millis(nanos)))),
        or_dash(finality.map(|micros| format!("{:.1} ms", micros as f64 / 1_000.0))),
    ]
}

/// Transactions per second in the last seconds, or since the first block if that is shorter.
fn recent_tps(blocks: &[BlockEvent], now_ns: u64) -> f64 {
    let from = now_ns.saturating_sub(RECENT_NS);
    let recent = blocks
        .iter()
        .rev()
        .take_while(|block| block.t_ns > from && block.height > Height(0));
    let transactions: u64 = recent.map(|block| u64::from(block.transactions)).sum();
    let since = blocks.first().map_or(now_ns, |block| block.t_ns).max(from);
    let seconds = now_ns.saturating_sub(since) as f64 / 1e9;
    if seconds > 0.0 {
        transactions as f64 / seconds
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::UInt256;

    fn block(height: u32, second: u64) -> BlockEvent {
        BlockEvent {
            height: Height(height),
            hash: UInt256::ZERO,
            t_ns: second * 1_000_000_000,
            transactions: 100,
            view: Some(0),
            decision_us: Some(20_000),
            witness_us: Some(31_500),
        }
    }

    #[test]
    fn a_row_for_each_validator() {
        let running = NodeSeen {
            ready: true,
            blocks: vec![block(1, 101), block(2, 102)],
            transactions: 200,
            ..NodeSeen::default()
        };
        let ended = NodeSeen {
            ended: Some("exit status: 1".to_owned()),
            ..NodeSeen::default()
        };
        let rows = rows(&[running, ended, NodeSeen::default()], 103_000_000_000);
        assert_eq!(
            rows[1],
            ["0", "2", "0", "200", "100", "1000 ms", "31.5 ms", "running"]
        );
        assert_eq!(
            rows[2],
            ["1", "0", "-", "0", "0", "-", "-", "exit status: 1"]
        );
        assert_eq!(rows[3][7], "starting");
    }

    #[test]
    fn only_recent_blocks_count_for_tps() {
        let blocks: Vec<_> = (1..=100)
            .map(|height| block(height, u64::from(height)))
            .collect();
        assert_eq!(recent_tps(&blocks, 100_000_000_000), 100.0);
        assert_eq!(recent_tps(&blocks, 200_000_000_000), 0.0);
        assert_eq!(recent_tps(&[], 5), 0.0);
    }
}
