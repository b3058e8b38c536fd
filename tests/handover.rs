//! `migrate take-over` and `migrate hand-back`, before a Neo node that answers from a script.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use neo_consensus::v3::{Message, Payload, Record};
use neo_node::config::NodeConfig;
use neo_primitives::{Height, Signature, UInt256, ValidatorIndex};
use serde_json::{Value, json};

/// Blocks that the Neo node has, the genesis block among them.
const COUNT: u32 = 10;

/// Answers `getversion` and `getblockcount` for ever; where.
fn neo_node(magic: u32) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
                let mut stream = stream;
                loop {
                    let (mut line, mut length) = (String::new(), 0);
                    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                        let lower = line.to_ascii_lowercase();
                        if let Some(value) = lower.strip_prefix("content-length:") {
                            length = value.trim().parse().expect("a length");
                        }
                        line.clear();
                    }
                    let mut body = vec![0; length];
                    if length == 0 || reader.read_exact(&mut body).is_err() {
                        return;
                    }
                    let asked: Value = serde_json::from_slice(&body).expect("a call");
                    let result = match asked["method"].as_str() {
                        Some("getblockcount") => json!(COUNT),
                        _ => json!({"protocol": {"network": magic}}),
                    };
                    let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
                    let answer = answer.to_string();
                    let length = answer.len();
                    let _ = write!(
                        stream,
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{answer}"
                    );
                }
            });
        }
    });
    format!("http://{address}")
}

fn neo_cli(arguments: &[&str]) -> (Option<i32>, Value, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_neo-cli"))
        .arg("--json")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let err = String::from_utf8_lossy(&ended.stderr).into_owned();
    let out = serde_json::from_slice(&ended.stdout).unwrap_or(Value::Null);
    (ended.status.code(), out, err)
}

/// A validator beside the Neo node, which never voted.
struct Validator {
    folder: tempfile::TempDir,
    config: PathBuf,
}

impl Validator {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let network = folder.path().join("network");
        let out = network.to_str().expect("a path");
        let (code, _, err) = neo_cli(&["init", "--validators", "1", "--magic", "7", "--out", out]);
        assert_eq!(code, Some(0), "{err}");
        let node = network.join("node0");
        std::fs::remove_dir_all(node.join("data").join("votes")).expect("an empty vote log");
        let config = node.join("config.json");
        let text = std::fs::read_to_string(&config).expect("a configuration");
        let mut document: Value = serde_json::from_str(&text).expect("JSON");
        document["ledger"] = json!({"kind": "attached", "nodes": [{"rpc": neo_node(7)}]});
        std::fs::write(&config, document.to_string()).expect("written");
        Self { folder, config }
    }

    fn migrate(&self, what: &str, more: &[&str]) -> (Option<i32>, Value, String) {
        let config = self.config.to_str().expect("a path");
        neo_cli(&[&["migrate", what, "--config", config], more].concat())
    }

    /// neo-go's log with a Commit of this height and what follows.
    fn log(&self, commit: u32, rest: &str) -> String {
        let path = self.folder.path().join("neo-go.log");
        let text = format!(
            "INFO\tstarting consensus service\nINFO\tsending Commit\t{{\"height\": {commit}, \"view\": 0}}\n{rest}"
        );
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("a path").to_owned()
    }

    /// A signature of a header goes into the vote log.
    fn sign(&self, height: u32) {
        let config = NodeConfig::load(Path::new(&self.config)).expect("a configuration");
        let key = config.protocol.genesis.standby_validators[0].clone();
        let identity = neo_node::log_identity(&config, key);
        let opened = neo_node::vote_log_file::open::<Record>(&config.data_dir, identity);
        let record = Record::Own(Message {
            height: Height(height),
            view: neo_consensus::View(0),
            sender: ValidatorIndex(0),
            signature: Signature([1; 64]),
            payload: Payload::Commit {
                hash: UInt256::ZERO,
            },
        });
        opened
            .expect("a vote log")
            .log
            .append(&[record])
            .expect("written");
    }
}

const ENDING: &str = "INFO\tsignal received\nINFO\tstopping consensus service\n";
const ENDED: &str =
    "INFO\tsignal received\nINFO\tstopping consensus service\nINFO\tsignal received\n";

/// neo-go was started again, and when nothing can begin there any more.
const STARTED: &str =
    "INFO\tstopping consensus service\nINFO\tnode started\t{\"blockHeight\": 9}\n";
const SYNCHRONISED: &str = "INFO\tnode reached synchronized state, starting services\n";
const SIGNAL: &str = "INFO\tsignal received\t{\"name\": \"user defined signal 2\"}\n";

#[test]
fn a_neo_go_that_was_started_again_is_not_taken_for_one_without_consensus() {
    let validator = Validator::new();
    for (rest, words) in [
        (vec![STARTED], "has not written `node reached"),
        (vec![STARTED, SYNCHRONISED], "does not start with it"),
        (
            vec![STARTED, SYNCHRONISED, SIGNAL],
            "does not start with it",
        ),
    ] {
        let log = validator.log(9, &rest.concat());
        let (code, _, err) = validator.migrate("take-over", &["--log", &log]);
        assert_eq!(code, Some(3), "{err}");
        assert!(err.contains(words), "`{words}` is not in: {err}");
    }
    let log = validator.log(9, &[STARTED, SYNCHRONISED, SIGNAL, SIGNAL].concat());
    let (code, told, err) = validator.migrate("take-over", &["--log", &log]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(told["from"], json!(10), "{told}");
}

#[test]
fn a_validator_takes_over_above_all_that_its_key_has_signed() {
    let validator = Validator::new();
    let refused = |log: String, code: i32, words: &str| {
        let (ended, _, err) = validator.migrate("take-over", &["--log", &log]);
        assert_eq!(ended, Some(code), "{err}");
        assert!(err.contains(words), "`{words}` is not in: {err}");
    };
    refused(validator.log(9, ""), 3, "consensus runs in neo-go");
    refused(validator.log(9, ENDING), 3, "send it SIGUSR2 once more");
    refused(
        validator.log(11, ENDED),
        3,
        "height 11 was voted on, and the Neo node is at 9",
    );
    let (code, _, err) = validator.migrate("take-over", &[]);
    assert_eq!(code, Some(2), "{err}");
    // Nothing was begun by what was refused.
    assert!(
        !validator
            .config
            .with_file_name("data")
            .join("votes/votes-00000000.log")
            .exists()
    );
    let (code, told, err) = validator.migrate("take-over", &["--log", &validator.log(9, ENDED)]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        (&told["from"], &told["abstains"]),
        (&json!(10), &json!(false)),
        "{told}"
    );
    // It signed the next block, which is not there: that height is left to the others.
    let (code, told, err) = validator.migrate("take-over", &["--log", &validator.log(10, ENDED)]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        (&told["from"], &told["abstains"]),
        (&json!(11), &json!(true)),
        "{told}"
    );
    let (code, told, err) = validator.migrate("take-over", &["--signed", "5"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        (&told["from"], &told["source"]),
        (&json!(10), &json!("--signed")),
        "{told}"
    );
}

#[test]
fn a_validator_is_handed_back_when_all_that_it_signed_is_there() {
    let validator = Validator::new();
    // With another data_dir than that of its votes nothing is known.
    let (code, _, err) = validator.migrate("hand-back", &[]);
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("there is no vote log"), "{err}");
    let (code, _, err) = validator.migrate("take-over", &["--signed", "5"]);
    assert_eq!(code, Some(0), "{err}");
    validator.sign(9);
    let (code, told, err) = validator.migrate("hand-back", &[]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        (&told["tip"], &told["signed"]),
        (&json!(9), &json!(9)),
        "{told}"
    );
    validator.sign(10);
    let (code, _, err) = validator.migrate("hand-back", &[]);
    assert_eq!(code, Some(3), "{err}");
    let problem = "has signed the block of height 10, and the Neo node is at 9";
    assert!(err.contains(problem), "{err}");
}
