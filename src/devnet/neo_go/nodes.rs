//! The neo-go nodes that keep the validators' chain, one beside each.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::Signal;
use tokio::time::timeout;

use super::super::cast::{Cast, Disturbances};
use super::super::crew::Crew;
use super::super::observations::Observations;
use super::super::process::{NodeProcess, log_in};
use super::NeoGoProgram;
use crate::exit::{Exit, OrExit as _};
use crate::network_files::{NeoNodeFolder, NetworkFolder};
use crate::rpc::Endpoint;

/// How long they may take to come up.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The Neo nodes of a network on attached ledgers.
pub(crate) struct NeoNodes<'a> {
    program: NeoGoProgram,
    folders: &'a [NeoNodeFolder],
    seen: Arc<Observations>,
    crew: Crew,
}

impl<'a> NeoNodes<'a> {
    /// Starts all of them.
    ///
    /// # Errors
    /// If one cannot be started; the others end then.
    pub(crate) fn start(program: NeoGoProgram, network: &'a NetworkFolder) -> anyhow::Result<Self> {
        let folders = network.neo_nodes();
        let cast = Cast::of(&Disturbances::default(), folders.len()).or_exit(Exit::Usage)?;
        let seen = Arc::new(Observations::new(&cast));
        let nodes = Self {
            program,
            folders,
            crew: Crew::new("Neo node", seen.clone()),
            seen,
        };
        for index in 0..folders.len() {
            nodes.crew.push(nodes.spawn(index)?);
        }
        Ok(nodes)
    }

    fn spawn(&self, index: usize) -> anyhow::Result<NodeProcess> {
        let folder = self.folders.get(index);
        let folder = folder.with_context(|| format!("there is no Neo node {index}"))?;
        let place = (folder.path(), folder.rpc().clone());
        NodeProcess::start_neo_go(&self.program.path, index, place, self.seen.clone())
    }

    /// Waits until all answer over RPC.
    ///
    /// # Errors
    /// If one does not in time.
    pub(crate) async fn until_ready(&self) -> anyhow::Result<()> {
        let ready = self
            .seen
            .until(|nodes| nodes.iter().all(|node| node.ready).then_some(()));
        timeout(START_TIMEOUT, ready).await.map_err(|_| {
            let seconds = START_TIMEOUT.as_secs();
            Exit::Failure.error(format!("a Neo node did not come up within {seconds} s"))
        })
    }

    /// The program that they are.
    pub(crate) fn program(&self) -> &NeoGoProgram {
        &self.program
    }

    /// What they have stored.
    pub(crate) fn seen(&self) -> &Arc<Observations> {
        &self.seen
    }

    /// Where their JSON-RPC listens.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        let folders = self.folders.iter();
        folders.map(|folder| folder.rpc().clone()).collect()
    }

    /// Their process ids; 0 where none runs.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.crew.pids()
    }

    /// Waits until one ended that nobody ended on purpose: which, how, and its log.
    pub(crate) async fn until_one_ended(&self) -> (usize, String, std::path::PathBuf) {
        let (index, how) = self.seen.until_one_ended().await;
        let folder = self.folders.get(index).map(NeoNodeFolder::path);
        (index, how, folder.map(log_in).unwrap_or_default())
    }

    /// `kill -9`; returns when it has ended.
    ///
    /// # Errors
    /// If it does not run.
    pub(crate) async fn kill(&self, index: usize) -> anyhow::Result<()> {
        self.crew.kill(index)?;
        self.crew.bury(index).await;
        Ok(())
    }

    /// Starts one again that was killed.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn restart(&self, index: usize) -> anyhow::Result<()> {
        self.seen.begins_again(index);
        self.crew.put(index, self.spawn(index)?);
        Ok(())
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If it does not run.
    pub(crate) fn signal(&self, index: usize, signal: Signal) -> anyhow::Result<()> {
        self.crew.signal(index, signal)
    }

    /// Tells all to stop and waits until they did.
    pub(crate) async fn stop(self) {
        for index in 0..self.folders.len() {
            // A frozen one would not hear that it is to stop; one that has ended needs not.
            let _ = self.crew.signal(index, Signal::CONT);
        }
        self.crew.stop().await;
    }
}
