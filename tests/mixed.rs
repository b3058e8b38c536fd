//! Validators of ours beside real neo-go processes, end to end.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

#[path = "../crates/ledger/tests/common/neo_go_process.rs"]
mod neo_go_process;

/// Runs a development network of dBFT 2.0 with neo-go and gives its summary.
fn devnet(options: &[&str]) -> Value {
    let ended = Command::new(env!("CARGO_BIN_EXE_neo-cli"))
        .args(["devnet", "--protocol", "2", "--json", "--neo-go-bin"])
        .arg(neo_go_process::binary())
        .args(["--tx-rate", "20", "--tx-token", "neo"])
        .args(options)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{err}");
    serde_json::from_slice(&ended.stdout).expect("one JSON object")
}

#[test]
fn two_of_ours_and_two_of_neo_go_make_one_chain_over_a_kill() {
    let summary = devnet(&["--neo-go", "2", "--kill-each=0"]);
    assert_eq!(summary["tips_agree"], true, "{summary}");
    let mixed = &summary["mixed"];
    let software: Vec<_> = mixed["validators"]
        .as_array()
        .expect("validators")
        .iter()
        .map(|one| one["software"].clone())
        .collect();
    assert_eq!(
        software,
        ["neo-dbft", "neo-dbft", "neo-go", "neo-go"].map(Value::from)
    );
    for verdict in ["no_fork", "hashes_equal", "balances_equal", "logs_equal"] {
        assert_eq!(mixed["verdicts"][verdict], true, "{verdict}: {mixed}");
    }
    assert!(mixed["equality"]["logs"].as_u64() > Some(0), "{mixed}");
    // neo-go led where ours was missing, and ours came back through its answers.
    let kill = &mixed["kills"][0];
    assert_eq!(kill["software"], "neo-dbft", "{kill}");
    assert_eq!(kill["next_primary_software"], "neo-go", "{kill}");
    assert!(kill["view"].as_u64() >= Some(1), "{kill}");
    let answered = kill["answered_by"].as_array().expect("programs");
    assert!(answered.contains(&json!("neo-go")), "{kill}");
}
