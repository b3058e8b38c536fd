//! neo-go and we follow the same chains, made by us or by it: each accepts every block of the other, and both tell the
//! same balances and application logs.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/neo_go.rs"]
mod neo_go;
#[path = "common/same_chain.rs"]
mod same_chain;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use neo_ledger::{
    ChainReader, EmbeddedLedger, Execution, GenesisConfig, LedgerAnswer, LedgerRequest, StackItem,
    store::MemoryStore,
};
use neo_primitives::{
    Block, CallFlags, Decode, Encode, Height, ScriptBuilder, Signer, Token, Transaction, UInt160,
    WitnessScope, transfer_script,
    wallet::{Nep6Wallet, ScryptParams},
};
use serde_json::json;

use common::{
    Draft, MAGIC, Network, STANDBY_KEYS, ask, private_key,
    scenario::{Dice, FEE, KINDS, People, funding, random, rivals},
    submit,
};
use neo_go::NeoGo;
use same_chain::{assert_same_balances, assert_same_logs, notification, stack_item};

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
    assert_every_outcome_was_there(&network, 1);
    assert_same_answers_to_reads(&network, &node, &people);
}

/// A comparison of chains without failures would say little. A chain that is shorter by
/// the factor `part` has so many times less of each.
fn assert_every_outcome_was_there(network: &Network, part: usize) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for height in 1..=network.ledger.height().0 {
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
            seen.get(what).copied().unwrap_or_default() >= least / part,
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

/// Longest wait for a block; no measure of speed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Neo's error number for a transaction that came too late.
const EXPIRED: i64 = -510;

/// A network of one validator, which neo-go runs; our ledger follows.
fn network_of_neo_go(folder: &std::path::Path) -> (Network, NeoGo) {
    let key = private_key(STANDBY_KEYS[0]);
    let mut config = GenesisConfig::new(MAGIC, vec![key.public_key().clone()]);
    config.block_time_ms = 300;
    let mut wallet = Nep6Wallet::new(None, ScryptParams::default());
    wallet.import(&key, "secret", None).unwrap();
    let path = folder.join("wallet.json");
    wallet.save_new(&path).unwrap();
    let node = NeoGo::start_validator(&config, &path, "secret");
    let ledger = EmbeddedLedger::with_store(Box::new(MemoryStore::new()), config.clone()).unwrap();
    let keys = vec![key];
    (
        Network {
            config,
            keys,
            ledger,
        },
        node,
    )
}

/// Takes the blocks that neo-go has made since.
fn follow(network: &Network, node: &NeoGo) {
    let count = node.call("getblockcount", json!([])).as_u64().unwrap();
    let next = u64::from(network.ledger.height().0) + 1;
    let blocks: Vec<_> = (next..count)
        .map(|height| {
            let block = node.call("getblock", json!([height, false]));
            let bytes = BASE64.decode(block.as_str().unwrap()).unwrap();
            Arc::new(Block::from_bytes(&bytes).unwrap())
        })
        .collect();
    if let Some(last) = blocks.last().cloned() {
        match ask(&network.ledger, LedgerRequest::ImportMany { blocks }) {
            LedgerAnswer::Stored { hash, .. } => assert_eq!(hash, last.hash()),
            other => panic!("{other:?}"),
        }
    }
}

/// Sends transactions to neo-go, and follows until all that it took are in blocks. Returns how many those are.
fn through_neo_go(network: &Network, node: &NeoGo, transactions: &[Transaction]) -> usize {
    let mut taken = Vec::new();
    for transaction in transactions {
        let bytes = BASE64.encode(transaction.to_bytes());
        match node.call_or_error("sendrawtransaction", json!([bytes])) {
            Ok(_) => taken.push(transaction.hash()),
            // It may make a block at any moment, and some are valid for one block only.
            Err(error) => assert_eq!(error["code"], json!(EXPIRED), "{error}"),
        }
    }
    let begin = Instant::now();
    let missing = || {
        taken
            .iter()
            .any(|hash| network.ledger.transaction(hash).unwrap().is_none())
    };
    while missing() {
        assert!(
            begin.elapsed() < PATIENCE,
            "neo-go does not take the transactions into blocks"
        );
        std::thread::sleep(Duration::from_millis(20));
        follow(network, node);
    }
    taken.len()
}

#[test]
fn we_accept_the_blocks_of_neo_go_and_report_the_same_chain() {
    let folder = tempfile::tempdir().unwrap();
    let (network, node) = network_of_neo_go(folder.path());
    let people = People::new(&network);
    let mut dice = Dice::new(812);
    let drafts = funding(&people);
    let signed: Vec<_> = drafts
        .iter()
        .map(|draft| draft.sign(&network.ledger))
        .collect();
    let mut sent = through_neo_go(&network, &node, &signed);
    assert_eq!(sent, signed.len());
    for round in 1..=12u32 {
        let height = network.ledger.height().0;
        let batch: Vec<_> = (0..KINDS)
            .map(|kind| {
                let nonce = round * 1_000 + kind as u32;
                random(&mut dice, &people, kind, nonce, height).sign(&network.ledger)
            })
            .collect();
        sent += through_neo_go(&network, &node, &batch);
    }
    assert!(sent > 200, "{sent}");
    let tip = network.ledger.height().0;
    let compared: usize = (0..=tip)
        .map(|height| assert_same_logs(&network, &node, height))
        .sum();
    assert_eq!(compared, sent);
    assert_same_balances(&network, &node, &people.everyone());
    assert_every_outcome_was_there(&network, 5);
}
