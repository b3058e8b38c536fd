use neo_primitives::{NativeContract, Token, transfer_script};
use serde_json::{Value, json};

use super::{account, ok};
use crate::rpc::{
    json::base64,
    testing::{Chain, treasury},
};

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
async fn the_policy_the_chain_and_the_committee_are_asked() {
    let chain = Chain::with(|genesis| genesis.block_time_ms = 1_500);
    let server = chain.serve(|_| {}).await;
    let tip = chain.grow(vec![]);
    let (policy, ledger) = (NativeContract::POLICY, NativeContract::LEDGER);
    for (contract, method, item) in [
        (
            policy,
            "getFeePerByte",
            json!({"type": "Integer", "value": "1000"}),
        ),
        (
            policy,
            "getMillisecondsPerBlock",
            json!({"type": "Integer", "value": "1500"}),
        ),
        (
            ledger,
            "currentIndex",
            json!({"type": "Integer", "value": "1"}),
        ),
        (
            ledger,
            "currentHash",
            json!({"type": "ByteString", "value": base64(tip.hash().as_wire())}),
        ),
        (
            Token::Neo.hash(),
            "getCandidates",
            json!({"type": "Array", "value": []}),
        ),
    ] {
        let found = ok(&server, "invokefunction", json!([contract, method])).await;
        assert_eq!(
            (&found["state"], &found["stack"]),
            (&json!("HALT"), &json!([item]))
        );
    }
    let arguments = json!([{"type": "Hash160", "value": treasury()}]);
    let found = ok(
        &server,
        "invokefunction",
        json!([Token::Neo.hash(), "getAccountState", arguments]),
    )
    .await;
    assert_eq!(found["stack"][0]["type"], "Struct");
    assert_eq!(found["stack"][0]["value"][2], json!({"type": "Any"}));
    let setting = json!([policy, "setFeePerByte", [{"type": "Integer", "value": 1}]]);
    let error = server.call("invokefunction", setting).await.unwrap_err();
    assert!(
        error["data"].as_str().unwrap().contains("setFeePerByte"),
        "{error}"
    );
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
        (json!(["no such token", "symbol"]), -32602),
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
