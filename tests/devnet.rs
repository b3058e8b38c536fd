//! A development network of real processes, end to end.

use std::process::{Command, Stdio};

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
