use std::path::Path;

use neo_primitives::{Height, UInt256};

use super::*;

const KEYS: [&str; 4] = [
    "02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2",
    "02103a7f7dd016558597f7960d27c516a4394fd968b9e65155eb4b013e4040406e",
    "03d90c07df63e690ce77912e10ab51acc944b66860237b608c4f8f8309e71ee699",
    "02a7bc55fe8684e0119768d104ba30795bdcc86619e864add26156723ed185cd62",
];

fn document() -> serde_json::Value {
    serde_json::json!({
        "protocol": {"version": 3, "genesis": {"magic": 56753, "standby_validators": KEYS}},
        "data_dir": "data",
        "wallet": {"path": "wallet.json", "password_file": "password"},
        "network": {
            "listen": ["127.0.0.1:10333"],
            "peers": [
                {"public_key": KEYS[1], "addresses": ["127.0.0.1:10433"]},
                {"addresses": ["node.example.org:10333", "/ip4/127.0.0.1/udp/10533/quic-v1"]},
                {"public_key": KEYS[2], "addresses": ["[::1]:10433"]}
            ]
        },
        "rpc": {"listen": "127.0.0.1:10332"},
        "metrics": {"listen": "127.0.0.1:2112"},
        "log": {"level": "debug", "format": "json"}
    })
}

pub(super) fn refusal(pointer: &str, value: serde_json::Value) -> String {
    let mut document = document();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent {
        serde_json::Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        other => other[key] = value,
    }
    NodeConfig::parse(&document.to_string())
        .unwrap_err()
        .to_string()
}

#[test]
fn a_document_is_read_and_comes_back() {
    let config = NodeConfig::parse(&document().to_string()).unwrap();
    assert_eq!(config.log.level, LogLevel::Debug);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.consensus, ConsensusConfig::default());
    assert_eq!(config.rpc.as_ref().unwrap().max_batch, 256);
    assert_eq!(config.network.peers.len(), 3);
    assert_eq!(NodeConfig::parse(&config.to_json()).unwrap(), config);
}

#[test]
fn the_least_document_is_an_observer_without_servers() {
    let text = serde_json::json!({"protocol": document()["protocol"], "data_dir": "d"}).to_string();
    let config = NodeConfig::parse(&text).unwrap();
    assert!(config.wallet.is_none() && config.rpc.is_none() && config.metrics.is_none());
}

#[test]
fn unknown_keys_and_wrong_values_are_refused_with_their_place() {
    for (pointer, value, expected) in [
        ("/netwrk", 1.into(), "netwrk: unknown field `netwrk`"),
        ("/rpc/port", 1.into(), "rpc.port: unknown field `port`"),
        (
            "/network/peers/2/key",
            1.into(),
            "network.peers[2].key: unknown field",
        ),
        (
            "/network/peers/2/public_key",
            "02aa".into(),
            "network.peers[2].public_key: ",
        ),
        (
            "/network/peers/1/addresses/1",
            "nowhere".into(),
            "network.peers[1].addresses[1]: `nowhere`",
        ),
        (
            "/protocol/genesis/magc",
            1.into(),
            "protocol.genesis.magc: unknown field",
        ),
        (
            "/protocol/genesis/standby_validators/3",
            "zz".into(),
            "protocol.genesis.standby_validators[3]: ",
        ),
        (
            "/protocol/genesis/block_time_ms",
            (-1).into(),
            "protocol.genesis.block_time_ms: invalid value",
        ),
        (
            "/log/level",
            "loud".into(),
            "log.level: unknown variant `loud`",
        ),
        (
            "/rpc/listen",
            "localhost".into(),
            "rpc.listen: invalid socket address",
        ),
        (
            "/wallet/password",
            "secret".into(),
            "wallet.password: unknown field `password`",
        ),
        ("/data_dir", 7.into(), "data_dir: invalid type"),
    ] {
        let error = refusal(pointer, value);
        assert!(error.starts_with(expected), "{pointer}: {error}");
    }
}

#[test]
fn values_outside_their_limits_are_refused_with_limit_and_place() {
    for (pointer, value, expected) in [
        (
            "/protocol/version",
            serde_json::json!(4),
            "protocol.version: version 4 is not known, this node runs 2 and 3",
        ),
        (
            "/protocol/genesis/standby_validators",
            serde_json::json!([]),
            "protocol.genesis: ",
        ),
        (
            "/protocol/genesis/max_transactions_per_block",
            0.into(),
            "protocol.genesis: max_transactions_per_block is 0",
        ),
        (
            "/consensus",
            serde_json::json!({"base_timeout_ms": 1}),
            "consensus.base_timeout_ms: 1 is not within 10 to 600000",
        ),
        (
            "/consensus",
            serde_json::json!({"backoff_multiplier": 0.5}),
            "consensus.backoff_multiplier: 0.5 is not within 1 to 10",
        ),
        (
            "/consensus",
            serde_json::json!({"max_timeout_ms": 500}),
            "consensus.max_timeout_ms: 500 is not within 1000 to",
        ),
        (
            "/network/max_connections_per_address",
            0.into(),
            "network.max_connections_per_address: 0 is not within 1 to 10000",
        ),
        (
            "/network/ban_most_s",
            5.into(),
            "network.ban_most_s: 5 is not within 30 to 604800",
        ),
        (
            "/network/heartbeat_ms",
            1.into(),
            "network.heartbeat_ms: 1 is not within 10 to 10000",
        ),
        (
            "/network/peers/1/addresses",
            serde_json::json!([]),
            "network.peers[1].addresses: number of addresses: 0",
        ),
        (
            "/network/peers/2/public_key",
            KEYS[1].into(),
            "network.peers[2].public_key: 02103a",
        ),
        (
            "/rpc/max_batch",
            0.into(),
            "rpc.max_batch: 0 is not within 1 to 10000",
        ),
        (
            "/rpc/max_body_bytes",
            1.into(),
            "rpc.max_body_bytes: 1 is not within 1024 to",
        ),
        (
            "/metrics/listen",
            "127.0.0.1:10332".into(),
            "metrics.listen: 127.0.0.1:10332 is taken by rpc.listen",
        ),
        (
            "/wallet/password_env",
            "NAME".into(),
            "wallet: password_file and password_env exclude",
        ),
        (
            "/checkpoints",
            serde_json::json!({"keep": 0}),
            "checkpoints.keep: 0 is not within 1 to 1000",
        ),
        (
            "/checkpoints",
            serde_json::json!({"folder": ""}),
            "checkpoints.folder: the path is empty",
        ),
        ("/data_dir", "".into(), "data_dir: the path is empty"),
    ] {
        let error = refusal(pointer, value);
        assert!(error.starts_with(expected), "{pointer}: {error}");
    }
}

#[test]
fn what_is_no_json_is_said_with_line_and_column() {
    let error = NodeConfig::parse("{\n  \"data_dir\": }")
        .unwrap_err()
        .to_string();
    assert!(error.contains("line 2 column"), "{error}");
    let trailing = format!("{} x", document());
    assert!(
        NodeConfig::parse(&trailing)
            .unwrap_err()
            .to_string()
            .contains("trailing characters")
    );
}

#[test]
fn paths_are_relative_to_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.json");
    std::fs::write(&path, document().to_string()).unwrap();
    let config = NodeConfig::load(&path).unwrap();
    assert_eq!(config.data_dir, folder.path().join("data"));
    let wallet = config.wallet.unwrap();
    assert_eq!(wallet.path, folder.path().join("wallet.json"));
    assert_eq!(wallet.password_file, Some(folder.path().join("password")));
    let missing = NodeConfig::load(Path::new("/nonexistent/node.json")).unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("configuration file /nonexistent/node.json: ")
    );
}

#[test]
fn the_templates_are_complete_and_parse() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    for (name, validators) in [
        ("v3-dev", 4),
        ("v3-test", 7),
        ("v3-prod", 7),
        ("v3-attached", 7),
        ("v2-mixed", 4),
    ] {
        let path = root.join(format!("consensus-{name}.json"));
        let config = NodeConfig::load(&path).unwrap();
        assert_eq!(
            config.protocol.genesis.standby_validators.len(),
            validators,
            "{name}"
        );
        assert!(config.rpc.is_some() && config.metrics.is_some(), "{name}");
        // The key is in one place.
        let attached = name == "v3-attached";
        assert_eq!(config.wallet.is_some(), !attached, "{name}");
        assert_eq!(config.signer.is_some(), attached, "{name}");
        assert_eq!(config.ledger.is_attached(), attached, "{name}");
        let text = std::fs::read_to_string(&path).unwrap();
        let written: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut own = NodeConfig::parse(&text).unwrap();
        own.schema = None;
        let complete: serde_json::Value = serde_json::from_str(&own.to_json()).unwrap();
        assert_eq!(written, complete, "{name} must name every key");
    }
}

/// The document of a node of dBFT 2.0.
fn older(change: impl FnOnce(&mut serde_json::Value)) -> Result<NodeConfig, String> {
    let mut document = document();
    document["protocol"]["version"] = 2.into();
    document["network"] = serde_json::json!({});
    document["p2p"] =
        serde_json::json!({"peers": ["127.0.0.1:1", "[::1]:2", "seed.example.org:3"]});
    change(&mut document);
    NodeConfig::parse(&document.to_string()).map_err(|error| error.to_string())
}

#[test]
fn version_2_has_p2p_and_no_mesh() {
    let config = older(|_| {}).unwrap();
    assert!(config.protocol.is_dbft_2());
    let p2p = config.p2p.unwrap();
    assert_eq!((p2p.max_peers, p2p.wanted_peers), (40, 10));
    assert!(p2p.compression && p2p.max_per_address == 3);
    // An observer that only serves what it has needs no peers.
    older(|document| {
        document.as_object_mut().unwrap().remove("p2p");
        document["consensus"] = serde_json::json!({"enabled": false});
    })
    .unwrap();
    // Timers of dBFT 3.0 mean nothing here, whatever they are.
    older(|document| {
        document["consensus"] = serde_json::json!({"min_timeout_ms": 2_000});
    })
    .unwrap();
    let refused = |change: fn(&mut serde_json::Value)| older(change).unwrap_err();
    for (change, expected) in [
        (
            (|document| document["p2p"] = serde_json::Value::Null) as fn(&mut serde_json::Value),
            "p2p: the section is missing",
        ),
        (
            |document| document["network"]["listen"] = serde_json::json!(["127.0.0.1:9"]),
            "network.listen: this key is of the mesh of dBFT 3.0",
        ),
        (
            |document| {
                document["network"]["peers"] = serde_json::json!([{"addresses": ["127.0.0.1:9"]}]);
            },
            "network.peers: this key is of the mesh of dBFT 3.0",
        ),
        (
            |document| document["p2p"]["peers"][1] = "/ip4/127.0.0.1/tcp/9".into(),
            "p2p.peers[1]: `/ip4/127.0.0.1/tcp/9` is not host:port",
        ),
        (
            |document| {
                document["p2p"]["listen"] = serde_json::json!(["127.0.0.1:1", "127.0.0.1:2"])
            },
            "p2p.listen: number of addresses: 2 is not within 0 to 1",
        ),
        (
            |document| document["p2p"]["listen"] = serde_json::json!(["127.0.0.1:10332"]),
            "rpc.listen: 127.0.0.1:10332 is taken by p2p.listen",
        ),
        (
            |document| document["p2p"]["wanted_peers"] = 41.into(),
            "p2p.wanted_peers: 41 is not within 0 to 40",
        ),
        (
            |document| document["p2p"]["max_peers"] = 0.into(),
            "p2p.max_peers: 0 is not within 1 to 10000",
        ),
        (
            |document| document["p2p"]["port"] = 1.into(),
            "p2p.port: unknown field `port`",
        ),
        (
            |document| {
                document["consensus"] = serde_json::json!({"max_block_time_ms": 3_600_001_u64});
            },
            "consensus.max_block_time_ms: 3600001 is not within 0 to 3600000",
        ),
    ] {
        let error = refused(change);
        assert!(error.starts_with(expected), "{error}");
    }
}

/// Keys of an object of the schema, following its references.
fn keys(schema: &serde_json::Value, name: &str) -> Vec<String> {
    let object = match name {
        "" => schema,
        name => &schema["$defs"][name],
    };
    object["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

#[test]
fn a_neo_node_reads_no_longer_witnesses_than_others() {
    let mut document = document();
    document["ledger"] = serde_json::json!({"kind": "attached", "nodes": [{"rpc": "a:1"}]});
    NodeConfig::parse(&document.to_string()).unwrap();
    document["protocol"]["genesis"]["witness_limit"] = 2_048.into();
    let error = NodeConfig::parse(&document.to_string()).unwrap_err();
    let text = "protocol.genesis.witness_limit: 2048, an attached Neo node reads 1024";
    assert_eq!(error.to_string(), text);
}

#[test]
fn the_schema_names_the_keys_that_are_read() {
    let schema = NodeConfig::json_schema();
    assert_eq!(schema["additionalProperties"], false);
    let mut config = NodeConfig::parse(&document().to_string()).unwrap();
    config.schema = Some("schema.json".into());
    config.description = Some("test".into());
    config.signer = Some(SignerSection {
        endpoint: "http://127.0.0.1:9991".into(),
        public_key: KEYS[0].parse().unwrap(),
        timeout_ms: 1_000,
    });
    config.p2p = Some(P2pSection::default());
    config.ledger.kind = LedgerKind::Attached;
    config.ledger.nodes = vec![AttachedNode {
        rpc: "http://127.0.0.1:10332".into(),
    }];
    config.ledger.trusted = Some(TrustedBlock {
        height: Height(7),
        hash: UInt256::ZERO,
    });
    config.protocol.genesis.committee = config.protocol.genesis.standby_validators.clone();
    let value = serde_json::to_value(&config).unwrap();
    let of = |value: &serde_json::Value| -> Vec<String> {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&schema, ""), of(&value));
    assert_eq!(
        keys(&schema, "GenesisConfig"),
        of(&value["protocol"]["genesis"])
    );
    for (name, part) in [
        ("ConsensusConfig", &value["consensus"]),
        ("RpcConfig", &value["rpc"]),
        ("MetricsConfig", &value["metrics"]),
        ("SignerSection", &value["signer"]),
        ("NetworkSection", &value["network"]),
        ("PeerConfig", &value["network"]["peers"][0]),
        ("P2pSection", &value["p2p"]),
        ("LedgerSection", &value["ledger"]),
        ("AttachedNode", &value["ledger"]["nodes"][0]),
        ("TrustedBlock", &value["ledger"]["trusted"]),
        ("LogConfig", &value["log"]),
    ] {
        assert_eq!(keys(&schema, name), of(part), "{name}");
    }
}

#[test]
fn a_remote_signer_takes_the_place_of_the_wallet() {
    let signer = |endpoint: &str, more: serde_json::Value| {
        let mut document = document();
        document["protocol"]["version"] = 2.into();
        document["network"] = serde_json::json!({});
        document["p2p"] = serde_json::json!({});
        document["signer"] = serde_json::json!({"endpoint": endpoint, "public_key": KEYS[0]});
        document.as_object_mut().unwrap().remove("wallet");
        for (key, value) in more.as_object().unwrap() {
            let (section, key) = key.split_once('.').unwrap();
            document[section][key] = value.clone();
        }
        NodeConfig::parse(&document.to_string())
    };
    let good = "http://127.0.0.1:9991";
    let config = signer(good, serde_json::json!({})).unwrap();
    let section = config.signer.as_ref().unwrap();
    assert_eq!(section.timeout_ms, 1_000);
    assert_eq!(NodeConfig::parse(&config.to_json()).unwrap(), config);
    for (endpoint, more, expected) in [
        (
            good,
            serde_json::json!({"wallet.path": "w.json"}),
            "signer: wallet and signer exclude",
        ),
        (
            good,
            serde_json::json!({"signer.timeout_ms": 5}),
            "signer.timeout_ms: 5 is not within 10",
        ),
        (
            good,
            serde_json::json!({"signer.password": "x"}),
            "signer.password: unknown field",
        ),
        (
            good,
            serde_json::json!({"signer.public_key": "02aa"}),
            "signer.public_key: ",
        ),
        (
            "https://127.0.0.1:1",
            serde_json::json!({}),
            "signer.endpoint: signer endpoint \"https",
        ),
        ("127.0.0.1:1", serde_json::json!({}), "signer.endpoint: "),
    ] {
        let error = signer(endpoint, more).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
