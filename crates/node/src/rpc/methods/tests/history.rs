use neo_primitives::Token;
use serde_json::{Value, json};

use super::{GENESIS_TIME, account, gas, ok};
use crate::rpc::testing::{Chain, signed, transfer, treasury};

/// Amounts of one side of a list.
fn amounts(list: &Value, side: &str) -> Vec<String> {
    let amount = |it: &Value| it["amount"].as_str().unwrap().to_owned();
    list[side].as_array().unwrap().iter().map(amount).collect()
}

#[tokio::test]
async fn what_an_account_gave_and_got_is_listed_in_pages() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let list = |params: Value| {
        let server = &server;
        async move { ok(server, "getnep17transfers", params).await }
    };
    let (to, end) = (account(9), 9_999_999_999_999u64);
    for amount in 1..=5 {
        chain.grow(vec![signed(gas(to, amount, amount as u32))]);
    }
    let transaction = signed(transfer(Token::Neo, treasury(), to, 6, 6));
    let block = chain.grow(vec![transaction.clone()]);
    let all = list(json!([to, 0, end])).await;
    assert_eq!(all["address"], to.to_address());
    assert_eq!(all["sent"], json!([]));
    assert_eq!(amounts(&all, "received"), ["6", "5", "4", "3", "2", "1"]);
    assert_eq!(
        all["received"][0],
        json!({
            "timestamp": block.header.timestamp,
            "assethash": Token::Neo.hash(),
            "transferaddress": treasury().to_address(),
            "amount": "6",
            "blockindex": 6,
            "transfernotifyindex": 0,
            "txhash": transaction.hash(),
        })
    );
    let page = list(json!([to, 0, end, 2, 1])).await;
    assert_eq!(amounts(&page, "received"), ["4", "3"]);
    let second = GENESIS_TIME + 2_000;
    let part = list(json!([to, second, second + 1_000])).await;
    assert_eq!(amounts(&part, "received"), ["3", "2"]);
    // These blocks are from 2016.
    assert_eq!(amounts(&list(json!([to])).await, "received").len(), 0);
    // Fees that are burnt have no other side, and belong to the block.
    let sent = list(json!([treasury(), 0, end])).await["sent"].clone();
    let burnt = sent
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["transferaddress"].is_null());
    assert_eq!(burnt.unwrap()["txhash"], json!(block.hash()));
    for bad in [
        json!([to, 5, 4]),
        json!([to, -1]),
        json!([to, 0, end, 0]),
        json!([to, 0, end, 1_001]),
        json!([to, 0, end, 1, 1_001]),
        json!(["nobody"]),
    ] {
        assert_eq!(server.code("getnep17transfers", bad).await, -32602);
    }
    let none = ok(&server, "getnep11transfers", json!([to])).await;
    assert_eq!(
        none,
        json!({"address": to.to_address(), "sent": [], "received": []})
    );
    let none = ok(&server, "getnep11balances", json!([to])).await;
    assert_eq!(none, json!({"address": to.to_address(), "balance": []}));
    server.shut_down().await;
}

#[tokio::test]
async fn what_neo_earned_is_told() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    chain.grow(vec![]);
    let unclaimed = ok(&server, "getunclaimedgas", json!([treasury()])).await;
    // Two blocks, a tenth of 5 GAS each.
    let expected = json!({"address": treasury().to_address(), "unclaimed": "100000000"});
    assert_eq!(unclaimed, expected);
    let nothing = ok(&server, "getunclaimedgas", json!([account(3)])).await;
    assert_eq!(nothing["unclaimed"], "0");
    assert_eq!(server.code("getunclaimedgas", json!(["x"])).await, -32602);
    server.shut_down().await;
}
