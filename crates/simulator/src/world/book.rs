//! Events for the trace, the conditions, the oracles and the report.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use neo_primitives::{Block, UInt256};

use super::World;
use super::mail::Parcel;
use super::pace::Measures;
use super::protocol::Simulated;
use super::protocol::{Guilt, Judge as _};
use super::queue::Ns;
use super::verdict::Verdict;
use super::watch::{Watch, WatchId};
use crate::plan::Plan;
use crate::report::{Coverage, Latencies, Report, Stopped};
use crate::trace::{Fingerprint, Happening, Kind, TraceEvent, TraceSink};

const NS_PER_US: u64 = 1_000;
/// Heights whose first moments are remembered for latencies.
const MAX_MOMENTS: usize = 256;

/// What is written down of a run.
pub(super) struct Book<'a, P: Simulated> {
    pub(super) oracles: P::Judge,
    pub(super) events: u64,
    sink: &'a mut dyn TraceSink,
    wants_events: bool,
    fingerprint: Fingerprint,
    pub(super) verdict: Verdict,
    stop: Option<WatchId>,
    /// Breaches that the trace has.
    told: usize,
    /// Locks that the trace has.
    told_locks: usize,
    moments: BTreeMap<u32, Moments>,
    pub(super) coverage: Coverage,
    pub(super) decision: Latencies,
    pub(super) witness: Latencies,
    heights: u32,
    pub(super) view_changes: u64,
    messages: u64,
    message_bytes: u64,
    convicted: BTreeSet<u16>,
}

/// What was first seen of a height.
#[derive(Default)]
pub(super) struct Moments {
    pub(super) proposed: Option<Ns>,
    /// Blocks by the view of their proposal.
    blocks: Vec<(u32, UInt256)>,
    pub(super) view_1: bool,
    pub(super) view_2: bool,
}

impl<'a, P: Simulated> Book<'a, P> {
    pub(super) fn new(
        plan: &Plan,
        watch: &mut Watch,
        oracles: P::Judge,
        sink: &'a mut dyn TraceSink,
    ) -> Self {
        Self {
            verdict: Verdict::new(plan, watch),
            stop: plan
                .stop_when
                .as_ref()
                .map(|condition| watch.add(condition)),
            oracles,
            events: 0,
            wants_events: sink.wants_events(),
            sink,
            fingerprint: Fingerprint::default(),
            told: 0,
            told_locks: 0,
            moments: BTreeMap::new(),
            coverage: Coverage::default(),
            decision: Latencies::default(),
            witness: Latencies::default(),
            heights: 0,
            view_changes: 0,
            messages: 0,
            message_bytes: 0,
            convicted: BTreeSet::new(),
        }
    }

    /// Whether the condition that ends the run holds.
    pub(super) fn is_over(&self, watch: &Watch) -> bool {
        self.stop.is_some_and(|stop| watch.holds(stop))
    }

    pub(super) fn moments(&mut self, height: u32) -> &mut Moments {
        if self.moments.len() >= MAX_MOMENTS && !self.moments.contains_key(&height) {
            self.moments.pop_first();
        }
        self.moments.entry(height).or_default()
    }

    /// A vote log was opened; with the torn bytes of an intact one.
    pub(super) fn opened_log(&mut self, torn: Option<u64>) {
        match torn {
            Some(0) => {}
            Some(_) => self.coverage.torn_logs += 1,
            None => self.coverage.lost_vote_logs += 1,
        }
    }

    pub(super) fn crashed_before_send(&mut self) {
        self.coverage.crash_between_durable_and_send += 1;
    }

    /// A message leaves for one receiver.
    pub(super) fn sent(&mut self, parcel: &Parcel<P>) {
        if !parcel.wire.kind.is_consensus() {
            return;
        }
        self.messages += 1;
        self.message_bytes += parcel.wire.bytes as u64;
        let (height, view) = (parcel.wire.height, parcel.wire.view);
        if parcel.wire.kind == Kind::Proposal
            && let Some(hash) = parcel.wire.block
        {
            let moments = self.moments(height);
            if !moments.blocks.contains(&(view, hash)) {
                let earlier = moments
                    .blocks
                    .iter()
                    .any(|(before, block)| *before < view && *block == hash);
                moments.blocks.push((view, hash));
                self.coverage.reproposals += u64::from(earlier);
            }
        }
    }

    pub(super) fn healed(&mut self, now: Ns, up: &BTreeSet<usize>) {
        self.oracles.healed(Duration::from_nanos(now), up);
    }
}

impl<P: Simulated> World<'_, P> {
    /// Something happened.
    pub(super) fn emit(&mut self, node: Option<usize>, what: Happening) {
        let event = TraceEvent {
            at_us: self.now / NS_PER_US,
            node: node.and_then(|node| u16::try_from(node).ok()),
            what,
        };
        self.book.fingerprint.add(&event);
        self.watch.look(self.now, Some(&event), &self.turns);
        self.book.verdict.look(&event);
        if self.book.wants_events {
            self.book.sink.event(&event);
        }
        let found = self.book.oracles.violations().len();
        if found > self.book.told {
            self.tell_violations();
        }
        let locks = self.book.oracles.locks();
        if let Some(height) = locks.get(self.book.told_locks).copied() {
            self.book.told_locks += 1;
            self.emit(None, Happening::Locked { height: height.0 });
        }
    }

    fn tell_violations(&mut self) {
        let new: Vec<_> = self
            .book
            .oracles
            .violations()
            .iter()
            .skip(self.book.told)
            .map(|violation| {
                let what = Happening::Violated {
                    invariant: violation.invariant.name().into(),
                    what: violation.what.clone(),
                };
                (violation.node, what)
            })
            .collect();
        self.book.told += new.len();
        for (node, what) in new {
            self.emit(node, what);
        }
    }

    pub(super) fn trouble(&mut self, node: usize, height: u32, what: String) {
        self.emit(Some(node), Happening::Trouble { height, what });
    }

    /// A block became durable at a node.
    pub(super) fn note_stored(&mut self, node: usize, block: &Block, imported: bool) {
        let height = block.header.index.0;
        let one = &mut self.nodes[node];
        if one.honest {
            self.book.heights = self.book.heights.max(height);
            self.book.coverage.recoveries += u64::from(std::mem::take(&mut one.recovering));
        }
        let stored = Happening::Stored {
            height,
            block: block.header.hash(),
            imported,
        };
        self.emit(Some(node), stored);
    }

    /// The engine convicts a validator.
    pub(super) fn convict(&mut self, node: usize, evidence: &P::Evidence) {
        let Guilt {
            against,
            height,
            kind,
        } = P::guilt(evidence);
        if self.nodes[node].honest {
            self.book.coverage.evidence += 1;
            self.book.convicted.insert(against);
        }
        let happening = Happening::Evidence {
            against,
            height,
            kind: kind.into(),
        };
        self.emit(Some(node), happening);
    }

    /// The report at the end.
    pub(super) fn report(mut self, seed: u64, stopped: Stopped) -> Report {
        let ended = Duration::from_nanos(self.now);
        self.book.oracles.finish(ended);
        self.tell_violations();
        let honest: BTreeSet<u16> = (0..self.plan.node_count())
            .filter(|node| self.nodes[usize::from(*node)].honest)
            .collect();
        let mut book = self.book;
        // A fork is traced from what all honest nodes hold together, when the run is over.
        let culprits = book.oracles.culprits();
        book.convicted.extend(culprits);
        let (expected, violations) = book
            .oracles
            .violations()
            .iter()
            .cloned()
            .partition(|violation| book.verdict.allows(violation));
        let unmet = book.verdict.judge(
            (&self.watch, &self.turns),
            &honest,
            &book.convicted,
            book.oracles.violations(),
            &Measures {
                plan: self.plan,
                links: &self.links,
                decisions: &book.decision,
            },
        );
        Report {
            seed,
            violations,
            expected,
            unmet,
            heights: book.heights,
            trace_hash: book.fingerprint.finish(),
            decision: book.decision,
            witness: book.witness,
            locks: book.oracles.locks().iter().map(|height| height.0).collect(),
            view_changes: book.view_changes,
            messages: book.messages,
            message_bytes: book.message_bytes,
            coverage: book.coverage,
            convicted: book.convicted.into_iter().collect(),
            ended,
            stopped,
            events: book.events,
        }
    }
}
