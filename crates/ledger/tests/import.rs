//! Blocks from other nodes.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use neo_ledger::{ChainReader, InvalidBlock, Ledger, LedgerAnswer, LedgerRequest, Rejected};
use neo_primitives::{
    Attribute, Block, Height, PrivateKey, PublicKey, Token, Transaction, UInt256, hash160,
    multisig_script, multisig_witness, sign_data, transfer_script,
};

use common::{
    Draft, MAGIC, Network, ask,
    scenario::{Dice, FEE, KINDS, People, funding, random, stranger},
    submit, user_key,
};

fn chain(count: u32) -> (Network, Vec<Arc<Block>>) {
    let network = Network::in_memory();
    let people = People::new(&network);
    let mut dice = Dice::new(5);
    network.admit(
        funding(&people)
            .iter()
            .map(|draft| draft.sign(&network.ledger))
            .collect(),
    );
    let mut blocks = vec![network.next_block()];
    for height in 2..=count {
        let batch = (0..4)
            .map(|slot| {
                let kind = dice.below(KINDS);
                random(&mut dice, &people, kind, height * 10 + slot, height - 1)
                    .sign(&network.ledger)
            })
            .collect();
        for result in submit(&network.ledger, batch) {
            result.unwrap();
        }
        blocks.push(network.next_block());
    }
    (network, blocks)
}

fn import(network: &Network, blocks: &[Arc<Block>]) -> LedgerAnswer {
    ask(
        &network.ledger,
        LedgerRequest::ImportMany {
            blocks: blocks.to_vec(),
        },
    )
}

fn refused(answer: LedgerAnswer) -> (Height, InvalidBlock) {
    match answer {
        LedgerAnswer::ImportRefused { height, error, .. } => (height, error),
        other => panic!("{other:?}"),
    }
}

fn changed(block: &Arc<Block>, change: impl FnOnce(&mut Block)) -> Arc<Block> {
    let mut block = block.as_ref().clone();
    change(&mut block);
    Arc::new(block)
}

/// Changed, and signed again by the validators.
fn resigned(network: &Network, block: &Arc<Block>, change: impl FnOnce(&mut Block)) -> Arc<Block> {
    changed(block, |block| {
        change(block);
        block.header.merkle_root = neo_primitives::merkle_root(&block.transaction_hashes());
        block.witness = network.treasury().witness(MAGIC, &block.hash());
    })
}

#[test]
fn a_run_of_blocks_gives_the_same_chain() {
    let (original, blocks) = chain(30);
    for run in [1, 7, 30] {
        let network = Network::in_memory();
        for blocks in blocks.chunks(run) {
            let last = blocks.last().unwrap();
            let answer = import(&network, blocks);
            assert!(
                matches!(answer, LedgerAnswer::Stored { hash, .. } if hash == last.hash()),
                "{answer:?}"
            );
        }
        for height in 0..=30 {
            assert_eq!(
                network.ledger.state_hash(Height(height)).unwrap(),
                original.ledger.state_hash(Height(height)).unwrap()
            );
        }
    }
}

#[test]
fn blocks_at_or_below_the_tip_change_nothing() {
    let (original, blocks) = chain(5);
    let network = Network::in_memory();
    import(&network, &blocks[..3]);
    let answer = import(&network, &blocks);
    assert!(
        matches!(
            answer,
            LedgerAnswer::Stored {
                height: Height(5),
                ..
            }
        ),
        "{answer:?}"
    );
    let answer = import(&network, &blocks[1..2]);
    assert!(
        matches!(
            answer,
            LedgerAnswer::Stored {
                height: Height(5),
                ..
            }
        ),
        "{answer:?}"
    );
    assert_eq!(network.ledger.tip_hash(), original.ledger.tip_hash());
    let answer = ask(
        &network.ledger,
        LedgerRequest::Import {
            block: Arc::clone(&blocks[0]),
        },
    );
    assert!(
        matches!(
            answer,
            LedgerAnswer::Stored {
                height: Height(5),
                ..
            }
        ),
        "{answer:?}"
    );
    let other = resigned(&original, &blocks[2], |block| block.header.nonce += 1);
    let (height, error) = refused(import(&network, &[other]));
    assert!(
        matches!(error, InvalidBlock::OtherBlockDecided { .. }),
        "{error}"
    );
    assert_eq!(height, Height(3));
}

#[test]
fn the_valid_part_of_a_run_is_stored() {
    let (_, blocks) = chain(5);
    let network = Network::in_memory();
    let mut run = blocks.clone();
    run[3] = changed(&blocks[3], |block| {
        block.witness = blocks[2].witness.clone()
    });
    let (height, error) = refused(import(&network, &run));
    assert!(matches!(error, InvalidBlock::Witness(_)), "{error}");
    assert_eq!((height, network.ledger.height()), (Height(4), Height(3)));
    assert_eq!(network.ledger.tip_hash(), blocks[2].hash());
    let answer = import(&network, &blocks[3..]);
    assert!(
        matches!(
            answer,
            LedgerAnswer::Stored {
                height: Height(5),
                ..
            }
        ),
        "{answer:?}"
    );
}

#[test]
fn what_a_witness_does_not_cover_is_not_believed() {
    let (original, blocks) = chain(2);
    let network = Network::in_memory();
    let error = |block: Arc<Block>| refused(import(&network, &[block])).1;
    use InvalidBlock as I;
    let unsigned = changed(&blocks[0], |block| block.header.nonce += 1);
    assert!(matches!(error(unsigned), I::Witness(_)));
    let short = changed(&blocks[0], |block| block.witness.invocation.truncate(132));
    assert!(matches!(error(short), I::Witness(_)));
    let long = changed(&blocks[0], |block| {
        block.witness.invocation.resize(1_025, 0)
    });
    assert!(matches!(
        error(long),
        I::WitnessLength {
            length: 1_025,
            limit: 1_024
        }
    ));
    let stripped = changed(&blocks[0], |block| block.transactions.truncate(1));
    assert!(matches!(error(stripped), I::MerkleRoot(_)));
    let forged = changed(&blocks[0], |block| {
        let transaction = block.transactions[0].as_ref();
        let mut witness = transaction.witnesses()[0].clone();
        *witness.invocation.last_mut().unwrap() ^= 1;
        let forged = transaction
            .unsigned()
            .clone()
            .into_signed(vec![witness])
            .unwrap();
        block.transactions[0] = Arc::new(forged);
    });
    assert!(matches!(error(forged), I::Transaction { .. }));
    assert!(matches!(error(Arc::clone(&blocks[1])), I::UnknownParent(_)));
    let strangers = changed(&blocks[0], |block| {
        let keys: Vec<PrivateKey> = (0..4).map(user_key).collect();
        let public: Vec<PublicKey> = keys.iter().map(|key| key.public_key().clone()).collect();
        let message = sign_data(MAGIC, &block.hash());
        let signatures: Vec<_> = keys[..3].iter().map(|key| key.sign(&message)).collect();
        block.witness = multisig_witness(&signatures, multisig_script(3, &public).unwrap());
    });
    assert!(matches!(error(strangers), I::Witness(_)));
    // Also what the validators signed is checked: they may all be wrong.
    let signed = |change: &dyn Fn(&mut Block)| error(resigned(&original, &blocks[0], change));
    assert!(matches!(
        signed(&|block| block.header.version = 1),
        I::Version(1)
    ));
    assert!(matches!(
        signed(&|block| block.header.timestamp = 1),
        I::Timestamp { .. }
    ));
    assert!(matches!(
        signed(&|block| block.header.index = Height(9)),
        I::Index { .. }
    ));
    assert!(matches!(
        signed(&|block| block.header.primary_index = neo_primitives::ValidatorIndex(4)),
        I::Primary { .. }
    ));
    assert!(matches!(
        signed(&|block| block.header.next_consensus = hash160(b"")),
        I::NextConsensus { .. }
    ));
    assert!(matches!(
        signed(&|block| block.transactions.push(Arc::clone(&block.transactions[0]))),
        I::Duplicate(_)
    ));
    let again = {
        import(&network, &blocks[..1]);
        resigned(&original, &blocks[1], |block| {
            block.transactions = blocks[0].transactions.clone();
        })
    };
    assert!(matches!(error(again), I::Transaction { .. }));
    assert_eq!(network.ledger.height(), Height(1));
}

/// Nodes may store different witnesses of one header.
#[test]
fn another_quorum_signs_as_well() {
    let (original, blocks) = chain(1);
    let network = Network::in_memory();
    let other = changed(&blocks[0], |block| {
        let public: Vec<PublicKey> = original
            .keys
            .iter()
            .map(|key| key.public_key().clone())
            .collect();
        let mut keys = original.keys.clone();
        keys.sort_by(|a, b| a.public_key().cmp(b.public_key()));
        let message = sign_data(MAGIC, &block.hash());
        let signatures: Vec<_> = keys[1..].iter().map(|key| key.sign(&message)).collect();
        block.witness = multisig_witness(&signatures, multisig_script(3, &public).unwrap());
    });
    assert_ne!(other.witness, blocks[0].witness);
    import(&network, std::slice::from_ref(&other));
    assert_eq!(network.ledger.tip_hash(), original.ledger.tip_hash());
    assert_eq!(network.ledger.block(Height(1)).unwrap(), Some(other));
}

#[test]
fn an_import_passes_what_is_executed_ahead() {
    let (original, blocks) = chain(4);
    let network = Network::in_memory();
    let bodies: Vec<_> = blocks.iter().map(|block| Arc::new(block.body())).collect();
    network.check(&bodies[0]);
    network.check(&bodies[1]);
    network.promote(bodies[0].hash());
    let answer = import(&network, &blocks);
    assert!(
        matches!(
            answer,
            LedgerAnswer::Stored {
                height: Height(4),
                ..
            }
        ),
        "{answer:?}"
    );
    assert_eq!(network.ledger.pool().height, Height(4));
    assert_eq!(
        network.ledger.state_hash(Height(4)).unwrap(),
        original.ledger.state_hash(Height(4)).unwrap()
    );
    assert_ne!(network.ledger.tip_hash(), UInt256::ZERO);
}

#[test]
fn blocks_verified_beforehand_give_the_same_chain_and_bad_ones_are_not_made_out() {
    let (source, blocks) = chain(8);
    let other = Network::in_memory();
    let verified = |block: &Arc<Block>| other.ledger.verify(Arc::clone(block));
    let run: Vec<_> = blocks
        .iter()
        .map(|block| verified(block).unwrap())
        .collect();
    let answer = ask(&other.ledger, LedgerRequest::ImportVerified { blocks: run });
    assert!(matches!(answer, LedgerAnswer::Stored { .. }), "{answer:?}");
    assert_eq!(other.ledger.tip_hash(), source.ledger.tip_hash());
    // Its witness, its transactions and their signatures are looked at without a look at the chain.
    let unsigned = changed(&blocks[7], |block| block.header.nonce += 1);
    assert!(matches!(verified(&unsigned), Err(InvalidBlock::Witness(_))));
    let emptied = changed(&blocks[7], |block| block.transactions.clear());
    assert!(matches!(
        verified(&emptied),
        Err(InvalidBlock::MerkleRoot(_))
    ));
    let forged = changed(&blocks[0], |block| {
        let transaction = block.transactions[0].as_ref();
        let mut witness = transaction.witnesses()[0].clone();
        *witness.invocation.last_mut().unwrap() ^= 1;
        let unsigned = transaction.unsigned().clone();
        block.transactions[0] = Arc::new(unsigned.into_signed(vec![witness]).unwrap());
    });
    assert!(matches!(
        verified(&forged),
        Err(InvalidBlock::Transaction { .. })
    ));
    // What needs the chain is looked at on import.
    let gap = vec![verified(&blocks[7]).unwrap()];
    let fresh = Network::in_memory();
    let (height, error) = refused(ask(
        &fresh.ledger,
        LedgerRequest::ImportVerified { blocks: gap },
    ));
    assert_eq!(height, Height(8));
    assert!(matches!(error, InvalidBlock::UnknownParent(_)), "{error}");
}

/// A block is not believed in what its transactions may do, either, however many validators signed it.
#[test]
fn every_rule_of_transactions_holds_in_blocks_of_others() {
    let source = Network::in_memory();
    let people = People::new(&source);
    let alice = &people.users[0];
    let drafts = funding(&people);
    source.admit(
        drafts
            .iter()
            .map(|draft| draft.sign(&source.ledger))
            .collect(),
    );
    let first = source.next_block();
    let gift = |nonce: u32| {
        let script = transfer_script(Token::Gas, &alice.account(), &stranger(), 1, true);
        Draft::new(alice, script, FEE).nonce(nonce).valid_until(50)
    };
    // Excludes a transaction that comes later.
    let excluded = gift(1).sign(&source.ledger);
    let excluding = gift(2).attribute(Attribute::Conflicts(excluded.hash()));
    source.admit(vec![excluding.sign(&source.ledger)]);
    let blocks = [first, source.next_block(), source.next_block()];
    let signed = |draft: &Draft| draft.sign(&source.ledger);
    let on_chain = blocks[0].transactions[0].hash();
    let poor = Draft::new(&people.pauper, gift(3).script, 100_000_000_000);
    let cheap = gift(4).tip(-1);
    let rival = signed(&gift(5));
    let excludes_rival = signed(&gift(6).attribute(Attribute::Conflicts(rival.hash())));
    let refused = |transactions: Vec<Transaction>| {
        let network = Network::in_memory();
        let block = resigned(&source, &blocks[2], |block| {
            block.transactions = transactions.into_iter().map(Arc::new).collect();
        });
        let run = [Arc::clone(&blocks[0]), Arc::clone(&blocks[1]), block];
        let (height, error) = refused(import(&network, &run));
        assert_eq!((height, network.ledger.height()), (Height(3), Height(2)));
        error
    };
    let reason = |transaction: Transaction| match refused(vec![transaction]) {
        InvalidBlock::Transaction { reason, .. } => reason,
        other => panic!("{other}"),
    };
    use Rejected as R;
    for valid_until in [2, 3 + 5_760] {
        let reason = reason(signed(&gift(7).valid_until(valid_until)));
        assert!(matches!(reason, R::Expired { .. }), "{reason}");
    }
    for (attribute, name) in [
        (Attribute::NotValidBefore(Height(3)), "NotValidBefore"),
        (Attribute::HighPriority, "HighPriority"),
        (Attribute::Conflicts(on_chain), "Conflicts"),
    ] {
        let reason = reason(signed(&gift(8).attribute(attribute)));
        assert!(
            matches!(reason, R::InvalidAttribute { attribute, .. } if attribute == name),
            "{reason}"
        );
    }
    assert!(matches!(reason(excluded), R::ConflictsOnChain(_)));
    assert!(matches!(
        reason(signed(&cheap)),
        R::InsufficientNetworkFee { .. }
    ));
    assert!(matches!(
        refused(vec![signed(&poor)]),
        InvalidBlock::UnpaidFees { .. }
    ));
    assert!(matches!(
        refused(vec![rival, excludes_rival]),
        InvalidBlock::Conflict(..)
    ));
    // The same with nothing wrong.
    let network = Network::in_memory();
    let block = resigned(&source, &blocks[2], |block| {
        let sound = gift(9).attribute(Attribute::NotValidBefore(Height(2)));
        block.transactions = vec![Arc::new(signed(&sound))];
    });
    let run = [Arc::clone(&blocks[0]), Arc::clone(&blocks[1]), block];
    assert!(matches!(
        import(&network, &run),
        LedgerAnswer::Stored { .. }
    ));
}
