//! Checkpoints: what is written comes back, what is changed is refused, and a crash leaves one store or the other.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use neo_ledger::{
    ChainReader, EmbeddedLedger, GenesisConfig, LedgerAnswer, LedgerError, LedgerRequest, Rejected,
    checkpoint::{Checkpoint, CheckpointError, CheckpointFolder, RestoreStep, Written, restore},
    store::RedbStore,
};
use neo_primitives::{Attribute, Block, Header, Height, Magic, Token, transfer_script};

use common::{
    Draft, Network, ask,
    scenario::{Dice, FEE, KINDS, People, funding, random},
    standard_config, submit, user_key,
};

/// A chain of `count` blocks on disk with all kinds of transactions.
fn chain(directory: &Path, count: u32) -> (Network, Vec<Arc<Block>>) {
    let store = RedbStore::open(&directory.join("chain.redb")).unwrap();
    let network = Network::with_store(Box::new(store), |_| {});
    let people = People::new(&network);
    let mut dice = Dice::new(17);
    let drafts = funding(&people);
    let funding = drafts.iter().map(|draft| draft.sign(&network.ledger));
    network.admit(funding.collect());
    let mut blocks = vec![network.next_block()];
    for height in 2..=count {
        let batch = (0..5).map(|slot| {
            let kind = dice.below(KINDS);
            random(&mut dice, &people, kind, height * 10 + slot, height - 1).sign(&network.ledger)
        });
        for result in submit(&network.ledger, batch.collect()) {
            result.unwrap();
        }
        blocks.push(network.next_block());
    }
    (network, blocks)
}

#[allow(clippy::unnecessary_wraps)] // the shape of a leader state's source
fn leaders(header: &Header) -> Result<Vec<u8>, LedgerError> {
    Ok(format!("leaders above {}", header.index).into_bytes())
}

fn write(ledger: &EmbeddedLedger, folder: &CheckpointFolder, keep: usize) -> Written {
    ledger
        .write_checkpoint(folder, keep, &leaders, &mut |_| {})
        .unwrap()
}

fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::read(path, &standard_config(), &mut |_| {})
}

fn restored(checkpoint: &Checkpoint, directory: &Path) -> EmbeddedLedger {
    restore(
        checkpoint,
        directory,
        &standard_config(),
        false,
        &mut |_| Ok(()),
    )
    .unwrap();
    EmbeddedLedger::open(directory, standard_config()).unwrap()
}

fn import(ledger: &EmbeddedLedger, blocks: &[Arc<Block>]) -> LedgerAnswer {
    let blocks = blocks.to_vec();
    ask(ledger, LedgerRequest::ImportMany { blocks })
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

struct Place {
    _root: tempfile::TempDir,
    data: PathBuf,
    folder: CheckpointFolder,
}

fn place() -> Place {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    fs::create_dir(&data).unwrap();
    Place {
        folder: CheckpointFolder::at(data.join("checkpoints")),
        data,
        _root: root,
    }
}

#[test]
fn a_restored_chain_goes_on_exactly_as_the_original() {
    let original = place();
    let (network, blocks) = chain(&original.data, 12);
    let other = place();
    // The checkpoint is of height 12; the original goes on to 20.
    let written = write(&network.ledger, &original.folder, 3);
    assert!(written.fresh && !write(&network.ledger, &original.folder, 3).fresh);
    let people = People::new(&network);
    let mut dice = Dice::new(3);
    let mut later = Vec::new();
    for height in 13..=20 {
        let kind = dice.below(KINDS);
        let draft = random(&mut dice, &people, kind, height * 10, height - 1);
        network.admit(vec![draft.sign(&network.ledger)]);
        later.push(network.next_block());
    }
    let checkpoint = read(&written.path).unwrap();
    assert_eq!(checkpoint.manifest(), &written.manifest);
    let ledger = restored(&checkpoint, &other.data);
    assert_eq!(ledger.height(), Height(12));
    assert_eq!(ledger.tip_hash(), blocks[11].hash());
    assert_eq!(ledger.lowest(), Height(12));
    let base = (Height(13), b"leaders above 12".to_vec());
    assert_eq!(ledger.leader_base(), Some(base));
    // What lies below is not held, and that is no error.
    for height in [0, 1, 11] {
        let height = Height(height);
        assert_eq!(ledger.block(height).unwrap(), None);
        assert_eq!(ledger.block_bytes(height).unwrap(), None);
        assert!(ledger.header(height).unwrap().is_none());
        assert_eq!(ledger.state_hash(height).unwrap(), None);
    }
    let old = &blocks[0].transactions[0];
    assert!(ledger.transaction(&old.hash()).unwrap().is_none());
    assert_eq!(ledger.transaction_log(&old.hash()).unwrap(), None);
    for transaction in &blocks[11].transactions {
        let stored = ledger.transaction(&transaction.hash()).unwrap().unwrap();
        assert_eq!(stored.height, Height(12));
    }
    // The rest of the chain fits, and gives the same state.
    let answer = import(&ledger, &later);
    assert!(matches!(answer, LedgerAnswer::Stored { .. }), "{answer:?}");
    assert_eq!(ledger.tip_hash(), network.ledger.tip_hash());
    for height in 13..=20 {
        let height = Height(height);
        assert_eq!(
            ledger.state_hash(height).unwrap(),
            network.ledger.state_hash(height).unwrap()
        );
    }
    for account in people.everyone() {
        assert_eq!(
            ledger.balances(&account).unwrap(),
            network.ledger.balances(&account).unwrap()
        );
    }
    // Their checkpoints are the same, byte for byte.
    let a = write(&network.ledger, &original.folder, 3);
    let b = write(&ledger, &other.folder, 3);
    assert_eq!(files(&a.path), files(&b.path));
}

#[test]
fn transactions_below_a_checkpoint_still_count_as_being_on_the_chain() {
    let original = place();
    let (network, blocks) = chain(&original.data, 6);
    let written = write(&network.ledger, &original.folder, 1);
    let other = place();
    let ledger = restored(&read(&written.path).unwrap(), &other.data);
    let old = &blocks[0].transactions[0];
    let again = submit(&ledger, vec![old.as_ref().clone()]);
    assert!(
        matches!(again[0], Err(Rejected::AlreadyExists(_))),
        "{again:?}"
    );
    let treasury = network.treasury();
    let to = common::Wallet::single(user_key(5)).account();
    let script = transfer_script(Token::Gas, &treasury.account(), &to, 5i64, true);
    let rival = Draft::new(&treasury, script, FEE)
        .nonce(77)
        .attribute(Attribute::Conflicts(old.hash()))
        .sign(&network.ledger);
    for ledger in [&network.ledger, &ledger] {
        let refused = submit(ledger, vec![rival.clone()]);
        assert!(
            matches!(refused[0], Err(Rejected::InvalidAttribute { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn a_checkpoint_is_of_one_moment_while_blocks_are_stored() {
    let original = place();
    let (network, _) = chain(&original.data, 4);
    let network = &network;
    let mut stored_meanwhile = 0;
    let written = network
        .ledger
        .write_checkpoint(&original.folder, 3, &leaders, &mut |_| {
            if stored_meanwhile < 3 {
                stored_meanwhile += 1;
                network.next_block();
            }
        })
        .unwrap();
    assert_eq!(written.manifest.height, Height(4));
    assert_eq!(network.ledger.height(), Height(7));
    let other = place();
    let ledger = restored(&read(&written.path).unwrap(), &other.data);
    assert_eq!(
        ledger.state_hash(Height(4)).unwrap(),
        network.ledger.state_hash(Height(4)).unwrap()
    );
    let blocks: Vec<_> = (5..=7)
        .map(|height| network.ledger.block(Height(height)).unwrap().unwrap())
        .collect();
    import(&ledger, &blocks);
    assert_eq!(ledger.tip_hash(), network.ledger.tip_hash());
}

#[test]
fn no_changed_file_is_taken_and_the_error_names_it() {
    let original = place();
    let (network, _) = chain(&original.data, 3);
    let written = write(&network.ledger, &original.folder, 1);
    drop(network);
    let mut dice = Dice::new(4);
    for (name, bytes) in files(&written.path) {
        let path = written.path.join(&name);
        // Every byte of short files, some of long ones; a bit of each.
        let positions: Vec<usize> = if bytes.len() < 400 {
            (0..bytes.len()).collect()
        } else {
            (0..400)
                .map(|_| dice.below(bytes.len() as u64) as usize)
                .collect()
        };
        for position in positions {
            let mut changed = bytes.clone();
            changed[position] ^= 1 << dice.below(8);
            fs::write(&path, changed).unwrap();
            let error = read(&written.path).unwrap_err().to_string();
            assert!(error.contains(&*written.path.to_string_lossy()), "{error}");
        }
        let cut = &bytes[..bytes.len() - 1];
        fs::write(&path, cut).unwrap();
        assert!(read(&written.path).is_err(), "{name} cut");
        let longer = [bytes.as_slice(), &[0]].concat();
        fs::write(&path, longer).unwrap();
        assert!(read(&written.path).is_err(), "{name} with a byte more");
        fs::remove_file(&path).unwrap();
        let error = read(&written.path).unwrap_err().to_string();
        assert!(error.ends_with("the file is missing"), "{error}");
        fs::write(&path, &bytes).unwrap();
    }
    read(&written.path).unwrap();
    fs::write(written.path.join("notes"), b"x").unwrap();
    let error = read(&written.path).unwrap_err().to_string();
    assert!(
        error.contains("notes: a file that does not belong"),
        "{error}"
    );
}

#[test]
fn a_checkpoint_of_another_network_is_refused_by_name() {
    let original = place();
    let (network, _) = chain(&original.data, 2);
    let written = write(&network.ledger, &original.folder, 1);
    let refusal = |change: fn(&mut GenesisConfig)| {
        let mut config = standard_config();
        change(&mut config);
        Checkpoint::read(&written.path, &config, &mut |_| {})
            .unwrap_err()
            .to_string()
    };
    let error = refusal(|config| config.magic = Magic(9));
    assert!(error.contains("configured for network 9"), "{error}");
    let error = refusal(|config| config.initial_gas.0 += 1);
    assert!(error.contains("initial_gas differs"), "{error}");
    let error = refusal(|config| {
        config.committee = config.standby_validators.clone();
        config.committee.push(user_key(1).public_key().clone());
    });
    assert!(error.contains("committee differs"), "{error}");
}

#[test]
fn a_tip_that_the_validators_did_not_sign_is_refused() {
    let original = place();
    let (network, _) = chain(&original.data, 2);
    // A store whose tip was put there by somebody with write access: its witness is that of the block before.
    let written = write(&network.ledger, &original.folder, 1);
    let checkpoint = read(&written.path).unwrap();
    let before = network.ledger.block(Height(1)).unwrap().unwrap();
    let mut forged = checkpoint.tip().as_ref().clone();
    forged.witness = before.witness.clone();
    let bytes = neo_primitives::Encode::to_bytes(&forged);
    let manifest = fs::read_to_string(written.path.join("manifest.json")).unwrap();
    let old = &written.manifest.files[0].sha256;
    let new: String = neo_primitives::sha256(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let open = manifest
        .replace(old, &new)
        .replace(&written.manifest.seal, "");
    let seal: String = neo_primitives::sha256(open.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let sealed = open.replace("\"seal\": \"\"", &format!("\"seal\": \"{seal}\""));
    fs::write(written.path.join("tip"), bytes).unwrap();
    fs::write(written.path.join("manifest.json"), sealed).unwrap();
    let error = read(&written.path).unwrap_err();
    assert!(matches!(error, CheckpointError::Witness { .. }), "{error}");
}

#[test]
fn old_checkpoints_go_and_leftovers_of_a_crash_too() {
    let original = place();
    let (network, _) = chain(&original.data, 2);
    for _ in 0..4 {
        write(&network.ledger, &original.folder, 2);
        network.next_block();
    }
    assert_eq!(original.folder.heights().unwrap(), [Height(5), Height(4)]);
    // A crash in the middle of writing: a folder without its name is no checkpoint, and goes with the next one.
    let torn = original.folder.path().join(".writing-6");
    fs::create_dir(&torn).unwrap();
    fs::write(torn.join("state"), b"half").unwrap();
    assert_eq!(original.folder.heights().unwrap().len(), 2);
    write(&network.ledger, &original.folder, 2);
    assert!(!torn.exists());
    // A damaged one is passed over by name, and the one below is taken.
    let newest = original.folder.of(Height(6));
    fs::write(newest.join("leaders"), b"other").unwrap();
    let mut refused = Vec::new();
    let found = original
        .folder
        .newest_valid(
            &standard_config(),
            &mut |height, error| refused.push((height, error.to_string())),
            &mut |_| {},
        )
        .unwrap();
    assert_eq!(found.manifest().height, Height(5));
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].0, Height(6));
}

#[test]
fn the_genesis_block_is_nothing_to_keep() {
    let original = place();
    let ledger = EmbeddedLedger::open(&original.data, standard_config()).unwrap();
    let error = ledger
        .write_checkpoint(&original.folder, 1, &leaders, &mut |_| {})
        .unwrap_err();
    assert!(matches!(error, CheckpointError::Nothing), "{error}");
    assert!(original.folder.heights().unwrap().is_empty());
    let large = |_: &Header| Ok(vec![0; (1 << 20) + 1]);
    let (network, _) = chain(&place().data, 1);
    let error = network
        .ledger
        .write_checkpoint(&original.folder, 1, &large, &mut |_| {})
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the leader state has 1048577 bytes, at most 1048576 are kept"
    );
    assert!(original.folder.heights().unwrap().is_empty());
}

#[test]
fn a_store_in_use_is_not_replaced() {
    let original = place();
    let (network, _) = chain(&original.data, 3);
    let written = write(&network.ledger, &original.folder, 1);
    let checkpoint = read(&written.path).unwrap();
    let error = restore(
        &checkpoint,
        &original.data,
        &standard_config(),
        false,
        &mut |_| Ok(()),
    )
    .unwrap_err();
    assert!(matches!(error, CheckpointError::InUse { .. }), "{error}");
    network.next_block();
    assert_eq!(network.ledger.height(), Height(4));
}

/// A copy of all files of a folder: what a crash at this moment leaves, at the least.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn a_crash_at_any_step_leaves_the_old_store_or_the_new_one() {
    let original = place();
    let (network, blocks) = chain(&original.data, 5);
    let written = write(&network.ledger, &original.folder, 1);
    while network.ledger.height() < Height(9) {
        network.next_block();
    }
    let (tip, later) = (network.ledger.tip_hash(), network.ledger.block(Height(6)));
    let later = later.unwrap().unwrap();
    drop(network);
    let checkpoint = read(&written.path).unwrap();
    let crashes = tempfile::tempdir().unwrap();
    let mut steps = Vec::new();
    restore(
        &checkpoint,
        &original.data,
        &standard_config(),
        true,
        &mut |step| {
            let name = format!("{}-{step:?}", steps.len());
            let at = crashes.path().join(name);
            copy(&original.data, &at);
            steps.push((step, at));
            Ok(())
        },
    )
    .unwrap();
    assert!(steps.len() >= 6, "{steps:?}");
    for (step, at) in &steps {
        let ledger = EmbeddedLedger::open(at, standard_config()).unwrap();
        if *step == RestoreStep::Swapped {
            assert_eq!(ledger.tip_hash(), blocks[4].hash());
            import(&ledger, std::slice::from_ref(&later));
            assert_eq!(ledger.height(), Height(6));
        } else {
            assert_eq!(ledger.tip_hash(), tip, "{step:?}");
        }
        drop(ledger);
        // And restoring again works from there.
        let again = restored(&checkpoint, at);
        assert_eq!(again.height(), Height(5));
        assert!(!at.join("chain.redb.restoring").exists());
    }
    let kept = original.data.join("chain.redb.before");
    assert!(kept.exists());
}

#[test]
fn an_interrupted_restoration_changes_nothing() {
    let original = place();
    let (network, _) = chain(&original.data, 5);
    let written = write(&network.ledger, &original.folder, 1);
    network.next_block();
    let tip = network.ledger.tip_hash();
    drop(network);
    let checkpoint = read(&written.path).unwrap();
    for after in 0..4 {
        let mut steps = 0;
        let ended = restore(
            &checkpoint,
            &original.data,
            &standard_config(),
            false,
            &mut |_| {
                steps += 1;
                if steps > after {
                    return Err(CheckpointError::Interrupted);
                }
                Ok(())
            },
        );
        assert!(matches!(ended, Err(CheckpointError::Interrupted)));
        let ledger = EmbeddedLedger::open(&original.data, standard_config()).unwrap();
        assert_eq!(ledger.tip_hash(), tip);
    }
    // Where there was no store, there is none.
    let empty = place();
    let ended = restore(
        &checkpoint,
        &empty.data,
        &standard_config(),
        false,
        &mut |_| Err(CheckpointError::Interrupted),
    );
    assert!(ended.is_err());
    assert!(!empty.data.join("chain.redb").exists());
}

#[test]
fn a_damaged_or_missing_store_is_replaced() {
    let original = place();
    let (network, blocks) = chain(&original.data, 3);
    let written = write(&network.ledger, &original.folder, 1);
    drop(network);
    let checkpoint = read(&written.path).unwrap();
    let store = original.data.join("chain.redb");
    fs::write(&store, vec![7; 10_000]).unwrap();
    let ledger = restored(&checkpoint, &original.data);
    assert_eq!(ledger.tip_hash(), blocks[2].hash());
    drop(ledger);
    fs::remove_file(&store).unwrap();
    let ledger = restored(&checkpoint, &original.data);
    assert_eq!(ledger.tip_hash(), blocks[2].hash());
}

#[test]
fn a_store_that_was_kept_goes_only_for_another_one_that_is_to_be_kept() {
    let original = place();
    let (network, _) = chain(&original.data, 3);
    let written = write(&network.ledger, &original.folder, 1);
    drop(network);
    let checkpoint = read(&written.path).unwrap();
    let before = original.data.join("chain.redb.before");
    let earlier = b"put aside by an earlier recovery".as_slice();
    fs::write(&before, earlier).unwrap();
    drop(restored(&checkpoint, &original.data));
    assert_eq!(fs::read(&before).unwrap(), earlier);
    let keep = |keep| {
        let mut watch = |_| Ok(());
        restore(
            &checkpoint,
            &original.data,
            &standard_config(),
            keep,
            &mut watch,
        )
        .unwrap()
    };
    assert_eq!(keep(true).before, Some(before.clone()));
    assert_ne!(fs::read(&before).unwrap(), earlier);
    // No store, so none that could be kept in the place of this one.
    fs::remove_file(original.data.join("chain.redb")).unwrap();
    assert_eq!(keep(true).before, None);
    assert!(before.exists());
}
