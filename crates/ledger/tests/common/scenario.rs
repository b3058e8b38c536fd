//! A life of a chain with every kind of transaction that the ledger runs, the same on each run.

use neo_ledger::ChainReader;
use neo_primitives::{
    Attribute, CallFlags, Height, Opcode, RuleAction, ScriptBuilder, Signer, Token, Transaction,
    UInt160, UInt256, WitnessCondition, WitnessRule, WitnessScope, transfer_script,
};
use num_bigint::BigInt;

use super::{Draft, Network, Wallet, user_key};

/// System fee of one transfer with ASSERT.
pub const FEE: i64 = 9_977_780;

/// A small deterministic generator (SplitMix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    pub fn token(&mut self) -> Token {
        if self.below(2) == 0 {
            Token::Neo
        } else {
            Token::Gas
        }
    }
}

/// The people of the chain.
pub struct People {
    pub treasury: Wallet,
    pub users: Vec<Wallet>,
    /// A 2-of-3 account of users.
    pub club: Wallet,
    /// Has GAS and no NEO.
    pub pauper: Wallet,
}

impl People {
    pub fn new(network: &Network) -> Self {
        let keys: Vec<_> = (0..12).map(user_key).collect();
        let mut users: Vec<Wallet> = keys.iter().cloned().map(Wallet::single).collect();
        users.extend(network.keys.iter().cloned().map(Wallet::single));
        Self {
            treasury: network.treasury(),
            users,
            club: Wallet::multi(2, &keys[..3]),
            pauper: Wallet::single(user_key(99)),
        }
    }

    pub fn everyone(&self) -> Vec<UInt160> {
        let mut all: Vec<UInt160> = self.users.iter().map(Wallet::account).collect();
        all.push(self.treasury.account());
        all.push(self.club.account());
        all.push(self.pauper.account());
        all.push(stranger());
        all
    }
}

/// An account that nobody has the key of.
pub fn stranger() -> UInt160 {
    UInt160::from_wire([0xab; 20])
}

/// Money for everyone, from the treasury.
pub fn funding(people: &People) -> Vec<Draft> {
    let treasury = people.treasury.account();
    let mut accounts: Vec<UInt160> = people.users.iter().map(Wallet::account).collect();
    accounts.push(people.club.account());
    let transfer = |token, to, amount: i64| transfer_script(token, &treasury, to, amount, true);
    let poor = people.pauper.account();
    let pauper = transfer(Token::Gas, &poor, 50_000_000_000);
    let pauper = Draft::new(&people.treasury, pauper, FEE).nonce(10_000);
    accounts
        .iter()
        .enumerate()
        .map(|(index, to)| {
            let mut script = transfer(Token::Gas, to, 300_000_000_000 + index as i64);
            script.extend(transfer(Token::Neo, to, 100_000 + index as i64));
            Draft::new(&people.treasury, script, 2 * FEE).nonce(index as u32)
        })
        .chain([pauper])
        .collect()
}

/// A transfer with everything that wallets write differently.
pub fn unusual_transfer(token: Token, from: &UInt160, to: &UInt160, amount: i64) -> Vec<u8> {
    let mut b = ScriptBuilder::new();
    b.bytes(b"invoice 7").op(Opcode::PUSHINT256);
    let mut wide = [0; 32];
    wide[..8].copy_from_slice(&amount.to_le_bytes());
    let mut script = b.into_bytes();
    script.extend_from_slice(&wide);
    let mut b = ScriptBuilder::new();
    b.hash(to)
        .hash(from)
        .call(&token.hash(), "transfer", 4, CallFlags::ALL);
    script.extend(b.into_bytes());
    script
}

/// Scopes that let the token, and only it, use the signature; and some that do not.
pub fn scoped_signer(account: UInt160, token: Token, kind: u64) -> Signer {
    let other = if token == Token::Neo {
        Token::Gas
    } else {
        Token::Neo
    };
    let rule = |action, condition| WitnessRule { action, condition };
    let contract = |token: Token| WitnessCondition::ScriptHash(token.hash());
    let with_contracts = |contracts| Signer {
        contracts,
        ..Signer::new(account, WitnessScope::CUSTOM_CONTRACTS)
    };
    let with_rules = |rules| Signer {
        rules,
        ..Signer::new(account, WitnessScope::WITNESS_RULES)
    };
    use RuleAction::{Allow, Deny};
    match kind {
        0 => Signer::new(account, WitnessScope::NONE),
        1 => Signer::new(account, WitnessScope::GLOBAL),
        2 => with_contracts(vec![token.hash()]),
        3 => with_contracts(vec![other.hash()]),
        4 => with_rules(vec![rule(Allow, contract(token))]),
        5 => with_rules(vec![
            rule(Deny, contract(token)),
            rule(Allow, WitnessCondition::CalledByEntry),
        ]),
        6 => with_rules(vec![
            rule(Deny, WitnessCondition::CalledByContract(token.hash())),
            rule(
                Allow,
                WitnessCondition::And(vec![
                    WitnessCondition::CalledByEntry,
                    WitnessCondition::Not(Box::new(contract(other))),
                ]),
            ),
        ]),
        7 => with_rules(vec![rule(
            Allow,
            WitnessCondition::Or(vec![
                WitnessCondition::Boolean(false),
                WitnessCondition::Group(user_key(1).public_key().clone()),
                WitnessCondition::CalledByGroup(user_key(1).public_key().clone()),
            ]),
        )]),
        _ => Signer {
            groups: vec![user_key(1).public_key().clone()],
            ..Signer::new(account, WitnessScope::CUSTOM_GROUPS)
        },
    }
}

/// Kinds of transactions that [`random`] makes.
pub const KINDS: u64 = 23;

/// A transaction of the given kind. The pool takes it unless its sender is short of GAS.
pub fn random(dice: &mut Dice, people: &People, kind: u64, nonce: u32, height: u32) -> Draft {
    let users = &people.users;
    let sender = &users[dice.below(users.len() as u64) as usize];
    let from = sender.account();
    let everyone = people.everyone();
    let to = everyone[dice.below(everyone.len() as u64) as usize];
    let token = dice.token();
    let amount = dice.below(500) as i64;
    let huge = BigInt::from(10).pow(30);
    let simple = |assert| transfer_script(token, &from, &to, amount, assert);
    let draft = match kind {
        0 => Draft::new(sender, simple(true), FEE),
        1 => Draft::new(sender, simple(false), FEE),
        // More than the sender has: false, and FAULT with ASSERT.
        2 => Draft::new(
            sender,
            transfer_script(token, &from, &to, huge, false),
            2 * FEE,
        ),
        3 => Draft::new(
            sender,
            transfer_script(token, &from, &to, 1i64 << 60, true),
            FEE,
        ),
        // The system fee ends somewhere on the way.
        4 => Draft::new(sender, simple(true), dice.below(FEE as u64) as i64),
        5 => Draft::new(sender, simple(true), FEE - 1 - (dice.below(3) as i64) * 30),
        6 => Draft::new(sender, simple(true), dice.below(2_000) as i64),
        7 => Draft::new(
            sender,
            transfer_script(token, &from, &from, amount, true),
            FEE,
        ),
        8 => Draft::new(sender, transfer_script(token, &from, &to, 0, true), FEE),
        9 => Draft::new(
            sender,
            transfer_script(token, &from, &to, -amount - 1, dice.below(2) == 0),
            FEE,
        ),
        // Of somebody who did not sign.
        10 => Draft::new(
            sender,
            transfer_script(token, &people.treasury.account(), &from, 1, true),
            FEE,
        ),
        11 => Draft::new(
            sender,
            transfer_script(token, &people.treasury.account(), &from, 1, false),
            FEE,
        ),
        12 => {
            // Several in a row; the last may fail and take the others with it.
            let mut script = simple(true);
            for _ in 0..dice.below(4) {
                script.extend(transfer_script(
                    dice.token(),
                    &from,
                    &to,
                    amount,
                    dice.below(2) == 0,
                ));
            }
            if dice.below(2) == 0 {
                script.extend(transfer_script(Token::Neo, &from, &to, 99_999_999, true));
            }
            Draft::new(sender, script, 6 * FEE)
        }
        13 => Draft::new(
            sender,
            unusual_transfer(token, &from, &to, amount),
            FEE + 100_000,
        ),
        14 => {
            let mut draft = Draft::new(sender, simple(dice.below(2) == 0), FEE);
            draft.signers[0].1 = scoped_signer(from, token, dice.below(9));
            draft
        }
        15 => {
            // The club pays and gives, one of its members gives too.
            let club = people.club.account();
            let mut script = transfer_script(token, &club, &to, amount, true);
            script.extend(transfer_script(token, &from, &to, 1, false));
            Draft::new(&people.club, script, 2 * FEE).signer(sender, WitnessScope::CALLED_BY_ENTRY)
        }
        16 => Draft::new(
            &people.treasury,
            transfer_script(token, &people.treasury.account(), &to, amount, true),
            FEE,
        )
        .attribute(Attribute::HighPriority),
        17 => Draft::new(sender, simple(true), FEE)
            .attribute(Attribute::NotValidBefore(Height(height)))
            .attribute(Attribute::Conflicts(UInt256::from_wire([nonce as u8; 32])))
            .attribute(Attribute::Conflicts(UInt256::from_wire(
                [!(nonce as u8); 32],
            ))),
        // Of an account without any NEO: to itself, to itself nothing, to another nothing.
        20 => {
            let (pauper, from) = (&people.pauper, people.pauper.account());
            let to = if dice.below(2) == 0 { from } else { to };
            let amount = if to == from { amount } else { 0 };
            Draft::new(
                pauper,
                transfer_script(Token::Neo, &from, &to, amount, false),
                FEE,
            )
        }
        // To itself, more than there is.
        21 => Draft::new(
            sender,
            transfer_script(token, &from, &from, 1i64 << 60, dice.below(2) == 0),
            FEE,
        ),
        // One after the other from what the one before brought.
        22 => {
            let back = people.club.account();
            let mut script = transfer_script(Token::Neo, &from, &back, 50, true);
            script.extend(transfer_script(Token::Neo, &back, &from, 50, true));
            script.extend(transfer_script(Token::Neo, &from, &from, 0, false));
            Draft::new(sender, script, 3 * FEE).signer(&people.club, WitnessScope::CALLED_BY_ENTRY)
        }
        // Everything that the sender had at first, and a piece more.
        18 => Draft::new(
            sender,
            transfer_script(Token::Neo, &from, &to, 100_000 + amount, false),
            FEE,
        ),
        _ => Draft::new(
            sender,
            transfer_script(Token::Neo, &from, &stranger(), 1_000, true),
            FEE,
        )
        .tip(dice.below(1_000_000) as i64),
    };
    draft
        .nonce(nonce)
        .valid_until(height + 1 + dice.below(50) as u32)
}

/// A transaction, and one of the same sender that excludes it and pays more.
pub fn rivals(
    network: &Network,
    people: &People,
    nonce: u32,
    height: u32,
) -> (Transaction, Transaction) {
    let sender = &people.users[nonce as usize % people.users.len()];
    let script = transfer_script(Token::Gas, &sender.account(), &stranger(), 5, true);
    let draft = Draft::new(sender, script, FEE)
        .nonce(nonce)
        .valid_until(height + 20);
    let first = draft.sign(&network.ledger);
    let second = draft
        .nonce(nonce.wrapping_add(1_000_000))
        .attribute(Attribute::Conflicts(first.hash()))
        .tip(first.network_fee().0)
        .sign(&network.ledger);
    (first, second)
}

/// The account's balances as neo-go and we can compare them: token hash, amount, height.
pub fn balances(ledger: &dyn ChainReader, account: &UInt160) -> Vec<(String, String, u64)> {
    let mut all: Vec<_> = ledger
        .balances(account)
        .unwrap()
        .iter()
        .map(|balance| {
            (
                balance.token.hash().to_string(),
                balance.amount.to_string(),
                balance.last_updated.0.into(),
            )
        })
        .collect();
    all.sort();
    all
}
