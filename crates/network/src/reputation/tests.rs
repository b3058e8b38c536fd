use neo_primitives::PrivateKey;
use proptest::{collection::vec, prelude::*};

use super::*;

const SECOND_US: u64 = 1_000_000;

fn key() -> PublicKey {
    PrivateKey::generate().public_key().clone()
}

fn validator(key: &PublicKey) -> Culprit {
    Culprit {
        validator: Some(key.clone()),
        peer: Some(PeerId::random()),
        address: Some(at("10.0.0.1")),
    }
}

fn stranger(address: &str) -> Culprit {
    Culprit {
        validator: None,
        peer: Some(PeerId::random()),
        address: Some(at(address)),
    }
}

fn at(ip: &str) -> Multiaddr {
    let family = if ip.contains(':') { "ip6" } else { "ip4" };
    format!("/{family}/{ip}/tcp/1").parse().unwrap()
}

fn table() -> Reputations {
    Reputations::new(ReputationLimits::default())
}

#[test]
fn enough_offences_in_a_short_time_are_a_ban_that_ends() {
    let (mut table, key) = (table(), key());
    for _ in 0..3 {
        let judged = table.charge(&validator(&key), Offence::ForgedSignature, SECOND_US, 1);
        assert!(judged.bans.is_empty());
    }
    let judged = table.charge(&validator(&key), Offence::ForgedSignature, SECOND_US, 1);
    let [ban] = &judged.bans[..] else {
        panic!("{judged:?}")
    };
    assert_eq!(ban.culprit.validator, Some(key.clone()));
    assert_eq!((ban.length, ban.number), (Duration::from_secs(30), 1));
    let banned = |table: &Reputations, now_us| {
        table.banned(Some(&key), &PeerId::random(), &at("10.9.9.9"), now_us)
    };
    assert_eq!(
        banned(&table, 11 * SECOND_US),
        Some(Duration::from_secs(20)),
        "under any peer id and address"
    );
    assert!(table.release(30 * SECOND_US).is_empty());
    assert_eq!(table.release(31 * SECOND_US).len(), 1);
    assert!(table.release(31 * SECOND_US).is_empty());
    assert_eq!(banned(&table, 31 * SECOND_US), None);
}

#[test]
fn what_is_long_ago_is_forgiven() {
    let (mut table, key) = (table(), key());
    for minute in 0..50 {
        let judged = table.charge(
            &validator(&key),
            Offence::ForgedSignature,
            minute * 60 * SECOND_US + 1,
            1,
        );
        assert!(judged.bans.is_empty(), "one a minute is no attack");
        assert!(judged.score >= 50);
    }
}

#[test]
fn no_more_validators_are_banned_than_may_be_byzantine() {
    let mut table = table();
    let keys: Vec<_> = (0..4).map(|_| key()).collect();
    for (position, key) in keys.iter().enumerate() {
        let judged = table.charge(&validator(key), Offence::Malformed, SECOND_US, 2);
        assert_eq!(judged.bans.len(), usize::from(position < 2));
        assert_eq!(judged.spared, position >= 2);
    }
    // When one comes free, the next offence of a spared one counts.
    assert_eq!(table.release(40 * SECOND_US).len(), 2);
    let judged = table.charge(&validator(&keys[3]), Offence::Malformed, 40 * SECOND_US, 2);
    assert_eq!(judged.bans.len(), 1);
    // Of three validators or fewer none may be Byzantine.
    let judged = table.charge(&validator(&key()), Offence::Malformed, SECOND_US, 0);
    assert!(judged.spared && judged.bans.is_empty());
}

#[test]
fn new_peer_ids_do_not_help_at_one_address_and_its_validators_still_get_in() {
    let mut table = table();
    let mut bans = Vec::new();
    for _ in 0..4 {
        bans = table
            .charge(&stranger("10.0.0.7"), Offence::Malformed, SECOND_US, 0)
            .bans;
    }
    let culprits: Vec<_> = bans.iter().map(|ban| ban.culprit.peer.is_none()).collect();
    assert_eq!(culprits, [false, true], "the peer, and now its address");
    let anybody = PeerId::random();
    let banned = |key: Option<&PublicKey>, ip: &str| {
        table
            .banned(key, &anybody, &at(ip), 2 * SECOND_US)
            .is_some()
    };
    assert!(banned(None, "10.0.0.7"));
    assert!(banned(None, "::ffff:10.0.0.7"), "however it is written");
    assert!(!banned(Some(&key()), "10.0.0.7"));
    assert!(!banned(None, "10.0.0.8"));
}

#[test]
fn nobody_on_this_machine_pays_for_another() {
    let mut table = table();
    for ip in ["127.0.0.1", "127.1.2.3", "::1"] {
        for _ in 0..20 {
            let bans = table
                .charge(&stranger(ip), Offence::Malformed, SECOND_US, 0)
                .bans;
            assert_eq!(bans.len(), 1, "the peer alone");
        }
        let banned = table.banned(None, &PeerId::random(), &at(ip), SECOND_US);
        assert_eq!(banned, None);
    }
}

#[test]
fn memory_is_bounded_and_the_banned_are_forgotten_last() {
    let mut table = table();
    let worst = stranger("10.0.0.7");
    table.charge(&worst, Offence::Malformed, SECOND_US, 0);
    for _ in 0..2 * CAPACITY {
        table.charge(
            &stranger("127.0.0.1"),
            Offence::InvalidTransaction,
            SECOND_US,
            0,
        );
    }
    assert_eq!(table.records.len(), CAPACITY);
    let peer = worst.peer.unwrap();
    assert!(table.banned_id(&peer, 2 * SECOND_US).is_some());
    let list = table.list(2 * SECOND_US);
    assert_eq!(list.len(), CAPACITY);
    assert_eq!(list[0].culprit, worst, "the worst comes first");
    assert_eq!(list[0].offences, [(Offence::Malformed, 1)]);
}

proptest! {
    /// Whatever is reported: points stay in bounds, no ban is longer than its bound, and never more than f
    /// validators are out.
    #[test]
    fn bounds_hold(
        charges in vec((0usize..6, 0usize..13, 0u64..20 * SECOND_US), 1..300),
        most in 0usize..4,
    ) {
        let keys: Vec<_> = (0..6).map(|_| key()).collect();
        let mut table = table();
        let limits = ReputationLimits::default();
        let mut now_us = 1;
        for (who, offence, pause) in charges {
            now_us += pause;
            let judged = table.charge(&validator(&keys[who]), Offence::ALL[offence], now_us, most);
            prop_assert!(judged.score <= 100);
            for ban in judged.bans {
                prop_assert!(ban.length >= limits.ban && ban.length <= limits.validator_ban_most);
            }
            let out = keys
                .iter()
                .filter(|key| table.banned(Some(key), &PeerId::random(), &at("10.0.0.1"), now_us).is_some())
                .count();
            prop_assert!(out <= most);
        }
    }
}
