//! What leaves a liar, on a height with four validators of which it is the primary.

use std::sync::Arc;
use std::time::Duration;

use neo_consensus::ValidatorSet;
use neo_consensus::engine::{BlockLimits, HeightInfo, LedgerEvent, Now, Recipient};
use neo_consensus::v2::{Body, Content as Said, Kind, Message, PrepareRequest};
use neo_consensus::v3::leader::LeaderState;
use neo_invariants::ideal::{IdealCheck, IdealSigner};
use neo_primitives::{
    Datoshi, Header, Height, Magic, PrivateKey, PublicKey, Signature, UInt160, UInt256,
    ValidatorIndex, parse_signatures, sign_data,
};

use super::{Attack, Liar, forging};
use crate::{Content, Interference as _, Outgoing, Surroundings};

const MAGIC: Magic = Magic(5);

fn keys() -> Vec<PublicKey> {
    let key = |byte: u8| {
        let key = PrivateKey::from_bytes(&[byte; 32]).unwrap();
        key.public_key().clone()
    };
    let mut keys: Vec<_> = (1..=4).map(key).collect();
    keys.sort();
    keys
}

/// Lends a liar what its node would; validator 1 is the primary of height 1.
fn with<T>(act: impl FnOnce(&Surroundings<'_>) -> T) -> T {
    let own = keys().swap_remove(1);
    let signer = IdealSigner::new(own.clone());
    act(&Surroundings {
        now: Now {
            monotonic: Duration::from_secs(1),
            wall_ms: 1_000,
            entropy: 3,
        },
        own: &own,
        signer: &signer,
        bodies: &|_| None,
    })
}

fn liar(attack: Attack) -> Liar {
    let mut liar = Liar::new(&[attack], 9);
    let parent = Header {
        version: 0,
        prev_hash: UInt256::ZERO,
        merkle_root: UInt256::ZERO,
        timestamp: 1,
        nonce: 0,
        index: Height(0),
        primary_index: ValidatorIndex(0),
        next_consensus: UInt160::ZERO,
    };
    let opened = LedgerEvent::Opened(HeightInfo {
        height: Height(1),
        parent_hash: parent.hash(),
        parent,
        magic: MAGIC,
        validators: Arc::new(ValidatorSet::new(keys()).unwrap()),
        next_consensus: UInt160::ZERO,
        block_time: Duration::from_secs(1),
        limits: BlockLimits {
            max_transactions: 9,
            max_block_size: 1 << 20,
            max_block_system_fee: Datoshi(1),
        },
        pool: 0,
        leaders: LeaderState::fresh(Height(1), 4),
    });
    liar.learn(&keys()[1], &opened);
    liar
}

fn said(body: Body) -> Message {
    let content = Said {
        height: Height(1),
        validator: ValidatorIndex(1),
        view: 0,
        body,
    };
    with(|around| forging::sign(&content, around, MAGIC)).unwrap()
}

fn proposal() -> Message {
    said(Body::PrepareRequest(PrepareRequest {
        version: 0,
        prev_hash: UInt256::ZERO,
        timestamp: 2,
        nonce: 7,
        hashes: vec![],
    }))
}

fn is_signed(message: &Message) -> bool {
    let signatures = parse_signatures(&message.payload().witness.invocation).unwrap();
    let data = sign_data(MAGIC, &message.hash());
    IdealCheck::valid(&keys()[1], &data, &signatures[0])
}

fn sent(liar: &mut Liar, message: Message) -> Vec<Outgoing<Message>> {
    let honest = vec![Outgoing::message(Recipient::All, message)];
    with(|around| liar.outgoing(around, honest))
}

/// What it says of its own accord.
fn lies(liar: &mut Liar) -> Vec<Content<Message>> {
    let ticks = (0..super::LIES).flat_map(|_| with(|around| liar.tick(around)));
    ticks.map(|one| one.content).collect()
}

#[test]
fn names_are_read_back_and_others_refused() {
    for attack in Attack::ALL {
        assert_eq!(attack.name().parse(), Ok(attack));
    }
    let refused = "replay".parse::<Attack>().unwrap_err().to_string();
    assert!(
        refused.contains("replay") && refused.contains("garbage"),
        "{refused}"
    );
}

#[test]
fn an_equivocating_primary_shows_two_signed_blocks_each_to_a_half() {
    let sent = sent(&mut liar(Attack::EquivocateProposals), proposal());
    assert_eq!(sent.len(), 3);
    let mut hashes = Vec::new();
    for one in sent {
        let Content::Message(message) = one.content else {
            panic!("a message");
        };
        assert!(is_signed(&message) && matches!(one.to, Recipient::One(_)));
        hashes.push(message.hash());
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 2);
}

#[test]
fn votes_and_commits_are_withheld_and_nothing_else() {
    let commit = || {
        said(Body::Commit {
            signature: Signature([1; 64]),
        })
    };
    let asks = || said(Body::RecoveryRequest { timestamp: 1 });
    let mut liar_of_commits = liar(Attack::WithholdCommits);
    assert!(sent(&mut liar_of_commits, commit()).is_empty());
    assert_eq!(sent(&mut liar_of_commits, proposal()).len(), 1);
    let mut silent = liar(Attack::WithholdVotes);
    assert!(sent(&mut silent, proposal()).is_empty());
    assert_eq!(sent(&mut silent, asks()).len(), 1);
}

#[test]
fn a_forged_recovery_message_is_the_liars_own_and_nothing_in_it_is_anybody_elses() {
    let mut liar = liar(Attack::ForgeRecovery);
    sent(&mut liar, proposal());
    let lies = lies(&mut liar);
    let [Content::Message(message)] = &lies[..] else {
        panic!("{lies:?}");
    };
    assert!(is_signed(message) && message.kind() == Kind::RecoveryMessage);
    let Body::RecoveryMessage(recovery) = &message.content().body else {
        panic!("a recovery message");
    };
    assert_eq!(
        (recovery.preparations.len(), recovery.commits.len()),
        (4, 4)
    );
}

#[test]
fn change_views_and_garbage_come_by_themselves() {
    let asked = lies(&mut liar(Attack::ForceViewChanges));
    assert!(matches!(&asked[..], [Content::Message(one)] if one.kind() == Kind::ChangeView));
    let garbage = lies(&mut liar(Attack::Garbage));
    assert!(matches!(garbage[..], [Content::Bytes(_)]));
}
