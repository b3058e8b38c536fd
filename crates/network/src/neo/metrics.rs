//! What is counted.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use parking_lot::Mutex;

use super::refusal::NeoRefusal;

/// What has been counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeoMetrics {
    /// Peers that are up.
    pub peers: u64,
    /// Messages read.
    pub messages_in: u64,
    /// Bytes of frames read.
    pub bytes_in: u64,
    /// Frames written.
    pub frames_out: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Extensible payloads that came again in the same bytes.
    pub repeated: u64,
    /// Extensible payloads and questions dropped because a peer sent too many.
    pub over_rate: u64,
    /// Frames that were dropped because a peer takes them too slowly.
    pub dropped_out: u64,
    /// Connections that ended, by the reason's name.
    pub refusals: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) messages_in: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) frames_out: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) repeated: AtomicU64,
    pub(crate) over_rate: AtomicU64,
    pub(crate) dropped_out: AtomicU64,
    refusals: Mutex<BTreeMap<&'static str, u64>>,
}

/// Adds to a counter.
pub(crate) fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Relaxed);
}

impl Counters {
    pub(crate) fn refused(&self, reason: &NeoRefusal) {
        *self.refusals.lock().entry(reason.name()).or_default() += 1;
    }

    pub(crate) fn snapshot(&self, peers: usize) -> NeoMetrics {
        NeoMetrics {
            peers: peers as u64,
            messages_in: self.messages_in.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            frames_out: self.frames_out.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            repeated: self.repeated.load(Relaxed),
            over_rate: self.over_rate.load(Relaxed),
            dropped_out: self.dropped_out.load(Relaxed),
            refusals: self.refusals.lock().clone(),
        }
    }
}
