//! What else happens to nodes in the field: observers, data directories of others, lost vote logs, hostile
//! bytes on every port.

use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::audit::{assert_no_contradiction, own_messages};
use crate::common::funds::{Treasury, base64};
use crate::common::{BINARY, Network, Node, eventually, rpc, same_chain};

/// A node that is no validator, beside the validators of a network.
fn observer(network: &Network, folder: &Path) -> Node {
    let mut config = network.nodes[0].config();
    let port = |value: &Value| {
        value
            .as_str()
            .unwrap()
            .rsplit_once(':')
            .unwrap()
            .1
            .parse::<u16>()
            .unwrap()
    };
    let rpc_port = port(&config["rpc"]["listen"]) + 5;
    let peer = config["network"]["listen"][0].clone();
    config.as_object_mut().unwrap().remove("wallet");
    config.as_object_mut().unwrap().remove("metrics");
    config["rpc"]["listen"] = json!(format!("127.0.0.1:{rpc_port}"));
    config["network"]["listen"] = json!([]);
    config["network"]["peers"] = json!([{ "addresses": [peer] }]);
    config["data_dir"] = json!("data");
    std::fs::create_dir(folder).unwrap();
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    Node::new(99, folder.to_owned(), rpc::Client::new(rpc_port))
}

#[test]
fn an_observer_follows_the_chain_and_passes_transactions_on() {
    let mut network = Network::create(4, "500ms");
    network.start();
    let treasury = Treasury::open(&network);
    eventually("some blocks", || (network.height() >= 4).then_some(()));
    let mut observer = observer(&network, &network.folder().join("observer"));
    observer.start();
    observer.wait_until_up();
    eventually("the observer catches up", || {
        (observer.height()? + 1 >= network.height()).then_some(())
    });
    let transaction = treasury.transfer(network.height());
    observer
        .rpc
        .call("sendrawtransaction", &json!([base64(&transaction)]))
        .unwrap();
    let hash = json!([transaction.hash().to_string()]);
    eventually(
        "the observer's transaction is final, also at the observer",
        || {
            network.nodes[2]
                .rpc
                .call("gettransactionheight", &hash)
                .ok()?;
            observer.rpc.call("gettransactionheight", &hash).ok()
        },
    );
    let height = observer.height().unwrap();
    for at in 0..=height {
        eventually("the same block", || {
            (network.nodes[0].block_hash(at) == observer.block_hash(at)).then_some(())
        });
    }
    let state = observer.rpc.call("getconsensusstate", &json!([])).unwrap();
    assert_eq!(state["voting"], json!(false));
    observer.stop();
    network.stop();
}

/// Runs a node to its end, and gives its exit code and what it said.
fn run_to_end(config: &Path) -> (i32, String) {
    let ended = Command::new(BINARY)
        .args(["run", "--config"])
        .arg(config)
        .output()
        .unwrap();
    (
        ended.status.code().unwrap(),
        String::from_utf8_lossy(&ended.stderr).into_owned(),
    )
}

#[test]
fn data_directories_of_others_are_refused_and_left_alone() {
    let mut network = Network::create(4, "1s");
    network.start();
    // A second process with the same data directory, on other ports.
    let mut config = network.nodes[0].config();
    config["network"]["listen"] = json!([]);
    config.as_object_mut().unwrap().remove("rpc");
    config.as_object_mut().unwrap().remove("metrics");
    let twin = network.nodes[0].folder.join("twin.json");
    std::fs::write(&twin, config.to_string()).unwrap();
    let (code, said) = run_to_end(&twin);
    assert!(
        code != 0 && said.contains("locked by another process"),
        "{code}: {said}"
    );
    network.stop();
    // The same directory, configured for another network.
    config["protocol"]["genesis"]["magic"] = json!(7);
    std::fs::write(&twin, config.to_string()).unwrap();
    let (code, said) = run_to_end(&twin);
    assert!(code != 0 && said.contains("network"), "{code}: {said}");
    // Nothing of it harmed the chain.
    network.start();
    let before = network.height();
    eventually("blocks go on", || (network.height() > before).then_some(()));
    network.stop();
}

#[test]
fn a_validator_without_its_vote_log_is_silent_until_new_blocks_are_stored() {
    let mut network = Network::create(4, "500ms");
    network.start();
    eventually("some blocks", || (network.height() >= 3).then_some(()));
    network.nodes[1].kill();
    std::fs::remove_dir_all(network.nodes[1].data().join("votes")).unwrap();
    network.nodes[1].start();
    network.nodes[1].wait_until_up();
    let votes = eventually("it votes again", || {
        let own = own_messages(&network.nodes[1]);
        (!own.is_empty()).then_some(own)
    });
    let log = std::fs::read_to_string(network.nodes[1].log()).unwrap();
    assert!(log.contains("vote log"), "the loss is in the log: {log}");
    // It began with the height after the blocks that rule 8 asks for.
    let until: u32 = log
        .lines()
        .find(|line| line.contains("silent until this height is stored"))
        .and_then(|line| {
            line.split("until=")
                .nth(1)?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or_else(|| panic!("no threshold in the log: {log}"));
    assert!(
        votes.iter().all(|message| message.height.0 > until),
        "{until}: {:?}",
        votes.first()
    );
    for node in &network.nodes {
        assert_no_contradiction(node.index, &own_messages(node));
    }
    network.stop();
}

#[test]
fn hostile_bytes_on_every_port_do_not_stop_the_chain() {
    let mut network = Network::create(4, "500ms");
    network.start();
    let config = network.nodes[0].config();
    let address = |value: &Value| value.as_str().unwrap().to_owned();
    let mesh = address(&config["network"]["listen"][0]);
    let ports = [
        mesh.clone(),
        address(&config["rpc"]["listen"]),
        address(&config["metrics"]["listen"]),
    ];
    let garbage: Vec<u8> = (0..70_000_u32)
        .map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3])
        .collect();
    for port in &ports {
        for length in [1, 100, garbage.len()] {
            let mut stream = TcpStream::connect(port).unwrap();
            // The node may hang up at any moment.
            let _ = stream.write_all(&garbage[..length]);
        }
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [1, 20, 1200] {
        socket.send_to(&garbage[..length], &mesh).unwrap();
    }
    let bad = [
        json!("not a transaction"),
        json!("AAAA"),
        json!(base64_of(&garbage[..5000])),
        json!({ "a": 1 }),
        json!(null),
    ];
    for parameter in &bad {
        for method in [
            "sendrawtransaction",
            "submitblock",
            "getblock",
            "getapplicationlog",
        ] {
            let answer = network.nodes[0].rpc.call(method, &json!([parameter]));
            assert!(
                matches!(answer, Err(rpc::Failure::Refused(..))),
                "{method} {parameter}: {answer:?}"
            );
        }
    }
    let before = network.height();
    eventually("blocks go on, at node 0 too", || {
        (network.nodes[0].height()? >= before + 2).then_some(())
    });
    same_chain(&network);
    network.stop();
}

fn base64_of(bytes: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::prelude::BASE64_STANDARD.encode(bytes)
}
