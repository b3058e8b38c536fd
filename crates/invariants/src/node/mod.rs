//! One honest node under observation.

mod answering;
mod bodies;
mod dues;
mod judge;
mod knowledge;
mod log;
mod receiving;
mod sending;
mod settling;
mod silence;
mod tally;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use neo_consensus::View;
use neo_consensus::engine::{HeightInfo, Notice};
use neo_consensus::v3::{Message, Payload, Record};
use neo_primitives::{Height, PublicKey, UInt256, ValidatorIndex};

use crate::findings::Findings;
use crate::violation::Invariant;
use dues::{Due, Dues, Repetition};
use knowledge::Knowledge;
use log::{History, Log, Signed, Vote};
use silence::Silence;

/// Fetches and headers that are remembered of one life.
const REMEMBERED: usize = 512;

/// An open height with what is watched over time.
#[derive(Clone, Debug)]
struct Open {
    known: Knowledge,
    change_view: Repetition,
    commit: Repetition,
    /// Since when a proposal is at hand that must be prepared.
    acceptable: Option<Duration>,
}

/// An honest node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    validator: Option<ValidatorIndex>,
    up: bool,
    /// What its ledger has stored, and what its engine knows of that.
    stored: Height,
    engine_stored: Height,
    offered: Option<(HeightInfo, Arc<[ValidatorIndex]>)>,
    open: BTreeMap<Height, Open>,
    /// Messages for heights that are not open yet.
    waiting: Vec<(ValidatorIndex, Message)>,
    log: Log,
    history: History,
    silence: Silence,
    /// M of the height opened last.
    quorum: usize,
    /// Its log lost something and it was not told: up to this height it cannot know what it promised.
    flawed: Option<Height>,
    dues: Dues,
    answered: BTreeMap<ValidatorIndex, Duration>,
    /// With which nonces validators asked for a report in this life.
    askers: BTreeMap<ValidatorIndex, Vec<u64>>,
    /// Blocks that were asked for in this life; the first ask with its addressees until something else
    /// happens.
    fetched: Vec<UInt256>,
    asking: Vec<(UInt256, Vec<PublicKey>)>,
    /// Headers that arrived in this life, and blocks that a certificate named.
    headers: Vec<UInt256>,
    certified: Vec<UInt256>,
    /// Blocks that its ledger accepted in this life.
    passed: Vec<UInt256>,
}

impl Node {
    pub(crate) fn is_up(&self) -> bool {
        self.up
    }

    pub(crate) fn is_observer(&self) -> bool {
        self.validator.is_none()
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.silence.is_silent()
    }

    /// Whether this is the node of a validator that lost votes without being told.
    pub(crate) fn is_flawed_validator(&self, validator: ValidatorIndex) -> bool {
        self.validator == Some(validator) && self.flawed.is_some()
    }

    /// What is asked of the height, while it is open.
    pub(crate) fn knowledge(&self, height: Height) -> Option<&Knowledge> {
        self.open.get(&height).map(|open| &open.known)
    }

    pub(crate) fn started(
        &mut self,
        validator: Option<ValidatorIndex>,
        log_intact: bool,
        stored: Height,
        records: &[Record],
    ) {
        self.crashed();
        self.up = true;
        self.validator = validator;
        (self.stored, self.engine_stored) = (stored, stored);
        self.silence = Silence::at_start(log_intact, records);
        let mut log = Log::default();
        for record in records.iter().filter(|one| one.height() > Some(stored)) {
            log.add(record);
            if let Record::Own(message) = record
                && let Some(vote) = Vote::of(message)
            {
                let signed = self.history.at(message.height);
                if signed.find(vote.kind, vote.view).is_none() {
                    signed.add(vote);
                }
            }
        }
        if log_intact && self.log.lost_in(&log, stored).is_some() {
            self.flawed = self.history.highest().max(self.flawed);
        }
        self.log = log;
    }

    pub(crate) fn crashed(&mut self) {
        self.up = false;
        self.offered = None;
        self.open.clear();
        self.waiting.clear();
        self.dues = Dues::default();
        self.answered.clear();
        self.askers.clear();
        self.fetched.clear();
        self.asking.clear();
        self.headers.clear();
        self.certified.clear();
        self.passed.clear();
    }

    pub(crate) fn checked(&mut self, hash: &UInt256, passed: bool) {
        self.passed.retain(|known| known != hash);
        if passed {
            remember(&mut self.passed, *hash);
        }
    }

    /// The engine is handed a height, whose views these lead in turn.
    pub(crate) fn offered(&mut self, info: &HeightInfo, order: Arc<[ValidatorIndex]>) {
        self.offered = Some((info.clone(), order));
    }

    pub(crate) fn stored(&mut self, height: Height) {
        self.stored = self.stored.max(height);
        self.log.forget(self.stored);
        self.history.forget(self.stored);
    }

    pub(crate) fn noticed(&mut self, notice: &Notice, findings: &mut Findings) {
        match notice {
            Notice::Opened { height } => self.opened(*height, findings.at),
            Notice::Decided { height, hash, .. } => self.decided(*height, *hash, findings),
            Notice::ViewEntered { height, view } => {
                if let Some(known) = self.knowledge(*height)
                    && !known.may_enter(*view)
                {
                    let what = format!("enters view {view} without TC and PC of it");
                    findings.report(Invariant::ViewChange, Some(*height), what);
                }
            }
            Notice::Stored { height, .. } => {
                self.engine_stored = self.engine_stored.max(*height);
                let stored = self.engine_stored;
                // The last one stays: what was on its way to the log belongs to it.
                self.open.retain(|height, _| *height >= stored);
                self.waiting.retain(|(_, message)| message.height > stored);
            }
            Notice::Silent { until: None } if !self.silence.is_silent() => self.silence.begin(),
            Notice::Voting { from } => self.voting(*from, findings),
            _ => {}
        }
    }

    fn opened(&mut self, height: Height, at: Duration) {
        let offered = self.offered.take();
        let Some((info, order)) = offered.filter(|(info, _)| info.height == height) else {
            return;
        };
        self.quorum = info.validators.quorum();
        let mut known = Knowledge::new(&info, order);
        if let Some(log) = self.log.at(height) {
            for (view, hash) in &log.prepared {
                known.hold_prepared(*view, *hash);
            }
            for view in &log.view_changes {
                known.hold_view_change(*view);
            }
            for hash in &log.decisions {
                known.hold_decision(*hash);
            }
            known.decided = log.decisions.first().copied();
            for vote in log.votes() {
                if let Some(own) = self.validator {
                    known.recall(vote, own);
                }
            }
        }
        for (_, message) in &self.waiting {
            if message.height == height {
                known.take(message, None);
            }
            // A proposal for the next height brings what decided this one.
            if let Payload::Proposal(proposal) = &message.payload
                && message.height == height.next()
                && let Some(parent) = &proposal.parent
            {
                let _ = known.show_decision(parent);
            }
        }
        self.waiting.retain(|(_, message)| message.height > height);
        let mut open = Open {
            known,
            change_view: Repetition::default(),
            commit: Repetition::default(),
            acceptable: None,
        };
        open.change_view.done(at);
        open.commit.done(at);
        self.open.insert(height, open);
    }

    fn decided(&mut self, height: Height, hash: UInt256, findings: &mut Findings) {
        let Some(open) = self.open.get_mut(&height) else {
            return;
        };
        if !open.known.may_know_decision(&hash) {
            let what = format!("decides {hash} without M PreCommits or f+1 header signatures");
            findings.report(Invariant::Decides, Some(height), what);
        }
        open.known.decided = Some(hash);
    }

    fn voting(&mut self, from: Height, findings: &mut Findings) {
        // Synchronisation may have stored all that was open.
        let highest = self.open.keys().next_back().copied();
        let opened = highest.filter(|highest| *highest > self.engine_stored);
        let quorum = self.quorum;
        if let Err(what) = self.silence.end(from, quorum, self.stored, opened) {
            findings.report(
                Invariant::Silence,
                Some(from),
                format!("votes again: {what}"),
            );
        }
    }

    /// What was appended to the vote log. Own votes bind from here on and are judged here, in the order
    /// of the log.
    pub(crate) fn durable(&mut self, records: &[Record], findings: &mut Findings) {
        for record in records {
            match record {
                Record::Own(message) => self.bind(message, findings),
                Record::Silenced if !self.silence.is_silent() => self.silence.begin(),
                _ => self.certificate(record, findings),
            }
            self.log.add(record);
        }
        self.certified(records, findings);
    }

    /// A certificate that this node counts: it holds, and obliges.
    fn certificate(&mut self, record: &Record, findings: &mut Findings) {
        let Some(height) = record.height() else {
            return;
        };
        let Some(open) = self.open.get_mut(&height) else {
            return;
        };
        let known = &mut open.known;
        let sound = match record {
            Record::Prepared { certificate, .. } => {
                let sound = known.checker().prepared(certificate);
                known.hold_prepared(certificate.view, certificate.hash);
                sound
            }
            Record::ViewChange { certificate, .. } => {
                let sound = known.show_view_change(certificate);
                let log = self.log.at(height);
                let held = log.and_then(|log| log.view_changes.iter().max());
                if self.validator.is_some() && held < Some(&certificate.view) {
                    self.dues.add(
                        height,
                        Due::Forward {
                            view: certificate.view,
                        },
                    );
                }
                sound
            }
            Record::Decision { decision, .. } => known.show_decision(decision),
            Record::Body(_)
            | Record::Own(_)
            | Record::Silenced
            | Record::Resumed { .. }
            | Record::Forgotten { .. } => return,
        };
        findings.require(Invariant::CertificateInvalid, height, sound);
    }

    fn view(&self, height: Height) -> View {
        self.log.at(height).map_or(View::ZERO, log::HeightLog::view)
    }

    fn is_flawed(&self, height: Height) -> bool {
        self.flawed.is_some_and(|flawed| height <= flawed)
    }

    fn signed(&mut self, height: Height) -> &mut Signed {
        self.history.at(height)
    }
}

fn remember(list: &mut Vec<UInt256>, hash: UInt256) {
    if !list.contains(&hash) {
        if list.len() >= REMEMBERED {
            list.remove(0);
        }
        list.push(hash);
    }
}
