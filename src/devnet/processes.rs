//! The processes of all validators: started, hurt, started again, stopped.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

use super::cast::{Cast, Part};
use super::mixed::{Lives, Software};
use super::neo_go::NeoGoProgram;
use super::observations::Observations;
use super::process::{Role, Validator, stop_all};
use crate::network_files::NetworkFolder;

/// The validators of a run.
pub(crate) struct Processes<'a> {
    binary: PathBuf,
    network: &'a NetworkFolder,
    cast: &'a Cast,
    seen: &'a Arc<Observations>,
    lives: Lives,
    neo_go: Option<NeoGoProgram>,
    validators: Mutex<Vec<Option<Validator>>>,
}

impl<'a> Processes<'a> {
    /// Starts all of them; with a neo-go program, the last `neo_go.1` are processes of it.
    ///
    /// # Errors
    /// If one cannot be started; the others end then, since their pipes are dropped.
    pub(crate) fn start(
        network: &'a NetworkFolder,
        cast: &'a Cast,
        seen: &'a Arc<Observations>,
        neo_go: (Option<NeoGoProgram>, usize),
    ) -> anyhow::Result<Self> {
        let validators = network.nodes().len();
        let processes = Self {
            binary: std::env::current_exe().context("finding this program's file")?,
            network,
            cast,
            seen,
            lives: Lives::new(validators),
            neo_go: neo_go.0,
            validators: Mutex::new(Vec::new()),
        };
        for index in 0..validators {
            let software = match index >= validators.saturating_sub(neo_go.1) {
                true => Software::NeoGo,
                false => Software::NeoDbft,
            };
            let started = processes.spawn(index, software)?;
            processes.validators.lock().push(Some(started));
        }
        Ok(processes)
    }

    fn spawn(&self, index: usize, software: Software) -> anyhow::Result<Validator> {
        let node = self.network.nodes().get(index);
        let node = node.with_context(|| format!("there is no validator {index}"))?;
        self.lives
            .begins(index, software, self.seen.greatest_height());
        if software == Software::NeoGo {
            let program = self.neo_go.as_ref().context("no neo-go program")?;
            return Validator::start_neo_go(&program.path, index, node, Arc::clone(self.seen));
        }
        let role = match (self.cast.part(index), self.cast.attacker()) {
            (Part::Byzantine, Some((_, mode))) => Role::Byzantine(mode, self.cast.seed()),
            _ => Role::Honest,
        };
        Validator::start(&self.binary, index, node, role, Arc::clone(self.seen))
    }

    /// Which program has been which validator.
    pub(crate) fn lives(&self) -> &Lives {
        &self.lives
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
        self.lives.ends(index);
        self.signal(index, Signal::KILL)
    }

    /// Tells one validator to stop and waits until it did.
    pub(crate) async fn stop_one(&self, index: usize) {
        self.seen.expect_end(index);
        self.lives.ends(index);
        let taken = self.validators.lock().get_mut(index).and_then(Option::take);
        stop_all(taken.into_iter().collect()).await;
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
        let software = self.lives.software(index).unwrap_or(Software::NeoDbft);
        self.replace(index, software)
    }

    /// Starts a validator that was killed or stopped, as a process of this program.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn replace(&self, index: usize, software: Software) -> anyhow::Result<()> {
        self.seen.begins_again(index);
        let started = self.spawn(index, software)?;
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
