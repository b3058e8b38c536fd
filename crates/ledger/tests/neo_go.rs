//! neo-go reads our chain: it accepts every block and reports the same balances and application logs.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/neo_go.rs"]
mod neo_go;

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use neo_ledger::{ChainReader, Execution, Notification, StackItem};
use neo_primitives::{
    CallFlags, Encode, Height, ScriptBuilder, Signer, Token, UInt160, UInt256, WitnessScope,
    transfer_script,
};
use serde_json::{Value, json};

use common::{
    Draft, Network,
    scenario::{Dice, FEE, KINDS, People, balances, funding, random, rivals},
    submit,
};
use neo_go::NeoGo;

fn account(account: Option<UInt160>) -> Value {
    match account {
        None => json!({"type": "Any"}),
        Some(account) => {
            json!({"type": "ByteString", "value": BASE64.encode(account.as_wire())})
        }
    }
}

fn notification(event: &Notification) -> Value {
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

fn stack_item(item: &StackItem) -> Value {
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
fn execution(ours: &Execution) -> Value {
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

fn assert_same_balances(network: &Network, node: &NeoGo, accounts: &[UInt160]) {
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

fn assert_same_logs(network: &Network, node: &NeoGo, height: u32) -> usize {
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

#[test]
fn neo_go_accepts_our_blocks_and_reports_the_same_chain() {
    let network = Network::in_memory();
    let node = NeoGo::start(&network.config);
    let people = People::new(&network);
    let mut dice = Dice::new(2026);
    let mut transactions = 0;
    network.admit(
        funding(&people)
            .iter()
            .map(|draft| draft.sign(&network.ledger))
            .collect(),
    );
    for height in 1..=100u32 {
        let mut batch = Vec::new();
        if height > 1 {
            for slot in 0..(3 + dice.below(10)) {
                let kind = if slot == 0 {
                    u64::from(height) % KINDS
                } else {
                    dice.below(KINDS)
                };
                let nonce = height * 1_000 + slot as u32;
                batch.push(
                    random(&mut dice, &people, kind, nonce, height - 1).sign(&network.ledger),
                );
            }
        }
        if height > 1 && height % 3 == 0 {
            let (first, second) = rivals(&network, &people, height, height - 1);
            submit(&network.ledger, vec![first.clone()])[0]
                .clone()
                .unwrap();
            submit(&network.ledger, vec![second])[0].clone().unwrap();
            assert!(network.ledger.pooled(&first.hash()).is_none());
        }
        for result in submit(&network.ledger, batch) {
            result.unwrap();
        }
        let block = network.next_block();
        transactions += block.transactions.len();
        let answer = node.call_or_error("submitblock", json!([BASE64.encode(block.to_bytes())]));
        let expected = json!({"hash": block.hash().to_string()});
        assert_eq!(answer, Ok(expected), "block {height}");
    }
    assert!(transactions > 500, "{transactions}");
    assert_eq!(node.call("getblockcount", json!([])), json!(101));
    let mut compared = 0;
    for height in 0..=100 {
        compared += assert_same_logs(&network, &node, height);
    }
    assert_eq!(compared, transactions);
    assert_same_balances(&network, &node, &people.everyone());
    assert_every_outcome_was_there(&network);
    assert_same_answers_to_reads(&network, &node, &people);
}

/// A comparison of chains without failures would say little.
fn assert_every_outcome_was_there(network: &Network) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for height in 1..=100 {
        for transaction in &network
            .ledger
            .block(Height(height))
            .unwrap()
            .unwrap()
            .transactions
        {
            let log = network
                .ledger
                .transaction_log(&transaction.hash())
                .unwrap()
                .unwrap();
            let Execution {
                exception,
                stack,
                notifications,
                ..
            } = log.execution;
            let mut saw = |what: &str| *seen.entry(what.to_owned()).or_default() += 1;
            saw(exception.as_deref().unwrap_or("HALT"));
            if stack.contains(&StackItem::Boolean(false)) {
                saw("false");
            }
            if notifications.iter().any(|event| event.from.is_none()) {
                saw("bonus");
            }
            if exception.is_some() && !notifications.is_empty() {
                saw("events of a fault");
            }
        }
    }
    println!("{seen:#?}");
    for (what, least) in [
        ("HALT", 300),
        ("Insufficient GAS.", 50),
        ("ASSERT is executed with false result.", 50),
        ("The amount of a transfer cannot be negative.", 5),
        ("false", 50),
        ("bonus", 50),
        ("events of a fault", 5),
    ] {
        assert!(
            seen.get(what).copied().unwrap_or_default() >= least,
            "{what}: {seen:?}"
        );
    }
}

/// Test runs cost and give the same, and fees are priced the same.
fn assert_same_answers_to_reads(network: &Network, node: &NeoGo, people: &People) {
    let sender = &people.users[0];
    let balance_of = |account: UInt160| {
        let mut b = ScriptBuilder::new();
        b.hash(&account)
            .call(&Token::Gas.hash(), "balanceOf", 1, CallFlags::READ_STATES);
        b.into_bytes()
    };
    let mut scripts = vec![
        balance_of(sender.account()),
        balance_of(people.pauper.account()),
    ];
    for token in Token::ALL {
        for method in ["symbol", "decimals", "totalSupply"] {
            let mut b = ScriptBuilder::new();
            b.call(&token.hash(), method, 0, CallFlags::READ_STATES);
            scripts.push(b.into_bytes());
        }
        for (amount, assert) in [
            (5, true),
            (5, false),
            (1i64 << 50, true),
            (1i64 << 50, false),
            (-1, true),
        ] {
            let to = people.club.account();
            scripts.push(transfer_script(
                token,
                &sender.account(),
                &to,
                amount,
                assert,
            ));
        }
    }
    for script in scripts {
        let signer = Signer::new(sender.account(), WitnessScope::CALLED_BY_ENTRY);
        let ours = network.ledger.invoke(&script, &[signer]).unwrap();
        let signers = json!([{"account": sender.account().to_string(), "scopes": "CalledByEntry"}]);
        let theirs = node.call("invokescript", json!([BASE64.encode(&script), signers]));
        assert_eq!(theirs["state"], json!(ours.vm_state.name()), "{theirs}");
        assert_eq!(
            theirs["gasconsumed"],
            json!(ours.gas_consumed.to_string()),
            "{theirs}"
        );
        assert_eq!(
            theirs["exception"].is_null(),
            ours.exception.is_none(),
            "{theirs}"
        );
        let events: Vec<_> = ours.notifications.iter().map(notification).collect();
        assert_eq!(theirs["notifications"], json!(events));
        if ours.exception.is_none() {
            let stack: Vec<_> = ours.stack.iter().map(stack_item).collect();
            assert_eq!(theirs["stack"], json!(stack));
        }
    }
    let script = transfer_script(
        Token::Gas,
        &sender.account(),
        &people.club.account(),
        1,
        true,
    );
    for draft in [
        Draft::new(sender, script.clone(), FEE),
        Draft::new(&people.club, script, FEE).signer(sender, WitnessScope::NONE),
    ] {
        let unsigned = draft.unsigned_transaction();
        let ours = network.ledger.network_fee(&unsigned).unwrap().to_string();
        let theirs = node.call(
            "calculatenetworkfee",
            json!([BASE64.encode(unsigned.to_bytes())]),
        );
        assert_eq!(theirs["networkfee"], json!(ours));
    }
}
