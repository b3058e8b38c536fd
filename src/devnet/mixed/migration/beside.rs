//! The validators of dBFT 3.0 beside the neo-go nodes: made, started and ended with the commands that an operator has.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use futures::future::try_join_all;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::process::Command;

use super::super::super::cast::{Cast, Disturbances};
use super::super::super::crew::Crew;
use super::super::super::observations::Observations;
use super::super::super::process::{NodeProcess, Role, log_in};
use super::super::ground::Ground;
use crate::exit::{Exit, OrExit as _};
use crate::network_files::{NEO_GO_FILE, NodeFolder, NodePorts, PASSWORD_FILE, local};

/// They, as far as they run.
pub(super) struct Beside<'a> {
    ground: &'a Ground<'a>,
    binary: PathBuf,
    folders: Vec<NodeFolder>,
    seen: Arc<Observations>,
    crew: Mutex<Option<Arc<Crew>>>,
}

impl<'a> Beside<'a> {
    /// Writes their configurations out of neo-go's.
    ///
    /// # Errors
    /// If the import fails.
    pub(super) async fn import(ground: &'a Ground<'a>) -> anyhow::Result<Self> {
        let binary = std::env::current_exe().context("finding this program's file")?;
        let nodes = ground.network.nodes();
        let ports = NodePorts::free(nodes.len()).or_exit(Exit::Busy)?;
        let keys = &ground.network.genesis().standby_validators;
        let mut folders = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let folder = ground.network.root().join(format!("three{index}"));
            std::fs::create_dir(&folder).context("making a folder for a validator")?;
            let others = keys.iter().zip(&ports).enumerate();
            let others = others.filter(|(other, _)| *other != index);
            let peers = others.flat_map(|(_, (key, ports))| {
                [
                    "--peer".to_owned(),
                    format!("{key}@{}", local(ports.network)),
                ]
            });
            let own = ports.get(index).context("no ports for a validator")?;
            let text = |path: PathBuf| path.to_string_lossy().into_owned();
            let mut arguments: Vec<String> = [
                ("--from", text(node.path().join(NEO_GO_FILE))),
                ("--out", text(NodeFolder::config_in(&folder))),
                ("--protocol", "3".to_owned()),
                ("--ledger", "attached".to_owned()),
                ("--listen", local(own.network).to_string()),
                ("--rpc", local(own.rpc).to_string()),
                ("--metrics", local(own.metrics).to_string()),
                ("--password-file", text(node.path().join(PASSWORD_FILE))),
            ]
            .into_iter()
            .flat_map(|(option, value)| [option.to_owned(), value])
            .collect();
            arguments.extend(peers);
            command(&binary, "import", &arguments).await?.done()?;
            folders.push(NodeFolder::at(&folder)?);
        }
        let cast = Cast::of(&Disturbances::default(), nodes.len()).or_exit(Exit::Usage)?;
        Ok(Self {
            ground,
            binary,
            folders,
            seen: Arc::new(Observations::new(&cast)),
            crew: Mutex::default(),
        })
    }

    /// Begins their vote logs: which of them leave the next height to the others.
    ///
    /// # Errors
    /// If one is refused.
    pub(super) async fn take_over(&self) -> anyhow::Result<Vec<usize>> {
        let nodes = self.ground.network.nodes().iter().zip(&self.folders);
        let all = nodes.map(|(node, folder)| async move {
            let log = log_in(node.path()).to_string_lossy().into_owned();
            let arguments = [
                "--config".to_owned(),
                config(folder),
                "--log".to_owned(),
                log,
            ];
            let told = command(&self.binary, "take-over", &arguments)
                .await?
                .done()?;
            Ok::<_, anyhow::Error>(told["abstains"] == Value::Bool(true))
        });
        let abstains = try_join_all(all).await?;
        let apart = abstains.into_iter().enumerate();
        Ok(apart
            .filter_map(|(index, apart)| apart.then_some(index))
            .collect())
    }

    /// Starts them.
    ///
    /// # Errors
    /// If one cannot be started.
    pub(super) fn start(&self) -> anyhow::Result<()> {
        let crew = Crew::new("validator beside neo-go", Arc::clone(&self.seen));
        for (index, folder) in self.folders.iter().enumerate() {
            let seen = Arc::clone(&self.seen);
            let started = NodeProcess::start(&self.binary, index, folder, Role::Honest, seen)?;
            crew.push(started);
        }
        *self.crew.lock() = Some(Arc::new(crew));
        Ok(())
    }

    /// Why the migration cannot go on when one ends by itself.
    pub(super) async fn until_one_ended(&self) -> anyhow::Error {
        let (index, how) = self.seen.until_one_ended().await;
        let folder = self.folders.get(index).map(NodeFolder::path);
        let log = log_in(folder.unwrap_or(Path::new("")));
        Exit::Died.error(format!(
            "the validator beside neo-go {index} ended ({how}); its log is {}",
            log.display()
        ))
    }

    /// Stops them.
    pub(super) async fn end(&self) {
        let crew = self.crew.lock().take();
        if let Some(crew) = crew {
            let all = (0..self.folders.len()).map(|index| crew.stop_one(index));
            futures::future::join_all(all).await;
        }
    }

    /// Ends their part: which of them have signed a block that is not there.
    ///
    /// # Errors
    /// If a command fails otherwise.
    pub(super) async fn hand_back(&self) -> anyhow::Result<Vec<usize>> {
        let all = self.folders.iter().map(|folder| async move {
            let arguments = ["--config".to_owned(), config(folder)];
            let ended = command(&self.binary, "hand-back", &arguments).await?;
            if ended.code == Some(Exit::Refused as i32)
                && ended.err.contains("has signed the block")
            {
                return Ok(true);
            }
            ended.done().map(|_| false)
        });
        let refused = try_join_all(all).await?;
        let apart = refused.into_iter().enumerate();
        Ok(apart
            .filter_map(|(index, apart)| apart.then_some(index))
            .collect())
    }

    /// Stops what runs.
    pub(super) async fn stop(self) {
        self.end().await;
    }
}

fn config(folder: &NodeFolder) -> String {
    folder.config_file().to_string_lossy().into_owned()
}

/// How a command ended.
struct Ended {
    what: &'static str,
    code: Option<i32>,
    out: Vec<u8>,
    err: String,
}

impl Ended {
    /// What it printed, if it succeeded.
    fn done(self) -> anyhow::Result<Value> {
        let Self {
            what,
            code,
            out,
            err,
        } = self;
        if code != Some(0) {
            return Err(Exit::Failure.error(format!("migrate {what} ended with {code:?}: {err}")));
        }
        serde_json::from_slice(&out).with_context(|| format!("what migrate {what} printed"))
    }
}

/// Runs `migrate WHAT` of this program.
async fn command(binary: &Path, what: &'static str, arguments: &[String]) -> anyhow::Result<Ended> {
    let ended = Command::new(binary)
        .args(["--json", "migrate", what])
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let ended = ended
        .await
        .with_context(|| format!("running migrate {what}"))?;
    Ok(Ended {
        what,
        code: ended.status.code(),
        out: ended.stdout,
        err: String::from_utf8_lossy(&ended.stderr).into_owned(),
    })
}
