//! What holds after any life of a chain.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;

use neo_ledger::ChainReader;
use neo_primitives::{
    Attribute, Decode, Encode, Height, Token, Transaction, UInt160, transfer_script,
};
use proptest::prelude::*;

use common::{
    Draft, Network,
    scenario::{Dice, FEE, KINDS, People, funding, random, rivals},
    submit,
};

/// All accounts that hold anything: people and validators.
fn assert_conserved(network: &Network, people: &People) {
    let mut sums: HashMap<Token, u64> = HashMap::new();
    for account in people.everyone() {
        for balance in network.ledger.balances(&account).unwrap() {
            assert!(balance.amount > 0);
            assert!(balance.last_updated <= network.ledger.height());
            *sums.entry(balance.token).or_default() += balance.amount;
        }
    }
    assert_eq!(sums[&Token::Neo], 100_000_000);
    assert_eq!(
        sums[&Token::Gas],
        network.ledger.total_supply(Token::Gas).unwrap()
    );
}

/// Events tell every change of supply and balance.
fn assert_events_add_up(network: &Network) {
    let mut holdings: HashMap<(Token, UInt160), i128> = HashMap::new();
    for height in 0..=network.ledger.height().0 {
        let block = network.ledger.block(Height(height)).unwrap().unwrap();
        let log = network.ledger.block_log(&block.hash()).unwrap().unwrap();
        let mut executions = log.executions;
        for transaction in &block.transactions {
            let log = network
                .ledger
                .transaction_log(&transaction.hash())
                .unwrap()
                .unwrap();
            if log.execution.exception.is_none() {
                executions.push(log.execution);
            }
        }
        for event in executions
            .iter()
            .flat_map(|execution| &execution.notifications)
        {
            for (account, sign) in [(event.from, -1), (event.to, 1)] {
                if let Some(account) = account {
                    *holdings.entry((event.token, account)).or_default() +=
                        sign * i128::from(event.amount);
                }
            }
        }
    }
    for ((token, account), amount) in holdings {
        let balance = network.ledger.balances(&account).unwrap();
        let held = balance.iter().find(|balance| balance.token == token);
        assert_eq!(
            held.map_or(0, |held| i128::from(held.amount)),
            amount,
            "{account} {token}"
        );
    }
}

fn assert_pool_is_sound(network: &Network) {
    let listing = network.ledger.pool();
    assert_eq!(listing.verified.len(), network.ledger.pool_len());
    let mut fees: HashMap<UInt160, u64> = HashMap::new();
    let mut last: Option<(bool, i64, i64)> = None;
    for hash in &listing.verified {
        let transaction = network.ledger.pooled(hash).unwrap();
        assert!(transaction.valid_until() > listing.height);
        assert!(network.ledger.transaction(hash).unwrap().is_none());
        *fees.entry(transaction.sender()).or_default() +=
            (transaction.system_fee().0 + transaction.network_fee().0) as u64;
        let high = transaction.attributes().contains(&Attribute::HighPriority);
        let fee = transaction.network_fee().0;
        let place = (high, fee / transaction.size() as i64, fee);
        assert!(last.is_none_or(|last| last >= place), "order of the pool");
        last = Some(place);
        for attribute in transaction.attributes() {
            if let Attribute::Conflicts(excluded) = attribute {
                assert!(network.ledger.pooled(excluded).is_none());
            }
        }
    }
    for (sender, fees) in fees {
        let balances = network.ledger.balances(&sender).unwrap();
        let gas = balances.iter().find(|balance| balance.token == Token::Gas);
        assert!(
            gas.is_some_and(|gas| gas.amount >= fees),
            "{sender} cannot pay {fees}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// No change of a byte makes a transaction valid that its signer did not sign.
    #[test]
    fn a_changed_transaction_is_never_admitted(kind in 0..KINDS, at: prop::sample::Index, bit in 0u8..8) {
        let network = Network::in_memory();
        let people = People::new(&network);
        let treasury = &people.treasury;
        let script = transfer_script(Token::Gas, &treasury.account(), &people.club.account(), kind as i64, true);
        let transaction = Draft::new(treasury, script, FEE).sign(&network.ledger);
        let mut bytes = transaction.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(changed) = Transaction::from_bytes(&bytes) {
            prop_assert!(submit(&network.ledger, vec![changed])[0].is_err());
        }
        prop_assert!(submit(&network.ledger, vec![transaction])[0].is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Money is conserved, the pool stays sound, and what is built from it always passes the check, whatever
    /// people send: also when the pool is small, blocks are small and senders run out of GAS.
    #[test]
    fn any_life_of_a_chain(seed: u64, pool in 5u32..40, block in 1u32..12) {
        let network = Network::with_store(Box::new(neo_ledger::store::MemoryStore::new()), |config| {
            config.memory_pool_max = 100;
            config.max_transactions_per_block = 100;
        });
        let people = People::new(&network);
        let mut dice = Dice::new(seed);
        network.admit(funding(&people).iter().map(|draft| draft.sign(&network.ledger)).collect());
        let first = network.next_block();
        // The rest of the life runs under tight limits.
        let tight = Network::with_store(Box::new(neo_ledger::store::MemoryStore::new()), |config| {
            config.memory_pool_max = pool;
            config.max_transactions_per_block = block;
        });
        tight.store(&first);
        for height in 2..=20u32 {
            let batch: Vec<_> = (0..dice.below(25) as u32)
                .map(|slot| {
                    let kind = dice.below(KINDS);
                    let mut draft: Draft = random(&mut dice, &people, kind, height * 100 + slot, height - 1);
                    if dice.below(3) == 0 {
                        // Fees that eat up what the sender has.
                        draft.system_fee += dice.below(200_000_000_000) as i64;
                    }
                    draft.tip(dice.below(100_000) as i64).sign(&tight.ledger)
                })
                .collect();
            submit(&tight.ledger, batch);
            if dice.below(2) == 0 {
                let (first, second) = rivals(&tight, &people, height, height - 1);
                submit(&tight.ledger, vec![first, second]);
            }
            assert_pool_is_sound(&tight);
            tight.next_block();
            assert_pool_is_sound(&tight);
        }
        assert_conserved(&tight, &people);
        assert_events_add_up(&tight);
    }
}
