//! What is counted.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use parking_lot::Mutex;

use super::{refusal::NeoRefusal, wire::Command};

/// What has been counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeoMetrics {
    /// Peers that are up.
    pub peers: u64,
    /// Messages read, by command; commands that never came are left out.
    pub messages_in: Vec<(Command, u64)>,
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

impl NeoMetrics {
    /// Messages read of one command.
    #[must_use]
    pub fn read(&self, command: Command) -> u64 {
        let found = self.messages_in.iter().find(|(read, _)| *read == command);
        found.map_or(0, |(_, times)| *times)
    }
}

#[derive(Debug)]
pub(crate) struct Counters {
    by_code: [AtomicU64; 256],
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

impl Default for Counters {
    fn default() -> Self {
        Self {
            by_code: std::array::from_fn(|_| AtomicU64::new(0)),
            bytes_in: AtomicU64::default(),
            frames_out: AtomicU64::default(),
            bytes_out: AtomicU64::default(),
            repeated: AtomicU64::default(),
            over_rate: AtomicU64::default(),
            dropped_out: AtomicU64::default(),
            refusals: Mutex::default(),
        }
    }
}

impl Counters {
    /// A message came.
    pub(crate) fn read(&self, command: Command, bytes: usize) {
        count(&self.bytes_in, bytes);
        if let Some(counter) = self.by_code.get(usize::from(command.code())) {
            count(counter, 1);
        }
    }

    pub(crate) fn refused(&self, reason: &NeoRefusal) {
        *self.refusals.lock().entry(reason.name()).or_default() += 1;
    }

    pub(crate) fn snapshot(&self, peers: usize) -> NeoMetrics {
        NeoMetrics {
            peers: peers as u64,
            messages_in: (0..=u8::MAX)
                .zip(&self.by_code)
                .map(|(code, times)| (Command::from_code(code), times.load(Relaxed)))
                .filter(|(_, times)| *times > 0)
                .collect(),
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
