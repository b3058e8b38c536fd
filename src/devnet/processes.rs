//! The processes of all validators: started, hurt, started again, stopped.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

use super::cast::{Cast, Part};
use super::observations::Observations;
use super::process::{Role, Validator, stop_all};
use crate::network_files::NetworkFolder;

/// The validators of a run.
pub(crate) struct Processes<'a> {
    binary: PathBuf,
    network: &'a NetworkFolder,
    cast: &'a Cast,
    seen: &'a Arc<Observations>,
    validators: Mutex<Vec<Option<Validator>>>,
}

impl<'a> Processes<'a> {
    /// Starts all of them.
    ///
    /// # Errors
    /// If one cannot be started; the others end then, since their pipes are dropped.
    pub(crate) fn start(
        network: &'a NetworkFolder,
        cast: &'a Cast,
        seen: &'a Arc<Observations>,
    ) -> anyhow::Result<Self> {
        let processes = Self {
            binary: std::env::current_exe().context("finding this program's file")?,
            network,
            cast,
            seen,
            validators: Mutex::new(Vec::new()),
        };
        for index in 0..network.nodes().len() {
            let started = processes.spawn(index)?;
            processes.validators.lock().push(Some(started));
        }
        Ok(processes)
    }

    fn spawn(&self, index: usize) -> anyhow::Result<Validator> {
        let node = self.network.nodes().get(index);
        let node = node.with_context(|| format!("there is no validator {index}"))?;
        let role = match (self.cast.part(index), self.cast.attacker()) {
            (Part::Byzantine, Some((_, mode))) => Role::Byzantine(mode, self.cast.seed()),
            _ => Role::Honest,
        };
        Validator::start(&self.binary, index, node, role, Arc::clone(self.seen))
    }

    /// Process id and log of each; the id is 0 where none runs.
    pub(crate) fn all(&self) -> Vec<(u32, PathBuf)> {
        let validators = self.validators.lock();
        let nodes = self.network.nodes().iter().zip(validators.iter());
        nodes
            .map(|(node, validator)| {
                let pid = validator.as_ref().map_or(0, Validator::pid);
                (pid, Validator::log(node))
            })
            .collect()
    }

    /// The process id of a validator that runs.
    pub(crate) fn pid(&self, index: usize) -> Option<u32> {
        let validators = self.validators.lock();
        Some(validators.get(index)?.as_ref()?.pid())
    }

    /// Sends a signal at once.
    ///
    /// # Errors
    /// If no process of the validator runs.
    pub(crate) fn signal(&self, index: usize, signal: Signal) -> anyhow::Result<()> {
        let ended = self
            .seen
            .read(|nodes| nodes.get(index).is_none_or(|node| node.ended.is_some()));
        // While it is not reaped, which `ended` tells of, the id is its own.
        let pid = self.pid(index).filter(|_| !ended);
        let pid = pid.and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        let pid = pid.with_context(|| format!("validator {index} does not run"))?;
        kill_process(pid, signal).with_context(|| format!("signalling validator {index}"))
    }

    /// `kill -9`. Returns when the signal is sent; [`Processes::bury`] waits for the end.
    ///
    /// # Errors
    /// If no process of the validator runs.
    pub(crate) fn kill(&self, index: usize) -> anyhow::Result<()> {
        self.seen.expect_end(index);
        self.signal(index, Signal::KILL)
    }

    /// Waits until a killed validator has ended.
    pub(crate) async fn bury(&self, index: usize) {
        let taken = self.validators.lock().get_mut(index).and_then(Option::take);
        if let Some(validator) = taken {
            validator.ended().await;
        }
    }

    /// Starts a validator again that was killed.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn restart(&self, index: usize) -> anyhow::Result<()> {
        self.seen.begins_again(index);
        let started = self.spawn(index)?;
        if let Some(place) = self.validators.lock().get_mut(index) {
            *place = Some(started);
        }
        Ok(())
    }

    /// Tells all that run to stop and waits until they did.
    pub(crate) async fn stop(self) {
        stop_all(self.validators.into_inner().into_iter().flatten().collect()).await;
    }
}
