//! The processes of all validators: started, hurt, started again, stopped.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use rustix::process::Signal;

use super::cast::{Cast, Part};
use super::crew::Crew;
use super::mixed::{Lives, Software};
use super::neo_go::NeoGoProgram;
use super::observations::Observations;
use super::process::{NodeProcess, Role, log_in};
use crate::network_files::NetworkFolder;

/// The validators of a run.
pub(crate) struct Processes<'a> {
    binary: PathBuf,
    network: &'a NetworkFolder,
    cast: &'a Cast,
    seen: &'a Arc<Observations>,
    lives: Lives,
    neo_go: Option<NeoGoProgram>,
    crew: Crew,
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
            crew: Crew::new("validator", Arc::clone(seen)),
        };
        for index in 0..validators {
            let software = match index >= validators.saturating_sub(neo_go.1) {
                true => Software::NeoGo,
                false => Software::NeoDbft,
            };
            let started = processes.spawn(index, software)?;
            processes.crew.push(started);
        }
        Ok(processes)
    }

    fn spawn(&self, index: usize, software: Software) -> anyhow::Result<NodeProcess> {
        let node = self.network.nodes().get(index);
        let node = node.with_context(|| format!("there is no validator {index}"))?;
        self.lives
            .begins(index, software, self.seen.greatest_height());
        if software == Software::NeoGo {
            let program = self.neo_go.as_ref().context("no neo-go program")?;
            let place = (node.path(), node.rpc()?);
            return NodeProcess::start_neo_go(&program.path, index, place, Arc::clone(self.seen));
        }
        let role = match (self.cast.part(index), self.cast.attacker()) {
            (Part::Byzantine, Some((_, mode))) => Role::Byzantine(mode, self.cast.seed()),
            _ => Role::Honest,
        };
        NodeProcess::start(&self.binary, index, node, role, Arc::clone(self.seen))
    }

    /// The neo-go program, if there is one.
    pub(crate) fn neo_go(&self) -> Option<&NeoGoProgram> {
        self.neo_go.as_ref()
    }

    /// Which program has been which validator.
    pub(crate) fn lives(&self) -> &Lives {
        &self.lives
    }

    /// Process id and log of each; the id is 0 where none runs.
    pub(crate) fn all(&self) -> Vec<(u32, PathBuf)> {
        let nodes = self.network.nodes().iter().zip(self.crew.pids());
        nodes
            .map(|(node, pid)| (pid, log_in(node.path())))
            .collect()
    }

    /// The process id of a validator that runs.
    pub(crate) fn pid(&self, index: usize) -> Option<u32> {
        self.crew.pid(index)
    }

    /// Sends a signal at once.
    ///
    /// # Errors
    /// If no process of the validator runs.
    pub(crate) fn signal(&self, index: usize, signal: Signal) -> anyhow::Result<()> {
        self.crew.signal(index, signal)
    }

    /// `kill -9`. Returns when the signal is sent; [`Processes::bury`] waits for the end.
    ///
    /// # Errors
    /// If no process of the validator runs.
    pub(crate) fn kill(&self, index: usize) -> anyhow::Result<()> {
        self.lives.ends(index);
        self.crew.kill(index)
    }

    /// Tells one validator to stop and waits until it did.
    pub(crate) async fn stop_one(&self, index: usize) {
        self.lives.ends(index);
        self.crew.stop_one(index).await;
    }

    /// Waits until a killed validator has ended.
    pub(crate) async fn bury(&self, index: usize) {
        self.crew.bury(index).await;
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
        self.crew.put(index, self.spawn(index, software)?);
        Ok(())
    }

    /// Tells all that run to stop and waits until they did.
    pub(crate) async fn stop(self) {
        self.crew.stop().await;
    }
}
