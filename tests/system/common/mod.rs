//! Real networks of real processes for whole-system tests.

pub mod audit;
pub mod funds;
pub mod rpc;

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest wait for something that must happen at all; no measure of speed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_neo-cli");

/// Cycles of the crash tests; `.ci/run --full` asks for more.
pub fn cycles() -> usize {
    std::env::var("DBFT_CYCLES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(5)
}

/// Seconds of the runs with faults and attackers; `DBFT_SECONDS` asks for more.
pub fn seconds() -> u64 {
    std::env::var("DBFT_SECONDS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(8)
}

/// Waits until `probe` gives something.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(
            begin.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A network on this machine.
pub struct Network {
    pub nodes: Vec<Node>,
    folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// One validator.
pub struct Node {
    pub index: usize,
    pub folder: PathBuf,
    pub rpc: rpc::Client,
    child: Option<Child>,
}

/// One network at a time: they would take each other's ports, and each other's processor time.
static TURN: Mutex<()> = Mutex::new(());

/// Waits until no other network runs.
pub fn turn() -> MutexGuard<'static, ()> {
    // A test that failed leaves nothing behind that another could trip over.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run of free ports, for TCP and UDP, below those that the system hands out by itself.
pub fn free_ports(count: u16) -> u16 {
    for base in (21_000..32_000 - count).step_by(usize::from(count)) {
        let free = (base..base + count).all(|port| {
            TcpListener::bind(("127.0.0.1", port)).is_ok()
                && UdpSocket::bind(("127.0.0.1", port)).is_ok()
        });
        if free {
            return base;
        }
    }
    panic!("no {count} free ports in a row");
}

impl Network {
    /// Makes the files of a network; nothing runs yet.
    pub fn create(validators: u16, block_time: &str) -> Self {
        let turn = turn();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("network");
        let base = free_ports(10 * validators);
        let made = Command::new(BINARY)
            .args(["init", "--validators", &validators.to_string(), "--out"])
            .arg(&root)
            .args([
                "--block-time",
                block_time,
                "--base-port",
                &base.to_string(),
                "--json",
            ])
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "init: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let nodes = (0..usize::from(validators))
            .map(|index| {
                let port = base + 10 * u16::try_from(index).unwrap() + 1;
                Node::new(
                    index,
                    root.join(format!("node{index}")),
                    rpc::Client::new(port),
                )
            })
            .collect();
        Self {
            nodes,
            folder,
            _turn: turn,
        }
    }

    /// Starts all nodes and waits until they serve.
    pub fn start(&mut self) {
        self.nodes.iter_mut().for_each(Node::start);
        self.nodes.iter().for_each(Node::wait_until_up);
    }

    /// Ends all nodes the gentle way.
    pub fn stop(&mut self) {
        self.nodes.iter_mut().for_each(Node::stop);
    }

    /// The folder that everything is in; it goes with the network.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Greatest height that any node serves.
    pub fn height(&self) -> u32 {
        self.nodes
            .iter()
            .filter_map(|node| node.height())
            .max()
            .unwrap_or(0)
    }
}

impl Node {
    pub fn new(index: usize, folder: PathBuf, rpc: rpc::Client) -> Self {
        Self {
            index,
            folder,
            rpc,
            child: None,
        }
    }

    pub fn start(&mut self) {
        self.start_as(&["run"]);
    }

    /// Starts it with another command, which takes the options of `run`.
    pub fn start_as(&mut self, command: &[&str]) {
        self.spawn(command, Stdio::null());
    }

    fn spawn(&mut self, command: &[&str], told: Stdio) {
        assert!(self.child.is_none(), "node {} runs already", self.index);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("test.log"))
            .unwrap();
        let child = Command::new(BINARY)
            .args(command)
            .args(["--exit-with-parent", "--config"])
            .arg(self.folder.join("config.json"))
            .stdin(Stdio::piped())
            .stdout(told)
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Starts it, and gives what it tells of itself: one JSON object a line.
    pub fn start_telling(&mut self) -> impl Iterator<Item = Value> + use<> {
        self.spawn(&["run", "--events"], Stdio::piped());
        let told = self.child.as_mut().and_then(|child| child.stdout.take());
        let lines = BufReader::new(told.expect("its output is piped")).lines();
        lines.map_while(|line| serde_json::from_str(&line.ok()?).ok())
    }

    pub fn wait_until_up(&self) {
        eventually(
            &format!("node {} serves ({})", self.index, self.log().display()),
            || self.height(),
        );
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join("test.log")
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("the node runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Closes its standard input, which tells it to end.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            eventually("the node ends", || child.try_wait().unwrap());
        }
    }

    /// Waits until it ends by itself.
    pub fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the node runs");
        eventually("the node ends by itself", || child.try_wait().unwrap())
    }

    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Height of its stored tip, if it answers.
    pub fn height(&self) -> Option<u32> {
        let count = self.rpc.call("getblockcount", &json!([])).ok()?.as_u64()?;
        u32::try_from(count.checked_sub(1)?).ok()
    }

    pub fn block_hash(&self, height: u32) -> Option<String> {
        let hash = self.rpc.call("getblockhash", &json!([height])).ok()?;
        hash.as_str().map(str::to_owned)
    }

    /// Its configuration as it stands in its file.
    pub fn config(&self) -> Value {
        let text = std::fs::read_to_string(self.folder.join("config.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Changes its configuration, before it is started.
    pub fn configure(&self, change: impl FnOnce(&mut Value)) {
        let mut config = self.config();
        change(&mut config);
        std::fs::write(self.folder.join("config.json"), config.to_string()).unwrap();
    }

    /// What it says of consensus, if it answers.
    pub fn state(&self) -> Option<Value> {
        self.rpc.call("getconsensusstate", &json!([])).ok()
    }

    /// One of its metrics, with its labels as they are written; 0 if it is not there.
    pub fn metric(&self, name: &str) -> f64 {
        let listen = self.config()["metrics"]["listen"].clone();
        let port = listen.as_str().unwrap().rsplit_once(':').unwrap().1;
        let text = rpc::Client::new(port.parse().unwrap())
            .get("/metrics")
            .unwrap_or_default();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Asserts that the nodes hold the same chain up to the lowest tip, and gives that tip's height.
pub fn same_chain(network: &Network) -> u32 {
    let lowest = network
        .nodes
        .iter()
        .map(|node| node.height().unwrap())
        .min()
        .unwrap();
    for height in 0..=lowest {
        let first = network.nodes[0].block_hash(height).unwrap();
        for node in &network.nodes[1..] {
            assert_eq!(
                node.block_hash(height).as_ref(),
                Some(&first),
                "height {height}"
            );
        }
    }
    lowest
}
