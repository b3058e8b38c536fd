//! What the memory pool takes, what it refuses and with which error code.

#![allow(clippy::unwrap_used)]

mod common;

use neo_ledger::{ChainReader, Rejected, store::MemoryStore};
use neo_primitives::{
    Attribute, Height, OracleCode, ScriptBuilder, Token, Transaction, UInt160, UInt256, Witness,
    WitnessScope, transfer_script,
};

use common::{
    Draft, Network, Wallet,
    scenario::{FEE, stranger},
    submit, user_key,
};

/// One GAS in datoshi.
const GAS: i64 = 100_000_000;

struct World {
    network: Network,
    alice: Wallet,
    bob: Wallet,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// Alice and Bob have 10 GAS each.
    fn with(change: impl FnOnce(&mut neo_ledger::GenesisConfig)) -> Self {
        let network = Network::with_store(Box::new(MemoryStore::new()), change);
        let (alice, bob) = (Wallet::single(user_key(1)), Wallet::single(user_key(2)));
        let treasury = network.treasury();
        let script = [&alice, &bob].map(|to| {
            let (from, to) = (treasury.account(), to.account());
            transfer_script(Token::Gas, &from, &to, 10 * GAS, true)
        });
        let gifts = Draft::new(&treasury, script.concat(), 2 * FEE).valid_until(1);
        network.admit(vec![gifts.sign(&network.ledger)]);
        network.next_block();
        Self {
            network,
            alice,
            bob,
        }
    }

    fn gift(&self, from: &Wallet) -> Draft {
        let script = transfer_script(Token::Gas, &from.account(), &stranger(), 1, true);
        Draft::new(from, script, FEE)
    }

    fn sign(&self, draft: &Draft) -> Transaction {
        draft.sign(&self.network.ledger)
    }

    fn send(&self, transaction: Transaction) -> Result<UInt256, Rejected> {
        submit(&self.network.ledger, vec![transaction]).remove(0)
    }

    fn send_draft(&self, draft: &Draft) -> Result<UInt256, Rejected> {
        self.send(self.sign(draft))
    }

    fn refused(&self, draft: &Draft) -> Rejected {
        self.send_draft(draft).unwrap_err()
    }

    fn is_pooled(&self, hash: &UInt256) -> bool {
        self.network.ledger.pooled(hash).is_some()
    }
}

/// The same transaction with other witnesses.
fn with_witnesses(transaction: &Transaction, witnesses: Vec<Witness>) -> Transaction {
    transaction
        .unsigned()
        .clone()
        .into_signed(witnesses)
        .unwrap()
}

fn spoil(witness: &Witness) -> Witness {
    let mut spoilt = witness.clone();
    *spoilt.invocation.last_mut().unwrap() ^= 1;
    spoilt
}

#[test]
fn a_known_transaction_is_refused_before_its_signatures_are_looked_at() {
    let world = World::new();
    let transaction = world.sign(&world.gift(&world.alice));
    let spoilt = with_witnesses(&transaction, vec![spoil(&transaction.witnesses()[0])]);
    let hash = world.send(transaction.clone()).unwrap();
    assert_eq!(
        world.send(spoilt.clone()),
        Err(Rejected::AlreadyInPool(hash))
    );
    assert_eq!(world.send(transaction.clone()).unwrap_err().code().0, -503);
    world.network.next_block();
    assert_eq!(world.send(spoilt), Err(Rejected::AlreadyExists(hash)));
    assert_eq!(world.send(transaction).unwrap_err().code().0, -501);
}

#[test]
fn repeats_within_one_submission_count_once() {
    let world = World::new();
    let good = world.sign(&world.gift(&world.alice));
    let bad = with_witnesses(&good, vec![spoil(&good.witnesses()[0])]);
    let results = submit(
        &world.network.ledger,
        vec![bad.clone(), bad, good.clone(), good.clone()],
    );
    assert_eq!(results[0], Err(Rejected::InvalidSignature { index: 0 }));
    assert_eq!(results[1], results[0]);
    assert_eq!(results[2], Ok(good.hash()));
    assert_eq!(results[3], Err(Rejected::AlreadyInPool(good.hash())));
}

#[test]
fn witnesses_must_be_of_the_signers_of_standard_form_and_right() {
    let world = World::new();
    let transaction = world.sign(&world.gift(&world.alice));
    let magic = world.network.config.magic;
    let hash = transaction.hash();
    let refusal = |witness: Witness| {
        world
            .send(with_witnesses(&transaction, vec![witness]))
            .unwrap_err()
    };
    let of_bob = refusal(world.bob.witness(magic, &hash));
    assert_eq!(
        of_bob,
        Rejected::WitnessOfAnother {
            index: 0,
            account: world.alice.account()
        }
    );
    assert_eq!(of_bob.code().0, -500);
    let wrong = refusal(world.alice.witness(magic, &UInt256::ZERO));
    assert_eq!(
        (wrong.clone(), wrong.code().0),
        (Rejected::InvalidSignature { index: 0 }, -508)
    );
    let empty = refusal(world.alice.unsigned_witness());
    assert_eq!(empty, Rejected::MalformedWitness { index: 0 });
    let contract = Witness {
        invocation: Vec::new(),
        verification: vec![0x11],
    };
    let account = contract.account();
    let mut draft = world.gift(&world.alice);
    draft.signers[0].1.account = account;
    let unsigned = world.sign(&world.gift(&world.alice)).unsigned().clone();
    let unsigned = neo_primitives::UnsignedTransaction {
        signers: vec![draft.signers[0].1.clone()],
        ..unsigned
    };
    let refused = world
        .send(unsigned.into_signed(vec![contract]).unwrap())
        .unwrap_err();
    assert_eq!(refused, Rejected::UnsupportedWitness { index: 0 });
    assert!(refused.to_string().contains("attach a Neo node"));
}

#[test]
fn scripts_other_than_transfers_to_accounts_are_refused_with_a_way_out() {
    let world = World::new();
    let mut nothing = world.gift(&world.alice);
    nothing.script = vec![0x21, 0x40];
    let refused = world.refused(&nothing);
    assert!(
        matches!(refused, Rejected::UnsupportedScript { .. }),
        "{refused}"
    );
    assert_eq!(refused.code().0, -506);
    assert!(refused.to_string().contains("attach a Neo node"));

    let mut to_contract = world.gift(&world.alice);
    to_contract.script = transfer_script(
        Token::Gas,
        &world.alice.account(),
        &Token::Neo.hash(),
        1,
        true,
    );
    let refused = world.refused(&to_contract);
    assert!(
        matches!(
            refused,
            Rejected::TransferToContract {
                name: "NeoToken",
                ..
            }
        ),
        "{refused}"
    );
    assert_eq!(refused.code().0, -505);

    let mut elsewhere = world.gift(&world.alice);
    let mut b = ScriptBuilder::new();
    b.call(
        &UInt160::from_wire([3; 20]),
        "main",
        0,
        neo_primitives::CallFlags::ALL,
    );
    elsewhere.script = b.into_bytes();
    assert!(matches!(
        world.refused(&elsewhere),
        Rejected::UnsupportedScript { .. }
    ));
}

#[test]
fn size_is_looked_at_first() {
    let world = World::new();
    let mut draft = world
        .gift(&world.alice)
        .attribute(Attribute::OracleResponse {
            id: 1,
            code: OracleCode::Success,
            result: vec![0; 65_000],
        });
    draft.script = vec![0x21; 60_000];
    let refused = world.refused(&draft);
    assert!(
        matches!(refused, Rejected::OverSize { limit: 102_400, .. }),
        "{refused}"
    );
    assert_eq!(refused.code().0, -509);
}

#[test]
fn expiry_lies_between_the_next_height_and_the_increment() {
    let world = World::with(|config| config.max_valid_until_block_increment = 10);
    let expired = |height| world.refused(&world.gift(&world.alice).valid_until(height));
    for height in [0, 1, 12] {
        let refused = expired(height);
        let (least, most) = (Height(2), Height(11));
        assert_eq!(
            refused,
            Rejected::Expired {
                valid_until: Height(height),
                least,
                most
            }
        );
        assert_eq!(refused.code().0, -510);
    }
    for height in [2, 11] {
        world
            .send_draft(&world.gift(&world.alice).valid_until(height).nonce(height))
            .unwrap();
    }
}

#[test]
fn fees_of_all_pending_transactions_must_be_covered() {
    let world = World::new();
    let draft = |nonce, fee| {
        let mut draft = world.gift(&world.alice).nonce(nonce);
        draft.system_fee = fee;
        draft
    };
    let first = world.sign(&draft(1, 6 * GAS));
    world.send(first.clone()).unwrap();
    let refused = world.refused(&draft(2, 6 * GAS));
    assert!(
        matches!(refused, Rejected::InsufficientFunds { .. }),
        "{refused}"
    );
    assert_eq!(refused.code().0, -511);
    // What the newcomer replaces does not count.
    let replacing = draft(3, 6 * GAS)
        .attribute(Attribute::Conflicts(first.hash()))
        .tip(first.network_fee().0);
    world.send_draft(&replacing).unwrap();
    assert!(!world.is_pooled(&first.hash()));
    world.send_draft(&draft(4, 3 * GAS)).unwrap();
    // Another sender is not concerned.
    world.send_draft(&world.gift(&world.bob)).unwrap();
}

#[test]
fn the_network_fee_covers_size_and_witnesses_to_the_datoshi() {
    let world = World::new();
    let short = world.refused(&world.gift(&world.alice).tip(-1));
    assert!(
        matches!(short, Rejected::InsufficientNetworkFee { .. }),
        "{short}"
    );
    assert_eq!(short.code().0, -511);
    let exact = world.sign(&world.gift(&world.alice));
    assert_eq!(exact.network_fee().0, 1_000 * exact.size() as i64 + 983_520);
    world.send(exact).unwrap();
}

#[test]
fn attributes_are_checked() {
    let world = World::new();
    let refused = |attribute: Attribute| {
        let refused = world.refused(&world.gift(&world.alice).attribute(attribute));
        assert_eq!(refused.code().0, -507, "{refused}");
        refused
    };
    refused(Attribute::HighPriority);
    refused(Attribute::NotValidBefore(Height(2)));
    let oracle = Attribute::OracleResponse {
        id: 1,
        code: OracleCode::Timeout,
        result: Vec::new(),
    };
    assert!(refused(oracle).to_string().contains("attach a Neo node"));
    let notary = refused(Attribute::NotaryAssisted { nkeys: 1 });
    assert!(notary.to_string().contains("attach a Neo node"));
    let included = world
        .network
        .ledger
        .block(Height(1))
        .unwrap()
        .unwrap()
        .transactions[0]
        .hash();
    refused(Attribute::Conflicts(included));
    let committee = world.gift(&world.alice).attribute(Attribute::HighPriority);
    let committee = committee.signer(&world.network.treasury(), WitnessScope::NONE);
    world.send_draft(&committee).unwrap();
    let valid_now = world
        .gift(&world.alice)
        .attribute(Attribute::NotValidBefore(Height(1)));
    world.send_draft(&valid_now.nonce(7)).unwrap();
    let twice = world
        .gift(&world.alice)
        .attribute(Attribute::Conflicts(UInt256::ZERO))
        .attribute(Attribute::Conflicts(UInt256::ZERO));
    assert_eq!(world.refused(&twice).code().0, -507);
}

#[test]
fn a_rival_must_pay_more_and_share_a_signer() {
    let world = World::new();
    let first = world.sign(&world.gift(&world.alice));
    world.send(first.clone()).unwrap();
    let rival = |from: &Wallet| {
        world
            .gift(from)
            .nonce(2)
            .attribute(Attribute::Conflicts(first.hash()))
    };
    let equal = {
        let needed = world.sign(&rival(&world.alice)).network_fee().0;
        rival(&world.alice).tip(first.network_fee().0 - needed)
    };
    // Its own bytes cost more than the first one's, so an equal fee is too small twice over.
    assert_eq!(world.refused(&equal).code().0, -500);
    let of_bob = world.refused(&rival(&world.bob).tip(GAS));
    assert!(
        matches!(of_bob, Rejected::ConflictsInPool { .. }),
        "{of_bob}"
    );
    assert!(world.is_pooled(&first.hash()));
    let second = world.sign(&rival(&world.alice).tip(GAS));
    world.send(second.clone()).unwrap();
    assert!(!world.is_pooled(&first.hash()));
    // The first cannot come back against one that pays more and is of the same sender.
    assert_eq!(world.send(first.clone()).unwrap_err().code().0, -500);
    world.network.next_block();
    assert_eq!(
        world.send(first.clone()),
        Err(Rejected::ConflictsOnChain(first.hash()))
    );
}

#[test]
fn naming_the_transaction_of_a_stranger_keeps_it_out_of_nothing() {
    let world = World::new();
    let victim = world.sign(&world.gift(&world.alice));
    let attack = world
        .gift(&world.bob)
        .attribute(Attribute::Conflicts(victim.hash()))
        .tip(GAS / 10);
    let attack = world.send_draft(&attack).unwrap();
    world.send(victim.clone()).unwrap();
    assert!(
        !world.is_pooled(&attack),
        "the pool holds no two that exclude each other"
    );
    // On the chain it counts for its own signers only.
    let world = World::new();
    let attack = world
        .gift(&world.bob)
        .attribute(Attribute::Conflicts(victim.hash()))
        .tip(GAS / 10);
    world.send_draft(&attack).unwrap();
    world.network.next_block();
    world.send(victim).unwrap();
}

#[test]
fn a_full_pool_keeps_the_best() {
    let world = World::with(|config| config.memory_pool_max = 3);
    let send = |nonce, tip| world.send_draft(&world.gift(&world.alice).nonce(nonce).tip(tip));
    let low = send(1, 1_000).unwrap();
    let high = send(2, 30_000_000).unwrap();
    let middle = send(3, 20_000_000).unwrap();
    let refused = send(4, 0).unwrap_err();
    assert_eq!(
        (refused.clone(), refused.code().0),
        (Rejected::PoolFull { capacity: 3 }, -502)
    );
    let better = send(5, 25_000_000).unwrap();
    assert!(!world.is_pooled(&low));
    assert_eq!(
        world.network.ledger.pool().verified,
        vec![high, better, middle]
    );
}

#[test]
fn a_system_fee_above_that_of_a_block_is_refused() {
    let world =
        World::with(|config| config.max_block_system_fee = neo_primitives::Datoshi(2 * FEE));
    let mut draft = world.gift(&world.alice);
    draft.system_fee = 2 * FEE + 1;
    assert_eq!(world.refused(&draft).code().0, -505);
    world.send_draft(&world.gift(&world.alice)).unwrap();
}

#[test]
fn a_block_takes_out_what_it_makes_invalid() {
    let world = World::with(|config| config.max_transactions_per_block = 1);
    let everything = |nonce, fee| {
        let mut draft = world.gift(&world.alice).nonce(nonce);
        draft.system_fee = fee;
        draft
    };
    // Alice sends away what the fees of her other transactions need.
    let gift = transfer_script(
        Token::Gas,
        &world.alice.account(),
        &stranger(),
        5 * GAS,
        true,
    );
    let mut first = Draft::new(&world.alice, gift, FEE).tip(GAS);
    first.nonce = 9;
    let first = world.send_draft(&first).unwrap();
    let cheap = world.send_draft(&everything(2, GAS).tip(5_000)).unwrap();
    let dear = world.send_draft(&everything(3, 6 * GAS)).unwrap();
    let short_lived = world
        .send_draft(&world.gift(&world.bob).valid_until(2))
        .unwrap();
    let longer_lived = world
        .send_draft(&world.gift(&world.bob).valid_until(3))
        .unwrap();
    let block = world.network.next_block();
    assert_eq!(block.transactions[0].hash(), first);
    assert!(!world.is_pooled(&first));
    assert!(world.is_pooled(&cheap));
    assert!(!world.is_pooled(&dear), "no longer covered");
    assert!(!world.is_pooled(&short_lived), "expired");
    assert!(world.is_pooled(&longer_lived));
    assert_eq!(world.network.ledger.pool().height, Height(2));
}
