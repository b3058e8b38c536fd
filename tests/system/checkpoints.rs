//! `neo-cli checkpoint` and `neo-cli restore` on the files of a real node.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::common::{BINARY, Network, Node, eventually};

/// Runs a command on a node's files.
fn command(node: &Node, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(arguments)
        .arg("--config")
        .arg(node.folder.join("config.json"))
        .stdin(Stdio::null());
    command
}

fn run(node: &Node, arguments: &[&str]) -> Output {
    command(node, arguments).output().unwrap()
}

/// What a command prints that succeeds.
pub fn json(node: &Node, arguments: &[&str]) -> Value {
    let ended = run(node, &[arguments, &["--json"]].concat());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&ended.stdout).unwrap()
}

/// A command fails with this code, and says all of this.
fn fails(node: &Node, arguments: &[&str], code: i32, words: &[&str]) -> String {
    let ended = run(node, arguments);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?}: {word:?} in {said}");
    }
    String::from_utf8_lossy(&ended.stdout).into_owned()
}

/// A stopped node with a checkpoint and blocks above it: the heights of both.
fn stopped_above_a_checkpoint(network: &mut Network) -> (u64, u64) {
    network.start();
    eventually("some blocks", || (network.height() >= 4).then_some(()));
    network.stop();
    let checkpoint = json(&network.nodes[0], &["checkpoint", "create"]);
    let height = checkpoint["height"].as_u64().unwrap();
    network.start();
    let above = u32::try_from(height).unwrap() + 4;
    eventually("more blocks", || (network.height() >= above).then_some(()));
    network.stop();
    (height, tip(network))
}

/// Height of the store of a stopped node, told by a checkpoint of it that goes somewhere else.
fn tip(network: &Network) -> u64 {
    let probe = tempfile::tempdir_in(network.folder()).unwrap();
    let folder = probe.path().to_string_lossy();
    let arguments = ["checkpoint", "create", "--folder", &folder];
    let written = json(&network.nodes[0], &arguments);
    written["height"].as_u64().unwrap()
}

fn flip(file: &Path, at: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[at] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn checkpoints_are_written_listed_verified_and_restored_by_command() {
    let mut network = Network::create(1, "100ms");
    let (height, tip_before) = stopped_above_a_checkpoint(&mut network);
    let node = &network.nodes[0];
    let again = json(node, &["checkpoint", "list"]);
    assert_eq!(again.as_array().map(Vec::len), Some(1), "{again}");
    assert_eq!(again[0]["height"], height);
    let bytes = again[0]["bytes"].as_u64().unwrap();
    let folder = node.data().join("checkpoints").join(height.to_string());
    let on_disk: u64 = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name() != "manifest.json")
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert_eq!(bytes, on_disk);
    let verified = json(node, &["checkpoint", "verify"]);
    assert_eq!(verified[0]["valid"], true, "{verified}");
    assert_eq!(verified[0]["tip"], again[0]["tip"]);
    let text = run(node, &["checkpoint", "verify"]).stdout;
    assert!(String::from_utf8_lossy(&text).contains("valid"));
    let restored = json(
        node,
        &[
            "restore",
            "--checkpoint",
            "latest",
            "--version",
            "2",
            "--keep-old",
        ],
    );
    assert_eq!(restored["height"], height, "{restored}");
    assert_eq!(restored["height_before"], tip_before);
    assert_eq!(restored["version"], 2);
    assert!(Path::new(restored["kept"].as_str().unwrap()).is_file());
    assert_eq!(tip(&network), height);
    // The vote log is whole: the same blocks come again, and new ones.
    network.start();
    let beyond = u32::try_from(tip_before).unwrap() + 2;
    eventually("the chain goes on", || {
        (network.height() >= beyond).then_some(())
    });
    network.stop();
    let audited = run(&network.nodes[0], &["audit", "verify"]);
    let said = String::from_utf8_lossy(&audited.stderr);
    assert!(audited.status.success(), "{said}");
}

#[test]
fn what_is_no_checkpoint_of_this_chain_is_refused_and_the_store_stays() {
    let mut network = Network::create(1, "100ms");
    let (height, tip_before) = stopped_above_a_checkpoint(&mut network);
    let node = &network.nodes[0];
    let folder = node.data().join("checkpoints");
    let own = folder.join(height.to_string());
    let restore = ["restore", "--checkpoint", "latest"];
    // One flipped bit, in any file.
    for file in std::fs::read_dir(&own).unwrap() {
        let file = file.unwrap().path();
        let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
        // There is no transaction on this chain.
        if length == 0 {
            continue;
        }
        let at = length / 2;
        flip(&file, at);
        let told = fails(node, &["checkpoint", "verify", "--json"], 1, &["not valid"]);
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told[0]["valid"], false, "{}: {told}", file.display());
        fails(node, &restore, 1, &["height", "not valid"]);
        flip(&file, at);
    }
    fails(node, &["checkpoint", "verify", "7777777"], 2, &["7777777"]);
    fails(
        node,
        &["restore", "--checkpoint", "7777777"],
        2,
        &["7777777"],
    );
    fails(node, &["restore", "--checkpoint", "newest"], 2, &["newest"]);
    fails(
        node,
        &["restore", "--checkpoint", "latest", "--version", "4"],
        2,
        &["4"],
    );
    // Of another network.
    let other = tempfile::tempdir().unwrap();
    let root = other.path().join("other");
    let made = Command::new(BINARY)
        .args(["init", "--validators", "1", "--out"])
        .arg(&root)
        .output()
        .unwrap();
    assert!(made.status.success());
    let stranger = Node::new(0, root.join("node0"), node.rpc);
    let folder = folder.to_string_lossy();
    let at = height.to_string();
    let foreign = ["restore", "--checkpoint", &at, "--folder", &folder];
    fails(&stranger, &foreign, 4, &["network"]);
    assert!(!stranger.data().join("chain.redb").exists());
    // Nothing of this touched the store, and it can be restored after all.
    assert_eq!(tip(&network), tip_before);
    let restored = json(&network.nodes[0], &restore);
    assert_eq!(restored["height"], height);
}

#[test]
fn a_running_node_is_left_alone() {
    let mut network = Network::create(1, "100ms");
    let (height, _) = stopped_above_a_checkpoint(&mut network);
    network.start();
    let node = &network.nodes[0];
    fails(node, &["checkpoint", "create"], 4, &["another process"]);
    for which in ["latest", &height.to_string()] {
        let restore = ["restore", "--checkpoint", which];
        fails(node, &restore, 4, &["another process"]);
    }
    // Reading is no harm.
    json(node, &["checkpoint", "verify"]);
    let now = network.height();
    eventually("it goes on", || (network.height() > now + 2).then_some(()));
    network.stop();
}

#[test]
fn a_restoration_that_is_killed_leaves_a_whole_store_and_can_be_repeated() {
    let mut network = Network::create(1, "100ms");
    let (height, tip_before) = stopped_above_a_checkpoint(&mut network);
    let restore = ["restore", "--checkpoint", "latest"];
    let mut found = std::collections::BTreeSet::new();
    for millis in (0..60).step_by(6) {
        let mut child = command(&network.nodes[0], &restore)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        child.kill().unwrap();
        child.wait().unwrap();
        found.insert(tip(&network));
    }
    assert!(
        found.iter().all(|tip| [height, tip_before].contains(tip)),
        "{found:?}: {height} or {tip_before}"
    );
    assert_eq!(json(&network.nodes[0], &restore)["height"], height);
    assert_eq!(tip(&network), height);
    assert!(
        !network.nodes[0]
            .data()
            .join("chain.redb.restoring")
            .exists()
    );
}
