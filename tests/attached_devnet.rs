//! Validators of ours beside real neo-go nodes whose consensus is off, end to end.

use std::process::{Command, Stdio};

use serde_json::Value;

#[path = "../crates/ledger/tests/common/neo_go_process.rs"]
mod neo_go_process;

/// Runs a development network on attached ledgers.
fn devnet(options: &[&str]) -> (Option<i32>, String, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_neo-cli"))
        .args(["devnet", "--json", "--ledger", "attached"])
        .args(options)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        ended.status.code(),
        text(&ended.stdout),
        text(&ended.stderr),
    )
}

#[test]
fn a_validator_is_silent_while_its_neo_node_is_dead_and_a_further_node_reads_the_chain() {
    let neo_go = neo_go_process::binary();
    let neo_go = neo_go.to_str().expect("a path");
    let options = ["--tx-rate", "20", "--neo-trials", "kill", "--join"];
    let (code, out, err) = devnet(&[&["--neo-go-bin", neo_go], options.as_slice()].concat());
    assert_eq!(code, Some(0), "{err}");
    let summary: Value = serde_json::from_str(&out).expect("one JSON object");
    assert_eq!(summary["tips_agree"], true, "{summary}");
    assert_eq!(summary["tx_refused"], 0, "{summary}");
    let attached = &summary["attached"];
    for verdict in [
        "hashes_equal",
        "balances_equal",
        "logs_equal",
        "blocks_go_on",
        "no_vote_without_neo_node",
    ] {
        assert_eq!(attached["verdicts"][verdict], true, "{verdict}: {attached}");
    }
    let trial = &attached["trials"][0];
    assert_eq!(trial["validator"], 3, "{trial}");
    assert!(trial["blocks_meanwhile"].as_u64() > Some(2), "{trial}");
    let alert = trial["alert"].as_str().expect("a text");
    assert!(alert.contains("this validator does not vote"), "{alert}");
    // Its RPC is named, so that the operator knows which node it is.
    assert!(alert.contains("http://127.0.0.1:"), "{alert}");
    assert!(
        attached["equality"]["logs"].as_u64() > Some(0),
        "{attached}"
    );
    assert!(
        attached["join"]["height"].as_u64() >= trial["height"].as_u64(),
        "{attached}"
    );
}

#[test]
fn what_a_network_on_attached_ledgers_cannot_do_is_refused() {
    let neo_go = neo_go_process::binary();
    let neo_go = neo_go.to_str().expect("a path");
    for options in [
        ["--drill", "blackout"].as_slice(),
        &["--byzantine", "equivocate", "--blocks", "1"],
        &["--neo-trials", "freeze", "--validators", "3"],
    ] {
        let (code, _, err) = devnet(&[&["--neo-go-bin", neo_go], options].concat());
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains(options[0]), "{err}");
    }
}
