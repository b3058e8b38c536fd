//! Counters of what passed, for metrics.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use parking_lot::Mutex;

use crate::{error::Refusal, priority::Priority, queue::Dropped, reputation::Offence};

/// How much of one kind passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages.
    pub messages: u64,
    /// Bytes of their payload, without frames and transport.
    pub bytes: u64,
}

/// Everything counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkMetrics {
    /// Written to peers, by [`Priority::index`]. A message to six peers counts six times.
    pub sent: [Traffic; Priority::COUNT],
    /// Taken from peers, by [`Priority::index`].
    pub received: [Traffic; Priority::COUNT],
    /// Dropped from full queues, by [`Priority::index`].
    pub dropped: [Traffic; Priority::COUNT],
    /// Frames of the consensus and bulk lanes written; fewer than messages where messages shared one.
    pub frames_sent: u64,
    /// Frames of the consensus and bulk lanes read.
    pub frames_received: u64,
    /// Hellos, heartbeats, statuses and roles written.
    pub control_sent: Traffic,
    /// Hellos, heartbeats, statuses and roles read.
    pub control_received: Traffic,
    /// Sync requests made.
    pub requests_sent: u64,
    /// Sync requests made that got no fitting answer.
    pub requests_failed: u64,
    /// Sync requests taken.
    pub requests_received: u64,
    /// Sync requests refused because too many waited.
    pub requests_refused: u64,
    /// Answers given.
    pub responses_sent: Traffic,
    /// Answers taken.
    pub responses_received: Traffic,
    /// Transactions received, copies included.
    pub transactions: u64,
    /// Transactions received that had been seen before.
    pub duplicate_transactions: u64,
    /// Transactions not passed on because too many waited for the next batch.
    pub gossip_dropped: u64,
    /// Dials begun.
    pub dials: u64,
    /// Dials that reached nobody.
    pub dial_failures: u64,
    /// Peers that came up.
    pub peers_up: u64,
    /// Peers that went down.
    pub peers_down: u64,
    /// Peers banned for an offence.
    pub bans: u64,
    /// Connections refused or cut, by reason.
    pub refusals: BTreeMap<&'static str, u64>,
    /// Offences noted, by kind.
    pub offences: BTreeMap<&'static str, u64>,
    /// Messages that others were asked to give to a validator, written; each copy counts.
    pub relays_sent: Traffic,
    /// Messages given to a validator for another.
    pub relays_passed: Traffic,
    /// Messages that came through another validator, copies not counted.
    pub relays_received: Traffic,
    /// Messages to be given to a validator that were forgotten: too many, no connection, or no room.
    pub relays_dropped: u64,
    /// Proofs of guilt written.
    pub evidence_sent: Traffic,
    /// Proofs of guilt read, copies included.
    pub evidence_received: Traffic,
    /// Proofs of guilt not looked at because too many came.
    pub evidence_dropped: u64,
    /// How often a watched validator was found quiet.
    pub quiet: u64,
    /// How long lanes were not read because their peers sent too much, in milliseconds.
    pub throttled_ms: u64,
    /// Batches of transactions that went to some peers later than to others.
    pub late_batches: u64,
    /// Partitions noticed.
    pub partitions: u64,
    /// Validators that are connected, ourselves included.
    pub reachable: u64,
    /// How many it takes to decide, M; 0 for an observer.
    pub needed: u64,
    /// Whether fewer are connected.
    pub partitioned: bool,
    /// Peers and addresses that are banned.
    pub banned: u64,
    /// How full the fullest queue to a peer is, in thousandths.
    pub fullest_queue_per_mille: u64,
}

/// One kind's counter.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Flow {
    pub(crate) fn add(&self, messages: u64, bytes: u64) {
        self.messages.fetch_add(messages, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn count(&self, bytes: usize) {
        self.add(1, bytes as u64);
    }

    fn read(&self) -> Traffic {
        Traffic {
            messages: self.messages.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }
}

/// The live counters.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) sent: [Flow; Priority::COUNT],
    pub(crate) received: [Flow; Priority::COUNT],
    dropped: [Flow; Priority::COUNT],
    pub(crate) frames_sent: AtomicU64,
    pub(crate) frames_received: AtomicU64,
    pub(crate) control_sent: Flow,
    pub(crate) control_received: Flow,
    pub(crate) requests_sent: AtomicU64,
    pub(crate) requests_failed: AtomicU64,
    pub(crate) requests_received: AtomicU64,
    pub(crate) requests_refused: AtomicU64,
    pub(crate) responses_sent: Flow,
    pub(crate) responses_received: Flow,
    pub(crate) transactions: AtomicU64,
    pub(crate) duplicate_transactions: AtomicU64,
    pub(crate) gossip_dropped: AtomicU64,
    pub(crate) dials: AtomicU64,
    pub(crate) dial_failures: AtomicU64,
    pub(crate) peers_up: AtomicU64,
    pub(crate) peers_down: AtomicU64,
    pub(crate) bans: AtomicU64,
    refusals: Mutex<BTreeMap<&'static str, u64>>,
    offences: Mutex<BTreeMap<&'static str, u64>>,
    pub(crate) relays_sent: Flow,
    pub(crate) relays_passed: Flow,
    pub(crate) relays_received: Flow,
    pub(crate) relays_dropped: AtomicU64,
    pub(crate) evidence_sent: Flow,
    pub(crate) evidence_received: Flow,
    pub(crate) evidence_dropped: AtomicU64,
    pub(crate) quiet: AtomicU64,
    pub(crate) throttled_us: AtomicU64,
    pub(crate) late_batches: AtomicU64,
    pub(crate) partitions: AtomicU64,
}

/// Adds one.
pub(crate) fn increment(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Counters {
    pub(crate) fn dropped(&self, dropped: &Dropped) {
        for (flow, (items, bytes)) in self
            .dropped
            .iter()
            .zip(dropped.items.iter().zip(dropped.bytes))
        {
            if *items > 0 {
                flow.add(*items, bytes);
            }
        }
    }

    pub(crate) fn refused(&self, refusal: &Refusal) {
        *self.refusals.lock().entry(refusal.name()).or_default() += 1;
    }

    pub(crate) fn offended(&self, offence: Offence) {
        *self.offences.lock().entry(offence.name()).or_default() += 1;
    }

    pub(crate) fn snapshot(&self) -> NetworkMetrics {
        let number = |counter: &AtomicU64| counter.load(Relaxed);
        let flows = |flows: &[Flow; Priority::COUNT]| {
            std::array::from_fn(|i| flows.get(i).map(Flow::read).unwrap_or_default())
        };
        NetworkMetrics {
            sent: flows(&self.sent),
            received: flows(&self.received),
            dropped: flows(&self.dropped),
            frames_sent: number(&self.frames_sent),
            frames_received: number(&self.frames_received),
            control_sent: self.control_sent.read(),
            control_received: self.control_received.read(),
            requests_sent: number(&self.requests_sent),
            requests_failed: number(&self.requests_failed),
            requests_received: number(&self.requests_received),
            requests_refused: number(&self.requests_refused),
            responses_sent: self.responses_sent.read(),
            responses_received: self.responses_received.read(),
            transactions: number(&self.transactions),
            duplicate_transactions: number(&self.duplicate_transactions),
            gossip_dropped: number(&self.gossip_dropped),
            dials: number(&self.dials),
            dial_failures: number(&self.dial_failures),
            peers_up: number(&self.peers_up),
            peers_down: number(&self.peers_down),
            bans: number(&self.bans),
            refusals: self.refusals.lock().clone(),
            offences: self.offences.lock().clone(),
            relays_sent: self.relays_sent.read(),
            relays_passed: self.relays_passed.read(),
            relays_received: self.relays_received.read(),
            relays_dropped: number(&self.relays_dropped),
            evidence_sent: self.evidence_sent.read(),
            evidence_received: self.evidence_received.read(),
            evidence_dropped: number(&self.evidence_dropped),
            quiet: number(&self.quiet),
            throttled_ms: number(&self.throttled_us) / 1_000,
            late_batches: number(&self.late_batches),
            partitions: number(&self.partitions),
            ..NetworkMetrics::default()
        }
    }
}
