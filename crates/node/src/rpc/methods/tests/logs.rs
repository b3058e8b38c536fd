use neo_primitives::{Token, UInt160, transfer_script};
use serde_json::{Value, json};

use super::{account, account_hash, gas, ok};
use crate::rpc::{
    json::base64,
    testing::{Chain, signed, treasury},
};

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
