//! What is wrong with a ledger that Neo nodes keep.

use neo_node::config::{AttachedNode, LedgerKind, TrustedBlock};
use neo_primitives::wallet::Nep6Wallet;
use neo_primitives::{Height, UInt256};

use super::*;

impl Prepared {
    /// The ledger is kept by these nodes, which are not ours: they tell nothing of consensus.
    async fn attach(&mut self, nodes: Vec<Fake>) {
        self.config.ledger.kind = LedgerKind::Attached;
        self.config.ledger.nodes.clear();
        for mut node in nodes {
            node.consensus = None;
            let rpc = node.serve().await.to_string();
            self.config.ledger.nodes.push(AttachedNode { rpc });
        }
    }

    fn own_key(&self) -> PrivateKey {
        let wallet = self.config.wallet.as_ref().unwrap();
        let password = neo_node::config::read_password(wallet).unwrap();
        let accounts = Nep6Wallet::load(&wallet.path).unwrap();
        accounts.open(&password).unwrap().remove(0).key
    }
}

#[tokio::test]
async fn nodes_of_this_network_that_are_level_and_agree_fail_nothing() {
    let mut prepared = Prepared::new();
    let sound = Fake::of(&prepared.config);
    prepared.attach(vec![sound.clone(), sound]).await;
    let all = prepared.findings().await;
    assert_eq!(exit_of(&all), Exit::Success, "{all:#?}");
    for check in ["node-methods", "one-chain", "key-twice", "node-level"] {
        assert_eq!(of(&all, check).state, State::Ok, "{:#?}", of(&all, check));
    }
    assert!(!all.iter().any(|finding| finding.check == "ledger"));
    let place = &of(&all, "node-reachable").place;
    assert!(place.starts_with("ledger.nodes[0].rpc http://"), "{place}");
}

#[tokio::test]
async fn a_node_of_another_network_is_named_with_the_field() {
    let mut prepared = Prepared::new();
    let mut other = Fake::of(&prepared.config);
    other.version["protocol"]["network"] = 5.into();
    prepared.attach(vec![other]).await;
    let found = prepared.fails("network").await;
    assert_eq!(found.value, "magic: 5");
    assert_eq!(exit_of(&[found]), Exit::Busy);
}

#[tokio::test]
async fn nodes_that_contradict_each_other_or_the_operator() {
    let mut prepared = Prepared::new();
    let sound = Fake::of(&prepared.config);
    let mut other = sound.clone();
    other.hash = UInt256::from_wire([8; 32]);
    prepared.attach(vec![sound.clone(), other]).await;
    let found = prepared.fails("one-chain").await;
    let second = &prepared.config.ledger.nodes[1].rpc;
    assert_eq!(&found.place, second);
    assert!(found.value.starts_with("block 100: 0x08"), "{found:?}");
    let mut trusted = TrustedBlock {
        height: Height(90),
        hash: UInt256::from_wire([9; 32]),
    };
    prepared.attach(vec![sound.clone()]).await;
    prepared.config.ledger.trusted = Some(trusted);
    let found = prepared.fails("trusted-block").await;
    assert_eq!(found.limit, trusted.hash.to_string());
    trusted.hash = sound.hash;
    prepared.config.ledger.trusted = Some(trusted);
    assert_eq!(exit_of(&prepared.findings().await), Exit::Success);
    // Not there yet.
    trusted.height = Height(101);
    prepared.config.ledger.trusted = Some(trusted);
    let all = prepared.findings().await;
    assert_eq!(of(&all, "trusted-block").state, State::Warn, "{all:#?}");
}

#[tokio::test]
async fn a_key_that_somebody_votes_with_now() {
    let mut prepared = Prepared::new();
    let mut node = Fake::of(&prepared.config);
    let magic = prepared.config.protocol.genesis.magic;
    node.signed_by = Some((prepared.own_key(), magic));
    prepared.attach(vec![node.clone()]).await;
    let found = prepared.fails("key-twice").await;
    assert!(found.value.starts_with("block 100, 0 s old"), "{found:?}");
    assert!(has(&found.mend, "Consensus.Enabled false"), "{found:?}");
    // The signature is of another network, or the node was stopped long ago.
    node.signed_by = Some((prepared.own_key(), Magic(1)));
    prepared.attach(vec![node.clone()]).await;
    assert_eq!(exit_of(&prepared.findings().await), Exit::Success);
    node.signed_by = Some((prepared.own_key(), magic));
    node.tip_ahead_s = -11;
    prepared.attach(vec![node]).await;
    let all = prepared.findings().await;
    assert_eq!(exit_of(&all), Exit::Success, "{all:#?}");
    assert!(of(&all, "key-twice").value.contains("s old"), "{all:#?}");
}

#[tokio::test]
async fn a_key_that_was_not_elected_and_one_that_never_can_be() {
    let mut prepared = Prepared::new();
    // On an attached ledger the only key of a wallet may be elected any day.
    let other = Prepared::new();
    prepared.config.wallet = other.config.wallet.clone();
    let key = prepared.own_key().public_key().clone();
    let mut node = Fake::of(&prepared.config);
    node.validators = Some(prepared.config.protocol.genesis.validators());
    prepared.attach(vec![node.clone()]).await;
    let failed = |all: Vec<Finding>| {
        let fails = all.into_iter().filter(|found| found.state == State::Fail);
        fails.map(|found| found.check).collect::<Vec<_>>()
    };
    // A vote log of another key in the data folder is a mistake of its own.
    let all = prepared.findings().await;
    assert!(
        of(&all, "key").value.contains("while it is elected"),
        "{all:#?}"
    );
    assert!(
        has(&of(&all, "key-elected").mend, "register the key"),
        "{all:#?}"
    );
    assert_eq!(failed(all), ["vote-log", "key-elected"]);
    node.candidates = vec![key.clone()];
    prepared.attach(vec![node.clone()]).await;
    let all = prepared.findings().await;
    assert_eq!(of(&all, "key-elected").state, State::Warn, "{all:#?}");
    node.validators = Some(vec![key]);
    prepared.attach(vec![node]).await;
    let all = prepared.findings().await;
    assert_eq!(of(&all, "key-elected").state, State::Ok, "{all:#?}");
    assert_eq!(failed(all), ["vote-log"]);
}

#[tokio::test]
async fn a_node_whose_configuration_forbids_what_is_needed() {
    let mut prepared = Prepared::new();
    let mut node = Fake::of(&prepared.config);
    node.forbidden = vec!["submitblock", "findstorage"];
    prepared.attach(vec![node]).await;
    let found = prepared.fails("node-methods").await;
    assert_eq!(found.value, "does not serve findstorage, submitblock");
    assert!(has(&found.mend, "DisabledMethods"), "{found:?}");
}

#[tokio::test]
async fn headers_that_another_process_holds() {
    let mut prepared = Prepared::new();
    prepared.attach(Vec::new()).await;
    let store = prepared.config.store_file();
    // What may be its own process is not accused of voting elsewhere.
    let mut node = Fake::of(&prepared.config);
    let magic = prepared.config.protocol.genesis.magic;
    node.signed_by = Some((prepared.own_key(), magic));
    prepared.attach(vec![node]).await;
    assert!(store.ends_with("headers.redb"));
    let _held = neo_ledger::store::RedbStore::open(&store).unwrap();
    prepared.fails("data-folder").await;
}
