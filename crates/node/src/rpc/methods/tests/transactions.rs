use neo_ledger::Rejected;
use neo_primitives::{
    Attribute, Datoshi, Encode, Height, Token, Witness, WitnessScope, codec::write_var_int,
    signature_script,
};
use serde_json::json;

use super::{GENESIS_TIME, account, gas, ok};
use crate::rpc::{
    RpcError,
    json::base64,
    testing::{Chain, signed, signed_by, signer, stranger, transfer, treasury},
};

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
    expected["vmstate"] = json!("HALT");
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
