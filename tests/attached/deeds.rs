//! Transactions that change who is elected, sent to the first Neo node, and remembered with what they do.

use std::collections::HashMap;

use neo_primitives::{
    CallFlags, Magic, PrivateKey, PublicKey, ScriptBuilder, Token, Transaction, bft_quorum,
    transfer_script,
};
use serde_json::json;

use crate::common::eventually;
use crate::common::funds::{Account, base64};
use crate::election::Deed;
use crate::network::Network;

const GAS: u64 = 100_000_000;
/// What a candidate pays, and a little for what it votes.
const ALLOWANCE: u64 = 1_100 * GAS;
/// Candidates pay 1,000 GAS, the rest is execution.
const REGISTRATION: i64 = 1_001 * 100_000_000;
/// More than a vote or a transfer costs.
const EXECUTION: i64 = 2 * 100_000_000;
const NETWORK_FEE: i64 = 10_000_000;

/// Sends deeds, and knows which transaction does what.
pub struct Deeds {
    magic: Magic,
    treasury: Account,
    done: HashMap<String, Vec<Deed>>,
}

impl Deeds {
    /// The treasury is the account of the standby validators.
    pub fn new(magic: Magic, standby: Vec<PrivateKey>) -> Self {
        let quorum = bft_quorum(standby.len());
        Self {
            magic,
            treasury: Account::of_keys(magic, quorum, standby),
            done: HashMap::new(),
        }
    }

    /// Gives each of them what a candidate needs, and NEO to vote with.
    pub fn fund(&mut self, network: &Network, keys: &[PrivateKey], neo: u64) {
        let mut all = Vec::new();
        for key in keys {
            let account = key.public_key().clone();
            let (from, to) = (self.treasury.address(), account.script_hash());
            let mut send = |token, amount, deeds| {
                let script = transfer_script(token, &from, &to, amount, true);
                let transaction =
                    self.treasury
                        .transaction(script, EXECUTION, NETWORK_FEE, 0, Vec::new());
                all.push((transaction, deeds));
            };
            send(Token::Gas, ALLOWANCE, Vec::new());
            send(Token::Neo, neo, vec![Deed::Fund { account, neo }]);
        }
        self.send(network, all);
    }

    /// Makes each of them a candidate.
    pub fn register(&mut self, network: &Network, keys: &[PrivateKey]) {
        let of = |key: &PrivateKey| {
            let script = call("registerCandidate", |script| {
                script.bytes(key.public_key().as_bytes());
                1
            });
            let deed = Deed::Register(key.public_key().clone());
            (self.by(key, script, REGISTRATION), vec![deed])
        };
        let all = keys.iter().map(of).collect();
        self.send(network, all);
    }

    /// Each account gives its vote to a candidate.
    pub fn vote(&mut self, network: &Network, votes: &[(&PrivateKey, &PublicKey)]) {
        let of = |(key, candidate): &(&PrivateKey, &PublicKey)| {
            let account = key.public_key().clone();
            let script = call("vote", |script| {
                script.bytes(candidate.as_bytes());
                script.hash(&account.script_hash());
                2
            });
            let candidate = (*candidate).clone();
            let deed = Deed::Vote { account, candidate };
            (self.by(key, script, EXECUTION), vec![deed])
        };
        let all = votes.iter().map(of).collect();
        self.send(network, all);
    }

    /// What the transaction with this hash does, if it is one of these.
    pub fn of(&self, transaction: &str) -> &[Deed] {
        self.done.get(transaction).map_or(&[], Vec::as_slice)
    }

    fn by(&self, key: &PrivateKey, script: Vec<u8>, system_fee: i64) -> Transaction {
        let account = Account::of_key(self.magic, key.clone());
        account.transaction(script, system_fee, NETWORK_FEE, 0, Vec::new())
    }

    /// Sends them all, and waits until all have succeeded.
    fn send(&mut self, network: &Network, all: Vec<(Transaction, Vec<Deed>)>) {
        let node = &network.members[0].neo_go;
        let mut hashes = Vec::new();
        for (transaction, deeds) in all {
            node.call("sendrawtransaction", json!([base64(&transaction)]));
            let hash = transaction.hash().to_string();
            self.done.insert(hash.clone(), deeds);
            hashes.push(hash);
        }
        for hash in hashes {
            let log = eventually("the transaction is in a block", || {
                node.call_or_error("getapplicationlog", json!([hash])).ok()
            });
            assert_eq!(log["executions"][0]["vmstate"], json!("HALT"), "{log}");
        }
    }
}

/// A call of the NEO contract; `push` gives the arguments, the last one first, and their number.
fn call(method: &str, push: impl FnOnce(&mut ScriptBuilder) -> usize) -> Vec<u8> {
    let mut script = ScriptBuilder::new();
    let arguments = push(&mut script);
    script.call(&Token::Neo.hash(), method, arguments, CallFlags::ALL);
    script.into_bytes()
}
