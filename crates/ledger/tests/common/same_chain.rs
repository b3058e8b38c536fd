//! What a chain did, as we and as neo-go tell it.

// An unexpected answer shall end the test.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use neo_ledger::{ChainReader, Execution, Notification, StackItem};
use neo_primitives::{Height, UInt160, UInt256};
use serde_json::{Value, json};

use crate::{
    common::{Network, scenario::balances},
    neo_go::NeoGo,
};

fn account(account: Option<UInt160>) -> Value {
    match account {
        None => json!({"type": "Any"}),
        Some(account) => {
            json!({"type": "ByteString", "value": BASE64.encode(account.as_wire())})
        }
    }
}

pub fn notification(event: &Notification) -> Value {
    json!({
        "contract": event.token.hash().to_string(),
        "eventname": "Transfer",
        "state": {"type": "Array", "value": [
            account(event.from),
            account(event.to),
            {"type": "Integer", "value": event.amount.to_string()},
        ]},
    })
}

pub fn stack_item(item: &StackItem) -> Value {
    match item {
        StackItem::Boolean(value) => json!({"type": "Boolean", "value": value}),
        StackItem::Integer(value) => json!({"type": "Integer", "value": value.to_string()}),
        StackItem::ByteString(bytes) => {
            json!({"type": "ByteString", "value": BASE64.encode(bytes)})
        }
        other => panic!("no transfer leaves {other:?}"),
    }
}

/// Our execution in the shape of neo-go. After a fault neo-go shows what its stack still held, and its own
/// words for the exception.
pub fn execution(ours: &Execution) -> Value {
    json!({
        "trigger": ours.trigger.name(),
        "vmstate": ours.vm_state.name(),
        "gasconsumed": ours.gas_consumed.0.to_string(),
        "faulted": ours.exception.is_some(),
        "stack": if ours.exception.is_some() { Value::Null } else {
            ours.stack.iter().map(stack_item).collect()
        },
        "notifications": ours.notifications.iter().map(notification).collect::<Vec<_>>(),
    })
}

fn theirs(mut execution: Value) -> Value {
    let faulted = !execution["exception"].is_null();
    let stack = if faulted {
        Value::Null
    } else {
        execution["stack"].take()
    };
    json!({
        "trigger": execution["trigger"].take(),
        "vmstate": execution["vmstate"].take(),
        "gasconsumed": execution["gasconsumed"].take(),
        "faulted": faulted,
        "stack": stack,
        "notifications": execution["notifications"].take(),
    })
}

fn logs(node: &NeoGo, hash: UInt256) -> Vec<Value> {
    let mut log = node.call("getapplicationlog", json!([hash.to_string()]));
    log["executions"]
        .as_array_mut()
        .unwrap()
        .drain(..)
        .map(theirs)
        .collect()
}

pub fn assert_same_balances(network: &Network, node: &NeoGo, accounts: &[UInt160]) {
    for account in accounts {
        let theirs = node.call("getnep17balances", json!([account.to_address()]));
        let mut theirs: Vec<(String, String, u64)> = theirs["balance"]
            .as_array()
            .unwrap()
            .iter()
            .map(|balance| {
                (
                    balance["assethash"].as_str().unwrap().to_owned(),
                    balance["amount"].as_str().unwrap().to_owned(),
                    balance["lastupdatedblock"].as_u64().unwrap(),
                )
            })
            .collect();
        theirs.sort();
        assert_eq!(balances(&network.ledger, account), theirs, "{account}");
    }
}

pub fn assert_same_logs(network: &Network, node: &NeoGo, height: u32) -> usize {
    let block = network.ledger.block(Height(height)).unwrap().unwrap();
    let hash = block.hash();
    let their_hash = node.call("getblockhash", json!([height]));
    assert_eq!(their_hash, json!(hash.to_string()), "height {height}");
    if height > 0 {
        let ours = network.ledger.block_log(&hash).unwrap().unwrap();
        let ours: Vec<_> = ours.executions.iter().map(execution).collect();
        assert_eq!(ours, logs(node, hash), "block {height}");
    }
    for transaction in &block.transactions {
        let hash = transaction.hash();
        let ours = network.ledger.transaction_log(&hash).unwrap().unwrap();
        let script = hex::encode(transaction.script());
        assert_eq!(
            vec![execution(&ours.execution)],
            logs(node, hash),
            "transaction {hash} of block {height}, system fee {}, signers {:?}, script {script}",
            transaction.system_fee(),
            transaction.signers(),
        );
    }
    block.transactions.len()
}
