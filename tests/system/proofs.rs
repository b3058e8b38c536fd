//! What a running node tells about an attacker, and its proofs as files that convict.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::common::{BINARY, Network, eventually};

fn neo_cli(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).output().unwrap()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn proofs_of_a_running_node_convict_an_attacker_anywhere() {
    let mut network = Network::create(4, "500ms");
    let (attacker, honest) = network.nodes.split_last_mut().unwrap();
    attacker.start_as(&["byzantine", "--attack-mode", "equivocate"]);
    honest.iter_mut().for_each(|node| node.start());
    honest.iter().for_each(|node| node.wait_until_up());
    let node = &honest[0];
    let first = eventually("a proof", || {
        let list = node.rpc.call("getevidence", &json!([0, 1])).ok()?;
        list["evidence"].get(0).cloned()
    });
    let culprit = first["validator"].clone();
    let state = eventually("a finding and an alert about it", || {
        let state = node.state()?;
        let standing = state["standings"]
            .as_array()?
            .iter()
            .find(|one| one["index"] == culprit)?
            .clone();
        let found = standing["findings"]
            .as_array()?
            .contains(&json!("equivocates"));
        let alert = state["alerts"]
            .as_array()?
            .iter()
            .any(|alert| alert["kind"] == "evidence" && alert["active"] == true);
        (found && alert).then_some(state)
    });
    let held = state["reputation"].as_array().unwrap();
    assert!(
        held.iter().any(|one| one["validator"] == culprit),
        "{state}"
    );

    let config = node.config();
    let rpc = format!("http://{}", config["rpc"]["listen"].as_str().unwrap());
    let told = neo_cli(&["consensus", "status", "--rpc", &rpc, "--details"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    for words in ["alert evidence", "equivocates", "verification threads"] {
        assert!(told.contains(words), "{words}: {told}");
    }

    let folder = network.folder().join("fetched");
    let out = text(&folder);
    let fetched = neo_cli(&["evidence", "fetch", "--rpc", &rpc, "--out", &out, "--json"]);
    assert!(fetched.status.success(), "{fetched:?}");
    let fetched: Value = serde_json::from_slice(&fetched.stdout).unwrap();
    let files: Vec<String> = fetched
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["file"].as_str().unwrap().to_owned())
        .collect();
    assert!(!files.is_empty());
    // Another node's configuration: it needs nothing but the validators.
    let judge = text(&network.nodes[1].folder.join("config.json"));
    let mut verify = vec!["evidence", "verify", "--config", &judge, "--json"];
    verify.extend(files.iter().map(String::as_str));
    let judged = neo_cli(&verify);
    assert!(judged.status.success(), "{judged:?}");
    let judged: Value = serde_json::from_slice(&judged.stdout).unwrap();
    assert!(
        judged
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["validator"] == culprit),
        "{judged}"
    );
    network.stop();
}
