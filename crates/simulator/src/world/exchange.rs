//! Bodies and blocks that nodes ask each other for, as a node's fetcher, server and synchroniser do.

use std::rc::Rc;
use std::sync::Arc;

use neo_adversary::Interference as _;
use neo_consensus::engine::{Event, Fetch, Fetched};
use neo_invariants::Observation;
use neo_ledger::ChainReader;
use neo_primitives::{Block, Height, PublicKey, Transaction, UInt256};

use super::World;
use super::lives::TICK;
use super::mail::{Answer, Freight, Question};
use super::node::{LedgerJob, Running};
use super::protocol::Simulated;
use super::queue::{Item, Ns};
use crate::trace::Happening;

/// Peers asked for one thing before the engine is told that nobody had it.
const MAX_ASKED: usize = 3;
/// An answer that has not come after this time does not come.
const REQUEST_TIMEOUT: Ns = 10_000_000_000;
/// Blocks in one answer, and their bytes.
const MAX_BLOCKS: usize = 500;
const MAX_ANSWER: usize = 1 << 20;
/// Peers remembered to be ahead.
const MAX_AHEAD: usize = 4;
/// A node that stays behind for so many ticks fetches even one block.
const PATIENCE: u64 = 5;
/// The state of an engine is sampled once in so many ticks.
const SAMPLING: u64 = 10;

/// A question that waits for its answer.
pub(super) struct Asked {
    question: Question,
    /// Who is asked now.
    peer: usize,
    /// Who is asked next.
    rest: Vec<PublicKey>,
}

impl<P: Simulated> World<'_, P> {
    /// Carries out an engine's fetch.
    pub(super) fn fetch(&mut self, node: usize, fetch: Fetch) {
        let Some(question) = self.question(node, &fetch) else {
            return;
        };
        match fetch {
            Fetch::Blocks { from, .. } => {
                if let Some(peer) = self.connected(node, &from) {
                    self.is_ahead(node, peer);
                }
            }
            Fetch::Body { from, .. }
            | Fetch::Hashes { from, .. }
            | Fetch::Transactions { from, .. } => {
                let peers = from.into_iter().take(MAX_ASKED).rev().collect();
                self.ask_next(node, question, peers);
            }
        }
    }

    /// What is asked of each peer; none if the engine does not know any more what it wants.
    fn question(&self, node: usize, fetch: &Fetch) -> Option<Question> {
        let Fetch::Transactions {
            hash, positions, ..
        } = fetch
        else {
            return Some(Question::of(fetch));
        };
        let running = self.nodes[node].running.as_ref()?;
        let Some(hashes) = P::hashes(&running.engine, hash) else {
            return Some(Question::of(fetch));
        };
        let at = |position: &u32| {
            let place = usize::try_from(*position).ok()?;
            Some((*position, *hashes.get(place)?))
        };
        Some(Question::Listed(
            *hash,
            positions.iter().filter_map(at).collect(),
        ))
    }

    /// A node with this key, when both hear each other.
    fn connected(&self, node: usize, key: &PublicKey) -> Option<usize> {
        let both = |peer: usize| self.nodes[node].hears[peer] && self.nodes[peer].hears[node];
        (0..self.nodes.len()).find(|peer| self.nodes[*peer].key == *key && both(*peer))
    }

    /// Asks the last of `rest` who is connected; tells the engine when there is nobody.
    fn ask_next(&mut self, node: usize, question: Question, mut rest: Vec<PublicKey>) {
        while let Some(key) = rest.pop() {
            if let Some(peer) = self.connected(node, &key) {
                return self.ask(node, question, peer, rest);
            }
        }
        if let Some(hash) = question.block() {
            let nothing = Happening::Fetched {
                what: "nothing".into(),
                block: Some(hash),
            };
            self.emit(Some(node), nothing);
            self.within(node, Event::Fetched(Fetched::Nothing { hash }), false);
        }
    }

    fn ask(&mut self, node: usize, question: Question, peer: usize, rest: Vec<PublicKey>) {
        self.questions += 1;
        let number = self.questions;
        let asked = Happening::FetchAsked {
            what: question.name().into(),
            from: u16::try_from(peer).unwrap_or(u16::MAX),
            block: question.block(),
            start: match &question {
                Question::Blocks(start) => Some(start.0),
                _ => None,
            },
        };
        self.emit(Some(node), asked);
        let life = self.nodes[node].life;
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        let at = running.busy_until.max(self.now);
        let freight = Freight::question(number, question.clone());
        running.asked.insert(
            number,
            Asked {
                question,
                peer,
                rest,
            },
        );
        self.dispatch(node, peer, &Rc::new(freight), false, at);
        let give_up = Item::GiveUp { node, life, number };
        self.queue.push(at.saturating_add(REQUEST_TIMEOUT), give_up);
    }

    /// An answer has not come.
    pub(super) fn give_up(&mut self, node: usize, number: u64) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        if let Some(asked) = running.asked.remove(&number) {
            self.unanswered(node, asked);
        }
    }

    fn unanswered(&mut self, node: usize, asked: Asked) {
        match asked.question {
            Question::Blocks(_) => self.synced(node, None),
            question => self.ask_next(node, question, asked.rest),
        }
    }

    /// Questions to a peer whose connection is lost have failed.
    pub(super) fn lost_peer(&mut self, node: usize, peer: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        let numbers: Vec<u64> = running
            .asked
            .iter()
            .filter(|(_, asked)| asked.peer == peer)
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            self.give_up(node, number);
        }
    }

    /// Answers a question of another node.
    pub(super) fn answer(&mut self, node: usize, asker: usize, number: u64, question: &Question) {
        let Some(running) = self.nodes[node].running.as_ref() else {
            return;
        };
        let answer = match question {
            Question::Blocks(start) => Answer::Blocks(blocks(running, *start)),
            Question::Listed(_, wanted) => {
                let found = wanted.iter().map(|(_, hash)| running.transaction(hash));
                Answer::Transactions(found.collect())
            }
            Question::Body(hash) | Question::Hashes(hash) | Question::Transactions(hash, _) => {
                let mut body = running.body(hash);
                if self.nodes[node].adversary.is_some() {
                    let now = self.moment(node);
                    let key = self.nodes[asker].key.clone();
                    let held = body.take();
                    body = self
                        .plot(node, now, |adversary, around| {
                            adversary.body(around, &key, hash, held)
                        })
                        .flatten();
                }
                match question {
                    Question::Hashes(_) => {
                        Answer::Hashes(body.map(|body| body.transaction_hashes()))
                    }
                    Question::Transactions(_, positions) => {
                        let at = |position: &u32| {
                            let position = usize::try_from(*position).ok()?;
                            body.as_ref()?.transactions.get(position).cloned()
                        };
                        Answer::Transactions(positions.iter().map(at).collect())
                    }
                    _ => Answer::Body(body),
                }
            }
        };
        let freight = Freight::answer(number, answer);
        let at = self.nodes[node]
            .running
            .as_ref()
            .map_or(self.now, |running| running.busy_until.max(self.now));
        self.dispatch(node, asker, &Rc::new(freight), false, at);
    }

    /// An answer came.
    pub(super) fn answered(&mut self, node: usize, number: u64, answer: &Answer) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        let Some(asked) = running.asked.remove(&number) else {
            return;
        };
        let fetched = match (&asked.question, answer) {
            (Question::Blocks(start), Answer::Blocks(blocks)) => {
                return self.got_blocks(node, asked.peer, *start, blocks);
            }
            (Question::Body(hash), Answer::Body(Some(body))) if body.hash() == *hash => {
                Some(Fetched::Body(Arc::clone(body)))
            }
            (Question::Hashes(hash), Answer::Hashes(Some(hashes))) => Some(Fetched::Hashes {
                hash: *hash,
                hashes: hashes.clone(),
            }),
            (Question::Transactions(hash, positions), Answer::Transactions(found)) => {
                placed(hash, positions.iter().copied(), found)
            }
            (Question::Listed(hash, wanted), Answer::Transactions(found)) => {
                placed(hash, wanted.iter().map(|(position, _)| *position), found)
            }
            _ => None,
        };
        match fetched {
            Some(fetched) => {
                let happening = Happening::Fetched {
                    what: asked.question.name().into(),
                    block: asked.question.block(),
                };
                self.emit(Some(node), happening);
                self.within(node, Event::Fetched(fetched), false);
            }
            None => self.unanswered(node, asked),
        }
    }

    fn got_blocks(&mut self, node: usize, from: usize, start: Height, blocks: &[Arc<Block>]) {
        let mut expected = start;
        let mut run = Vec::new();
        for block in blocks {
            if block.header.index != expected {
                break;
            }
            expected = expected.next();
            run.push(Arc::clone(block));
        }
        let happening = Happening::Fetched {
            what: "blocks".into(),
            block: None,
        };
        self.emit(Some(node), happening);
        if run.is_empty() {
            self.synced(node, None);
        } else {
            self.ask_ledger(node, LedgerJob::Import { blocks: run, from });
        }
    }

    /// A peer turned out to be ahead.
    fn is_ahead(&mut self, node: usize, peer: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        if running.ahead.len() < MAX_AHEAD {
            running.ahead.push_back(peer);
        }
        self.synchronise(node);
    }

    /// A run of blocks has been imported, or not; with a peer there may be more.
    pub(super) fn synced(&mut self, node: usize, more: Option<usize>) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        running.syncing = false;
        if let Some(peer) = more {
            running.ahead.push_front(peer);
        }
        self.synchronise(node);
    }

    fn synchronise(&mut self, node: usize) {
        let Some(running) = self.nodes[node].running.as_ref() else {
            return;
        };
        if running.syncing {
            return;
        }
        // A question to a peer without a connection fails at once.
        let asking = &mut self.nodes[node];
        let Some(running) = asking.running.as_mut() else {
            return;
        };
        let mut peers = std::iter::from_fn(|| running.ahead.pop_front());
        let Some(peer) = peers.find(|peer| asking.hears[*peer]) else {
            return;
        };
        running.syncing = true;
        let start = running.ledger.height().next();
        self.ask(node, Question::Blocks(start), peer, Vec::new());
    }

    /// A node compares its height with its peers': two blocks ahead is something that consensus will not
    /// bring, one is a race that it usually wins.
    pub(super) fn tick(&mut self, node: usize) {
        let life = self.nodes[node].life;
        self.queue.push(self.now + TICK, Item::Tick { node, life });
        let Some(own) = self.nodes[node].stored() else {
            return;
        };
        let both = |peer: usize| self.nodes[node].hears[peer] && self.nodes[peer].hears[node];
        let heard = |peer: &usize| both(*peer);
        let ahead = (0..self.nodes.len())
            .filter(heard)
            .filter_map(|peer| Some((peer, self.nodes[peer].stored()?)))
            .find(|(_, height)| *height > own);
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        running.ticks += 1;
        let samples = running.ticks % SAMPLING == 0;
        let measures = running.ticks % PATIENCE == 0;
        let mut lagging = false;
        if running.ticks % PATIENCE == 0 {
            lagging = running.behind == Some(own);
            running.behind = ahead.map(|_| own);
        }
        if samples {
            let status = running.engine.status();
            let footprint = running.engine.footprint();
            let sampled = Observation::Sampled {
                status: &status,
                footprint,
            };
            self.observe(node, sampled);
        }
        if measures {
            self.report_round_trips(node);
        }
        self.lose_heartbeats(node);
        if let Some((peer, height)) = ahead
            && (lagging || height.0 >= own.0.saturating_add(2))
        {
            self.is_ahead(node, peer);
        }
    }
}

/// What came of a question for transactions; none if nothing did.
fn placed(
    hash: &UInt256,
    positions: impl Iterator<Item = u32>,
    found: &[Option<Arc<Transaction>>],
) -> Option<Fetched> {
    let transactions: Vec<_> = positions
        .zip(found)
        .filter_map(|(position, found)| Some((position, found.clone()?)))
        .collect();
    (!transactions.is_empty()).then_some(Fetched::Transactions {
        hash: *hash,
        transactions,
    })
}

/// Stored blocks from a height on.
fn blocks<P: Simulated>(running: &Running<P>, start: Height) -> Vec<Arc<Block>> {
    let mut found = Vec::new();
    let mut size = 0_usize;
    let mut height = start;
    while found.len() < MAX_BLOCKS && size < MAX_ANSWER {
        let Some(block) = running.ledger.block(height).ok().flatten() else {
            break;
        };
        let transactions = block.transactions.iter().map(|one| one.size());
        size = size.saturating_add(transactions.sum::<usize>() + 1_024);
        found.push(block);
        height = height.next();
    }
    found
}
