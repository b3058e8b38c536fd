//! One node: what a crash takes and what it leaves.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{PublicKey, UInt256};

use super::ledger::{MAGIC, ToyLedger};
use crate::engine::{LedgerAction, TimerId};
use crate::v3::timing::TimerSettings;
use crate::v3::{EngineSettings, Record, Restored, V3Engine, VoteLogState};
use crate::vote_log::{Condition, Identity, LogMedium, MemoryMedium, VoteLog};

/// One node.
pub(super) struct Node {
    pub(super) key: PublicKey,
    /// Whether it signs; an observer does not.
    pub(super) votes: bool,
    pub(super) engine: Option<V3Engine>,
    pub(super) log: Option<VoteLog<MemoryMedium>>,
    /// The vote log while the node is down.
    pub(super) medium: MemoryMedium,
    pub(super) ledger: ToyLedger,
    pub(super) timers: BTreeMap<TimerId, Duration>,
    pub(super) requests: VecDeque<LedgerAction>,
    /// Answers of an earlier life are void.
    pub(super) life: u64,
    /// Offset of its wall clock in milliseconds.
    pub(super) skew: i64,
    /// The next write of its vote log is cut short by a crash.
    pub(super) dies_writing: bool,
    pub(super) executes_ahead: bool,
    /// Whom its engine wants watched.
    pub(super) watched: Vec<PublicKey>,
}

pub(super) fn identity(key: &PublicKey) -> Identity {
    Identity {
        magic: MAGIC,
        genesis: UInt256::ZERO,
        validator: key.clone(),
    }
}

impl Node {
    pub(super) fn new(
        key: PublicKey,
        votes: bool,
        ledger: ToyLedger,
        executes_ahead: bool,
    ) -> Self {
        let log = VoteLog::initialise(MemoryMedium::default(), identity(&key)).unwrap();
        Self {
            key,
            votes,
            engine: None,
            log: None,
            medium: log.into_medium(),
            ledger,
            timers: BTreeMap::new(),
            requests: VecDeque::new(),
            life: 0,
            skew: 0,
            dies_writing: false,
            executes_ahead,
            watched: Vec::new(),
        }
    }

    /// Opens the vote log and makes an engine of what it holds.
    pub(super) fn boot(&mut self, timers: TimerSettings) {
        assert!(self.engine.is_none());
        let medium = std::mem::take(&mut self.medium);
        let opened = VoteLog::open::<Record>(medium, identity(&self.key)).unwrap();
        let intact = matches!(opened.condition, Condition::Intact { .. });
        let restored = Restored {
            stored: self.ledger.height(),
            tip: self.ledger.tip().hash(),
            records: opened.records,
            log: if intact {
                VoteLogState::Intact
            } else {
                VoteLogState::Lost
            },
        };
        let settings = EngineSettings::new(
            self.votes.then(|| self.key.clone()),
            self.executes_ahead,
            timers,
        );
        #[cfg(feature = "mutation")]
        let settings = EngineSettings {
            mutation: crate::v3::mutation::Mutation::of_tests(),
            ..settings
        };
        self.engine = Some(V3Engine::new(settings, restored));
        self.log = Some(opened.log);
    }

    /// Loses everything that is not durable.
    pub(super) fn crash(&mut self) {
        self.engine = None;
        if let Some(log) = self.log.take() {
            self.medium = log.into_medium();
        }
        self.medium.crash(0);
        self.ledger.crash();
        self.timers.clear();
        self.requests.clear();
        self.life += 1;
        self.dies_writing = false;
    }

    /// Writes records; with `cut` only that many bytes of them reach the disk before the crash.
    pub(super) fn write(&mut self, records: &[Record], cut: Option<u64>) {
        let log = self.log.as_mut().expect("a running node has its log");
        let end = |medium: &MemoryMedium| {
            let last = medium.segments().unwrap().last().copied();
            last.map(|segment| (segment, medium.length(segment) as u64))
        };
        let before = end(log.medium());
        log.append(records).unwrap();
        let Some(cut) = cut else { return };
        let mut medium = self.log.take().unwrap().into_medium();
        let (segment, length) = end(&medium).unwrap();
        let kept = before
            .filter(|(last, _)| *last == segment)
            .map_or(0, |(_, length)| length);
        medium
            .reopen(segment, kept + cut % (length - kept))
            .unwrap();
        self.medium = medium;
    }

    /// All records of its vote log, also while it runs.
    pub(super) fn records(&self) -> Vec<Record> {
        let medium = self.log.as_ref().map_or(&self.medium, |log| log.medium());
        VoteLog::open(medium.clone(), identity(&self.key))
            .unwrap()
            .records
    }

    /// The body of a block, for others.
    pub(super) fn body(&self, hash: &UInt256) -> Option<Arc<neo_primitives::BlockBody>> {
        use crate::engine::Engine;
        let engine = self.engine.as_ref()?;
        engine.body(hash).or_else(|| self.ledger.body(hash))
    }
}
