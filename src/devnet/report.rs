//! A whole run: files, processes, session, summary, and what the exit code shall be.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use neo_primitives::{Height, UInt256};

use super::Devnet;
use super::attached::{AttachedEvidence, AttachedFigures, moments};
use super::cast::{Cast, Part};
use super::display::Display;
use super::faucet::Faucet;
use super::folder::DevnetFolder;
use super::memory::MemoryWatch;
use super::mixed::{
    Capture, Evidence, Life, MixedFigures, Observer, Ordeal, Software, Window, forks,
};
use super::neo_go::{NeoGoProgram, NeoNodes};
use super::observations::{NodeSeen, Observations};
use super::process::last_lines;
use super::processes::Processes;
use super::session::{Findings, Session};
use super::summary::{Measured, NodeFigures, Summary};
use super::text::text;
use super::usage::{Usage, of_process};
use crate::exit::{Exit, OrExit as _};
use crate::interrupt::Interrupt;
use crate::network_files::{LedgerChoice, NetworkFolder, ProtocolVersion};
use crate::output::{print_json, print_text};
use crate::rpc::Endpoint;

/// Lines of a dead validator's log that are shown.
const LOG_LINES: usize = 20;

/// Runs a devnet that was asked for at `started` (nanoseconds since 1970).
///
/// # Errors
/// What went wrong, with its exit code.
pub(crate) async fn run(devnet: Devnet, started: u64) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen().context("listening for signals")?;
    let asked = devnet.mixed.neo_go > 0 || devnet.ledger == Some(LedgerChoice::Attached);
    let find = || NeoGoProgram::find(devnet.mixed.program.as_deref());
    let mut program = asked.then(find).transpose()?;
    let folder = DevnetFolder::prepare(&devnet)?;
    if program.is_none() && !folder.network().neo_nodes().is_empty() {
        program = Some(find()?);
    }
    let validators = folder.network().nodes().len();
    devnet.attached.check(validators)?;
    if let Some(drill) = devnet.drill {
        drill.check(validators)?;
    }
    if devnet.mixed.neo_go > validators {
        return Err(Exit::Usage.error(format!(
            "--neo-go {}: the network has {validators} validators",
            devnet.mixed.neo_go
        )));
    }
    if let Some(Ordeal::Kills(turns)) = &devnet.mixed.ordeal
        && let Some(beyond) = turns.beyond(validators)
    {
        return Err(Exit::Usage.error(format!(
            "--kill-each {beyond}: the network has the validators 0 to {}",
            validators.saturating_sub(1)
        )));
    }
    let cast = Cast::of(&devnet.disturbances, validators).or_exit(Exit::Usage)?;
    match run_in(&devnet, &folder, &cast, program, &interrupt, started).await {
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
    cast: &Cast,
    program: Option<NeoGoProgram>,
    interrupt: &Interrupt,
    started: u64,
) -> anyhow::Result<Exit> {
    let network = folder.network();
    let faucet = Faucet::open_or_create(network.root())?;
    let neo = program
        .clone()
        .filter(|_| !network.neo_nodes().is_empty())
        .map(|program| NeoNodes::start(program, network))
        .transpose()?;
    let endpoints: Vec<_> = match &neo {
        Some(neo) => neo.endpoints(),
        None => {
            let nodes = network.nodes().iter();
            nodes
                .map(|node| node.rpc())
                .collect::<anyhow::Result<_>>()?
        }
    };
    if let Some(neo) = &neo {
        neo.until_ready().await?;
    }
    let seen = Arc::new(Observations::new(cast));
    let display = Display::new(seen.clone());
    display.say(&introduction(devnet, network, cast));
    let version = program.as_ref().map(|program| program.version.clone());
    let capture = Arc::new(Capture::new());
    let observer = match network.protocol() {
        Some(ProtocolVersion::V2) => {
            let nodes = network.nodes().iter();
            let p2p = nodes.filter_map(|node| node.config().p2p.as_ref()?.listen.first());
            let addresses = p2p.map(ToString::to_string).collect();
            Some(Observer::start(
                network.genesis(),
                addresses,
                capture.clone(),
            )?)
        }
        _ => None,
    };
    let processes = Processes::start(network, cast, &seen, (program, devnet.mixed.neo_go))?;
    let memory = MemoryWatch::new(cast.validators());
    let session = Session {
        devnet,
        network,
        processes: &processes,
        cast,
        memory: &memory,
        faucet: &faucet,
        seen: &seen,
        neo: neo.as_ref(),
        endpoints: &endpoints,
        capture: observer.as_ref().map(|_| &*capture),
        display: &display,
        interrupt,
    };
    let findings = tokio::select! {
        findings = session.run(started) => findings,
        (index, how) = seen.until_one_ended() => Err(died(index, &how, &processes.all())),
        error = neo_node_died(neo.as_ref()) => Err(error),
        () = interrupted_early(interrupt, &seen) => Err(Exit::Interrupted.error("interrupted before the load began")),
        () = display.run() => Err(Exit::Failure.error("the display ended")),
    };
    let all = processes.all();
    let usage: Vec<_> = all.iter().map(|(pid, _)| of_process(*pid)).collect();
    let lives = processes.lives().all();
    let neo_usage: Vec<_> = neo
        .iter()
        .flat_map(NeoNodes::pids)
        .map(of_process)
        .collect();
    processes.stop().await;
    let attached = neo.is_some();
    if let Some(neo) = neo {
        neo.stop().await;
    }
    display.clear();
    let findings = findings?;
    let summary = seen.read(|nodes| {
        let run = Run {
            network,
            cast,
            memory: &memory,
            processes: &all,
            usage: &usage,
            lives: &lives,
            capture: observer.as_ref().map(|_| &*capture),
            neo_go: version,
            neo_nodes: attached.then(|| endpoints.iter().zip(neo_usage).collect()),
        };
        run.summarise(nodes, findings)
    });
    if devnet.json {
        print_json(&summary)?;
    } else {
        print_text(&text(&summary))?;
    }
    judge(&summary, &seen)
}

/// What the summary draws on besides the validators' reports.
struct Run<'a> {
    network: &'a NetworkFolder,
    cast: &'a Cast,
    memory: &'a MemoryWatch,
    processes: &'a [(u32, PathBuf)],
    usage: &'a [Option<Usage>],
    lives: &'a [Vec<Life>],
    capture: Option<&'a Capture>,
    neo_go: Option<String>,
    /// Where the Neo nodes beside the validators answered, and what they used.
    neo_nodes: Option<Vec<(&'a Endpoint, Option<Usage>)>>,
}

/// Why the run cannot go on when a Neo node ends by itself.
async fn neo_node_died(neo: Option<&NeoNodes<'_>>) -> anyhow::Error {
    let Some(neo) = neo else {
        return std::future::pending().await;
    };
    let (index, how, log) = neo.until_one_ended().await;
    let log = last_lines(&log, LOG_LINES);
    Exit::Died.error(format!(
        "the Neo node of validator {index} ended ({how}); the end of its log:\n{log}"
    ))
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

fn introduction(devnet: &Devnet, network: &NetworkFolder, cast: &Cast) -> String {
    let genesis = network.genesis();
    format!(
        "{} validators, block time {:?}, magic {}, {}{cast}; files in {}",
        network.nodes().len(),
        genesis.block_time(),
        genesis.magic,
        devnet.tx_rate,
        network.root().display()
    )
}

impl Run<'_> {
    fn summarise(self, seen: &[NodeSeen], mut findings: Findings) -> Summary {
        let (nodes, tips_agree) = self.figures(seen, findings.height, &findings.tips);
        let block_time_ms = self.network.genesis().block_time().as_secs_f64() * 1_000.0;
        let version = self.neo_go.clone().unwrap_or_default();
        let attached = self.neo_nodes.map(|nodes| {
            AttachedFigures::of(AttachedEvidence {
                neo_go: version,
                moments: moments(seen),
                window: (findings.moments.load_began, findings.moments.load_ended),
                block_time_ms,
                equality: findings.equality.clone(),
                trials: std::mem::take(&mut findings.neo_trials),
                join: findings.join.take(),
                nodes,
            })
        });
        let neo_nodes_failed = attached.as_ref().is_some_and(|one| !one.trials.is_empty());
        let mixed = self.capture.map(|capture| {
            let window = Window {
                from_ns: findings.moments.load_began,
                until_ns: findings.moments.load_ended,
            };
            let mut figures = capture.read(|captured| {
                MixedFigures::of(Evidence {
                    neo_go: self.neo_go.clone(),
                    seen: captured,
                    lives: self.lives,
                    window,
                    equality: findings.equality,
                    forks: forks(captured, seen),
                    ordeal: findings.ordeal,
                    block_time_ms,
                })
            });
            if neo_nodes_failed {
                // Who has no Neo node does not take part.
                figures.verdicts.remove("share");
            }
            figures
        });
        Summary::of(Measured {
            moments: findings.moments,
            block_time: self.network.genesis().block_time(),
            cast: self.cast,
            seen,
            sent: &findings.load.sent,
            refused: findings.load.refused,
            included: &findings.included,
            height: findings.height,
            nodes,
            tips_agree,
            trials: findings.trials,
            drill: findings.drill,
            mixed,
            attached,
            own: of_process(std::process::id()),
        })
    }

    /// The validators at the end, and whether all that lasted have the same block at the height of the fastest.
    fn figures(
        &self,
        seen: &[NodeSeen],
        height: Height,
        tips: &[Option<UInt256>],
    ) -> (Vec<NodeFigures>, bool) {
        let tip_of = |index: usize| tips.get(index).copied().flatten();
        let first = tip_of(self.cast.reference());
        let agree = first.is_some() && self.cast.lasting().all(|index| tip_of(index) == first);
        let nodes = self.network.nodes().iter().zip(seen).enumerate();
        let figures = nodes.map(|(index, (node, seen))| {
            let tip = tip_of(index);
            let own = seen.blocks.last();
            let life = self.lives.get(index).and_then(|lives| lives.last());
            // neo-go gives no summary.
            let usage = self.usage.get(index).copied().flatten();
            let summary = seen.summary;
            NodeFigures {
                index,
                software: life.map_or(Software::NeoDbft, |life| life.software),
                part: self.cast.part(index),
                height: if tip.is_some() { height } else { seen.height() },
                tip: tip.or(own.map(|block| block.hash)),
                rpc: node.rpc().map(|rpc| rpc.to_string()).unwrap_or_default(),
                metrics: node.metrics(),
                pid: self.processes.get(index).map_or(0, |(pid, _)| *pid),
                cpu_s: summary
                    .map(|summary| summary.cpu_s)
                    .or(usage.map(|usage| usage.cpu_s)),
                peak_rss_mb: (summary.map(|summary| summary.peak_rss_mb))
                    .or(usage.map(|usage| usage.peak_rss_mb)),
                memory: self.memory.figures(index),
            }
        });
        (figures.collect(), agree)
    }
}

/// The exit code: whether the run shows what it must.
fn judge(summary: &Summary, seen: &Observations) -> anyhow::Result<Exit> {
    if !summary.tips_agree {
        let lasting = |node: &&NodeFigures| node.part == Part::Lasting;
        let tips: Vec<_> = summary
            .nodes
            .iter()
            .filter(lasting)
            .map(|node| format!("{} at {:?}", node.height, node.tip))
            .collect();
        return Err(
            Exit::Disagreement.error(format!("the validators' tips differ: {}", tips.join(", ")))
        );
    }
    if let Some(mixed) = &summary.mixed
        && !(mixed.forks.is_empty() && mixed.equality.holds())
    {
        let told = mixed.forks.iter().chain(&mixed.equality.differences);
        let told: Vec<_> = told.map(String::as_str).collect();
        return Err(Exit::Disagreement.error(format!(
            "the validators' chains differ: {}",
            told.join("; ")
        )));
    }
    if let Some(attached) = &summary.attached
        && !attached.equality.holds()
    {
        return Err(Exit::Disagreement.error(format!(
            "the Neo nodes' chains differ: {}",
            attached.equality.differences.join("; ")
        )));
    }
    let ends = seen.read(|nodes| {
        nodes
            .iter()
            .map(|node| (node.given_up, node.ended.clone().unwrap_or_default()))
            .collect::<Vec<_>>()
    });
    if let Some((index, (_, how))) = ends
        .iter()
        .enumerate()
        .find(|(_, (given_up, how))| !given_up && how != "exit status: 0")
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
