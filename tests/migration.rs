//! A network of real neo-go processes goes over from dBFT 2.0 to dBFT 3.0 beside the same nodes, and back, end to end.

use std::process::{Command, Stdio};

use serde_json::Value;

#[path = "../crates/ledger/tests/common/neo_go_process.rs"]
mod neo_go_process;

#[test]
fn four_neo_go_validators_go_over_to_dbft_3_and_back_on_one_chain() {
    let ended = Command::new(env!("CARGO_BIN_EXE_neo-cli"))
        .args(["devnet", "--protocol", "2", "--json", "--neo-go-bin"])
        .arg(neo_go_process::binary())
        .args(["--tx-rate", "20", "--tx-token", "neo", "--migrate=5s"])
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{err}");
    let summary: Value = serde_json::from_slice(&ended.stdout).expect("one JSON object");
    assert_eq!(summary["tips_agree"], true, "{summary}");
    assert_eq!(summary["tx_refused"], 0, "{summary}");
    assert_eq!(
        summary["tx_committed"], summary["tx_submitted"],
        "{summary}"
    );
    let mixed = &summary["mixed"];
    for verdict in [
        "no_fork",
        "hashes_equal",
        "balances_equal",
        "logs_equal",
        "same_chain",
        "dbft_3_made_blocks",
    ] {
        assert_eq!(mixed["verdicts"][verdict], true, "{verdict}: {mixed}");
    }
    let migration = &mixed["migration"];
    let height = |of: &Value| of.as_u64().expect("a height");
    let (there, back) = (&migration["there"], &migration["back"]);
    assert!(
        height(&there["height"]) < height(&back["height"]),
        "{migration}"
    );
    assert!(
        height(&migration["further_node"]) > height(&back["height"]),
        "{migration}"
    );
    assert_eq!(
        mixed["validators"].as_array().map(Vec::len),
        Some(4),
        "{mixed}"
    );
}
