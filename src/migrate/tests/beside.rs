//! Configurations for running beside the imported node.

use super::*;

fn beside(protocol: u32, nodes: &[&str]) -> Wishes {
    Wishes {
        protocol,
        beside: Some(Beside {
            nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
            ..Beside::default()
        }),
        ..wishes()
    }
}

#[test]
fn dbft_2_beside_the_imported_node_uses_its_rpc_and_its_p2p() {
    let (imported, config) = imported(&[("privnet.yml", NEO_GO)], &beside(2, &[])).unwrap();
    assert_eq!(config["ledger"]["kind"], "attached");
    let nodes = json!([{"rpc": "http://127.0.0.1:30333"}]);
    assert_eq!(config["ledger"]["nodes"], nodes);
    let section = &config["p2p"];
    assert_eq!(section["listen"], json!([]), "the Neo node listens there");
    let peers = ["127.0.0.1:20333", "localhost:20333", "127.0.0.1:20334"];
    assert_eq!(section["peers"], json!(peers), "the Neo node first");
    assert_eq!(section["max_peers"], 10);
    assert!(config.get("rpc").is_none() && config.get("metrics").is_none());
    assert_eq!(config["consensus"]["enabled"], true);
    assert!(
        config["wallet"]["path"]
            .as_str()
            .unwrap()
            .ends_with("wallet1.json")
    );
    let carried = |key: &str, to: &str| {
        let find = |one: &Carried| one.from.ends_with(key) && one.to == to;
        assert!(imported.carried.iter().any(find), "{:#?}", imported.carried);
    };
    carried("RPC.Addresses", "ledger.nodes");
    carried("P2P.Addresses", "p2p.peers");
    for key in [
        "Hardforks.Echidna",
        "DBConfiguration.Type",
        "RPC.MaxGasInvoke",
    ] {
        let reason = &left(&imported, key).reason;
        assert!(
            reason.contains("stays in force at the Neo node"),
            "{reason}"
        );
    }
    assert!(
        left(&imported, "RPC.MaxRequestBodyBytes")
            .reason
            .contains("--rpc")
    );
    assert!(
        left(&imported, "Prometheus.Addresses")
            .reason
            .contains("--metrics")
    );
}

#[test]
fn dbft_3_beside_it_has_the_mesh_that_it_is_told_of() {
    let mut wishes = beside(3, &["http://10.0.0.1:10332", "http://10.0.0.2:10332"]);
    let with = wishes.beside.as_mut().unwrap();
    with.rpc = Some("127.0.0.1:7002".parse().unwrap());
    with.metrics = Some("127.0.0.1:7003".parse().unwrap());
    wishes.mesh.listen = Some("0.0.0.0:7001".parse().unwrap());
    let peers = [&format!("{}@a.example:7001", KEYS[1]), "b.example:7009"];
    wishes.mesh.peers = peers.map(|peer| peer.parse().unwrap()).to_vec();
    let (imported, config) = imported(&[("privnet.yml", NEO_GO)], &wishes).unwrap();
    let nodes = json!([{"rpc": "http://10.0.0.1:10332"}, {"rpc": "http://10.0.0.2:10332"}]);
    assert_eq!(config["ledger"]["nodes"], nodes);
    assert_eq!(config["network"]["listen"], json!(["0.0.0.0:7001"]));
    let peers = json!([
        {"public_key": KEYS[1], "addresses": ["a.example:7001"]},
        {"addresses": ["b.example:7009"]},
    ]);
    assert_eq!(config["network"]["peers"], peers);
    assert_eq!(config["rpc"]["listen"], "127.0.0.1:7002");
    assert_eq!(config["rpc"]["max_body_bytes"], 1_048_576);
    assert_eq!(config["metrics"]["listen"], "127.0.0.1:7003");
    assert!(config.get("p2p").is_none_or(Value::is_null));
    for key in ["P2P.Addresses", "SeedList", "P2P.MaxPeers"] {
        let reason = &left(&imported, key).reason;
        assert!(reason.contains("mesh of its own"), "{key}: {reason}");
    }
    assert!(left(&imported, "RPC.Addresses").reason.contains("--node"));
    assert!(imported.left.iter().all(|left| left.key != "network"));
}

#[test]
fn the_mesh_is_derived_from_seeds_on_machines_of_their_own() {
    let seeds = "    - localhost:20333\n    - \"127.0.0.1:20334\"\n";
    assert!(NEO_GO.contains(seeds));
    let apart = NEO_GO.replace(seeds, "    - b.example:20333\n    - a.example:20333\n");
    let mut wishes = beside(3, &[]);
    wishes.mesh.listen = Some("0.0.0.0:7001".parse().unwrap());
    let (from_apart, config) = imported(&[("privnet.yml", &apart)], &wishes).unwrap();
    let peers = json!([{"addresses": ["a.example:7001"]}, {"addresses": ["b.example:7001"]}]);
    assert_eq!(config["network"]["peers"], peers);
    let assumed = from_apart
        .assumed
        .iter()
        .find(|one| one.to == "network.peers");
    let assumed = assumed.unwrap();
    assert!(assumed.from.ends_with("SeedList") && assumed.value == peers);
    // On one machine each has another port, which nobody knows.
    let (together, config) = imported(&[("privnet.yml", NEO_GO)], &wishes).unwrap();
    assert_eq!(config["network"]["peers"], json!([]));
    let reason = &left(&together, "network").reason;
    assert!(reason.contains("set network.peers (--peer"), "{reason}");
}

#[test]
fn a_node_whose_consensus_is_off_by_now_is_followed_by_one_that_votes() {
    let off = NEO_GO.replace(
        "Consensus:\n    Enabled: true",
        "Consensus:\n    Enabled: false",
    );
    assert_ne!(off, NEO_GO);
    let (imported, config) = imported(&[("privnet.yml", &off)], &beside(3, &[])).unwrap();
    assert_eq!(config["consensus"]["enabled"], true);
    let assumed = imported
        .assumed
        .iter()
        .find(|one| one.to == "consensus.enabled");
    assert_eq!(assumed.map(|one| &one.value), Some(&json!(true)));
}

#[test]
fn a_node_without_rpc_is_told_that_it_needs_one() {
    let silent = NEO_GO.replace("  RPC:\n    Enabled: true", "  RPC:\n    Enabled: false");
    assert_ne!(silent, NEO_GO);
    let (imported, _) = imported(&[("privnet.yml", &silent)], &beside(2, &[])).unwrap();
    let reason = &left(&imported, "ledger.nodes").reason;
    assert!(reason.contains("has no JSON-RPC server"), "{reason}");
}

#[test]
fn the_c_sharp_node_goes_on_with_its_plugins() {
    let text = csharp();
    let files = [
        ("config.json", text.as_str()),
        ("Plugins/DBFTPlugin/DBFTPlugin.json", DBFT),
        ("Plugins/RpcServer/RpcServer.json", RPC),
    ];
    let (imported, config) = imported(&files, &beside(2, &[])).unwrap();
    let nodes = json!([{"rpc": "http://127.0.0.1:10332"}]);
    assert_eq!(config["ledger"]["nodes"], nodes);
    let peers = json!(["127.0.0.1:10333", "seed1.neo.org:10333"]);
    assert_eq!(config["p2p"]["peers"], peers);
    assert!(config.get("rpc").is_none_or(Value::is_null));
    assert!(
        left(&imported, "HF_Echidna")
            .reason
            .contains("stays in force")
    );
    let told = format!("{imported:?} {config}");
    assert!(!told.contains("secret"), "{told}");
}
