//! A development network of real processes, end to end.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

#[test]
fn four_validators_agree_on_everything_that_was_sent() {
    let ended = Command::new(env!("CARGO_BIN_EXE_neo-cli"))
        .args(["devnet", "--duration", "8s", "--tx-rate", "50", "--json"])
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{err}");
    let summary: Value = serde_json::from_slice(&ended.stdout).expect("one JSON object");
    assert_eq!(summary["validators"], 4, "{summary}");
    assert_eq!(summary["tips_agree"], true, "{summary}");
    assert_eq!(summary["tx_refused"], 0, "{summary}");
    assert_eq!(
        summary["tx_submitted"], summary["tx_committed"],
        "{summary}"
    );
    assert_eq!(summary["tx_submitted"], 400, "{summary}");
    let nodes = summary["nodes"].as_array().expect("nodes");
    assert_eq!(nodes.len(), 4);
    for node in nodes {
        assert_eq!(node["tip"], nodes[0]["tip"]);
        assert_eq!(node["height"], nodes[0]["height"]);
        let folder = format!("/proc/{}", node["pid"]);
        assert!(
            !std::path::Path::new(&folder).exists(),
            "{folder} is still there"
        );
    }
    let fields = [
        "duration_s",
        "time_to_first_block_ms",
        "blocks",
        "tps",
        "block_interval_ms",
        "decision_ms",
        "witness_ms",
        "latency_ms",
        "view_changes",
        "consensus_messages_per_block",
        "consensus_bytes_per_block",
        "message_bytes_avg",
    ];
    for field in fields {
        assert!(!summary[field].is_null(), "{field}: {summary}");
    }
    // The temporary folder is gone.
    let folder = err
        .lines()
        .find_map(|line| line.split("files in ").nth(1))
        .expect("the folder is named");
    assert!(!std::path::Path::new(folder).exists(), "{folder}");
}

/// A devnet that is up, with its files in a folder that goes with it.
struct Running {
    devnet: Child,
    validators: Vec<u32>,
    rpc: String,
    wallet: String,
    stderr: BufReader<ChildStderr>,
    _folder: tempfile::TempDir,
}

impl Running {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut devnet = Command::new(env!("CARGO_BIN_EXE_neo-cli"))
            .args(["devnet", "--tx-rate", "20", "--json"])
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stderr = BufReader::new(devnet.stderr.take().expect("a pipe"));
        let (mut line, mut rpc) = (String::new(), String::new());
        while !line.contains("funded wallet") {
            line.clear();
            assert!(
                stderr.read_line(&mut line).expect("text") > 0,
                "it ended early"
            );
            if let Some(rest) = line.strip_prefix("validator 0: RPC ") {
                rpc = rest
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_owned();
            }
        }
        let validators = children(devnet.id());
        assert_eq!(validators.len(), 4);
        Self {
            devnet,
            validators,
            rpc,
            wallet: line
                .split_whitespace()
                .nth(2)
                .unwrap_or_default()
                .to_owned(),
            stderr,
            _folder: folder,
        }
    }

    /// Pays GAS from the funded wallet.
    fn pay(&self, amount: &str) -> Output {
        let password = self.wallet.replace("wallet.json", "password");
        let to = "NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq";
        Command::new(env!("CARGO_BIN_EXE_neo-cli"))
            .args(["transfer", "--token", "gas", "--to", to, "--json"])
            .args(["--wallet", &self.wallet, "--password-file", &password])
            .args(["--amount", amount, "--rpc", &self.rpc])
            .output()
            .expect("the binary runs")
    }

    /// Waits for the end; gives the exit code and what was written since.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.stderr.read_to_string(&mut err).expect("text");
        let mut stdout = self.devnet.stdout.take().expect("a pipe");
        stdout.read_to_string(&mut out).expect("text");
        let status = self.devnet.wait().expect("it ends");
        for pid in &self.validators {
            eventually(|| !alive(*pid));
        }
        (status.code(), out, err)
    }
}

/// The processes that this one started.
fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// The fourth field of its status, counted after the name in parentheses.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// Whether the process is there and no zombie.
fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(
        sent.is_ok_and(|status| status.success()),
        "kill {name} {pid}"
    );
}

/// Height of the last block of a node.
fn stored(rpc: &str) -> u64 {
    let status = Command::new(env!("CARGO_BIN_EXE_neo-cli"))
        .args(["consensus", "status", "--json", "--rpc", rpc])
        .output()
        .expect("the binary runs");
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    status[0]["state"]["stored"].as_u64().expect("a height")
}

/// Waits until it holds.
fn eventually(mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60), "it never held");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_interrupt_ends_the_run_with_a_summary() {
    let running = Running::start();
    eventually(|| stored(&running.rpc) >= 3);
    let paid = running.pay("0.5");
    let receipt: Value = serde_json::from_slice(&paid.stdout).expect("a receipt");
    assert_eq!(receipt["vm_state"], "HALT", "{receipt}");
    assert!(receipt["block"].as_u64() >= Some(3), "{receipt}");
    let refused = running.pay("99999999");
    assert_eq!(refused.status.code(), Some(6));
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(
        why.contains("99999999.1") && why.contains("are needed"),
        "{why}"
    );
    signal("-INT", running.devnet.id());
    let (code, out, err) = running.end();
    assert_eq!(code, Some(0), "{err}");
    let summary: Value = serde_json::from_str(&out).expect("one JSON object");
    assert_eq!(summary["tips_agree"], true);
}

#[test]
fn a_validator_that_dies_ends_the_run_with_its_own_code() {
    let running = Running::start();
    let victim = running.validators[2];
    signal("-KILL", victim);
    let (code, out, err) = running.end();
    assert_eq!(code, Some(8), "{err}");
    assert!(
        err.contains("signal: 9") && err.contains("kept in"),
        "{err}"
    );
    assert_eq!(out, "");
}

#[test]
fn validators_do_not_outlive_a_killed_devnet() {
    let running = Running::start();
    signal("-KILL", running.devnet.id());
    let (code, _, _) = running.end();
    assert_eq!(code, None);
}
