use neo_primitives::Token;
use serde_json::{Value, json};

use super::{account, gas, ok};
use crate::rpc::testing::{Chain, signed, transfer, treasury};

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
