//! The processes of validators and Neo nodes.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::neo_go::follow;
use super::observations::Observations;
use crate::byzantine::AttackMode;
use crate::network_files::{NEO_GO_FILE, NodeFolder};
use crate::rpc::Endpoint;

/// How long a validator may take to end after it was told to.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Name of a validator's log in its folder.
const LOG_FILE: &str = "node.log";

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It follows the protocol.
    Honest,
    /// It attacks the others, with choices that follow a seed if there is one.
    Byzantine(AttackMode, Option<u64>),
}

impl Role {
    /// The command that plays it, with what is its own.
    fn command(self) -> Vec<String> {
        match self {
            Self::Honest => vec!["run".to_owned()],
            Self::Byzantine(mode, seed) => {
                let attack = ["byzantine", "--attack-mode", mode.name()];
                let seed = seed.map(|seed| ["--seed".to_owned(), seed.to_string()]);
                let attack = attack.into_iter().map(str::to_owned);
                attack.chain(seed.into_iter().flatten()).collect()
            }
        }
    }
}

/// A running validator or Neo node. A validator's standard input is a pipe that only we hold: however we end, it sees the end of the pipe
/// and ends too.
#[derive(Debug)]
pub(crate) struct NodeProcess {
    pid: u32,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl NodeProcess {
    /// Starts validator `index` as a process of `binary` and follows what it reports.
    ///
    /// # Errors
    /// If the process cannot be started or its log cannot be written.
    pub(crate) fn start(
        binary: &Path,
        index: usize,
        node: &NodeFolder,
        role: Role,
        seen: Arc<Observations>,
    ) -> anyhow::Result<Self> {
        let log = log_in(node.path());
        let place = || format!("starting validator {index}");
        let log_file = OpenOptions::new().create(true).append(true).open(&log);
        let mut child = Command::new(binary)
            .args(role.command())
            .arg("--config")
            .arg(node.config_file())
            .args(["--events", "--exit-with-parent"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file.with_context(place)?)
            // A Ctrl-C at the terminal is for us; the validators are stopped in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(place)?;
        let pid = child.id().unwrap_or_default();
        let stdout = child.stdout.take();
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(async move {
            let reading = read_events(stdout, index, &seen);
            let (status, ()) = tokio::join!(wait(child, stopped), reading);
            seen.ended(index, how_it_ended(status));
        });
        Ok(Self { pid, stop, ended })
    }

    /// Starts a neo-go process in its folder, whose configuration is there and whose RPC listens at the endpoint, and
    /// asks it what it has stored, which goes to `seen` under the index.
    ///
    /// # Errors
    /// As of [`NodeProcess::start`].
    pub(crate) fn start_neo_go(
        program: &Path,
        index: usize,
        (folder, endpoint): (&Path, Endpoint),
        seen: Arc<Observations>,
    ) -> anyhow::Result<Self> {
        let place = || format!("starting neo-go in {}", folder.display());
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log_in(folder));
        let log = log.with_context(place)?;
        let child = Command::new(program)
            .args([
                "node",
                "--force-timestamp-logs",
                "--config-file",
                NEO_GO_FILE,
            ])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().with_context(place)?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(place)?;
        let pid = child.id().unwrap_or_default();
        let undertaker = undertaker(pid).with_context(place)?;
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(async move {
            let status = tokio::select! {
                status = wait(child, stopped) => status,
                never = follow(endpoint, index, &seen) => match never {},
            };
            drop(undertaker);
            seen.ended(index, how_it_ended(status));
        });
        Ok(Self { pid, stop, ended })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(self) {
        // It fails only if the task was torn down with the runtime.
        let _ = self.ended.await;
    }
}

/// The log of a process in this folder.
pub(crate) fn log_in(folder: &Path) -> PathBuf {
    folder.join(LOG_FILE)
}

/// A process that kills another one when we end, however we end: its standard input is a pipe that only we hold.
/// neo-go does not look whether who started it is there. Dropping it ends it, and nobody is killed.
fn undertaker(pid: u32) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", "read -r _; kill -9 \"$1\"", "sh", &pid.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

fn how_it_ended(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Tells all processes to stop and waits until they did; those that do not are killed.
pub(crate) async fn stop_all(processes: Vec<NodeProcess>) {
    let ending: Vec<_> = processes
        .into_iter()
        .map(|process| {
            // Nobody listens to one that has ended.
            let _ = process.stop.send(());
            process.ended
        })
        .collect();
    futures::future::join_all(ending).await;
}

/// Waits for the process to end; after `stop`, asks it to and then kills it.
async fn wait(mut child: Child, stop: oneshot::Receiver<()>) -> io::Result<ExitStatus> {
    // Waiting closes standard input, whose end tells the validator to stop: hold it.
    let stdin = child.stdin.take();
    let told = tokio::select! {
        status = child.wait() => return status,
        told = stop => told,
    };
    drop(told);
    // The process is not reaped yet, so the id is still its own.
    if let Some(pid) = child
        .id()
        .and_then(|pid| Pid::from_raw(pid.try_into().ok()?))
    {
        // It fails only if the process just ended.
        let _ = kill_process(pid, Signal::TERM);
    }
    if let Ok(status) = tokio::time::timeout(STOP_TIMEOUT, child.wait()).await {
        return status;
    }
    drop(stdin);
    child.start_kill()?;
    child.wait().await
}

async fn read_events(stdout: Option<ChildStdout>, index: usize, seen: &Observations) {
    let Some(stdout) = stdout else { return };
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(event) => seen.record(index, event),
            Err(error) => eprintln!("neo-cli: validator {index} reported `{line}`: {error}"),
        }
    }
}

/// The last lines of a log, for an error.
pub(crate) fn last_lines(log: &Path, count: usize) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(count)..)
        .unwrap_or_default()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        std::fs::write(&log, "a\nb\nc\n").unwrap();
        assert_eq!(last_lines(&log, 2), "b\nc");
        assert_eq!(last_lines(&log, 9), "a\nb\nc");
        assert_eq!(last_lines(&folder.path().join("none"), 2), "");
    }
}
