//! Running processes by index: hurt, replaced, stopped.

use std::sync::Arc;

use anyhow::Context as _;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

use super::observations::Observations;
use super::process::{NodeProcess, stop_all};

/// Processes that are reported about under their indexes.
#[derive(Debug)]
pub(crate) struct Crew {
    /// What they are in errors, such as `validator`.
    name: &'static str,
    seen: Arc<Observations>,
    places: Mutex<Vec<Option<NodeProcess>>>,
}

impl Crew {
    /// No process yet.
    pub(crate) fn new(name: &'static str, seen: Arc<Observations>) -> Self {
        Self {
            name,
            seen,
            places: Mutex::default(),
        }
    }

    /// One more runs, at the next index.
    pub(crate) fn push(&self, process: NodeProcess) {
        self.places.lock().push(Some(process));
    }

    /// One runs in the place of another.
    pub(crate) fn put(&self, index: usize, process: NodeProcess) {
        if let Some(place) = self.places.lock().get_mut(index) {
            *place = Some(process);
        }
    }

    /// Process ids of all; 0 where none runs.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let places = self.places.lock();
        let pids = places.iter().map(Option::as_ref);
        pids.map(|one| one.map_or(0, NodeProcess::pid)).collect()
    }

    /// The process id of one that runs.
    pub(crate) fn pid(&self, index: usize) -> Option<u32> {
        Some(self.places.lock().get(index)?.as_ref()?.pid())
    }

    /// Sends a signal at once.
    ///
    /// # Errors
    /// If no process has this index.
    pub(crate) fn signal(&self, index: usize, signal: Signal) -> anyhow::Result<()> {
        let ended = self
            .seen
            .read(|nodes| nodes.get(index).is_none_or(|node| node.ended.is_some()));
        // While it is not reaped, which `ended` tells of, the id is its own.
        let pid = self.pid(index).filter(|_| !ended);
        let pid = pid.and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        let pid = pid.with_context(|| format!("{} {index} does not run", self.name))?;
        kill_process(pid, signal).with_context(|| format!("signalling {} {index}", self.name))
    }

    /// `kill -9`. Returns when the signal is sent; [`Crew::bury`] waits for the end.
    ///
    /// # Errors
    /// If no process has this index.
    pub(crate) fn kill(&self, index: usize) -> anyhow::Result<()> {
        self.seen.expect_end(index);
        self.signal(index, Signal::KILL)
    }

    /// Tells one to stop and waits until it did.
    pub(crate) async fn stop_one(&self, index: usize) {
        self.seen.expect_end(index);
        stop_all(self.take(index).into_iter().collect()).await;
    }

    /// Waits until a killed one has ended.
    pub(crate) async fn bury(&self, index: usize) {
        if let Some(process) = self.take(index) {
            process.ended().await;
        }
    }

    fn take(&self, index: usize) -> Option<NodeProcess> {
        self.places.lock().get_mut(index).and_then(Option::take)
    }

    /// Tells all that run to stop and waits until they did.
    pub(crate) async fn stop(self) {
        stop_all(self.places.into_inner().into_iter().flatten().collect()).await;
    }
}
