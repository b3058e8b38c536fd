use serde_json::json;

use super::ok;
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
