//! A whole run: files, processes, session, summary, and what the exit code shall be.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use neo_primitives::{Height, UInt256};

use super::Devnet;
use super::display::Display;
use super::faucet::Faucet;
use super::folder::DevnetFolder;
use super::observations::{NodeSeen, Observations};
use super::process::{Validator, last_lines, stop_all};
use super::session::{Findings, Session};
use super::summary::{Measured, NodeFigures, Summary};
use super::usage::of_process;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::network_files::NetworkFolder;
use crate::output::{print_json, print_text};

/// Lines of a dead validator's log that are shown.
const LOG_LINES: usize = 20;

/// Runs a devnet that was asked for at `started` (nanoseconds since 1970).
///
/// # Errors
/// What went wrong, with its exit code.
pub(crate) async fn run(devnet: Devnet, started: u64) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen().context("listening for signals")?;
    let folder = DevnetFolder::prepare(&devnet)?;
    match run_in(&devnet, &folder, &interrupt, started).await {
        Ok(exit) => Ok(exit),
        Err(error) if Exit::of(&error) == Exit::Interrupted => Err(error),
        Err(error) => {
            let kept = folder.keep();
            Err(error.context(format!(
                "the network's files and logs are kept in {}",
                kept.display()
            )))
        }
    }
}

async fn run_in(
    devnet: &Devnet,
    folder: &DevnetFolder,
    interrupt: &Interrupt,
    started: u64,
) -> anyhow::Result<Exit> {
    let network = folder.network();
    let faucet = Faucet::open_or_create(network.root())?;
    let endpoints: Vec<_> = network
        .nodes()
        .iter()
        .map(|node| node.rpc())
        .collect::<anyhow::Result<_>>()?;
    let seen = Arc::new(Observations::new(endpoints.len()));
    let display = Display::new(seen.clone());
    display.say(&introduction(devnet, network));
    let validators = start(network, &seen)?;
    let processes: Vec<_> = validators
        .iter()
        .map(|validator| (validator.pid(), validator.log().to_owned()))
        .collect();
    let session = Session {
        devnet,
        network,
        faucet: &faucet,
        seen: &seen,
        endpoints: &endpoints,
        display: &display,
        interrupt,
    };
    let findings = tokio::select! {
        findings = session.run(started) => findings,
        (index, how) = seen.until_one_ended() => Err(died(index, &how, &processes)),
        () = interrupted_early(interrupt, &seen) => Err(Exit::Interrupted.error("interrupted before the load began")),
        () = display.run() => Err(Exit::Failure.error("the display ended")),
    };
    stop_all(validators).await;
    display.clear();
    let findings = findings?;
    let summary = seen.read(|nodes| summarise(network, nodes, findings, &processes));
    if devnet.json {
        print_json(&summary)?;
    } else {
        print_text(&text(&summary))?;
    }
    judge(&summary, &seen)
}

fn start(network: &NetworkFolder, seen: &Arc<Observations>) -> anyhow::Result<Vec<Validator>> {
    let binary = std::env::current_exe().context("finding this program's file")?;
    let nodes = network.nodes().iter().enumerate();
    // Those that were started end when the first error drops their pipes.
    nodes
        .map(|(index, node)| Validator::start(&binary, index, node, seen.clone()))
        .collect()
}

/// A signal before there is anything to summarise. Later ones end the load, which the session sees to.
async fn interrupted_early(interrupt: &Interrupt, seen: &Observations) {
    interrupt.wait().await;
    if seen.read(|nodes| nodes.iter().all(|node| !node.blocks.is_empty())) {
        std::future::pending::<()>().await;
    }
}

fn died(index: usize, how: &str, processes: &[(u32, PathBuf)]) -> anyhow::Error {
    let log = processes
        .get(index)
        .map(|(_, log)| last_lines(log, LOG_LINES))
        .unwrap_or_default();
    Exit::Died.error(format!(
        "validator {index} ended ({how}); the end of its log:\n{log}"
    ))
}

fn introduction(devnet: &Devnet, network: &NetworkFolder) -> String {
    let genesis = network.genesis();
    format!(
        "{} validators, block time {:?}, magic {}, {}; files in {}",
        network.nodes().len(),
        genesis.block_time(),
        genesis.magic,
        devnet.tx_rate,
        network.root().display()
    )
}

fn summarise(
    network: &NetworkFolder,
    seen: &[NodeSeen],
    findings: Findings,
    processes: &[(u32, PathBuf)],
) -> Summary {
    let (nodes, tips_agree) = figures(network, seen, findings.height, &findings.tips, processes);
    Summary::of(Measured {
        moments: findings.moments,
        seen,
        sent: &findings.load.sent,
        refused: findings.load.refused,
        included: &findings.included,
        height: findings.height,
        nodes,
        tips_agree,
        own: of_process(std::process::id()),
    })
}

/// The validators at the end, and whether all have the same block at the height of the fastest.
fn figures(
    network: &NetworkFolder,
    seen: &[NodeSeen],
    height: Height,
    tips: &[Option<UInt256>],
    processes: &[(u32, PathBuf)],
) -> (Vec<NodeFigures>, bool) {
    let first = tips.first().copied().flatten();
    let agree = first.is_some() && tips.len() == seen.len() && tips.iter().all(|tip| *tip == first);
    let nodes = network
        .nodes()
        .iter()
        .zip(seen)
        .enumerate()
        .map(|(index, (node, seen))| {
            let tip = tips.get(index).copied().flatten();
            let own = seen.blocks.last();
            NodeFigures {
                index,
                height: if tip.is_some() { height } else { seen.height() },
                tip: tip.or(own.map(|block| block.hash)),
                rpc: node.rpc().map(|rpc| rpc.to_string()).unwrap_or_default(),
                metrics: node.metrics(),
                pid: processes.get(index).map_or(0, |(pid, _)| *pid),
                cpu_s: seen.summary.map(|summary| summary.cpu_s),
                peak_rss_mb: seen.summary.map(|summary| summary.peak_rss_mb),
            }
        });
    (nodes.collect(), agree)
}

/// The exit code: whether the run shows what it must.
fn judge(summary: &Summary, seen: &Observations) -> anyhow::Result<Exit> {
    if !summary.tips_agree {
        let tips: Vec<_> = summary
            .nodes
            .iter()
            .map(|node| format!("{} at {:?}", node.height, node.tip))
            .collect();
        return Err(
            Exit::Disagreement.error(format!("the validators' tips differ: {}", tips.join(", ")))
        );
    }
    let ends = seen.read(|nodes| {
        nodes
            .iter()
            .map(|node| node.ended.clone().unwrap_or_default())
            .collect::<Vec<_>>()
    });
    if let Some((index, how)) = ends
        .iter()
        .enumerate()
        .find(|(_, how)| *how != "exit status: 0")
    {
        return Err(Exit::Died.error(format!("validator {index} did not stop in order: {how}")));
    }
    if summary.blocks == 0 || (summary.tx_submitted > 0 && summary.tx_committed == 0) {
        return Err(Exit::NothingCommitted.error(format!(
            "{} blocks, {} of {} transactions committed",
            summary.blocks, summary.tx_committed, summary.tx_submitted
        )));
    }
    Ok(Exit::Success)
}

/// The summary for people.
fn text(summary: &Summary) -> String {
    let ms =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} ms"));
    let both = |name: &str, of: super::statistics::Percentiles| {
        format!("  {name:<22}p50 {}, p99 {}", ms(of.p50), ms(of.p99))
    };
    let mut lines = vec![
        format!(
            "{} validators, {} s of load",
            summary.validators, summary.duration_s
        ),
        format!(
            "  {:<22}{}",
            "first block after",
            ms(summary.time_to_first_block_ms)
        ),
        format!(
            "  {:<22}{} ({} per second under load)",
            "blocks", summary.blocks, summary.blocks_per_s
        ),
        format!(
            "  {:<22}{} submitted, {} committed, {} refused",
            "transactions", summary.tx_submitted, summary.tx_committed, summary.tx_refused
        ),
    ];
    let reasons = summary.refusals.iter().take(5);
    lines.extend(reasons.map(|(reason, count)| format!("    {count} × {reason}")));
    lines.extend([
        format!("  {:<22}{}", "TPS", summary.tps),
        both("block interval", summary.block_interval_ms),
        both("proposal to decision", summary.decision_ms),
        both("proposal to witness", summary.witness_ms),
        both("latency", summary.latency_ms),
        format!("  {:<22}{}", "view changes", summary.view_changes),
        format!(
            "  {:<22}{} messages of {} bytes per block",
            "consensus", summary.consensus_messages_per_block, summary.message_bytes_avg
        ),
        format!(
            "  {:<22}{}",
            "tips agree",
            if summary.tips_agree { "yes" } else { "NO" }
        ),
    ]);
    lines.extend(summary.nodes.iter().map(|node| {
        let of = |value: Option<f64>| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
        };
        let tip = node.tip.map(|tip| tip.to_string()).unwrap_or_default();
        format!(
            "  validator {}: height {}, tip {tip}, CPU {} s, peak memory {} MiB",
            node.index,
            node.height,
            of(node.cpu_s),
            of(node.peak_rss_mb)
        )
    }));
    lines.join("\n")
}
