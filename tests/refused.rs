//! Configurations with which `neo-cli run` does not start: the error names endpoint or file, field and values.

#![allow(clippy::unwrap_used)]

#[path = "../crates/ledger/tests/common/neo_go_process.rs"]
mod neo_go_process;
mod prepared;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use neo_go_process::free_port;
use prepared::{Validator, neo_cli, silent, url};
use serde_json::{Value, json};

/// Exit codes.
const REFUSED: i32 = 3;
const UNREACHABLE: i32 = 5;

/// A started command, which ends with this value.
struct Running(Child);

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_neo-cli"));
        command.args(arguments).env_remove("RUST_LOG");
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Validator {
    /// `run` ends by itself with this code and these words.
    fn is_refused(&self, code: i32, words: &[&str]) {
        let mut node = Running::start(&["run", "--config", &self.write("config.json")]);
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = node.0.try_wait().unwrap() {
                break status;
            }
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "it runs: {words:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut told = String::new();
        let stderr = node.0.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut told).unwrap();
        assert_eq!(status.code(), Some(code), "{told}");
        let last = told.lines().last().unwrap();
        for word in words {
            assert!(last.contains(word), "`{word}` is not in: {last}");
        }
        assert!(!told.contains("panicked"), "{told}");
    }

    fn wallet_of(&mut self, other: &Validator) {
        self.config["wallet"] = json!({
            "path": other.path("wallet.json"),
            "password_file": other.path("password"),
        });
    }

    fn key(&self) -> Value {
        self.config["protocol"]["genesis"]["standby_validators"][0].clone()
    }

    /// Its key is behind a signer.
    fn sign_at(&mut self, endpoint: &str, key: Value) {
        self.config.as_object_mut().unwrap().remove("wallet");
        self.config["signer"] = json!({"endpoint": endpoint, "public_key": key});
    }
}

#[test]
fn a_wallet_without_the_validators_key() {
    let mut own = Validator::new();
    let other = Validator::new();
    own.wallet_of(&other);
    let key = other.key();
    let wallet = other.path("wallet.json");
    let words = [
        "holds no key of a validator",
        key.as_str().unwrap(),
        wallet.to_str().unwrap(),
    ];
    own.is_refused(REFUSED, &words);
}

#[test]
fn a_signer_with_another_key() {
    let mut own = Validator::new();
    let other = Validator::new();
    // Its own configuration says that the key is no validator's.
    own.sign_at("http://127.0.0.1:1", other.key());
    let key = other.key();
    let words = ["signer.public_key", key.as_str().unwrap(), "no validator"];
    own.is_refused(REFUSED, &words);
    // The signer itself has another one.
    let listen = format!("127.0.0.1:{}", free_port());
    let path = |name| other.path(name).to_str().unwrap().to_owned();
    let (wallet, password, data) = (path("wallet.json"), path("password"), path("signed"));
    let base = [
        "--magic",
        "777",
        "--wallet",
        &wallet,
        "--password-file",
        &password,
        "--data",
        &data,
    ];
    let made = neo_cli(&[&["signer", "init"], &base[..]].concat());
    assert!(made.status.success(), "{made:?}");
    let serve = [&["signer", "serve", "--listen", &listen], &base[..]].concat();
    let mut signer = Running::start(&serve);
    let mut first = String::new();
    let out = signer.0.stdout.as_mut().unwrap();
    BufReader::new(out).read_line(&mut first).unwrap();
    let endpoint = format!("http://{listen}");
    own.sign_at(&endpoint, own.key());
    own.is_refused(UNREACHABLE, &["signer: ", &endpoint]);
}

#[test]
fn a_neo_node_of_another_network_or_with_other_validators() {
    let mut own = Validator::beside_neo_go();
    let neo_go = own.neo_go(|text| silent(text).replace("Magic: 777", "Magic: 778"));
    own.attach(&[&url(&neo_go)]);
    let endpoint = url(&neo_go);
    own.is_refused(
        REFUSED,
        &[
            "ledger.nodes",
            &endpoint,
            "protocol.network is 778",
            "has 777",
        ],
    );
    let other = Validator::new();
    let (key, theirs) = (own.key(), other.key());
    let (key, theirs) = (key.as_str().unwrap(), theirs.as_str().unwrap());
    let neo_go = own.neo_go(|text| silent(text).replace(key, theirs));
    own.attach(&[&url(&neo_go)]);
    let endpoint = url(&neo_go);
    let words = [
        "ledger.nodes",
        &endpoint,
        "protocol.standbycommittee",
        theirs,
        key,
    ];
    own.is_refused(REFUSED, &words);
}

#[test]
fn a_trusted_block_that_the_neo_node_does_not_have() {
    let mut own = Validator::beside_neo_go();
    let neo_go = own.neo_go(silent);
    own.attach(&[&url(&neo_go)]);
    own.config["ledger"]["patience_ms"] = 300.into();
    let hash = format!("0x{}", "ab".repeat(32));
    own.config["ledger"]["trusted"] = json!({"height": 0, "hash": hash});
    let endpoint = url(&neo_go);
    own.is_refused(
        UNREACHABLE,
        &["no Neo node serves", &endpoint, "its block 0 is", &hash],
    );
}
