//! A whole node: ledger, vote log, network, consensus, RPC and metrics, from start to end.

mod engines;
mod error;
mod joining;
mod ledgers;
mod listeners;
mod networks;
mod observer;
mod opening;
mod oversight;
mod pump;
mod shared;
mod start;
mod watchful;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};

pub use self::error::NodeError;
pub use self::opening::log_identity;
pub(crate) use self::opening::voting_key;
use self::watchful::LastWord;
use crate::config::NodeConfig;
use crate::driver::{CONSENSUS_LANES, DriverError, Sent};
use crate::events::{EventSink, NodeEvent};
use crate::intrusion::Byzantine;
use crate::metrics;
use crate::neighbours::Neighbours;
use crate::sync::CatchUpSender;

/// What a run may do besides its configuration.
#[derive(Default)]
pub struct RunOptions {
    /// Where events go.
    pub events: EventSink,
    /// The operator takes the blame for a missing or damaged vote log: vote at once.
    pub trust_vote_log: bool,
    /// Where it is shown how far the node is with catching up.
    pub catching_up: Option<CatchUpSender>,
    /// What makes this validator Byzantine, for tests of the others; an observer has no use for it.
    pub byzantine: Option<Byzantine>,
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions")
            .field("events", &self.events)
            .field("trust_vote_log", &self.trust_vote_log)
            .field("catching_up", &self.catching_up)
            .field("byzantine", &self.byzantine.is_some())
            .finish()
    }
}

/// Runs a node until `shutdown` resolves or something makes going on unsafe.
///
/// # Errors
/// Why it did not start, or had to end.
pub async fn run(
    config: NodeConfig,
    options: RunOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<(), NodeError> {
    let key = voting_key(&config).await?;
    let node = Node::start(config, key, options).await?;
    node.until(shutdown).await
}

struct Node {
    neighbours: Neighbours,
    /// Consensus messages that left over Neo N3's P2P.
    sent: Arc<Sent>,
    driver: Option<oneshot::Receiver<Result<u64, DriverError>>>,
    threads: Vec<std::thread::JoinHandle<()>>,
    stop: watch::Sender<bool>,
    tasks: tokio::task::JoinSet<Result<(), NodeError>>,
    events: EventSink,
    last_word: LastWord,
    /// Resolves when an attached ledger is closed.
    closed: Option<BoxFuture<'static, ()>>,
}

impl Node {
    /// Waits for the end, and ends everything in order. Parts of the node end when they are told to: one that ends
    /// before takes the node down with an error, so that it never lingers half alive.
    async fn until(mut self, shutdown: impl Future<Output = ()>) -> Result<(), NodeError> {
        let mut driver = self.driver.take();
        let driver_ended = async {
            match &mut driver {
                Some(ended) => ended.await,
                None => std::future::pending().await,
            }
        };
        let mut early = None;
        let mut broken = None;
        tokio::select! {
            biased;
            ended = driver_ended => early = Some(ended),
            () = shutdown => {}
            () = worker_ended(&self.threads) => {
                broken = Some(NodeError::Ended("a worker thread"));
            }
            task = self.tasks.join_next() => broken = Some(match task {
                Some(Ok(Err(error))) => error,
                _ => NodeError::Ended("a task of the node"),
            }),
        }
        tracing::info!("stopping");
        let _ = self.stop.send(true);
        let outcome = match (early, driver) {
            (Some(ended), _) => Some(ended),
            (None, Some(ended)) => Some(ended.await),
            (None, None) => None,
        };
        let (messages, message_bytes) = self.consensus_traffic();
        if let Some(p2p) = &self.neighbours.p2p {
            p2p.shutdown();
        }
        if let Some(mesh) = &self.neighbours.mesh {
            mesh.shutdown().await;
        }
        self.tasks.shutdown().await;
        drop(self.neighbours);
        if let Some(closed) = self.closed
            && tokio::time::timeout(CLOSING, closed).await.is_err()
        {
            tracing::warn!("the store of headers is still in use when the node ends");
        }
        let (view_changes, failure) = verdict(outcome, broken);
        let usage = metrics::Usage::read().unwrap_or_default();
        self.events.emit(NodeEvent::Summary {
            view_changes,
            messages,
            message_bytes,
            cpu_s: usage.cpu_seconds,
            peak_rss_mb: usage.peak_resident_bytes as f64 / f64::from(1 << 20),
        });
        self.last_word
            .say(failure.as_ref().map(ToString::to_string));
        match failure {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Consensus messages sent, each copy counted, and their bytes.
    fn consensus_traffic(&self) -> (u64, u64) {
        let (mut messages, mut bytes) = self.sent.total();
        if let Some(mesh) = &self.neighbours.mesh {
            let traffic = mesh.metrics();
            for flow in CONSENSUS_LANES.map(|lane| traffic.sent[lane.index()]) {
                messages = messages.saturating_add(flow.messages);
                bytes = bytes.saturating_add(flow.bytes);
            }
        }
        (messages, bytes)
    }
}

/// How long a node that ends waits for the store of an attached ledger to be closed.
const CLOSING: Duration = Duration::from_secs(5);
/// How often the worker threads are looked at.
const WORKER_CHECK: Duration = Duration::from_millis(500);

/// Resolves when one of the threads has ended; while the node runs, only a panic ends one.
async fn worker_ended(threads: &[std::thread::JoinHandle<()>]) {
    let mut check = tokio::time::interval(WORKER_CHECK);
    while !threads.iter().any(std::thread::JoinHandle::is_finished) {
        check.tick().await;
    }
}

/// How the driver ended, if there is one: with a number of view changes, an error, or without a word.
type DriverOutcome = Option<Result<Result<u64, DriverError>, oneshot::error::RecvError>>;

/// View changes of the run, and why it failed. What the driver says goes before what broke elsewhere: parts
/// that depend on it end with it.
fn verdict(driver: DriverOutcome, broken: Option<NodeError>) -> (u64, Option<NodeError>) {
    match driver {
        Some(Ok(Err(error))) => (0, Some(NodeError::Driver(error))),
        Some(Err(_)) => (0, Some(NodeError::Ended("consensus"))),
        Some(Ok(Ok(view_changes))) => (view_changes, broken),
        None => (0, broken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_consensus::vote_log::LogError;

    #[tokio::test]
    async fn a_worker_that_panics_is_noticed_and_a_working_one_is_not() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let working = std::thread::spawn(move || held.recv().unwrap_or_default());
        let threads = vec![working];
        let early = tokio::time::timeout(3 * WORKER_CHECK, worker_ended(&threads)).await;
        assert!(early.is_err(), "nothing has ended");
        let mut threads = threads;
        threads.push(std::thread::spawn(|| panic!("a worker dies")));
        worker_ended(&threads).await;
        drop(release);
    }

    #[test]
    fn what_broke_is_an_error_and_the_driver_speaks_first() {
        let broken = || Some(NodeError::Ended("a worker thread"));
        assert!(matches!(verdict(Some(Ok(Ok(3))), None), (3, None)));
        assert!(matches!(verdict(None, None), (0, None)));
        for driver in [None, Some(Ok(Ok(1)))] {
            assert!(matches!(
                verdict(driver, broken()).1,
                Some(NodeError::Ended("a worker thread"))
            ));
        }
        let failed = || Some(Ok(Err(DriverError::VoteLog(LogError::Failed))));
        assert!(matches!(
            verdict(failed(), broken()).1,
            Some(NodeError::Driver(_))
        ));
    }
}
