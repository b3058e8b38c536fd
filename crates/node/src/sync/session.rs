//! From the first sign that somebody has more to the moment when nobody has.

use std::time::{Duration, Instant};

use bytes::Bytes;
use neo_network::{Offence, PeerId};
use neo_primitives::{Height, UInt256};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::asking::{Answer, examine};
use super::plan::{Plan, Question, Run};
use super::progress::Progress;
use super::sources::Sources;
use super::{Peers, SyncTrigger, Syncer};
use crate::driver::Inside;
use crate::ledger_worker::{Imported, unix_ns};

/// How often peers and lost questions are looked at.
const TICK: Duration = Duration::from_millis(50);
/// Pause after the ledger failed to store.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What becomes of a question.
enum Event {
    /// Its answer is here, or will not come; and how long that took.
    Arrived(Question, Result<Vec<Bytes>, String>, Duration),
    /// The answer was verified.
    Examined(Question, Answer),
    /// What came of asking a peer for the tip that it claims.
    Probed(Question, Result<Vec<Bytes>, String>),
}

/// A run that is being stored.
struct Storing {
    outcome: oneshot::Receiver<Imported>,
    from: Vec<(Height, PeerId)>,
    /// Height, hash and number of transactions of each block.
    summaries: Vec<(Height, UInt256, usize)>,
}

impl<P: Peers> Syncer<P> {
    /// Fetches and stores until nobody who may be asked has more. `sources` outlives it.
    pub(super) async fn session(
        &self,
        trigger: SyncTrigger,
        triggers: &mut mpsc::Receiver<SyncTrigger>,
        sources: &mut Sources,
        clock: &(impl Fn() -> Duration + Sync),
    ) {
        let began = self.ledger.height();
        let mut plan = Plan::above(began);
        let mut progress = Progress::new(self.metrics.clone(), self.shown.clone(), began, clock());
        let mut events: JoinSet<Event> = JoinSet::new();
        let mut storing: Option<Storing> = None;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        sources.connected(self.peers.connected(), clock());
        // Whoever is behind the trigger has at least the next block, or it would not be one.
        self.hint(&trigger, sources);
        loop {
            let stored = self.ledger.height();
            if storing.is_none() {
                plan.stored(stored);
                storing = plan.take_run().map(|run| self.store(run));
            }
            // The first block is what the trigger is about; the next one, consensus usually brings by itself.
            let lead = if self.votes && stored > began { 2 } else { 1 };
            for question in plan.questions(sources, lead, clock()) {
                self.ask(question, &mut events);
            }
            let target = sources.credible().unwrap_or(stored);
            progress.at(
                stored,
                target,
                sources.with(stored.next(), clock()),
                clock(),
            );
            if storing.is_none() && !plan.is_waiting() && !sources.is_probing() {
                break;
            }
            tokio::select! {
                biased;
                imported = outcome(&mut storing) => {
                    if let Some(ended) = storing.take() {
                        self.imported(imported, ended, &mut plan, sources, clock()).await;
                    }
                }
                Some(Ok(event)) = events.join_next() => {
                    self.take(event, &mut events, &mut plan, sources, clock());
                }
                Some(trigger) = triggers.recv() => self.hint(&trigger, sources),
                _ = tick.tick() => sources.connected(self.peers.connected(), clock()),
            }
        }
        // What still comes is of no use: somebody else was quicker.
        events.abort_all();
        sources.all_ended();
        progress.end(self.ledger.height(), clock());
    }

    fn hint(&self, trigger: &SyncTrigger, sources: &mut Sources) {
        let peer = match trigger {
            SyncTrigger::Peer(peer) => Some(*peer),
            SyncTrigger::Validator(key) => self.peers.of_validator(key),
        };
        if let Some(peer) = peer {
            sources.shows(peer, self.ledger.height().next());
        }
    }

    fn ask(&self, question: Question, events: &mut JoinSet<Event>) {
        let peers = self.peers.clone();
        let began = Instant::now();
        events.spawn(async move {
            let Question { peer, start, count } = question;
            let answer = peers.ask(peer, start, count).await;
            Event::Arrived(question, answer, began.elapsed())
        });
    }

    fn take(
        &self,
        event: Event,
        events: &mut JoinSet<Event>,
        plan: &mut Plan,
        sources: &mut Sources,
        now: Duration,
    ) {
        match event {
            Event::Arrived(question, Err(error), _) => {
                let Question { peer, start, .. } = question;
                tracing::debug!(%peer, %start, %error, "blocks not available");
                self.metrics.fetch_failed("unanswered");
                sources.failed(peer, now);
                plan.failed(peer, start);
            }
            Event::Arrived(question, Ok(bytes), took) => {
                if bytes.is_empty() {
                    sources.had_nothing(question.peer, question.start, now);
                    plan.failed(question.peer, question.start);
                    if let Some(tip) = sources.probe(question.peer, question.start, now) {
                        self.probe(question.peer, tip, events);
                    }
                    return;
                }
                sources.answered(question.peer, took);
                if plan.arrived(question.peer, question.start) {
                    self.examine(question, bytes, events);
                }
            }
            Event::Examined(question, Answer::Blocks(blocks, bytes)) => {
                self.metrics.fetched(blocks.len());
                plan.came(question.peer, question.start, blocks, bytes);
            }
            Event::Examined(question, Answer::Lie(offence, problem)) => {
                self.lied(question, offence, &problem, sources, now);
                plan.failed(question.peer, question.start);
            }
            Event::Probed(question, answer) => {
                sources.probed(question.peer);
                match answer {
                    Err(_) => sources.failed(question.peer, now),
                    Ok(bytes) if bytes.is_empty() => {
                        let problem = "it claims to have this block, and has none";
                        self.lied(question, Offence::InvalidAnswer, problem, sources, now);
                    }
                    Ok(bytes) => self.examine(question, bytes, events),
                }
            }
        }
    }

    fn lied(
        &self,
        question: Question,
        offence: Offence,
        problem: &str,
        sources: &mut Sources,
        now: Duration,
    ) {
        let Question { peer, start, .. } = question;
        tracing::warn!(%peer, %start, problem, "a peer answered what is not true");
        self.metrics.fetch_failed("invalid");
        sources.lied(peer, now);
        self.peers.report(peer, offence);
    }

    /// Asks for the tip that a peer claims. A chain may begin above what was asked for, so having nothing there is no
    /// lie; having no tip is.
    fn probe(&self, peer: PeerId, tip: Height, events: &mut JoinSet<Event>) {
        let peers = self.peers.clone();
        let (start, count) = (tip, 1);
        events.spawn(async move {
            let answer = peers.ask(peer, start, count).await;
            Event::Probed(Question { peer, start, count }, answer)
        });
    }

    fn examine(&self, question: Question, bytes: Vec<Bytes>, events: &mut JoinSet<Event>) {
        let (ledger, limit) = (self.ledger.clone(), self.witness_limit);
        let (done, examined) = oneshot::channel();
        self.pool.spawn(move || {
            let _ = done.send(examine(
                ledger.as_ref(),
                question.start,
                question.count,
                &bytes,
                limit,
            ));
        });
        events.spawn(async move {
            match examined.await {
                Ok(answer) => Event::Examined(question, answer),
                Err(_) => {
                    let error = "the verification ended early".to_owned();
                    Event::Arrived(question, Err(error), Duration::ZERO)
                }
            }
        });
    }

    fn store(&self, run: Run) -> Storing {
        let Run { blocks, from } = run;
        let summary = |verified: &neo_ledger::VerifiedBlock| {
            let block = verified.block();
            (block.header.index, block.hash(), block.transactions.len())
        };
        let summaries = blocks.iter().map(summary).collect();
        let (done, outcome) = oneshot::channel();
        self.worker.import_verified(blocks, move |outcome| {
            let _ = done.send(outcome);
        });
        Storing {
            outcome,
            from,
            summaries,
        }
    }

    async fn imported(
        &self,
        imported: Option<Imported>,
        storing: Storing,
        plan: &mut Plan,
        sources: &mut Sources,
        now: Duration,
    ) {
        let height = self.ledger.height();
        let mut blocks = storing.summaries;
        blocks.retain(|(at, _, _)| *at <= height);
        if let Some((height, hash, _)) = blocks.last().copied() {
            let at_ns = unix_ns();
            let _ = self.inside.send(Inside::Imported {
                height,
                hash,
                blocks,
                at_ns,
            });
        }
        match imported {
            Some(Imported::Stored { .. }) => {}
            Some(Imported::Refused {
                height: refused,
                hash,
                error,
            }) => {
                // Its validators signed it: either they are more than f, or this node runs other rules. Who passed it
                // on believed them, so nobody is reported; another may have another block.
                let sender = storing
                    .from
                    .iter()
                    .rev()
                    .find(|(start, _)| *start <= refused);
                tracing::error!(height = %refused, %hash, %error, "a fetched block is invalid here");
                if let Some((_, peer)) = sender {
                    sources.lied(*peer, now);
                }
                plan.restart(height);
            }
            Some(Imported::Failed(error)) => {
                tracing::error!(%height, %error, "fetched blocks cannot be stored");
                tokio::time::sleep(AFTER_FAILURE).await;
                plan.restart(height);
            }
            None => plan.restart(height),
        }
    }
}

/// What came of the run that is being stored; waits for ever while there is none.
async fn outcome(storing: &mut Option<Storing>) -> Option<Imported> {
    match storing {
        Some(storing) => (&mut storing.outcome).await.ok(),
        None => std::future::pending().await,
    }
}
