//! The thread that carries out ledger requests of consensus in their order.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use neo_consensus::engine::{LedgerAction, LedgerEvent};
use neo_consensus::v3::leader::LeaderState;
use neo_driver::{Answered, Leaders, Question, to_request};
use neo_ledger::{InvalidBlock, Ledger, LedgerAnswer, LedgerError, LedgerRequest, VerifiedBlock};
use neo_primitives::{Block, Height, UInt256};

/// What the worker reports to the driver.
#[derive(Debug)]
pub(crate) enum Report {
    /// An answer for the engine.
    Event(LedgerEvent),
    /// A block became durable, and when: nanoseconds since 1970, and how long storing took.
    Stored {
        height: Height,
        hash: UInt256,
        at_ns: u64,
        took: Duration,
    },
    /// A request failed in a way that the node can live with.
    Refused {
        request: &'static str,
        error: LedgerError,
    },
    /// The ledger cannot go on: the disk is full, or the store is broken.
    Fatal {
        request: &'static str,
        error: LedgerError,
    },
}

/// What came of an import.
#[derive(Debug)]
pub(crate) enum Imported {
    /// The chain is durable up to here.
    Stored { height: Height, hash: UInt256 },
    /// A block was refused.
    Refused {
        height: Height,
        hash: UInt256,
        error: InvalidBlock,
    },
    /// The ledger failed.
    Failed(LedgerError),
}

type OnImport = Box<dyn FnOnce(Imported) + Send>;

enum Job {
    Consensus(LedgerAction),
    Import(LedgerRequest, OnImport),
}

/// Hands requests to the ledger thread.
#[derive(Clone)]
pub(crate) struct LedgerWorker {
    jobs: mpsc::Sender<Job>,
}

impl LedgerWorker {
    /// Starts the thread; it ends when the last handle is dropped. Without `leaders` nobody is told who leads: in dBFT
    /// 2.0 that follows from height and view.
    pub(crate) fn start(
        ledger: Arc<dyn Ledger>,
        leaders: Option<Leaders>,
        report: impl Fn(Report) + Send + Sync + Clone + 'static,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (jobs, queue) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || {
                let leaders = leaders.map(|leaders| Arc::new(Mutex::new(leaders)));
                while let Ok(job) = queue.recv() {
                    run(&ledger, &leaders, job, &report);
                }
            })?;
        Ok((Self { jobs }, thread))
    }

    /// Asks for what consensus wants. The engine has at most a handful of requests open.
    pub(crate) fn consensus(&self, action: LedgerAction) {
        // The thread ends only when the node does.
        let _ = self.jobs.send(Job::Consensus(action));
    }

    /// Verifies and stores blocks of other nodes.
    pub(crate) fn import(
        &self,
        blocks: Vec<Arc<Block>>,
        done: impl FnOnce(Imported) + Send + 'static,
    ) {
        let request = LedgerRequest::ImportMany { blocks };
        let _ = self.jobs.send(Job::Import(request, Box::new(done)));
    }

    /// Stores blocks of other nodes that were verified beforehand.
    pub(crate) fn import_verified(
        &self,
        blocks: Vec<VerifiedBlock>,
        done: impl FnOnce(Imported) + Send + 'static,
    ) {
        let request = LedgerRequest::ImportVerified { blocks };
        let _ = self.jobs.send(Job::Import(request, Box::new(done)));
    }
}

fn run(
    ledger: &Arc<dyn Ledger>,
    leaders: &Option<Arc<Mutex<Leaders>>>,
    job: Job,
    report: &(impl Fn(Report) + Clone + Send + 'static),
) {
    match job {
        Job::Consensus(action) => {
            let began = Instant::now();
            let stores = matches!(action, LedgerAction::Store { .. });
            let question = Question::of(&action);
            let magic = ledger.magic();
            let report = report.clone();
            let (chain, leaders) = (Arc::clone(ledger), leaders.clone());
            ledger.request(
                to_request(action),
                Box::new(move |answer| {
                    let took = stores.then(|| began.elapsed());
                    let answered = question.answered(answer, magic, |info| {
                        let Some(leaders) = &leaders else {
                            let validators = info.validators.len();
                            return Ok(LeaderState::fresh(info.height, validators));
                        };
                        let mut leaders = leaders.lock().unwrap_or_else(PoisonError::into_inner);
                        leaders.at(chain.as_ref(), info)
                    });
                    report(to_report(answered, took));
                }),
            );
        }
        Job::Import(request, done) => {
            let report = report.clone();
            let reply = Box::new(move |answer| {
                done(match answer {
                    // The node ends: nobody needs to know what becomes of the blocks.
                    LedgerAnswer::Failed { request, error } if error.is_fatal() => {
                        return report(Report::Fatal { request, error });
                    }
                    LedgerAnswer::Stored { height, hash } => Imported::Stored { height, hash },
                    LedgerAnswer::ImportRefused {
                        height,
                        hash,
                        error,
                    } => Imported::Refused {
                        height,
                        hash,
                        error,
                    },
                    LedgerAnswer::Failed { error, .. } => Imported::Failed(error),
                    // No other answer belongs to an import.
                    _ => return,
                });
            });
            ledger.request(request, reply);
        }
    }
}

fn to_report(answered: Answered, took: Option<Duration>) -> Report {
    match answered {
        Answered::Event(LedgerEvent::Stored { height, hash }) => Report::Stored {
            height,
            hash,
            at_ns: unix_ns(),
            took: took.unwrap_or_default(),
        },
        Answered::Event(event) => Report::Event(event),
        Answered::Refused { request, error } => Report::Refused { request, error },
        Answered::Fatal { request, error } => Report::Fatal { request, error },
    }
}

/// Nanoseconds since 1970.
pub(crate) fn unix_ns() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use neo_ledger::EmbeddedLedger;
    use neo_ledger::store::{FailurePoint, MemoryStore};

    use super::*;
    use crate::rpc::testing::Chain;

    /// A block that cannot be stored ends the node, whoever brought it.
    #[test]
    fn an_import_that_the_ledger_cannot_survive_is_reported() {
        let chain = Chain::new();
        let block = chain.next_block(vec![]);
        let store = MemoryStore::new();
        let config = chain.config.protocol.genesis.clone();
        let ledger = EmbeddedLedger::with_store(Box::new(store.clone()), config).unwrap();
        let (reports, reported) = mpsc::channel();
        let report = move |report| reports.send(report).unwrap();
        let (worker, _thread) = LedgerWorker::start(Arc::new(ledger), None, report).unwrap();
        let import = |block: Block| {
            let (done, imported) = mpsc::channel();
            worker.import(vec![Arc::new(block)], move |outcome| {
                done.send(outcome).unwrap();
            });
            imported.recv()
        };
        store.fail_after(0, FailurePoint::DiskFull);
        assert!(
            import(block).is_err(),
            "nobody is told anything but the driver"
        );
        match reported.recv().unwrap() {
            Report::Fatal { request, error } => {
                assert_eq!(request, "import many");
                assert!(error.to_string().contains("disk is full"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}
