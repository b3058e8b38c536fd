//! `neo-cli byzantine` where it must not run, and that nothing else leads to it.

mod ended;

use std::path::Path;
use std::process::{Command, Stdio};

use ended::Ended;

fn neo_cli(arguments: &[&str], mode: Option<&str>) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neo-cli"));
    command.args(arguments).stdin(Stdio::null());
    match mode {
        Some(mode) => command.env("ATTACK_MODE", mode),
        None => command.env_remove("ATTACK_MODE"),
    };
    Ended(command.output().expect("the binary runs"))
}

/// A network of one validator with this magic number; gives its configuration file.
fn network(folder: &Path, magic: &str) -> String {
    let root = folder.join(magic);
    let out = root.to_string_lossy();
    let arguments = [
        "init",
        "--validators",
        "1",
        "--magic",
        magic,
        "--out",
        &out,
        "--json",
    ];
    neo_cli(&arguments, None).json();
    let config = root.join("node0/config.json");
    config.to_string_lossy().into_owned()
}

#[test]
fn an_attacker_refuses_public_networks_whatever_names_its_mode() {
    let folder = tempfile::tempdir().expect("a folder");
    for (magic, name) in [("860833102", "MainNet"), ("894710606", "TestNet")] {
        let config = network(folder.path(), magic);
        let run = ["byzantine", "--config", &config];
        neo_cli(&run, Some("replay")).fails(3, &[magic, name, "test tool"]);
        let named = ["byzantine", "--config", &config, "--attack-mode", "flood"];
        neo_cli(&named, None).fails(3, &[magic, name]);
        let single = ["byzantine", "--config", &config, "--attack", "hide-claim"];
        neo_cli(&single, None).fails(3, &[magic, name]);
    }
}

#[test]
fn an_attacker_needs_a_mode_that_exists() {
    neo_cli(&["byzantine", "--config", "none.json"], None).fails(2, &["--attack-mode"]);
    neo_cli(&["byzantine", "--config", "none.json"], Some("bribe")).fails(2, &["bribe", "flood"]);
    let single = ["byzantine", "--config", "none.json", "--attack", "bribe"];
    neo_cli(&single, None).fails(2, &["bribe", "equivocate-votes"]);
}

#[test]
fn an_honest_node_cannot_be_talked_into_attacking() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = network(folder.path(), "7");
    let run = ["run", "--config", &config, "--attack-mode", "flood"];
    neo_cli(&run, None).fails(2, &["--attack-mode"]);
    let text = std::fs::read_to_string(&config).expect("a configuration");
    for key in ["byzantine", "attack_mode", "interference"] {
        let bent = text.replacen('{', &format!("{{\"{key}\": \"flood\","), 1);
        std::fs::write(&config, bent).expect("written");
        neo_cli(&["config", "check", &config], None).fails(3, &[key]);
    }
}

#[test]
fn a_devnet_with_impossible_parts_does_not_start() {
    let refused = |arguments: &[&str], words: &[&str]| {
        let all = [&["devnet", "--blocks", "1"], arguments].concat();
        neo_cli(&all, None).fails(2, words);
    };
    refused(&["--kill", "4"], &["--kill 4", "0 to 3"]);
    refused(&["--kill", "1", "--kill", "2"], &["2 faulty", "at most 1"]);
    refused(&["--byzantine", "flood", "--kill", "3"], &["validator 3"]);
    refused(&["--kill", "x@y"], &["x"]);
    refused(&["--byzantine", "bribe"], &["bribe", "garbage"]);
    refused(&["--byzantine-validator", "1"], &["--byzantine"]);
    neo_cli(&["devnet", "--fail-leader", "kill", "--blocks", "9"], None).fails(2, &["--blocks"]);
}
