//! Validators whose keys are in processes of their own, with both protocols.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::common::{BINARY, Network, eventually, same_chain};
use crate::older::network;

/// The signer of one node, with the wallet that the node had.
struct Signer {
    folder: PathBuf,
    magic: String,
    listen: String,
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Signer {
    /// Takes the key of a node into a signer of its own.
    fn of(network: &Network, index: usize) -> Self {
        let node = &network.nodes[index];
        let config = node.config();
        let magic = config["protocol"]["genesis"]["magic"].to_string();
        let made = command("init", &node.folder, &magic).arg("--json").output();
        let made = made.unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let (child, lines, listen) = serve(&node.folder, &magic, "127.0.0.1:0");
        node.configure(|config| {
            config.as_object_mut().unwrap().remove("wallet");
            config["signer"] = json!({
                "endpoint": format!("http://{listen}"),
                "public_key": made["public_key"],
            });
        });
        Self {
            folder: node.folder.clone(),
            magic,
            listen,
            child,
            lines,
        }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start(&mut self) {
        (self.child, self.lines, _) = serve(&self.folder, &self.magic, &self.listen);
    }

    /// Ends it, and gives all that it told.
    fn told(mut self) -> Vec<Value> {
        self.kill();
        let lines = std::mem::replace(&mut self.lines, BufReader::new(empty()));
        let lines = lines.lines().map_while(Result::ok);
        let told = lines.map(|line| serde_json::from_str(&line).unwrap());
        told.collect()
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The output of a process that says nothing.
fn empty() -> ChildStdout {
    let mut child = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
    child.wait().unwrap();
    child.stdout.take().unwrap()
}

fn command(name: &str, folder: &Path, magic: &str) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["signer", name, "--magic", magic]);
    command.arg("--wallet").arg(folder.join("wallet.json"));
    command.arg("--password-file").arg(folder.join("password"));
    command.arg("--data").arg(folder.join("signed"));
    command
}

fn serve(folder: &Path, magic: &str, listen: &str) -> (Child, BufReader<ChildStdout>, String) {
    let mut command = command("serve", folder, magic);
    command.args(["--json", "--listen", listen]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut ready = String::new();
    lines.read_line(&mut ready).unwrap();
    let ready: Value = serde_json::from_str(&ready).unwrap();
    (child, lines, ready["listen"].as_str().unwrap().to_owned())
}

#[test]
fn a_validator_alone_stops_and_goes_on_with_its_signer() {
    stops_and_goes_on(network(1, "300ms"), "Commit");
}

#[test]
fn a_validator_of_the_newer_protocol_stops_and_goes_on_with_its_signer() {
    stops_and_goes_on(Network::create(1, "300ms"), "PreCommit");
}

fn stops_and_goes_on(mut network: Network, vote: &str) {
    let mut signer = Signer::of(&network, 0);
    network.start();
    eventually("blocks", || (network.height() >= 3).then_some(()));
    signer.kill();
    let log = network.nodes[0].log();
    // From then on nothing waits for its votes, and they are owed.
    eventually("the node says what is missing", || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.contains("not voting until the remote signer answers")
            .then_some(())
    });
    let height = network.height();
    signer.start();
    eventually("it goes on", || {
        (network.height() >= height + 3).then_some(())
    });
    // The node is killed as well, and finds its votes with the signer's.
    network.nodes[0].kill();
    network.nodes[0].start();
    network.nodes[0].wait_until_up();
    let height = network.height();
    eventually("it goes on again", || {
        (network.height() >= height + 3).then_some(())
    });
    network.stop();
    let told = signer.told();
    assert!(
        told.iter().all(|line| line["outcome"] != "refused"),
        "{told:?}"
    );
    assert!(told.iter().any(|line| line["kind"] == vote));
}

/// More than f signers are gone for longer than votes wait for them: the network stands still, and goes on by itself.
#[test]
fn a_network_of_the_newer_protocol_goes_on_when_the_signers_of_two_are_back() {
    let mut network = Network::create(4, "500ms");
    let mut signers = [1, 2].map(|index| Signer::of(&network, index));
    network.start();
    eventually("blocks", || (network.height() >= 3).then_some(()));
    signers.iter_mut().for_each(Signer::kill);
    for index in [1, 2] {
        let log = network.nodes[index].log();
        eventually("the node says what is missing", || {
            let log = std::fs::read_to_string(&log).unwrap();
            log.contains("not voting until the remote signer answers")
                .then_some(())
        });
    }
    let height = network.height();
    signers.iter_mut().for_each(Signer::start);
    eventually("it goes on", || {
        (network.height() >= height + 3).then_some(())
    });
    same_chain(&network);
    network.stop();
    for signer in signers {
        let told = signer.told();
        assert!(
            told.iter().all(|line| line["outcome"] != "refused"),
            "{told:?}"
        );
    }
}

#[test]
fn three_go_on_while_the_signer_of_the_fourth_is_gone_and_then_it_votes_again() {
    three_go_on(network(4, "500ms"), "Commit");
}

#[test]
fn the_same_in_the_mesh_of_the_newer_protocol() {
    three_go_on(Network::create(4, "500ms"), "PreCommit");
}

fn three_go_on(mut network: Network, vote: &str) {
    let mut signer = Signer::of(&network, 2);
    network.start();
    eventually("blocks", || (network.height() >= 3).then_some(()));
    signer.kill();
    let height = network.height();
    eventually("three go on", || {
        (network.height() >= height + 6).then_some(())
    });
    signer.start();
    // A vote at a height after the one that was reached without it.
    let height = network.height();
    eventually("it votes again", || {
        let mut line = String::new();
        signer.lines.read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        let late = line["height"].as_u64() > Some(height.into());
        (line["kind"] == vote && late && line["outcome"] == "signed").then_some(())
    });
    same_chain(&network);
    network.stop();
}
