use std::fs;

use neo_consensus::v3::leader::LeaderState;
use neo_ledger::{LedgerAnswer, LedgerRequest};
use neo_primitives::Magic;

use super::*;
use crate::recovery::leaders::state_above;
use crate::sync::testing::{Chain, ask};

struct Place {
    root: tempfile::TempDir,
    chain: Chain,
}

impl Place {
    /// A data folder with a chain of six blocks and a checkpoint of the fourth.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let chain = Chain::of(6);
        let place = Self { root, chain };
        let ledger = place.open().unwrap().ledger;
        place.import(&ledger, 1..=4);
        let leaders = |tip: &_| state_above(&ledger, tip);
        ledger
            .write_checkpoint(&place.folder(), 3, &leaders, &mut |_| {})
            .unwrap();
        place.import(&ledger, 5..=6);
        place
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn folder(&self) -> CheckpointFolder {
        CheckpointFolder::at(self.root.path().join("checkpoints"))
    }

    fn open(&self) -> Result<OpenedChain, OpenError> {
        open_chain(&self.data(), &self.folder(), &self.chain.config)
    }

    fn import(&self, ledger: &EmbeddedLedger, heights: std::ops::RangeInclusive<u32>) {
        for height in heights {
            let block = self.chain.ledger.block(Height(height)).unwrap().unwrap();
            let answer = ask(ledger, LedgerRequest::Import { block });
            assert!(matches!(answer, LedgerAnswer::Stored { .. }), "{answer:?}");
        }
    }
}

#[test]
fn a_store_that_is_gone_comes_back_from_the_checkpoint_and_goes_on() {
    let place = Place::new();
    fs::remove_file(place.data().join(STORE_FILE)).unwrap();
    let opened = place.open().unwrap();
    let recovery = opened.recovery.unwrap();
    assert!(matches!(recovery.cause, Cause::Gone), "{}", recovery.cause);
    assert_eq!(recovery.checkpoint, Some(Height(4)));
    assert_eq!(opened.ledger.height(), Height(4));
    // The leader order goes on from the checkpoint although the headers below are missing.
    let (height, state) = opened.ledger.leader_base().unwrap();
    assert_eq!(height, Height(5));
    assert_eq!(LeaderState::decode(&state).unwrap().height(), Height(5));
    place.import(&opened.ledger, 5..=6);
    let tip = opened.ledger.tip().header;
    assert_eq!(
        state_above(&opened.ledger, &tip).unwrap(),
        state_above(&place.chain.ledger, &tip).unwrap()
    );
    drop(opened.ledger);
    assert!(place.open().unwrap().recovery.is_none());
}

#[test]
fn a_damaged_store_is_put_aside_and_built_again() {
    let place = Place::new();
    let store = place.data().join(STORE_FILE);
    fs::write(&store, vec![9; 100_000]).unwrap();
    let opened = place.open().unwrap();
    let recovery = opened.recovery.unwrap();
    assert!(matches!(recovery.cause, Cause::Damaged(_)));
    assert_eq!(opened.ledger.height(), Height(4));
    assert_eq!(
        fs::metadata(place.data().join(BEFORE)).unwrap().len(),
        100_000
    );
}

#[test]
fn without_a_checkpoint_the_chain_begins_anew() {
    let place = Place::new();
    fs::remove_dir_all(place.folder().path()).unwrap();
    fs::write(place.data().join(STORE_FILE), vec![9; 5_000]).unwrap();
    let opened = place.open().unwrap();
    assert_eq!(opened.recovery.unwrap().checkpoint, None);
    assert_eq!(opened.ledger.height(), Height(0));
    assert!(place.data().join(BEFORE).exists());
    drop(opened.ledger);
    // Nothing there at all is the beginning of a chain.
    fs::remove_file(place.data().join(STORE_FILE)).unwrap();
    assert!(place.open().unwrap().recovery.is_none());
}

#[test]
fn a_damaged_checkpoint_is_not_used() {
    let place = Place::new();
    let state = place.folder().of(Height(4)).join("state");
    let mut bytes = fs::read(&state).unwrap();
    bytes[3] ^= 1;
    fs::write(&state, bytes).unwrap();
    fs::remove_file(place.data().join(STORE_FILE)).unwrap();
    let opened = place.open().unwrap();
    assert_eq!(opened.ledger.height(), Height(0));
    assert!(opened.recovery.is_none());
}

#[test]
fn a_store_in_use_or_of_another_network_is_left_alone() {
    let place = Place::new();
    let opened = place.open().unwrap();
    assert_eq!(opened.ledger.height(), Height(6));
    assert!(opened.recovery.is_none());
    let again = place.open();
    assert!(matches!(
        again,
        Err(OpenError::Ledger(LedgerError::Locked { .. }))
    ));
    drop(opened);
    let mut other = place.chain.config.clone();
    other.magic = Magic(8);
    let refused = open_chain(&place.data(), &place.folder(), &other);
    assert!(matches!(
        refused,
        Err(OpenError::Ledger(LedgerError::OtherNetwork { .. }))
    ));
    assert_eq!(place.open().unwrap().ledger.height(), Height(6));
}

#[test]
fn a_checkpoint_far_above_the_store_is_worth_more_than_the_store() {
    let far = SelectionLimits::default().full_recovery_blocks;
    assert!(asks_for_full_recovery(
        true,
        Height(5),
        Some(Height(5 + far))
    ));
    assert!(!asks_for_full_recovery(
        true,
        Height(5),
        Some(Height(4 + far))
    ));
    assert!(!asks_for_full_recovery(true, Height(5), None));
    assert!(asks_for_full_recovery(false, Height(0), None));
}
