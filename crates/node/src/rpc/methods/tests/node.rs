use serde_json::json;

use super::ok;
use crate::config::P2pSection;
use crate::rpc::testing::{Chain, keys};

#[tokio::test]
async fn the_version_shows_the_protocol() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let mut version = ok(&server, "getversion", json!([])).await;
    assert!(version["nonce"].as_u64().unwrap() <= u64::from(u32::MAX));
    version["nonce"] = json!(0);
    let names = [
        "Aspidochelone",
        "Basilisk",
        "Cockatrice",
        "Domovoi",
        "Echidna",
        "Faun",
    ];
    let committee: Vec<_> = keys().iter().map(|key| key.public_key().clone()).collect();
    assert_eq!(
        version,
        json!({
            "tcpport": 20001, "nonce": 0,
            "useragent": format!("/neo-dbft:{}/", env!("CARGO_PKG_VERSION")),
            "rpc": {"maxiteratorresultitems": 100, "sessionenabled": false},
            "protocol": {
                "addressversion": 53, "network": 56753, "validatorscount": 4, "msperblock": 1000,
                "maxtraceableblocks": 2_102_400, "maxvaliduntilblockincrement": 5760,
                "maxtransactionsperblock": 512, "memorypoolmaxtransactions": 50_000,
                "initialgasdistribution": 5_200_000_000_000_000_u64,
                "hardforks": names.map(|name| json!({"name": name, "blockheight": 0})),
                "standbycommittee": committee,
                "seedlist": ["127.0.0.1:10002", "127.0.0.1:10003", "10.0.0.9:5"]
            }
        })
    );
    server.shut_down().await;
}

#[tokio::test]
async fn peers_are_listed() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    assert_eq!(ok(&server, "getconnectioncount", json!([])).await, 2);
    assert_eq!(
        ok(&server, "getpeers", json!([])).await,
        json!({
            "unconnected": [{"address": "127.0.0.1", "port": 10_003}],
            "bad": [],
            "connected": [
                {
                    "address": "127.0.0.1", "port": 20_002, "useragent": "/test:1/", "lastknownheight": 5,
                    "validator": keys()[1].public_key(), "rttms": 1.5
                },
                {"address": "10.0.0.9", "port": 5, "useragent": "", "lastknownheight": 0}
            ]
        })
    );
    server.shut_down().await;
}

#[tokio::test]
async fn where_neos_own_protocol_is_spoken_it_is_what_clients_are_told_of() {
    let mut chain = Chain::new();
    chain.config.p2p = Some(P2pSection {
        listen: vec!["127.0.0.1:30333".parse().unwrap()],
        peers: vec![
            "127.0.0.1:20002".to_owned(),
            "seed.example.org:10333".to_owned(),
        ],
        ..P2pSection::default()
    });
    chain.config.protocol.version = 2;
    let server = chain.serve(|_| {}).await;
    let version = ok(&server, "getversion", json!([])).await;
    assert_eq!(version["tcpport"], 30_333);
    let seeds = &version["protocol"]["seedlist"];
    assert_eq!(seeds, &json!(["127.0.0.1:20002", "seed.example.org:10333"]));
    let peers = ok(&server, "getpeers", json!([])).await;
    let away = peers["unconnected"].as_array().unwrap();
    let seed = json!({"address": "seed.example.org", "port": 10_333});
    assert_eq!(away.last(), Some(&seed));
    assert!(!away.contains(&json!({"address": "127.0.0.1", "port": 20_002})));
    let state = ok(&server, "getconsensusstate", json!([])).await;
    assert_eq!(state["protocol"], 2);
    server.shut_down().await;
}

#[tokio::test]
async fn validators_and_committee_are_sorted_keys() {
    let chain = Chain::with(|genesis| genesis.standby_validators.reverse());
    let server = chain.serve(|_| {}).await;
    let sorted: Vec<_> = keys().iter().map(|key| key.public_key().clone()).collect();
    assert_eq!(ok(&server, "getcommittee", json!([])).await, json!(sorted));
    let validators: Vec<_> = sorted
        .iter()
        .map(|key| json!({"publickey": key, "votes": -1}))
        .collect();
    assert_eq!(
        ok(&server, "getnextblockvalidators", json!([])).await,
        json!(validators)
    );
    server.shut_down().await;
}

#[tokio::test]
async fn the_state_of_consensus_is_shown() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let state = ok(&server, "getconsensusstate", json!([])).await;
    assert_eq!(state["protocol"], 3);
    assert_eq!(state["stored"], 0);
    assert_eq!(state["voting"], true);
    assert_eq!(state["timer"], json!({"base_ms": 375}));
    assert_eq!(state["maxtransactions"], 512);
    assert_eq!(state["performance"]["avg_block_time"], 0);
    assert_eq!(state["height"], 1);
    assert_eq!(state["view"], 1);
    assert_eq!(state["phase"], "PreCommit");
    assert_eq!(
        state["leader"],
        json!({"index": 2, "publickey": keys()[2].public_key()})
    );
    assert_eq!(state["order"].as_array().unwrap().len(), 4);
    assert_eq!(
        state["order"][3],
        json!({"index": 1, "score": 4, "credit": -250})
    );
    assert_eq!(state["ownindex"], 0);
    assert_eq!(state["block"], format!("0x{}", "07".repeat(32)));
    assert_eq!(state["validators"].as_array().unwrap().len(), 4);
    assert_eq!(
        state["validators"][3],
        json!({
            "index": 3, "publickey": keys()[3].public_key(), "prepare": false,
            "precommit": false, "commit": false, "changeview": 2
        })
    );
    assert_eq!(state["heights"].as_array().unwrap().len(), 1);
    server.shut_down().await;
}

#[tokio::test]
async fn alerts_connections_conduct_and_tuning_are_shown_with_the_state() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let state = ok(&server, "getconsensusstate", json!([])).await;
    assert_eq!(
        state["tuning"],
        json!({"fan_out": 12, "verification_threads": 2})
    );
    assert_eq!(
        state["alerts"],
        json!([{
            "kind": "partition", "active": true, "count": 2, "last_ns": 9,
            "text": "2 validators are in reach, 3 are needed"
        }])
    );
    assert_eq!(
        state["topology"],
        json!({
            "reachable": 2, "needed": 3, "partitioned": true,
            "validators": [{
                "index": 2, "publickey": keys()[2].public_key(), "connected": false,
                "round_trip_us": 1_500, "last_heard_ms": 7_000, "relayed": true, "quiet": false
            }]
        })
    );
    assert_eq!(state["standings"][0]["score"], 50);
    assert_eq!(state["standings"][0]["findings"], json!(["equivocates"]));
    assert_eq!(state["standings"][0]["in_time"], 0);
    let reputation = state["reputation"].as_array().unwrap();
    assert_eq!(reputation.len(), 64, "the worst of a hundred");
    assert_eq!(
        reputation[0],
        json!({
            "validator": 3, "publickey": null, "peer": null, "address": null, "score": 0,
            "offences": {"guilty": 4}, "bans": 1, "banned_s": 12
        })
    );
    server.shut_down().await;
}

#[tokio::test]
async fn proofs_are_listed_in_parts_and_given_in_full() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let first = ok(&server, "getevidence", json!([])).await;
    assert_eq!((&first["total"], &first["skip"]), (&json!(230), &json!(0)));
    assert_eq!(first["evidence"].as_array().unwrap().len(), 50);
    assert_eq!(first["evidence"][0]["height"], 1_000, "the newest first");
    let last = ok(&server, "getevidence", json!([200, 200])).await;
    assert_eq!(last["evidence"].as_array().unwrap().len(), 30);
    assert_eq!(last["evidence"][29]["height"], 771);
    let beyond = ok(&server, "getevidence", json!([u32::MAX, 1])).await;
    assert_eq!(beyond["evidence"], json!([]));

    let hash = first["evidence"][0]["hash"].clone();
    let one = ok(&server, "getevidence", json!([hash])).await;
    assert_eq!(one["form"], "two-votes");
    assert_eq!(one["publickey"], json!(keys()[3].public_key()));
    assert_eq!(one["proof"], "cHJvb2Y=");

    let unknown = format!("0x{}", "77".repeat(32));
    for params in [
        json!([0, 201]),
        json!([0, 0]),
        json!([-1]),
        json!(["0x12"]),
        json!([unknown]),
        json!([0, "many"]),
    ] {
        assert_eq!(server.code("getevidence", params.clone()).await, -32_602);
    }
    let unreadable = first["evidence"][1]["hash"].clone();
    assert_eq!(
        server.code("getevidence", json!([unreadable])).await,
        -32_603
    );
    server.shut_down().await;
}
