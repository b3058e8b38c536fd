//! Every method against a chain in memory, over HTTP.

use neo_ledger::Rejected;
use neo_primitives::{
    Attribute, Datoshi, Encode, Height, Token, UInt160, Witness, WitnessScope,
    codec::write_var_int, signature_script, transfer_script,
};
use serde_json::{Value, json};

use super::super::{
    RpcError,
    json::base64,
    testing::{Chain, TestServer, keys, signed, signed_by, signer, stranger, transfer, treasury},
};

const GENESIS_TIME: u64 = 1_468_595_301_000;

fn account(seed: u8) -> UInt160 {
    UInt160::from_wire([seed; 20])
}

fn gas(to: UInt160, amount: i64, nonce: u32) -> neo_primitives::UnsignedTransaction {
    transfer(Token::Gas, treasury(), to, amount, nonce)
}

async fn ok(server: &TestServer, method: &str, params: Value) -> Value {
    match server.call(method, params.clone()).await {
        Ok(result) => result,
        Err(error) => panic!("{method} {params}: {error}"),
    }
}

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

/// A hash that nothing has.
fn account_hash() -> String {
    format!("0x{}", "ab".repeat(32))
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
async fn a_transaction_is_sent_pooled_and_stored() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let tx = signed(gas(account(1), 5, 1));
    let hash = tx.hash().to_string();
    let bytes = base64(&tx.to_bytes());
    assert_eq!(server.code("getrawtransaction", json!([hash])).await, -103);
    assert_eq!(
        ok(&server, "sendrawtransaction", json!([bytes])).await,
        json!({"hash": hash})
    );
    assert_eq!(chain.relayed(), [tx.hash()]);
    assert_eq!(ok(&server, "getrawmempool", json!([])).await, json!([hash]));
    assert_eq!(
        ok(&server, "getrawmempool", json!([0])).await,
        json!([hash])
    );
    assert_eq!(
        ok(&server, "getrawmempool", json!([true])).await,
        json!({"height": 0, "verified": [hash], "unverified": []})
    );
    assert_eq!(ok(&server, "getrawtransaction", json!([hash])).await, bytes);
    let pooled = ok(&server, "getrawtransaction", json!([hash, 1])).await;
    let witness = &tx.witnesses()[0];
    let expected = json!({
        "hash": hash, "size": tx.size(), "version": 0, "nonce": 1,
        "sender": treasury().to_address(), "sysfee": "9977780", "netfee": "5000000",
        "validuntilblock": 100, "attributes": [],
        "signers": [{"account": treasury(), "scopes": "CalledByEntry"}],
        "script": base64(tx.script()),
        "witnesses": [{
            "invocation": base64(&witness.invocation),
            "verification": base64(&witness.verification)
        }]
    });
    assert_eq!(pooled, expected);
    assert_eq!(
        server.code("gettransactionheight", json!([hash])).await,
        -103
    );
    assert_eq!(server.code("getapplicationlog", json!([hash])).await, -105);

    let block = chain.grow(vec![]);
    assert_eq!(ok(&server, "getrawmempool", json!([])).await, json!([]));
    assert_eq!(ok(&server, "gettransactionheight", json!([hash])).await, 1);
    assert_eq!(
        ok(&server, "getrawtransaction", json!([&hash[2..], false])).await,
        bytes
    );
    let mut expected = expected;
    expected["blockhash"] = json!(block.hash());
    expected["confirmations"] = json!(1);
    expected["blocktime"] = json!(GENESIS_TIME + 1_000);
    assert_eq!(
        ok(&server, "getrawtransaction", json!([hash, true])).await,
        expected
    );
    for method in [
        "getrawtransaction",
        "gettransactionheight",
        "getapplicationlog",
    ] {
        assert_eq!(server.code(method, json!(["zz"])).await, -32602);
        assert_eq!(server.code(method, json!([])).await, -32602);
    }
    server.shut_down().await;
}

#[tokio::test]
async fn application_logs_tell_what_scripts_did() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let to = account(7);
    let tx = signed(gas(to, 250, 1));
    let mut failing = gas(to, i64::MAX, 2);
    failing.script = transfer_script(Token::Gas, &treasury(), &to, i64::MAX, true);
    let failing = signed(failing);
    let block = chain.grow(vec![tx.clone(), failing.clone()]);
    let log = ok(&server, "getapplicationlog", json!([tx.hash()])).await;
    let bytes =
        |account: UInt160| json!({"type": "ByteString", "value": base64(account.as_wire())});
    let event = |from: Value, to: Value, amount: &str| {
        json!({
            "contract": Token::Gas.hash(), "eventname": "Transfer",
            "state": {"type": "Array", "value": [from, to, {"type": "Integer", "value": amount}]}
        })
    };
    assert_eq!(
        log,
        json!({"txid": tx.hash(), "executions": [{
            "trigger": "Application", "vmstate": "HALT", "exception": null,
            "gasconsumed": "9977780", "stack": [],
            "notifications": [event(bytes(treasury()), bytes(to), "250")]
        }]})
    );
    let log = ok(&server, "getapplicationlog", json!([failing.hash()])).await;
    let execution = &log["executions"][0];
    assert_eq!(execution["vmstate"], "FAULT");
    assert!(execution["exception"].is_string());
    assert_eq!(execution["notifications"], json!([]));

    let log = ok(&server, "getapplicationlog", json!([block.hash()])).await;
    assert_eq!(log["blockhash"], block.hash().to_string());
    let triggers = |log: &Value| -> Vec<String> {
        let executions = log["executions"].as_array().unwrap().iter();
        executions
            .map(|e| e["trigger"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(triggers(&log), ["OnPersist", "PostPersist"]);
    let burnt = &log["executions"][0]["notifications"][0];
    assert_eq!(
        *burnt,
        event(bytes(treasury()), json!({"type": "Any"}), "14977780")
    );
    let reward = &log["executions"][1]["notifications"][0];
    assert_eq!(reward["state"]["value"][0], json!({"type": "Any"}));
    assert_eq!(reward["state"]["value"][2]["value"], "50000000");
    for (filter, expected) in [
        (json!("PostPersist"), vec!["PostPersist"]),
        (json!("onpersist"), vec!["OnPersist"]),
        (json!("Application"), vec![]),
        (json!(""), vec!["OnPersist", "PostPersist"]),
        (json!("whatever"), vec!["OnPersist", "PostPersist"]),
        (json!(null), vec!["OnPersist", "PostPersist"]),
    ] {
        let log = ok(&server, "getapplicationlog", json!([block.hash(), filter])).await;
        assert_eq!(triggers(&log), expected, "{filter}");
    }
    assert_eq!(
        server
            .code("getapplicationlog", json!([account_hash()]))
            .await,
        -105
    );
    server.shut_down().await;
}

#[tokio::test]
async fn every_refusal_of_a_transaction_has_neos_number() {
    let chain = Chain::with(|genesis| genesis.max_valid_until_block_increment = 200);
    let server = chain.serve(|_| {}).await;
    let to = account(1);
    let stored = signed(gas(to, 1, 1));
    chain.grow(vec![stored.clone()]);
    let pooled = signed(gas(to, 1, 2));
    chain.submit(vec![pooled.clone()]);
    let code = async |tx: &neo_primitives::Transaction| {
        let bytes = base64(&tx.to_bytes());
        server.code("sendrawtransaction", json!([bytes])).await
    };
    assert_eq!(code(&stored).await, -501);
    assert_eq!(code(&pooled).await, -503);

    let mut small_fee = gas(to, 1, 3);
    small_fee.network_fee = Datoshi(100_000);
    assert_eq!(code(&signed(small_fee)).await, -511);
    let mut no_witness_fee = gas(to, 1, 3);
    no_witness_fee.network_fee = Datoshi(1_000_000);
    assert_eq!(code(&signed(no_witness_fee)).await, -511);
    let poor = transfer(Token::Gas, stranger().public_key().script_hash(), to, 1, 1);
    assert_eq!(code(&signed_by(&stranger(), poor)).await, -511);

    let good = gas(to, 1, 4);
    let other = signature_script(stranger().public_key());
    let wrong_account = good.clone().into_signed(vec![Witness {
        invocation: vec![],
        verification: other,
    }]);
    assert_eq!(code(&wrong_account.unwrap()).await, -500);
    let mut witness = signed(gas(to, 1, 5)).witnesses()[0].clone();
    let forged = good.clone().into_signed(vec![witness.clone()]).unwrap();
    assert_eq!(code(&forged).await, -508);
    witness.invocation.clear();
    assert_eq!(
        code(&good.clone().into_signed(vec![witness]).unwrap()).await,
        -500
    );

    for valid_until in [0, 1, 202] {
        let mut expired = good.clone();
        expired.valid_until = Height(valid_until);
        assert_eq!(code(&signed(expired)).await, -510, "{valid_until}");
    }
    let mut early = good.clone();
    early.attributes = vec![Attribute::NotValidBefore(Height(50))];
    assert_eq!(code(&signed(early)).await, -507);
    let mut conflicting = good.clone();
    conflicting.attributes = vec![Attribute::Conflicts(pooled.hash())];
    conflicting.network_fee = pooled.network_fee();
    assert_eq!(code(&signed(conflicting)).await, -500);
    let mut script = good.clone();
    script.script = vec![0x21];
    assert_eq!(code(&signed(script)).await, -506);
    let contract = transfer(Token::Gas, treasury(), Token::Neo.hash(), 1, 9);
    assert_eq!(code(&signed(contract)).await, -505);

    // What is no transaction at all.
    for bad in [
        json!([]),
        json!([1]),
        json!(["%%"]),
        json!(["AAAA"]),
        json!([""]),
    ] {
        assert_eq!(server.code("sendrawtransaction", bad).await, -32602);
    }
    let mut twice = good.clone();
    twice.attributes = vec![Attribute::HighPriority, Attribute::HighPriority];
    let mut bytes = twice.to_bytes();
    write_var_int(&mut bytes, 1);
    Witness::default().encode(&mut bytes);
    assert_eq!(
        server
            .code("sendrawtransaction", json!([base64(&bytes)]))
            .await,
        -32602
    );
    let long = base64(&vec![0; 102_401]);
    assert_eq!(server.code("sendrawtransaction", json!([long])).await, -509);
    assert!(chain.relayed().is_empty());
    server.shut_down().await;
}

#[tokio::test]
async fn a_full_pool_refuses_what_pays_less() {
    let chain = Chain::with(|genesis| genesis.memory_pool_max = 1);
    let server = chain.serve(|_| {}).await;
    chain.submit(vec![signed(gas(account(1), 1, 1))]);
    let mut cheap = gas(account(1), 1, 2);
    cheap.network_fee = Datoshi(4_900_000);
    let bytes = base64(&signed(cheap).to_bytes());
    assert_eq!(
        server.code("sendrawtransaction", json!([bytes])).await,
        -502
    );
    server.shut_down().await;
}

/// The numbers of refusals that no transaction of a client can cause here, and those above once more.
#[test]
fn refusals_map_to_numbers() {
    let unavailable = Rejected::Unavailable {
        reason: "disk".into(),
    };
    for (reason, code) in [
        (unavailable, -500),
        (Rejected::PoolFull { capacity: 1 }, -502),
        (Rejected::UnsupportedWitness { index: 0 }, -500),
    ] {
        let error = RpcError::from(&reason);
        assert_eq!(error.code(), code);
        assert_eq!(error.data(), Some(reason.to_string().as_str()));
    }
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
async fn balances_follow_the_chain() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let to = account(9);
    let balances = |account: Value| {
        let server = &server;
        async move { ok(server, "getnep17balances", json!([account])).await }
    };
    let nothing = json!({"address": to.to_address(), "balance": []});
    assert_eq!(balances(json!(to)).await, nothing);
    chain.grow(vec![]);
    chain.grow(vec![
        signed(gas(to, 77, 1)),
        signed(transfer(Token::Neo, treasury(), to, 3, 2)),
    ]);
    let expected = json!({
        "address": to.to_address(),
        "balance": [
            {
                "assethash": Token::Neo.hash(), "name": "NeoToken", "symbol": "NEO",
                "decimals": "0", "amount": "3", "lastupdatedblock": 2
            },
            {
                "assethash": Token::Gas.hash(), "name": "GasToken", "symbol": "GAS",
                "decimals": "8", "amount": "77", "lastupdatedblock": 2
            }
        ]
    });
    for form in [
        json!(to),
        json!(to.to_string()[2..]),
        json!(to.to_address()),
    ] {
        assert_eq!(balances(form).await, expected);
    }
    for bad in [json!([]), json!(["nobody"]), json!([1])] {
        assert_eq!(server.code("getnep17balances", bad).await, -32602);
    }
    server.shut_down().await;
}

#[tokio::test]
async fn addresses_are_validated() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    for (address, valid) in [
        ("NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq", true),
        ("NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVr", false),
        ("0x3f223f6da778e805d1b9b479906c0e8c1ee8b968", false),
        ("", false),
    ] {
        let found = ok(&server, "validateaddress", json!([address])).await;
        assert_eq!(found, json!({"address": address, "isvalid": valid}));
    }
    assert_eq!(server.code("validateaddress", json!([])).await, -32602);
    server.shut_down().await;
}

#[tokio::test]
async fn network_fees_are_calculated_for_unsigned_transactions() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let fee = |witness: Witness| {
        let tx = gas(account(1), 1_000, 1)
            .into_signed(vec![witness])
            .unwrap();
        json!([base64(&tx.to_bytes())])
    };
    let tx = signed(gas(account(1), 1_000, 1));
    let unsigned = Witness {
        invocation: vec![],
        verification: tx.witnesses()[0].verification.clone(),
    };
    // 3,933,900 for three of four signatures, and 1,000 a byte.
    let expected = json!({"networkfee": (3_933_900 + 1_000 * tx.size()).to_string()});
    assert_eq!(
        ok(&server, "calculatenetworkfee", fee(unsigned)).await,
        expected
    );
    let complete = tx.witnesses()[0].clone();
    assert_eq!(
        ok(&server, "calculatenetworkfee", fee(complete)).await,
        expected
    );
    assert_eq!(
        server
            .code("calculatenetworkfee", fee(Witness::default()))
            .await,
        -512
    );
    for bad in [json!([]), json!(["AAAA"]), json!(["?"])] {
        assert_eq!(server.code("calculatenetworkfee", bad).await, -32602);
    }
    server.shut_down().await;
}

#[tokio::test]
async fn the_reads_of_both_tokens_are_invoked() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let invoke = |params: Value| {
        let server = &server;
        async move { ok(server, "invokefunction", params).await }
    };
    for (token, method, gas, item) in [
        (
            Token::Gas,
            "symbol",
            "984060",
            json!({"type": "ByteString", "value": "R0FT"}),
        ),
        (
            Token::Gas,
            "decimals",
            "984060",
            json!({"type": "Integer", "value": "8"}),
        ),
        (
            Token::Neo,
            "symbol",
            "984060",
            json!({"type": "ByteString", "value": "TkVP"}),
        ),
        (
            Token::Neo,
            "decimals",
            "984060",
            json!({"type": "Integer", "value": "0"}),
        ),
        (
            Token::Neo,
            "totalSupply",
            "1967100",
            json!({"type": "Integer", "value": "100000000"}),
        ),
    ] {
        let found = invoke(json!([token.hash(), method])).await;
        assert_eq!(found["state"], "HALT");
        assert_eq!(found["gasconsumed"], gas);
        assert_eq!(found["exception"], Value::Null);
        assert_eq!(found["notifications"], json!([]));
        assert_eq!(found["stack"], json!([item]));
        let again = ok(&server, "invokescript", json!([found["script"]])).await;
        assert_eq!(again, found);
    }
    for argument in [
        json!({"type": "Hash160", "value": treasury()}),
        json!({"type": "Hash160", "value": treasury().to_address()}),
        json!({"type": "ByteArray", "value": base64(treasury().as_wire())}),
    ] {
        let found = invoke(json!([Token::Neo.hash(), "balanceOf", [argument]])).await;
        assert_eq!(found["gasconsumed"], "2028330");
        assert_eq!(
            found["stack"],
            json!([{"type": "Integer", "value": "100000000"}])
        );
    }
    server.shut_down().await;
}

#[tokio::test]
async fn a_transfer_is_tried_with_and_without_its_signer() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let to = account(3);
    let arguments = json!([
        {"type": "Hash160", "value": treasury()}, {"type": "Hash160", "value": to},
        {"type": "Integer", "value": "5"}, {"type": "Any", "value": null}
    ]);
    let signers = json!([{"account": treasury().to_address(), "scopes": "CalledByEntry"}]);
    let found = ok(
        &server,
        "invokefunction",
        json!([Token::Gas.hash(), "transfer", arguments, signers]),
    )
    .await;
    assert_eq!(found["stack"], json!([{"type": "Boolean", "value": true}]));
    assert_eq!(found["notifications"][0]["eventname"], "Transfer");
    assert_eq!(found["gasconsumed"], "9977750");
    let found = ok(
        &server,
        "invokefunction",
        json!([Token::Gas.hash(), "transfer", arguments]),
    )
    .await;
    assert_eq!(found["stack"], json!([{"type": "Boolean", "value": false}]));
    assert_eq!(found["notifications"], json!([]));
    // A test run writes nothing.
    let balances = ok(&server, "getnep17balances", json!([to])).await;
    assert_eq!(balances["balance"], json!([]));
    // A script with ASSERT faults instead.
    let script = base64(&transfer_script(Token::Gas, &treasury(), &to, 5, true));
    let found = ok(&server, "invokescript", json!([script])).await;
    assert_eq!(found["state"], "FAULT");
    assert!(found["exception"].is_string());
    assert_eq!(found["stack"], json!([]));
    server.shut_down().await;
}

#[tokio::test]
async fn what_cannot_be_invoked_says_why() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let gas = Token::Gas.hash();
    for (params, code) in [
        (json!([account(1), "symbol"]), -102),
        (json!([gas, "mint"]), -608),
        (json!([gas, "balanceOf"]), -608),
        (json!(["gas", "symbol"]), -32602),
        (json!([gas]), -32602),
        (json!([gas, 7]), -32602),
        (json!([gas, "balanceOf", {"type": "Hash160"}]), -32602),
        (
            json!([gas, "balanceOf", [{"type": "Hash160", "value": "x"}]]),
            -32602,
        ),
        (
            json!([gas, "balanceOf", [{"type": "Hash161", "value": "x"}]]),
            -32602,
        ),
        (
            json!([gas, "balanceOf", [{"type": "Integer", "value": "1".repeat(80)}]]),
            -32602,
        ),
        (
            json!([gas, "balanceOf", [{"type": "Integer", "value": 1.5}]]),
            -32602,
        ),
        (
            json!([gas, "balanceOf", [{"type": "Integer", "value": "9".repeat(78)}]]),
            -32602,
        ),
        (
            json!([gas, "balanceOf", [{"type": "Boolean", "value": 1}]]),
            -32602,
        ),
        (
            json!([gas, "balanceOf", vec![json!({"type": "Any"}); 17]]),
            -32602,
        ),
        (
            json!([gas, "symbol", [], [{"account": "x", "scopes": "None"}]]),
            -32602,
        ),
        (
            json!([gas, "symbol", [], [{"account": account(1)}]]),
            -32602,
        ),
        (
            json!([
                gas,
                "symbol",
                [],
                vec![json!({"account": account(1), "scopes": "None"}); 17]
            ]),
            -32602,
        ),
    ] {
        let shown = params.to_string();
        assert_eq!(server.code("invokefunction", params).await, code, "{shown}");
    }
    for (params, code) in [
        (json!([]), -32602),
        (json!(["?"]), -32602),
        (json!(["EQ=="]), -608),
    ] {
        assert_eq!(server.code("invokescript", params).await, code);
    }
    let error = server
        .call("invokescript", json!(["EQ=="]))
        .await
        .unwrap_err();
    assert!(
        error["data"]
            .as_str()
            .unwrap()
            .contains("attach a Neo node")
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
    assert_eq!(state["height"], 1);
    assert_eq!(state["view"], 1);
    assert_eq!(state["phase"], "PreCommit");
    assert_eq!(
        state["leader"],
        json!({"index": 2, "publickey": keys()[2].public_key()})
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
async fn signers_with_scopes_are_shown_whole() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let mut tx = gas(account(1), 1, 1);
    let mut custom = signer(treasury());
    custom.scopes = WitnessScope::CUSTOM_CONTRACTS;
    custom.contracts = vec![Token::Gas.hash()];
    tx.signers = vec![custom];
    tx.attributes = vec![Attribute::Conflicts(neo_primitives::UInt256::ZERO)];
    let tx = signed(tx);
    chain.submit(vec![tx.clone()]);
    let found = ok(&server, "getrawtransaction", json!([tx.hash(), true])).await;
    assert_eq!(
        found["signers"],
        json!([{
            "account": treasury(), "scopes": "CustomContracts", "allowedcontracts": [Token::Gas.hash()]
        }])
    );
    assert_eq!(
        found["attributes"],
        json!([{"type": "Conflicts", "hash": format!("0x{}", "0".repeat(64))}])
    );
    assert!(found.get("blockhash").is_none());
    server.shut_down().await;
}
