use neo_primitives::{Encode, Height};
use serde_json::json;

use super::{GENESIS_TIME, account, account_hash, gas, ok};
use crate::rpc::{
    json::base64,
    testing::{Chain, signed, treasury},
};

#[tokio::test]
async fn the_tip_is_named_by_count_and_hash() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let block = chain.grow(vec![]);
    assert_eq!(ok(&server, "getblockcount", json!([])).await, 2);
    assert_eq!(ok(&server, "getblockheadercount", json!(null)).await, 2);
    let hash = block.hash().to_string();
    assert_eq!(ok(&server, "getbestblockhash", json!([])).await, hash);
    assert_eq!(ok(&server, "getblockhash", json!([1])).await, hash);
    assert_eq!(ok(&server, "getblockhash", json!(["1"])).await, hash);
    assert_eq!(server.code("getblockhash", json!([2])).await, -109);
    for bad in [
        json!([]),
        json!([-1]),
        json!(["x"]),
        json!([1.5]),
        json!([true]),
    ] {
        assert_eq!(server.code("getblockhash", bad).await, -32602);
    }
    server.shut_down().await;
}

#[tokio::test]
async fn blocks_and_headers_come_as_bytes_or_json() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let block = chain.grow(vec![signed(gas(account(1), 5, 1))]);
    let genesis = chain.config.protocol.genesis.genesis_block();
    let plain = base64(&block.to_bytes());
    for id in [
        json!(1),
        json!("1"),
        json!(block.hash()),
        json!(block.hash().to_string()[2..]),
    ] {
        assert_eq!(ok(&server, "getblock", json!([id])).await, plain);
        assert_eq!(ok(&server, "getblock", json!([id, 0])).await, plain);
        assert_eq!(ok(&server, "getblock", json!([id, false])).await, plain);
        for verbose in [json!(1), json!(true)] {
            let found = ok(&server, "getblock", json!([id, verbose])).await;
            assert_eq!(found["hash"], block.hash().to_string());
            assert_eq!(found["size"], block.to_bytes().len());
            assert_eq!(found["tx"].as_array().unwrap().len(), 1);
            assert_eq!(
                found["tx"][0]["hash"],
                block.transactions[0].hash().to_string()
            );
            assert!(found.get("nextblockhash").is_none());
            assert_eq!(found["confirmations"], 1);
            assert_eq!(found["nonce"], "0000000000001234");
            assert_eq!(found["primary"], 1);
        }
    }
    let found = ok(&server, "getblock", json!([0, true])).await;
    let header = genesis.signed_header();
    let expected = json!({
        "hash": genesis.hash(), "size": 114, "version": 0,
        "previousblockhash": format!("0x{}", "0".repeat(64)),
        "merkleroot": format!("0x{}", "0".repeat(64)),
        "time": GENESIS_TIME, "nonce": "000000007C2BAC1D", "index": 0, "primary": 0,
        "nextconsensus": treasury().to_address(),
        "witnesses": [{"invocation": "", "verification": "EQ=="}],
        "confirmations": 2, "nextblockhash": block.hash(), "tx": []
    });
    assert_eq!(found, expected);
    let mut expected = expected;
    expected.as_object_mut().unwrap().remove("tx");
    expected["size"] = json!(113);
    assert_eq!(ok(&server, "getblockheader", json!([0, 1])).await, expected);
    let bytes = base64(&header.to_bytes());
    assert_eq!(
        ok(&server, "getblockheader", json!([genesis.hash()])).await,
        bytes
    );
    for method in ["getblock", "getblockheader"] {
        assert_eq!(server.code(method, json!([2])).await, -101);
        assert_eq!(server.code(method, json!([account_hash()])).await, -101);
        assert_eq!(server.code(method, json!([])).await, -32602);
        assert_eq!(server.code(method, json!(["0x12"])).await, -32602);
        assert_eq!(server.code(method, json!([0, "yes"])).await, -32602);
    }
    server.shut_down().await;
}

#[tokio::test]
async fn the_genesis_block_of_neos_private_network_has_its_known_json() {
    let standby = [
        "02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2",
        "02103a7f7dd016558597f7960d27c516a4394fd968b9e65155eb4b013e4040406e",
        "03d90c07df63e690ce77912e10ab51acc944b66860237b608c4f8f8309e71ee699",
        "02a7bc55fe8684e0119768d104ba30795bdcc86619e864add26156723ed185cd62",
    ];
    let chain = Chain::with(|genesis| {
        genesis.standby_validators = standby.iter().map(|key| key.parse().unwrap()).collect();
    });
    let server = chain.serve(|_| {}).await;
    let header = ok(&server, "getblockheader", json!([0])).await;
    assert_eq!(
        header,
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACI6hnvVQEAAB2sK3wAAAAAAAAAAABouegejA5skHm0udEF6HinbT8iPwEAARE="
    );
    let found = ok(&server, "getblock", json!([0, 1])).await;
    assert_eq!(found["nextconsensus"], "NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq");
    let hash = "0x0f8fb4e17d2ab9f3097af75ca7fd16064160fb8043db94909e00dd4e257b9dc4";
    assert_eq!(found["hash"], hash);
    assert_eq!(ok(&server, "getbestblockhash", json!([])).await, hash);
    let mut sorted = standby;
    sorted.sort_by_key(|key| key[2..].to_owned());
    assert_eq!(ok(&server, "getcommittee", json!([])).await, json!(sorted));
    server.shut_down().await;
}

#[tokio::test]
async fn blocks_are_submitted() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let block = chain.next_block(vec![signed(gas(account(1), 1, 1))]);
    let mut forged = block.clone();
    forged.witness.invocation[10] ^= 1;
    let submit = |block: &neo_primitives::Block| json!([base64(&block.to_bytes())]);
    assert_eq!(server.code("submitblock", submit(&forged)).await, -500);
    let stored = ok(&server, "submitblock", submit(&block)).await;
    assert_eq!(stored, json!({"hash": block.hash()}));
    assert_eq!(ok(&server, "getblockcount", json!([])).await, 2);
    assert_eq!(server.code("submitblock", submit(&block)).await, -501);
    let genesis = chain.config.protocol.genesis.genesis_block();
    assert_eq!(server.code("submitblock", submit(&genesis)).await, -501);
    let mut far = block.clone();
    far.header.index = Height(9);
    assert_eq!(server.code("submitblock", submit(&far)).await, -500);
    for bad in [json!([]), json!(["AAAA"]), json!(["?"]), json!([7])] {
        assert_eq!(server.code("submitblock", bad).await, -32602);
    }
    server.shut_down().await;
}
