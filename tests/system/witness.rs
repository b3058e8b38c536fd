//! The outside witness: a neo-go node with consensus off and verification of transactions accepts every block of
//! a real network of ours by `submitblock`, and then reports the same hashes, balances and application logs.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::funds::{Account, Treasury, base64};
use crate::common::rpc::Failure;
use crate::common::{Network, eventually, same_chain};
use crate::neo_go::NeoGo;
use neo_node::config::NodeConfig;
use neo_primitives::{Attribute, Token, UInt160, UInt256, transfer_script};
use serde_json::{Value, json};

/// Sends transactions and keeps what became of them.
struct Wire<'a> {
    network: &'a Network,
    sent: Vec<UInt256>,
    refused: Vec<String>,
    next: usize,
}

impl Wire<'_> {
    fn send(&mut self, transaction: &neo_primitives::Transaction) -> UInt256 {
        let node = &self.network.nodes[self.next % self.network.nodes.len()];
        self.next += 1;
        match node
            .rpc
            .call("sendrawtransaction", &json!([base64(transaction)]))
        {
            Ok(_) => self.sent.push(transaction.hash()),
            Err(Failure::Refused(code, error)) => self.refused.push(format!("{code}: {error}")),
            Err(Failure::Transport(error)) => panic!("node {}: {error}", node.index),
        }
        transaction.hash()
    }

    fn wait_for(&self, hash: UInt256) {
        eventually(&format!("{hash} is final"), || {
            let node = &self.network.nodes[0];
            node.rpc
                .call("gettransactionheight", &json!([hash.to_string()]))
                .ok()
        });
    }
}

/// What both sides must agree on. A FAULT leaves words and a stack of the node's own making.
fn comparable(log: &Value) -> Vec<Value> {
    let executions = log["executions"].as_array().unwrap();
    executions
        .iter()
        .map(|execution| {
            let faulted = execution["vmstate"] == "FAULT";
            json!({
                "trigger": execution["trigger"],
                "vmstate": execution["vmstate"],
                "gasconsumed": execution["gasconsumed"],
                "stack": if faulted { Value::Null } else { execution["stack"].clone() },
                "notifications": execution["notifications"],
            })
        })
        .collect()
}

fn comparable_balances(balances: &Value) -> BTreeMap<String, (String, u64)> {
    let list = balances["balance"].as_array().unwrap();
    list.iter()
        .map(|entry| {
            let text = |key: &str| entry[key].as_str().unwrap().to_owned();
            let updated = entry["lastupdatedblock"].as_u64().unwrap();
            (text("assethash"), (text("amount"), updated))
        })
        .collect()
}

#[test]
fn neo_go_accepts_a_whole_run_and_tells_the_same_of_it() {
    let mut network = Network::create(4, "1s");
    network.start();
    let config = NodeConfig::load(&network.nodes[0].folder.join("config.json")).unwrap();
    let genesis = config.protocol.genesis.clone();
    let treasury = Treasury::open(&network);
    let treasury = treasury.account();
    let people: Vec<Account> = (0..6).map(|_| Account::single(genesis.magic)).collect();
    let club = Account::multisig(genesis.magic, 2, 3);
    let mut wire = Wire {
        network: &network,
        sent: Vec::new(),
        refused: Vec::new(),
        next: 0,
    };
    eventually("the first block", || (network.height() >= 1).then_some(()));

    // Funds for everybody, both tokens, several transfers in one script.
    let mut script = Vec::new();
    for account in people.iter().chain([&club]) {
        for (token, amount) in [(Token::Gas, 50_0000_0000_i64), (Token::Neo, 1_000)] {
            script.extend(transfer_script(
                token,
                &treasury.address(),
                &account.address(),
                amount,
                true,
            ));
        }
    }
    let funded = treasury.transaction(script, 14 * 9_977_780, 50_000_000, network.height(), vec![]);
    let funded = wire.send(&funded);
    wire.wait_for(funded);

    let one = 9_977_780;
    let mut last = funded;
    for round in 0..4 {
        let height = network.height();
        for (number, from) in people.iter().chain([&club]).enumerate() {
            let to = people[(number + 1 + round) % people.len()].address();
            let own = from.address();
            let gas = |amount: i64, assert| transfer_script(Token::Gas, &own, &to, amount, assert);
            let neo = |amount: i64, assert| transfer_script(Token::Neo, &own, &to, amount, assert);
            let script = match (round + number) % 8 {
                0 => gas(1_2345_6789, true),
                1 => neo(7, true),
                // More than there is: FAULT with the assertion, `false` without.
                2 => gas(i64::MAX, true),
                3 => neo(1_000_000, false),
                4 => [gas(5, true), neo(1, true), gas(0, true)].concat(),
                5 => transfer_script(Token::Neo, &own, &own, 3, true),
                6 => transfer_script(Token::Gas, &treasury.address(), &own, 1, true),
                _ => transfer_script(Token::Neo, &own, &treasury.address(), 2, false),
            };
            // Every fifth one pays too little for its script.
            let fee = if (round + number) % 5 == 4 {
                one / 2
            } else {
                3 * one
            };
            let transaction = from.transaction(script, fee, 10_000_000, height, vec![]);
            last = wire.send(&transaction);
        }
        wire.wait_for(last);
    }

    // Conflicts: the second names the first and pays more, so it takes its place; the third pays less and is refused.
    let payer = &people[0];
    let to = people[1].address();
    let script = || transfer_script(Token::Gas, &payer.address(), &to, 11, true);
    let height = network.height();
    let mut replaced = 0;
    for _ in 0..3 {
        let victim = payer.transaction(script(), one, 10_000_000, height, vec![]);
        let victim_hash = victim.hash();
        let attributes = || vec![Attribute::Conflicts(victim_hash)];
        let rival = payer.transaction(script(), one, 20_000_000, height, attributes());
        let poor = payer.transaction(script(), one, 5_000_000, height, attributes());
        let before = wire.refused.len();
        wire.next = 0;
        wire.send(&victim);
        wire.next = 0;
        wire.send(&poor);
        wire.next = 0;
        last = wire.send(&rival);
        replaced += usize::from(wire.refused.len() == before + 1);
    }
    wire.wait_for(last);
    assert!(
        replaced >= 1,
        "no rival took its victim's place: {:?}",
        wire.refused
    );

    let goal = network.height();
    for node in &network.nodes {
        eventually("all nodes have it", || {
            node.height().filter(|height| *height >= goal)
        });
    }
    same_chain(&network);

    // The witness reads the chain.
    let witness = NeoGo::start(&genesis);
    let ours = |method: &str, params: Value| {
        network.nodes[1]
            .rpc
            .call(method, &params)
            .unwrap_or_else(|error| {
                panic!("our {method} {params}: {error:?}");
            })
    };
    let mut accounts: BTreeSet<UInt160> = people
        .iter()
        .chain([&club, &treasury])
        .map(Account::address)
        .collect();
    accounts.extend(
        genesis
            .validators()
            .iter()
            .map(neo_primitives::PublicKey::script_hash),
    );
    let mut compared = 0;
    let mut states = BTreeMap::<String, usize>::new();
    let mut fed = 0;
    // Blocks go on meanwhile, and every one pays the validators: balances are compared between two of them.
    let tip = eventually("balances read between two blocks", || {
        let tip = network.nodes[1].height().unwrap();
        for height in fed + 1..=tip {
            let bytes = ours("getblock", json!([height, 0]));
            let accepted = witness.call("submitblock", json!([bytes]));
            let hash = ours("getblockhash", json!([height]));
            assert_eq!(accepted["hash"], hash);
            assert_eq!(
                comparable(&ours("getapplicationlog", json!([hash]))),
                comparable(&witness.call("getapplicationlog", json!([hash]))),
                "block {height}"
            );
            let block = ours("getblock", json!([height, 1]));
            for transaction in block["tx"].as_array().unwrap() {
                let hash = &transaction["hash"];
                let mine = comparable(&ours("getapplicationlog", json!([hash])));
                let theirs = comparable(&witness.call("getapplicationlog", json!([hash])));
                assert_eq!(mine, theirs, "transaction {hash} of block {height}");
                *states.entry(mine[0]["vmstate"].to_string()).or_default() += 1;
                compared += 1;
            }
        }
        fed = tip;
        let pairs: Vec<_> = accounts
            .iter()
            .map(|account| {
                let address = json!([account.to_address()]);
                (
                    ours("getnep17balances", address.clone()),
                    witness.call("getnep17balances", address),
                )
            })
            .collect();
        if network.nodes[1].height() != Some(tip) {
            return None;
        }
        for (mine, theirs) in pairs {
            assert_eq!(
                comparable_balances(&mine),
                comparable_balances(&theirs),
                "{mine}"
            );
        }
        Some(tip)
    });
    println!(
        "{tip} blocks, {compared} transactions {states:?}, {} accounts agree",
        accounts.len()
    );
    assert!(
        states.len() == 2,
        "the run must hold HALT and FAULT: {states:?}"
    );
    assert!(
        compared >= 30,
        "{compared} transactions, refused: {:?}",
        wire.refused
    );
    drop(wire);
    network.stop();
}
