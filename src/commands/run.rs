//! `neo-cli run`: one node.

use std::io::Read as _;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use neo_audit::AuditError;
use neo_consensus::vote_log::LogError;
use neo_network::NetworkError;
use neo_node::config::{LogConfig, LogFormat, NodeConfig};
use neo_node::recovery::opening::OpenError;
use neo_node::{Byzantine, EventSink, NodeError, RunOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use super::catching_up::{AboveBar, CatchUpBar};
use super::checkpoint::{exit_of as exit_of_checkpoint, exit_of_ledger};
use crate::exit::{Exit, OrExit as _};

/// How long the last events may take to be written.
const LAST_EVENTS: Duration = Duration::from_secs(2);

/// Run one node until it is told to stop (Ctrl-C or SIGTERM).
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The node's configuration.
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Report what happens as JSON lines on standard output: `ready`, `block`, `summary`.
    #[arg(long)]
    events: bool,
    /// Stop when standard input ends, that is, when the program that started the node is gone.
    #[arg(long)]
    exit_with_parent: bool,
    /// Vote although the vote log is missing or damaged. Only if this validator certainly never voted at an open
    /// height: two votes of one validator can fork the chain.
    #[arg(long)]
    trust_vote_log: bool,
}

/// Runs the node to its end.
///
/// # Errors
/// Why it did not start or had to end, with its exit code.
pub(crate) fn run(arguments: &RunArguments) -> anyhow::Result<Exit> {
    run_as(arguments, |_| Ok(None))
}

/// Runs a node that is Byzantine if `byzantine`, which gets its configuration, makes it so.
///
/// # Errors
/// Why it did not start or had to end, with its exit code.
pub(super) fn run_as(
    arguments: &RunArguments,
    byzantine: impl FnOnce(&NodeConfig) -> anyhow::Result<Option<Byzantine>>,
) -> anyhow::Result<Exit> {
    let place = || format!("{}", arguments.config.display());
    let config = NodeConfig::load(&arguments.config)
        .or_exit(Exit::Refused)
        .with_context(place)?;
    let bar = CatchUpBar::for_a_person(arguments.events || arguments.exit_with_parent);
    start_log(config.log, bar.clone());
    let byzantine = byzantine(&config).with_context(place)?;
    let (events, written) = match arguments.events {
        true => {
            let (sink, thread) = EventSink::stdout().or_exit(Exit::Failure)?;
            (sink, Some(thread))
        }
        false => (EventSink::none(), None),
    };
    let options = RunOptions {
        events,
        trust_vote_log: arguments.trust_vote_log,
        catching_up: bar.as_ref().map(CatchUpBar::sender),
        byzantine,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let told = told_to_stop(arguments.exit_with_parent).or_exit(Exit::Failure)?;
        if let Some(bar) = bar {
            tokio::spawn(bar.follow());
        }
        let node = neo_node::run(config, options, told);
        node.await.map_err(|error| exit_of(&error).error(error))
    });
    // What still runs holds the sink of events, and what it holds up must not hold up the end.
    runtime.shutdown_timeout(LAST_EVENTS);
    if let Some(thread) = written {
        wait_for(&thread);
    }
    outcome.map(|()| Exit::Success)
}

/// Resolves when a signal comes, or the parent is gone.
fn told_to_stop(with_parent: bool) -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let orphaned = with_parent.then(end_of_input).transpose()?;
    Ok(async move {
        let orphaned = async {
            match orphaned {
                // The sender is dropped or used at the end of input alike.
                Some(ended) => drop(ended.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = orphaned => tracing::info!("the program that started this node is gone"),
        }
    })
}

/// Resolves when standard input ends.
fn end_of_input() -> std::io::Result<oneshot::Receiver<()>> {
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new()
        .name("parent".to_owned())
        .spawn(move || {
            let mut input = std::io::stdin().lock();
            let mut some = [0; 64];
            while input.read(&mut some).is_ok_and(|read| read > 0) {}
            // Nobody waits when the node ended by itself.
            let _ = ended.send(());
        })?;
    Ok(end)
}

/// Logs to standard error: the node at the configured level, libraries from warnings on.
fn start_log(config: LogConfig, bar: Option<CatchUpBar>) {
    let level = config.level.name();
    let filter = match level {
        "debug" | "trace" => format!(
            "info,neo_cli={level},neo_node={level},neo_consensus={level},neo_ledger={level},neo_network={level}"
        ),
        "info" => {
            "warn,neo_cli=info,neo_node=info,neo_consensus=info,neo_ledger=info,neo_network=info"
                .to_owned()
        }
        _ => level.to_owned(),
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(move || AboveBar(bar.clone()))
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    // It fails only if there is a log already, which then serves.
    let _ = match config.format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
}

fn wait_for(thread: &JoinHandle<()>) {
    let start = Instant::now();
    while !thread.is_finished() && start.elapsed() < LAST_EVENTS {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The exit code of a node that did not start or had to end.
fn exit_of(error: &NodeError) -> Exit {
    match error {
        NodeError::Password(_)
        | NodeError::Wallet { .. }
        | NodeError::NoValidatorKey { .. }
        | NodeError::SignerKey { .. }
        | NodeError::ForeignNode(_)
        | NodeError::Config(_)
        | NodeError::SignerEndpoint(_) => Exit::Refused,
        NodeError::Signer(_) => Exit::Unreachable,
        NodeError::Ledger { error, .. } => exit_of_ledger(error),
        NodeError::Chain { error, .. } => match error.as_ref() {
            OpenError::Ledger(error) => exit_of_ledger(error),
            OpenError::Restore(error) => exit_of_checkpoint(error),
            OpenError::Aside { .. } => Exit::Failure,
        },
        NodeError::VoteLog {
            error: LogError::Foreign { .. },
            ..
        } => Exit::Busy,
        NodeError::Network(NetworkError::Listen { .. })
        | NodeError::Listen { .. }
        | NodeError::Audit(AuditError::Busy { .. }) => Exit::Busy,
        _ => Exit::Failure,
    }
}
