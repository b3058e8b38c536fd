//! Blocks that a network of Neo nodes decided, and that hold more than transfers: the ledger says what it cannot
//! execute and goes no further. What nobody signed does not stop it.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use neo_ledger::{
    ChainReader, InvalidBlock, Ledger, LedgerAnswer, LedgerError, LedgerRequest, Rejected,
};
use neo_primitives::{
    Attribute, Block, CallFlags, Height, ScriptBuilder, Token, Transaction, UInt160,
    UnsignedTransaction, Witness, merkle_root, transfer_script,
};

use common::{Draft, MAGIC, Network, ask, scenario::FEE, submit};

/// A chain of three blocks; the last one can be given other transactions.
struct World {
    source: Network,
    blocks: Vec<Arc<Block>>,
}

impl World {
    fn new() -> Self {
        let source = Network::in_memory();
        let blocks = (0..3).map(|_| source.next_block()).collect();
        Self { source, blocks }
    }

    fn draft(&self, script: Vec<u8>) -> Draft {
        Draft::new(&self.source.treasury(), script, FEE)
    }

    fn transfer_to(&self, to: UInt160) -> Vec<u8> {
        transfer_script(Token::Gas, &self.source.treasury().account(), &to, 1, true)
    }

    fn vote(&self) -> Transaction {
        let mut script = ScriptBuilder::new();
        script.null().hash(&self.source.treasury().account());
        script.call(&Token::Neo.hash(), "vote", 2, CallFlags::ALL);
        self.draft(script.into_bytes()).sign(&self.source.ledger)
    }

    /// The last block with this transaction, signed by the validators.
    fn decided(&self, transaction: &Transaction) -> Arc<Block> {
        let mut block = self.blocks[2].as_ref().clone();
        block.transactions.push(Arc::new(transaction.clone()));
        block.header.merkle_root = merkle_root(&block.transaction_hashes());
        block.witness = self.source.treasury().witness(MAGIC, &block.hash());
        Arc::new(block)
    }

    /// Each kind of transaction that is beyond the ledger, and what is said of it.
    fn beyond(&self) -> Vec<(Transaction, &'static str)> {
        let plain = self.transfer_to(UInt160::from_wire([7; 20]));
        let notary = self
            .draft(plain.clone())
            .attribute(Attribute::NotaryAssisted { nkeys: 1 })
            .sign(&self.source.ledger);
        let to_contract = self
            .draft(self.transfer_to(Token::Neo.hash()))
            .sign(&self.source.ledger);
        let opcode = self.draft(vec![0x21, 0x40]).sign(&self.source.ledger);
        let of_script = Witness {
            invocation: Vec::new(),
            verification: vec![0x11],
        };
        let mut signed = self.draft(plain);
        signed.signers[0].1.account = of_script.account();
        let unsigned = signed.unsigned_transaction().unsigned().clone();
        let by_script = UnsignedTransaction {
            signers: vec![signed.signers[0].1.clone()],
            ..unsigned
        };
        vec![
            (self.vote(), "method `vote`"),
            (opcode, "opcode 0x21 at offset 0"),
            (to_contract, "NeoToken"),
            (notary, "notary"),
            (by_script.into_signed(vec![of_script]).unwrap(), "witness 0"),
        ]
    }
}

fn stopped(answer: LedgerAnswer) -> LedgerError {
    match answer {
        LedgerAnswer::Failed { error, .. } => error,
        other => panic!("{other:?}"),
    }
}

fn assert_names(error: &LedgerError, block: &Block, transaction: &Transaction, what: &str) {
    let text = error.to_string();
    assert!(error.is_fatal(), "{text}");
    assert!(
        matches!(
            error,
            LedgerError::Beyond {
                height: Height(3),
                ..
            }
        ),
        "{text}"
    );
    for part in [
        &block.hash().to_string(),
        &transaction.hash().to_string(),
        what,
    ] {
        assert!(text.contains(part), "{part} in: {text}");
    }
    assert!(text.contains("Neo node"), "{text}");
}

#[test]
fn a_decided_block_with_more_than_transfers_stops_the_ledger_and_is_named() {
    let world = World::new();
    for (transaction, what) in world.beyond() {
        let block = world.decided(&transaction);
        let mut run = world.blocks.clone();
        run[2] = Arc::clone(&block);

        let network = Network::in_memory();
        let answer = ask(
            &network.ledger,
            LedgerRequest::ImportMany {
                blocks: run.clone(),
            },
        );
        assert_names(&stopped(answer), &block, &transaction, what);
        assert_eq!(
            network.ledger.height(),
            Height(2),
            "what comes before is stored"
        );

        let network = Network::in_memory();
        let verified = run
            .iter()
            .map(|block| network.ledger.verify(Arc::clone(block)).unwrap());
        let request = LedgerRequest::ImportVerified {
            blocks: verified.collect(),
        };
        assert_names(
            &stopped(ask(&network.ledger, request)),
            &block,
            &transaction,
            what,
        );
        assert_eq!(network.ledger.height(), Height(2));
    }
}

/// Whoever decided it did not ask this ledger, or did not heed it.
#[test]
fn what_consensus_decides_is_not_misread_either() {
    let world = World::new();
    // Where signatures are made of is of no concern for what a transaction does.
    for (transaction, what) in world.beyond().into_iter().take(4) {
        let block = world.decided(&transaction);
        let network = Network::in_memory();
        let blocks = world.blocks[..2].to_vec();
        ask(&network.ledger, LedgerRequest::ImportMany { blocks });
        for fresh in [true, false] {
            let body = Arc::new(block.body());
            let answer = ask(&network.ledger, LedgerRequest::Check { body, fresh });
            match answer {
                LedgerAnswer::Checked {
                    result: Err(InvalidBlock::Transaction { hash, reason }),
                    ..
                } => assert!(hash == transaction.hash() && reason.is_beyond(), "{reason}"),
                other => panic!("{other:?}"),
            }
        }
        let request = LedgerRequest::Store {
            block: Arc::clone(&block),
        };
        assert_names(
            &stopped(ask(&network.ledger, request)),
            &block,
            &transaction,
            what,
        );
        assert_eq!(network.ledger.height(), Height(2));
    }
}

#[test]
fn what_was_not_decided_or_was_tampered_with_stops_nobody() {
    let world = World::new();
    let refused = |block: Block| {
        let network = Network::in_memory();
        let mut blocks = world.blocks[..2].to_vec();
        blocks.push(Arc::new(block));
        match ask(&network.ledger, LedgerRequest::ImportMany { blocks }) {
            LedgerAnswer::ImportRefused { error, .. } => error,
            other => panic!("{other:?}"),
        }
    };
    // Nobody signed it.
    let vote = world.vote();
    let mut unsigned = world.decided(&vote).as_ref().clone();
    unsigned.witness = world.blocks[1].witness.clone();
    assert!(matches!(refused(unsigned), InvalidBlock::Witness(_)));
    // The validators signed another merkle root.
    let mut swapped = world.blocks[2].as_ref().clone();
    swapped.transactions.push(Arc::new(vote.clone()));
    assert!(matches!(refused(swapped), InvalidBlock::MerkleRoot(_)));
    // Witnesses of transactions stand outside of what is signed: whoever passes a block on can change them.
    let plain = world.draft(world.transfer_to(UInt160::from_wire([7; 20])));
    let plain = plain.sign(&world.source.ledger);
    let honest = plain.witnesses()[0].clone();
    let no_signatures = Witness {
        invocation: vec![0x11],
        ..honest.clone()
    };
    let other_script = Witness {
        verification: vec![0x11],
        ..honest
    };
    for witness in [no_signatures, other_script] {
        let tampered = plain.unsigned().clone().into_signed(vec![witness]).unwrap();
        match refused(world.decided(&tampered).as_ref().clone()) {
            InvalidBlock::Transaction { reason, .. } => assert!(!reason.is_beyond(), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    // In the pool it is one refusal among others.
    let refused = submit(&world.source.ledger, vec![vote])[0]
        .clone()
        .unwrap_err();
    assert!(
        matches!(refused, Rejected::UnsupportedScript { .. }),
        "{refused}"
    );
}
