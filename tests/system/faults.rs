//! Development networks with a validator that is killed for good, leaders that fail, and an attacker.
//!
//! How fast blocks come is measured by `.ci/network`; here it counts that the right thing happens at all.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::{BINARY, seconds, turn};

/// Runs a devnet to its end and gives its summary.
fn devnet(arguments: &[&str]) -> Value {
    let _turn = turn();
    let ended = Command::new(BINARY)
        .args(["devnet", "--json"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {err}");
    let summary: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(summary["tips_agree"], true, "{summary}");
    summary
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn blocks_go_on_when_one_of_four_validators_is_killed_for_good() {
    let length = format!("{}s", seconds());
    let summary = devnet(&["--kill", "0@1", "--duration", &length, "--tx-rate", "20"]);
    assert_eq!(summary["nodes"][0]["part"], "killed", "{summary}");
    assert!(summary["nodes"][0]["cpu_s"].is_null(), "{summary}");
    let height = |node: usize| number(&summary["nodes"][node]["height"]);
    assert!(height(1) > height(0), "{summary}");
    assert_eq!(
        summary["tx_committed"], summary["tx_submitted"],
        "{summary}"
    );
    assert!(
        number(&summary["nodes"][1]["memory"]["end_mb"]) > 1.0,
        "{summary}"
    );
}

#[test]
fn leaders_that_are_killed_or_stopped_come_back_and_are_level_again() {
    for fault in ["kill", "stop"] {
        let summary = devnet(&[
            "--fail-leader",
            fault,
            "--trials",
            "1",
            "--block-time",
            "500ms",
        ]);
        let trials = &summary["trials"];
        assert_eq!(trials["fault"], fault, "{summary}");
        let trial = &trials["trials"][0];
        assert!(number(&trial["longest_gap_ms"]) > 0.0, "{summary}");
        assert!(number(&trial["level_after_ms"]) > 0.0, "{summary}");
        assert_eq!(
            trials["longest_gap_ms"], trial["longest_gap_ms"],
            "{summary}"
        );
    }
}

/// The attack's part of the summary of a run with an attacker of this mode.
fn attacked(mode: &str) -> Value {
    let length = format!("{}s", seconds());
    let summary = devnet(&[
        "--byzantine",
        mode,
        "--duration",
        &length,
        "--tx-rate",
        "20",
    ]);
    let attack = &summary["byzantine"];
    assert_eq!(
        (&attack["mode"], &attack["validator"]),
        (&mode.into(), &3.into())
    );
    assert!(number(&summary["blocks"]) > 0.0, "{summary}");
    for (honest, charges) in attack["honest_accused"].as_object().unwrap() {
        for kind in ["evidence", "bans"] {
            assert_eq!(
                charges[kind],
                Value::Object(Default::default()),
                "validator {honest}: {summary}"
            );
        }
    }
    attack.clone()
}

#[test]
fn a_validator_that_equivocates_is_proven_guilty_by_name() {
    let attack = attacked("equivocate");
    assert!(number(&attack["named_by"]) > 0.0, "{attack}");
    assert!(
        !attack["charges"]["evidence"]
            .as_object()
            .unwrap()
            .is_empty(),
        "{attack}"
    );
}

#[test]
fn a_validator_that_sends_garbage_is_banned_by_name() {
    let attack = attacked("garbage");
    assert!(number(&attack["named_by"]) > 0.0, "{attack}");
    assert!(
        !attack["charges"]["bans"].as_object().unwrap().is_empty(),
        "{attack}"
    );
}
