//! Two validators without a connection: their votes arrive through the third.

use serde_json::{Value, json};

use crate::common::{Network, Node, eventually, same_chain};

/// Takes the address of one node out of the configuration of another.
fn forget(node: &Node, other: &Node) {
    let address = other.config()["network"]["listen"][0].clone();
    node.configure(|config| {
        let peers = config["network"]["peers"].as_array_mut().unwrap();
        let before = peers.len();
        peers.retain(|peer| !peer["addresses"].as_array().unwrap().contains(&address));
        assert_eq!(peers.len(), before - 1, "{address} was one of them");
    });
}

fn own_index(node: &Node) -> Value {
    eventually("a validator says which one it is", || {
        let index = node.state()?["ownindex"].clone();
        index.is_u64().then_some(index)
    })
}

/// What a node says of its link with the validator of this index.
fn link(node: &Node, index: &Value) -> Option<Value> {
    let state = node.state()?;
    let links = state["topology"]["validators"].as_array()?;
    links.iter().find(|link| link["index"] == *index).cloned()
}

/// Of three validators all are needed: without the second channel there would be no block at all.
#[test]
fn votes_of_validators_without_a_connection_arrive_through_the_third() {
    let mut network = Network::create(3, "500ms");
    forget(&network.nodes[0], &network.nodes[1]);
    forget(&network.nodes[1], &network.nodes[0]);
    network.start();
    eventually("blocks that all three voted for", || {
        (network.height() >= 8).then_some(())
    });
    let indexes: Vec<_> = network.nodes.iter().map(own_index).collect();
    for (own, other) in [(0, 1), (1, 0)] {
        let node = &network.nodes[own];
        eventually("the topology says that one is relayed", || {
            let link = link(node, &indexes[other])?;
            (link["connected"] == false && link["relayed"] == true).then_some(())
        });
        let third = link(node, &indexes[2]).unwrap();
        assert_eq!(third["connected"], true, "{third}");
        eventually(
            "too few are in reach directly, and an alert says so",
            || {
                let state = node.state()?;
                let topology = &state["topology"];
                let told = (&topology["reachable"], &topology["needed"]);
                assert_eq!(told, (&json!(2), &json!(3)), "{topology}");
                let alerts = state["alerts"].as_array()?;
                let up = alerts
                    .iter()
                    .any(|alert| alert["kind"] == "partition" && alert["active"] == true);
                (topology["partitioned"] == true && up).then_some(())
            },
        );
        let received = "neo_dbft_network_events_total{kind=\"relays_received\"}";
        assert!(node.metric(received) > 0.0);
    }
    let passed = "neo_dbft_network_events_total{kind=\"relays_passed\"}";
    assert!(network.nodes[2].metric(passed) > 0.0);
    for node in &network.nodes {
        let state = node.state().unwrap();
        assert_eq!(state["reputation"], json!([]), "nobody is charged for it");
    }
    same_chain(&network);
    network.stop();
}
