//! `neo-cli doctor` as an operator starts it, on prepared misconfigurations: what is wrong, what to do, the exit code.
//! The numbers are those of the table in docs/operations.md.

#![allow(clippy::unwrap_used)]

#[path = "../crates/ledger/tests/common/neo_go_process.rs"]
mod neo_go_process;
mod prepared;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use neo_go_process::free_port;
use prepared::{Validator, neo_cli, silent, url};
use serde_json::{Value, json};

/// Checks of the machine that the tests run on, which may be slow, full or small.
const MACHINE: [&str; 5] = [
    "disk-kind",
    "disk-space",
    "disk-latency",
    "open-files",
    "clock-steady",
];

/// Exit codes.
const DONE: i32 = 0;
const MACHINE_FAILED: i32 = 1;
const REFUSED: i32 = 3;
const BUSY: i32 = 4;
const UNREACHABLE: i32 = 5;

impl Validator {
    fn doctor(&self, options: &[&str]) -> Told {
        let file = self.write("config.json");
        let base = ["doctor", "--json", "--config", &file, "--timeout", "5s"];
        let ended = neo_cli(&[&base[..], options].concat());
        let told: Value = serde_json::from_slice(&ended.stdout)
            .unwrap_or_else(|error| panic!("{error}: {ended:?}"));
        let (machine, own) = told["findings"]
            .as_array()
            .unwrap()
            .iter()
            .cloned()
            .partition(|finding| MACHINE.iter().any(|check| finding["check"] == *check));
        let told = Told {
            machine,
            own,
            code: ended.status.code().unwrap(),
        };
        // The table for people says the same.
        let table = neo_cli(&[&["doctor"], &base[2..], options].concat()).stdout;
        let table = String::from_utf8_lossy(&table);
        for finding in failed(&told.own) {
            let mend = finding["mend"].as_str().unwrap();
            assert!(table.contains(mend), "{mend}: {table}");
        }
        told
    }
}

/// What the doctor said.
struct Told {
    machine: Vec<Value>,
    own: Vec<Value>,
    code: i32,
}

fn failed(findings: &[Value]) -> Vec<&Value> {
    findings.iter().filter(|f| f["state"] == "fail").collect()
}

impl Told {
    fn exit(&self, code: i32) {
        // One code for all failures, unless they have different ones.
        match failed(&self.machine).is_empty() {
            true => assert_eq!(self.code, code, "{:#?}", self.own),
            false => assert_eq!(self.code, MACHINE_FAILED, "{:#?}", self.machine),
        }
    }

    fn sound(&self) {
        assert_eq!(failed(&self.own), Vec::<&Value>::new());
        self.exit(DONE);
    }

    /// Exactly these checks failed, the last of which says these words of what was found and what is to be done.
    fn fails(&self, check: &str, code: i32, found: &str, mend: &str) {
        let failures = failed(&self.own);
        assert!(!failures.is_empty(), "{check}: {:#?}", self.own);
        for failure in &failures {
            assert_eq!(failure["check"], check, "{failures:#?}");
        }
        let says = |key: &str, words: &str| {
            let text = failures[0][key].as_str().unwrap();
            assert!(text.contains(words), "{words}: {:#?}", failures[0]);
        };
        says("value", found);
        says("mend", mend);
        self.exit(code);
    }

    fn state(&self, check: &str) -> &str {
        let of_check = |finding: &&Value| finding["check"] == check;
        let mut states = self
            .own
            .iter()
            .filter(of_check)
            .map(|finding| &finding["state"]);
        states
            .find(|state| *state != "not-checked")
            .unwrap()
            .as_str()
            .unwrap()
    }
}

#[test]
fn first_a_wallet_without_the_validators_key() {
    let mut own = Validator::new();
    own.doctor(&[]).sound();
    let other = Validator::new();
    own.config["wallet"] = json!({
        "path": other.path("wallet.json"),
        "password_file": other.path("password"),
    });
    let told = own.doctor(&[]);
    told.fails(
        "key",
        REFUSED,
        "no validator: 0",
        "wallet of one of this network's validators",
    );
}

#[test]
fn second_a_wallet_that_others_can_read() {
    let own = Validator::new();
    let file = own.path("wallet.json");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mend = format!("chmod go-rwx {}", file.display());
    let told = own.doctor(&[]);
    told.fails("permissions", REFUSED, "mode 0644", &mend);
}

#[test]
fn third_limits_that_the_other_validators_do_not_have() {
    let mut own = Validator::new();
    let other = own.write("other.json");
    own.config["protocol"]["genesis"]["max_block_system_fee"] = 20_000_000_000_u64.into();
    let told = own.doctor(&["--other", &other]);
    let found = "protocol.genesis.max_block_system_fee: 150000000000";
    told.fails(
        "limits",
        REFUSED,
        found,
        "must be the same in all validators' files",
    );
}

#[test]
fn fourth_a_data_folder_of_another_validator() {
    let mut own = Validator::new();
    let other = Validator::new();
    own.config["data_dir"] = json!(other.path("data"));
    let told = own.doctor(&[]);
    told.fails("vote-log", BUSY, "", "give this one a folder of its own");
}

#[test]
fn fifth_a_port_that_is_taken() {
    let mut own = Validator::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    own.config["rpc"]["listen"] = json!(address);
    let mend = format!("stop the process that has port {}", address.port());
    let told = own.doctor(&[]);
    told.fails("port", BUSY, &address.to_string(), &mend);
}

#[test]
fn sixth_a_signer_that_is_gone() {
    let mut own = Validator::new();
    own.config.as_object_mut().unwrap().remove("wallet");
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    let key = own.config["protocol"]["genesis"]["standby_validators"][0].clone();
    own.config["signer"] = json!({"endpoint": endpoint, "public_key": key});
    let told = own.doctor(&[]);
    told.fails("signer", UNREACHABLE, &endpoint, "start the signer");
}

#[test]
fn seventh_neo_nodes_that_are_down_and_one_that_talks_nonsense() {
    let mut own = Validator::beside_neo_go();
    let down = format!("http://127.0.0.1:{}", free_port());
    own.attach(&[&down]);
    let told = own.doctor(&[]);
    told.fails("node-reachable", UNREACHABLE, &down, "start that node");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nonsense = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let body = r#"{"jsonrpc":"2.0","id":1,"result":{"protocol":{"network":"many"}}}"#;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    own.attach(&[&nonsense]);
    let told = own.doctor(&[]);
    let found = format!(
        "{nonsense}: the answer to getversion makes no sense: invalid type: string \"many\""
    );
    told.fails("node-reachable", UNREACHABLE, &found, "mend the address");
}

#[test]
fn eighth_a_neo_node_of_another_network_or_with_other_limits() {
    let mut own = Validator::beside_neo_go();
    let neo_go = own.neo_go(|text| silent(text).replace("Magic: 777", "Magic: 778"));
    own.attach(&[&url(&neo_go)]);
    let told = own.doctor(&[]);
    told.fails("network", BUSY, "magic: 778", "set protocol.genesis.magic");
    let neo_go = own.neo_go(|text| {
        silent(text).replace("MaxTraceableBlocks: 2102400", "MaxTraceableBlocks: 210240")
    });
    own.attach(&[&url(&neo_go)]);
    let told = own.doctor(&[]);
    told.fails(
        "limits",
        REFUSED,
        "max_traceable_blocks: 210240",
        "all validators need the same",
    );
}

#[test]
fn ninth_and_tenth_a_neo_node_that_is_behind_and_one_whose_consensus_is_on() {
    let mut own = Validator::beside_neo_go();
    let fresh = own.neo_go(silent);
    let voting = own.neo_go(|text| text);
    let begin = Instant::now();
    while voting.call("getblockcount", json!([])).as_u64().unwrap() < 5 {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "{}",
            voting.log()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    // The key signs blocks in neo-go while ours would be started beside it.
    own.attach(&[&url(&voting)]);
    let told = own.doctor(&[]);
    let found = "is signed by the own key, and this node does not run";
    told.fails("key-twice", REFUSED, found, "Consensus.Enabled false");
    // Another key: nobody votes with it, nobody can vote for it.
    let other = Validator::new();
    let wallet = own.config["wallet"].take();
    own.config["wallet"] = json!({
        "path": other.path("wallet.json"),
        "password_file": other.path("password"),
    });
    let told = own.doctor(&[]);
    let found = "neither a validator's, nor of the committee, nor a candidate's";
    told.fails(
        "key-elected",
        REFUSED,
        found,
        "register the key as a candidate",
    );
    // The height of one is that of the network; the other has no peer to get blocks from.
    own.attach(&[&url(&fresh), &url(&voting)]);
    own.config["consensus"]["enabled"] = false.into();
    let told = own.doctor(&[]);
    told.fails(
        "node-level",
        UNREACHABLE,
        "height 0",
        "wait until that node has caught up",
    );
    // Alone, with its consensus off, before the first block of a network: all is well.
    own.attach(&[&url(&fresh)]);
    own.config["consensus"]["enabled"] = true.into();
    own.config["wallet"] = wallet;
    let told = own.doctor(&[]);
    told.sound();
    assert_eq!(told.state("node-level"), "warn");
    for check in [
        "network",
        "limits",
        "node-methods",
        "key-elected",
        "key-twice",
    ] {
        assert_eq!(told.state(check), "ok", "{check}: {:#?}", told.own);
    }
}
