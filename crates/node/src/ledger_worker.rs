//! The thread that carries out ledger requests of consensus in their order.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use neo_consensus::engine::{BlockLimits, HeightInfo, LedgerAction, LedgerEvent, Witnessed};
use neo_consensus::{ValidatorSet, engine};
use neo_ledger::{InvalidBlock, Ledger, LedgerAnswer, LedgerError, LedgerRequest};
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
    Import(Vec<Arc<Block>>, OnImport),
}

/// Hands requests to the ledger thread.
#[derive(Clone)]
pub(crate) struct LedgerWorker {
    jobs: mpsc::Sender<Job>,
}

impl LedgerWorker {
    /// Starts the thread; it ends when the last handle is dropped.
    pub(crate) fn start(
        ledger: Arc<dyn Ledger>,
        report: impl Fn(Report) + Send + Sync + Clone + 'static,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (jobs, queue) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || {
                while let Ok(job) = queue.recv() {
                    run(ledger.as_ref(), job, &report);
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
        let _ = self.jobs.send(Job::Import(blocks, Box::new(done)));
    }
}

fn run(ledger: &dyn Ledger, job: Job, report: &(impl Fn(Report) + Clone + Send + 'static)) {
    match job {
        Job::Consensus(action) => {
            let began = Instant::now();
            let stores = matches!(action, LedgerAction::Store { .. });
            let checked = match &action {
                LedgerAction::Check { body, .. } => Some(body.hash()),
                _ => None,
            };
            let magic = ledger.magic();
            let report = report.clone();
            ledger.request(
                to_request(action),
                Box::new(move |answer| {
                    let took = stores.then(|| began.elapsed());
                    report(to_report(answer, magic, checked, took));
                }),
            );
        }
        Job::Import(blocks, done) => {
            let reply = Box::new(move |answer| {
                done(match answer {
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
            ledger.request(LedgerRequest::ImportMany { blocks }, reply);
        }
    }
}

fn to_request(action: LedgerAction) -> LedgerRequest {
    match action {
        LedgerAction::Open { parent } => LedgerRequest::Open { parent },
        LedgerAction::Build {
            parent,
            primary,
            timestamp,
            nonce,
        } => LedgerRequest::Build {
            parent,
            primary,
            timestamp,
            nonce,
        },
        LedgerAction::Lookup { hash, ids } => LedgerRequest::Lookup { hash, ids },
        LedgerAction::Check { body, fresh } => LedgerRequest::Check { body, fresh },
        LedgerAction::Promote { hash } => LedgerRequest::Promote { hash },
        LedgerAction::Store { block } => {
            let Witnessed { body, witness } = *block;
            let transactions = body.transactions.clone();
            let block = Arc::new(Block {
                header: body.header,
                witness,
                transactions,
            });
            LedgerRequest::Store { block }
        }
    }
}

fn to_report(
    answer: LedgerAnswer,
    magic: neo_primitives::Magic,
    checked: Option<UInt256>,
    took: Option<Duration>,
) -> Report {
    let event = match answer {
        LedgerAnswer::Opened(info) => match height_info(info, magic) {
            Ok(info) => LedgerEvent::Opened(info),
            Err(error) => {
                return Report::Fatal {
                    request: "open",
                    error,
                };
            }
        },
        LedgerAnswer::Built(body) => LedgerEvent::Built(body),
        LedgerAnswer::Found { hash, transactions } => LedgerEvent::Found { hash, transactions },
        LedgerAnswer::Checked { hash, result } => LedgerEvent::Checked {
            hash,
            result: result.map_err(|error| error.to_string()),
        },
        LedgerAnswer::Promoted { hash } => LedgerEvent::Promoted { hash },
        LedgerAnswer::Stored { height, hash } => {
            let took = took.unwrap_or_default();
            return Report::Stored {
                height,
                hash,
                at_ns: unix_ns(),
                took,
            };
        }
        LedgerAnswer::ImportRefused { .. } => {
            return Report::Refused {
                request: "import",
                error: LedgerError::Inconsistent("an import was answered to consensus".to_owned()),
            };
        }
        LedgerAnswer::Failed { request, error } => {
            if error.is_fatal() {
                return Report::Fatal { request, error };
            }
            // A block that cannot be checked must not be voted for.
            if let Some(hash) = checked {
                LedgerEvent::Checked {
                    hash,
                    result: Err(error.to_string()),
                }
            } else {
                return Report::Refused { request, error };
            }
        }
    };
    Report::Event(event)
}

fn height_info(
    info: neo_ledger::HeightInfo,
    magic: neo_primitives::Magic,
) -> Result<HeightInfo, LedgerError> {
    let validators = ValidatorSet::new(info.validators)
        .map_err(|error| LedgerError::Inconsistent(error.to_string()))?;
    Ok(engine::HeightInfo {
        height: info.height,
        parent: info.parent,
        parent_hash: info.parent_hash,
        magic,
        validators: Arc::new(validators),
        next_consensus: info.next_consensus,
        block_time: info.block_time,
        limits: BlockLimits {
            max_transactions: info.limits.max_transactions,
            max_block_size: info.limits.max_block_size,
            max_block_system_fee: info.limits.max_block_system_fee,
        },
    })
}

/// Nanoseconds since 1970.
pub(crate) fn unix_ns() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
