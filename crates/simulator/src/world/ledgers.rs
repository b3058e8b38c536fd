//! The ledgers of nodes, which carry out requests one after the other.

use std::sync::{Arc, Mutex};

use neo_consensus::engine::{Event, LedgerAction, LedgerEvent};
use neo_driver::{Answered, Question, to_request};
use neo_invariants::Observation;
use neo_ledger::{ChainReader, Ledger, LedgerAnswer, LedgerRequest};
use neo_primitives::Block;

use super::World;
use super::node::{LedgerJob, Running};
use super::protocol::Simulated;
use super::queue::Item;
use crate::trace::CrashCause;

impl<P: Simulated> World<'_, P> {
    /// Hands a request to the ledger of a node.
    pub(super) fn ask_ledger(&mut self, node: usize, job: LedgerJob) {
        let compute = &self.plan.compute;
        let syncs = match &job {
            LedgerJob::Import { .. } => true,
            LedgerJob::Consensus(action) => {
                matches!(action, LedgerAction::Store { .. })
            }
        };
        let cost = compute.message_ns + if syncs { compute.sync_ns } else { 0 };
        let one = &mut self.nodes[node];
        let cost = cost.saturating_mul(u64::from(one.slow_percent)) / 100;
        let life = one.life;
        let Some(running) = one.running.as_mut() else {
            return;
        };
        running.requests.push_back(job);
        let begins = running.ledger_free_at.max(running.busy_until).max(self.now);
        running.ledger_free_at = begins.saturating_add(cost);
        self.queue
            .push(running.ledger_free_at, Item::Ledger { node, life });
    }

    /// The ledger of a node is done with its oldest request.
    pub(super) fn serve_ledger(&mut self, node: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        match running.requests.pop_front() {
            Some(LedgerJob::Consensus(action)) => {
                let question = Question::of(&action);
                let request = to_request(action);
                let stored = match &request {
                    LedgerRequest::Store { block } => vec![Arc::clone(block)],
                    _ => Vec::new(),
                };
                let before = running.ledger.height();
                let Some(answer) = ask(running, request) else {
                    return;
                };
                let new = running.ledger.height() > before;
                let magic = running.ledger.magic();
                match question.answered(answer, magic, |info| {
                    running.leaders.at(&running.ledger, info)
                }) {
                    Answered::Event(event) => {
                        // A block that synchronisation brought before is not stored again.
                        if new {
                            self.stored(node, &stored, false);
                        }
                        self.within(node, Event::Ledger(event), false);
                    }
                    Answered::Refused { request, error } => {
                        self.trouble(node, 0, format!("ledger refuses {request}: {error}"));
                    }
                    Answered::Fatal { .. } => self.crash(node, CrashCause::StoreFailure),
                }
            }
            Some(LedgerJob::Import { blocks, from }) => self.import(node, blocks, from),
            None => {}
        }
    }

    fn import(&mut self, node: usize, blocks: Vec<Arc<Block>>, from: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        let before = running.ledger.height();
        let request = LedgerRequest::ImportMany {
            blocks: blocks.clone(),
        };
        let Some(answer) = ask(running, request) else {
            return;
        };
        let reached = running.ledger.height();
        let more = match answer {
            LedgerAnswer::Stored { .. } => reached > before,
            LedgerAnswer::ImportRefused { .. } => false,
            LedgerAnswer::Failed { error, .. } if error.is_fatal() => {
                return self.crash(node, CrashCause::StoreFailure);
            }
            _ => false,
        };
        let new: Vec<_> = blocks
            .into_iter()
            .filter(|block| {
                let height = block.header.index;
                before < height && height <= reached
            })
            .collect();
        if !new.is_empty() {
            let Some(running) = self.nodes[node].running.as_ref() else {
                return;
            };
            let event = LedgerEvent::Stored {
                height: reached,
                hash: running.ledger.tip_hash(),
            };
            self.stored(node, &new, true);
            self.within(node, Event::Ledger(event), false);
        }
        self.synced(node, more.then_some(from));
    }

    /// Blocks became durable at a node.
    fn stored(&mut self, node: usize, blocks: &[Arc<Block>], imported: bool) {
        for block in blocks {
            let height = block.header.index;
            let Some(running) = self.nodes[node].running.as_ref() else {
                return;
            };
            let hash = running.ledger.state_hash(height).ok().flatten();
            if let Some(state_hash) = hash {
                let stored = Observation::Stored {
                    block,
                    state_hash,
                    imported,
                };
                self.observe(node, stored);
            }
            self.note_stored(node, block, imported);
        }
    }
}

/// Asks a ledger that answers before it returns.
fn ask<P: Simulated>(running: &Running<P>, request: LedgerRequest) -> Option<LedgerAnswer> {
    let slot = Arc::new(Mutex::new(None));
    let reply = Arc::clone(&slot);
    running.ledger.request(
        request,
        Box::new(move |answer| {
            if let Ok(mut slot) = reply.lock() {
                *slot = Some(answer);
            }
        }),
    );
    slot.lock().ok()?.take()
}
