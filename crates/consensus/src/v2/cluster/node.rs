//! One node: what a crash takes and what it leaves.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use neo_primitives::{PublicKey, UInt256};

use crate::engine::{LedgerAction, TimerId};
use crate::v2::{EngineSettings, Record, Restored, V2Engine};
use crate::v3::VoteLogState;
use crate::v3::cluster::ledger::{MAGIC, ToyLedger};
use crate::vote_log::{Condition, Identity, LogMedium, MemoryMedium, VoteLog};

/// One node.
pub(super) struct Node {
    pub(super) key: PublicKey,
    pub(super) engine: Option<V2Engine>,
    pub(super) log: Option<VoteLog<MemoryMedium>>,
    /// The vote log while the node is down.
    pub(super) medium: MemoryMedium,
    pub(super) ledger: ToyLedger,
    pub(super) timers: BTreeMap<TimerId, Duration>,
    pub(super) requests: VecDeque<LedgerAction>,
    /// Answers of an earlier life are void.
    pub(super) life: u64,
    /// The next write of its vote log is cut short by a crash.
    pub(super) dies_writing: bool,
    /// Records that were synced in this life.
    pub(super) written: usize,
}

fn identity(key: &PublicKey) -> Identity {
    Identity {
        magic: MAGIC,
        genesis: UInt256::ZERO,
        validator: key.clone(),
    }
}

impl Node {
    pub(super) fn new(key: PublicKey, ledger: ToyLedger) -> Self {
        let log = VoteLog::initialise(MemoryMedium::default(), identity(&key)).unwrap();
        Self {
            key,
            engine: None,
            log: None,
            medium: log.into_medium(),
            ledger,
            timers: BTreeMap::new(),
            requests: VecDeque::new(),
            life: 0,
            dies_writing: false,
            written: 0,
        }
    }

    /// Opens the vote log and makes an engine of what it holds.
    pub(super) fn boot(&mut self, max_block_time: Option<Duration>) {
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
        let settings = EngineSettings {
            own: Some(self.key.clone()),
            max_block_time,
            #[cfg(feature = "mutation")]
            mutation: None,
        };
        self.engine = Some(V2Engine::new(settings, restored));
        self.log = Some(opened.log);
        self.written = 0;
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
        let before = log.medium().length(0) as u64;
        log.append(records).unwrap();
        self.written += records.len();
        let Some(cut) = cut else { return };
        let mut medium = self.log.take().unwrap().into_medium();
        let length = medium.length(0) as u64;
        medium.reopen(0, before + cut % (length - before)).unwrap();
        self.medium = medium;
    }
}
