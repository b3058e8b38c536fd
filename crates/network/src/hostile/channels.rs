//! Attacks by way of relays, evidence, reach lists and sheer volume.

use super::*;
use crate::{
    Rate,
    evidence::MAX_EVIDENCE,
    kind::Kind,
    relay::{MAX_REACH, Relay},
};

fn message(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_le_bytes();
    framed(&[&[kind.byte()][..], &length, payload].concat())
}

/// Greets, sends `bytes` on `lane`; the victim cuts the attacker off and serves others.
async fn malformed(lane: RawLane, as_validator: bool, bytes: &[u8], reason: &str) {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let key = victim.keys[1].clone();
    let _control = attacker.greet(as_validator.then_some(&key)).await;
    let mut stream = attacker.open(lane).await;
    attacker.write(&mut stream, bytes).await;
    attacker.meanwhile(victim.refuses(reason)).await;
    attacker.until_cut_off().await;
    victim.still_serves().await;
}

#[tokio::test]
async fn relays_that_mean_nothing() {
    let wrong_priority = [&[Priority::Transactions as u8][..], &[2; 40]].concat();
    for payload in [&[0; 34][..], &[][..], &wrong_priority] {
        for kind in [Kind::Relay, Kind::Relayed] {
            let bytes = message(kind, payload);
            malformed(RawLane::Express, true, &bytes, "malformed_frame").await;
        }
    }
}

#[tokio::test]
async fn relays_of_a_stranger() {
    for kind in [Kind::Relay, Kind::Relayed] {
        let bytes = message(kind, &[0; 60]);
        malformed(RawLane::Bulk, false, &bytes, "stranger_on_consensus_lane").await;
    }
}

#[tokio::test]
async fn evidence_that_is_too_long_or_in_the_wrong_place() {
    let long = message(Kind::Evidence, &vec![1; MAX_EVIDENCE + 1]);
    malformed(RawLane::Bulk, false, &long, "malformed_frame").await;
    let empty = message(Kind::Evidence, &[]);
    malformed(RawLane::Bulk, true, &empty, "malformed_frame").await;
    let misplaced = message(Kind::Evidence, &[1; 50]);
    malformed(RawLane::Express, true, &misplaced, "malformed_frame").await;
}

#[tokio::test]
async fn a_reach_list_longer_than_all_validators() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 1).await;
    let key = victim.keys[1].clone();
    let mut control = attacker.greet(Some(&key)).await;
    let mut bytes = vec![3, 0xfd];
    bytes.extend_from_slice(&(MAX_REACH as u16 + 1).to_le_bytes());
    bytes.resize(4 + 6 * (MAX_REACH + 1), 7);
    attacker.write(&mut control, &framed(&bytes)).await;
    attacker.meanwhile(victim.refuses("malformed_frame")).await;
    attacker.until_cut_off().await;
    victim.still_serves().await;
}

#[tokio::test]
async fn relayed_messages_of_nobody_and_of_the_victim_itself_are_dropped() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let key = victim.keys[1].clone();
    let _control = attacker.greet(Some(&key)).await;
    let mut stream = attacker.open(RawLane::Express).await;
    let of = |validator: [u8; 33]| {
        let relay = Relay {
            priority: Priority::Commit,
            validator,
            message: Bytes::from_static(b"forged"),
        };
        message(Kind::Relayed, &relay.encode())
    };
    for validator in [[9; 33], *victim.keys[0].public_key().as_bytes()] {
        attacker.write(&mut stream, &of(validator)).await;
    }
    let handle = victim.handle.clone();
    let dropped = async {
        while handle.metrics().relays_dropped < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within(attacker.meanwhile(dropped)).await;
    assert_eq!(handle.metrics().relays_received.messages, 0);
    victim.still_serves().await;
}

#[tokio::test]
async fn a_validator_that_floods_is_slowed_down_and_charged() {
    let mut victim = Victim::start(|config| {
        config.limits.rates.consensus = Rate::new(100, 1);
    })
    .await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let key = victim.keys[1].clone();
    let _control = attacker.greet(Some(&key)).await;
    let mut stream = attacker.open(RawLane::Express).await;
    let vote = message(Kind::Own(Priority::Prepare), &[1; 100]);
    attacker.write(&mut stream, &vote.repeat(400)).await;
    let events = &mut victim.events;
    let charged = async {
        loop {
            if let Some(NetworkEvent::Offended {
                culprit, offence, ..
            }) = events.recv().await
            {
                return (culprit.validator, offence);
            }
        }
    };
    let charged = within(attacker.meanwhile(charged)).await;
    assert_eq!(charged.0.as_ref(), Some(key.public_key()));
    assert_eq!(charged.1, crate::Offence::Flood);
    assert!(victim.handle.metrics().throttled_ms > 0);
    victim.still_serves().await;
}
