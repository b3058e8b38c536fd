//! Development networks with a validator that is killed for good, leaders that fail, and an attacker.
//!
//! How fast blocks come is measured by `.ci/network`; here it counts that the right thing happens at all.

use std::path::Path;
use std::process::{Command, Output, Stdio};

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
fn attacked(mode: &str, more: &[&str]) -> Value {
    let length = format!("{}s", seconds());
    let options = [
        "--byzantine",
        mode,
        "--duration",
        &length,
        "--tx-rate",
        "20",
    ];
    let summary = devnet(&[&options, more].concat());
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

fn neo_cli(arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(arguments).output().unwrap()
}

fn fails(arguments: &[&str], words: &[&str]) {
    let ended = neo_cli(arguments);
    assert_eq!(ended.status.code(), Some(1), "{arguments:?}");
    let said = [ended.stdout, ended.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
}

/// The first file in a folder with this ending.
fn file(folder: &Path, ending: &str) -> std::path::PathBuf {
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut fitting: Vec<_> = files
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    fitting.sort();
    fitting.into_iter().next().unwrap()
}

#[test]
fn a_validator_that_equivocates_is_proven_guilty_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("network");
    let attack = attacked("equivocate", &["--data-dir", &root.to_string_lossy()]);
    assert!(number(&attack["named_by"]) > 0.0, "{attack}");
    assert!(
        !attack["charges"]["evidence"]
            .as_object()
            .unwrap()
            .is_empty(),
        "{attack}"
    );

    // Who was not there can check it, and sees what was changed since.
    let data = root.join("node1/data");
    let proof = file(&data.join("evidence"), ".proof");
    let config = root.join("node0/config.json");
    let (config, named) = (config.to_string_lossy(), proof.to_string_lossy());
    let verify = ["evidence", "verify", "--json", "--config", &config, &named];
    let judged = neo_cli(&verify);
    let judged: Value = serde_json::from_slice(&judged.stdout).unwrap();
    assert_eq!(judged[0]["validator"], 3, "{judged}");
    let mut bytes = std::fs::read(&proof).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&proof, &bytes).unwrap();
    fails(&verify, &["proves nothing"]);
    bytes.pop();
    std::fs::write(&proof, &bytes).unwrap();
    fails(&verify, &["no proof"]);

    let audit = data.join("audit");
    let verify = ["audit", "verify", "--folder", &audit.to_string_lossy()];
    let whole = neo_cli(&verify);
    assert!(
        whole.status.success(),
        "{}",
        String::from_utf8_lossy(&whole.stderr)
    );
    let log = file(&audit, ".jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replacen("\"validator\":3", "\"validator\":2", 1)).unwrap();
    fails(&verify, &["jsonl:", "hash"]);
    let mut lines: Vec<_> = text.lines().collect();
    lines.remove(1);
    std::fs::write(&log, lines.join("\n") + "\n").unwrap();
    fails(&verify, &["1 missing"]);
}

#[test]
fn a_validator_that_sends_garbage_is_banned_by_name() {
    let attack = attacked("garbage", &[]);
    assert!(number(&attack["named_by"]) > 0.0, "{attack}");
    assert!(
        !attack["charges"]["bans"].as_object().unwrap().is_empty(),
        "{attack}"
    );
}
