//! Starts and crashes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use neo_consensus::engine::{Event, Restored, VoteLogState};
use neo_consensus::vote_log::{Condition, Identity, VoteLog};
use neo_invariants::Observation;
use neo_ledger::{ChainReader, EmbeddedLedger, Ledger};

use super::World;
use super::flooding::Known;
use super::node::Running;
use super::protocol::Simulated;
use super::protocol::{Judge as _, Surroundings};
use super::queue::{Item, Ns};
use crate::trace::{CrashCause, Happening};

/// How often a node compares its height with its peers'.
pub(super) const TICK: Ns = 100_000_000;
/// How often an attacker may act of its own accord.
pub(super) const SCHEME: Ns = 25_000_000;

impl<P: Simulated> World<'_, P> {
    fn identity(&self, node: usize) -> Identity {
        Identity {
            magic: self.genesis.magic,
            genesis: self.genesis_hash,
            validator: self.nodes[node].key.clone(),
        }
    }

    /// Starts a node that is down, with what is durable of it.
    pub(super) fn start(&mut self, node: usize) {
        if self.nodes[node].running.is_some() {
            return;
        }
        let identity = self.identity(node);
        let medium = std::mem::take(&mut self.nodes[node].medium);
        let Ok(mut opened) = VoteLog::open::<P::Record>(medium, identity) else {
            // A medium in memory fails only when it holds the log of somebody else.
            return self.trouble(node, 0, "the vote log does not open".to_owned());
        };
        let ledger = EmbeddedLedger::with_signatures(
            Box::new(self.nodes[node].store.clone()),
            self.genesis.clone(),
            Box::new(self.scheme.clone()),
        );
        let ledger = match ledger {
            Ok(ledger) => ledger,
            Err(error) => {
                self.nodes[node].medium = opened.log.into_medium();
                return self.trouble(node, 0, format!("the block store does not open: {error}"));
            }
        };
        let torn = match opened.condition {
            Condition::Intact { torn } => Some(torn),
            _ => None,
        };
        let mut intact = torn.is_some();
        self.book.opened_log(torn);
        if std::mem::take(&mut self.nodes[node].trusted) {
            let resumed = P::resumed(ledger.height().next());
            if opened.log.append(std::slice::from_ref(&resumed)).is_ok() {
                opened.records.push(resumed);
                intact = true;
            }
        }
        let one = &mut self.nodes[node];
        one.clock.restart(self.now);
        let life = one.life;
        self.book.oracles.observe(
            Duration::from_nanos(self.now),
            node,
            Observation::Started {
                validator: Some(one.validator),
                life,
                log_intact: intact,
                stored: ledger.height(),
                records: &opened.records,
            },
        );
        let started = Happening::Started {
            validator: u16::from(one.validator.0),
            life,
            stored: ledger.height().0,
            records: u32::try_from(opened.records.len()).unwrap_or(u32::MAX),
            log_intact: intact,
            torn: torn.unwrap_or(0),
        };
        let restored = Restored {
            stored: ledger.height(),
            tip: ledger.tip_hash(),
            records: opened.records,
            log: if intact {
                VoteLogState::Intact
            } else {
                VoteLogState::Lost
            },
        };
        let surroundings = Surroundings {
            key: one.key.clone(),
            executes_ahead: Ledger::executes_ahead(&ledger),
            timers: self.timers,
            #[cfg(feature = "mutation")]
            options: if one.honest {
                self.options
            } else {
                crate::Options::default()
            },
        };
        let leaders = P::leaders(&surroundings);
        one.running = Some(Running {
            pooled: watch_pool(&ledger),
            engine: P::engine(surroundings, restored),
            log: opened.log,
            ledger,
            leaders,
            timers: BTreeMap::new(),
            wake_at: None,
            inside: VecDeque::new(),
            inbox: VecDeque::new(),
            working: false,
            busy_until: self.now,
            requests: VecDeque::new(),
            ledger_free_at: self.now,
            verifying: 0,
            watched: Vec::new(),
            round_trips: vec![0; one.hears.len()],
            relayed: VecDeque::new(),
            known: Known::default(),
            unsettled: false,
            asked: BTreeMap::new(),
            ahead: VecDeque::new(),
            syncing: false,
            behind: None,
            ticks: 0,
        });
        one.hears.fill(false);
        one.lost_at.fill(None);
        one.deaf_since.fill(Some(self.now));
        let attacks = one.adversary.is_some();
        self.emit(Some(node), started);
        self.queue.push(self.now + TICK, Item::Tick { node, life });
        if attacks {
            self.queue
                .push(self.now + SCHEME, Item::Scheme { node, life });
        }
        self.handle(node, Event::Start);
    }

    /// Stops a node: everything volatile is gone.
    pub(super) fn crash(&mut self, node: usize, cause: CrashCause) {
        let one = &mut self.nodes[node];
        let Some(running) = one.running.take() else {
            return;
        };
        one.medium = running.log.into_medium();
        one.medium.crash(0);
        drop(running.ledger);
        one.store.crash();
        one.life += 1;
        one.armed = None;
        one.frozen = None;
        one.recovering = true;
        self.book
            .oracles
            .observe(Duration::from_nanos(self.now), node, Observation::Crashed);
        self.emit(Some(node), Happening::Crashed { cause });
        self.connect();
    }

    /// Stops a node, and the others see at once that it is gone.
    pub(super) fn crash_seen(&mut self, node: usize) {
        self.crash(node, CrashCause::Planned);
        for other in 0..self.nodes.len() {
            self.hang_up(other, node);
        }
    }
}

/// Notes how many transactions come to an empty pool.
fn watch_pool(ledger: &EmbeddedLedger) -> Arc<AtomicU32> {
    let pooled = Arc::new(AtomicU32::new(0));
    let told = Arc::clone(&pooled);
    ledger.watch_pool(Box::new(move |transactions| {
        told.store(transactions, Ordering::Relaxed);
    }));
    pooled
}
