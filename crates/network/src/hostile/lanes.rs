//! Attacks by peers that have been accepted.

use super::*;

/// Greets as a validator or stranger, then sends `bytes` on `lane`; the victim refuses for `reason`.
async fn attack(lane: RawLane, as_validator: bool, bytes: &[u8], reason: &str) {
    for address in 0..2 {
        let victim =
            Victim::start(|config| config.timing.frame_timeout = Duration::from_millis(200)).await;
        let mut attacker = Attacker::connect(&victim, address).await;
        let key = victim.keys[1].clone();
        let control = attacker.greet(as_validator.then_some(&key)).await;
        // Kept open: the end of a stream would be another kind of news.
        let mut stream = match lane {
            RawLane::Control => control,
            RawLane::Express | RawLane::Bulk => attacker.open(lane).await,
        };
        attacker.write(&mut stream, bytes).await;
        attacker.meanwhile(victim.refuses(reason)).await;
        attacker.until_cut_off().await;
        victim.still_serves().await;
        drop(stream);
    }
}

#[tokio::test]
async fn a_frame_longer_than_its_lane_allows() {
    for lane in RawLane::ALL {
        let limit = lane.longest_frame();
        attack(
            lane,
            true,
            &(limit as u32 + 1).to_le_bytes(),
            "oversized_frame",
        )
        .await;
    }
}

#[tokio::test]
async fn a_frame_that_means_nothing() {
    for lane in RawLane::ALL {
        attack(lane, true, &framed(&[0xa5; 300]), "malformed_frame").await;
    }
}

#[tokio::test]
async fn a_frame_that_never_ends() {
    for lane in [RawLane::Express, RawLane::Bulk] {
        attack(lane, true, &[0, 16, 0, 0, 1, 2, 3], "slow_frame").await;
    }
}

#[tokio::test]
async fn transactions_on_the_consensus_lane() {
    attack(
        RawLane::Express,
        true,
        &framed(&[Priority::Transactions as u8, 0, 0, 0, 0]),
        "malformed_frame",
    )
    .await;
}

#[tokio::test]
async fn a_stranger_that_votes_is_cut_off() {
    for lane in [RawLane::Express, RawLane::Bulk] {
        attack(
            lane,
            false,
            &framed(&[Priority::Commit as u8, 1, 0, 0, 0, 7]),
            "stranger_on_consensus_lane",
        )
        .await;
    }
}

#[tokio::test]
async fn a_flood_of_control_frames() {
    let beats = framed(&Control::Role { consensus: true }.to_bytes()).repeat(2000);
    attack(RawLane::Control, true, &beats, "control_flood").await;
}

#[tokio::test]
async fn a_lane_that_is_opened_twice() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let mut first = attacker.greet(None).await;
    attacker.write(&mut first, &[]).await;
    let mut second = attacker.open(RawLane::Control).await;
    attacker.write(&mut second, &[1]).await;
    attacker.meanwhile(victim.refuses("second_lane")).await;
    attacker.until_cut_off().await;
    victim.still_serves().await;
}

#[tokio::test]
async fn an_answer_that_does_not_fit_its_question() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let _control = attacker.greet(None).await;
    let handle = victim.handle.clone();
    let id = attacker.0.id;
    attacker
        .meanwhile(async {
            while handle.peer(id).is_none() {
                tokio::time::sleep(Duration::from_millis(2)).await
            }
        })
        .await;
    let asking = handle.request(id, SyncRequest::Body { hash: GENESIS });
    tokio::pin!(asking);
    let error = within(async {
        loop {
            tokio::select! {
                answer = &mut asking => return answer.unwrap_err(),
                event = attacker.0.swarm.select_next_some() => {
                    let SwarmEvent::Behaviour(BehaviourEvent::Sync(request_response::Event::Message {
                        message: request_response::Message::Request { channel, .. }, ..
                    })) = event else { continue };
                    let _ = attacker.0.swarm.behaviour_mut().sync.send_response(channel, SyncResponse::Blocks(vec![]));
                }
            }
        }
    })
    .await;
    assert!(
        matches!(error, crate::RequestError::Mismatch { .. }),
        "{error}"
    );
    victim.still_serves().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_loses_the_least_first() {
    let mut victim = Victim::start(|config| {
        config.limits.queue_bytes = 1 << 20;
        config.timing.write_timeout = Duration::from_secs(60);
    })
    .await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let key = victim.keys[1].clone();
    let _control = attacker.greet(Some(&key)).await;
    let up = async {
        while !matches!(
            victim.events.recv().await,
            Some(NetworkEvent::PeerUp { .. })
        ) {}
    };
    attacker.meanwhile(up).await;
    let handle = victim.handle.clone();
    // More than the windows of the transport hold, while nobody reads.
    let dropped = async {
        while handle.metrics().dropped[Priority::Sync.index()].messages == 0 {
            handle
                .send(
                    attacker_id(&key),
                    Priority::Sync,
                    Bytes::from(vec![1; 256 << 10]),
                )
                .unwrap();
            tokio::task::yield_now().await;
        }
    };
    within(attacker.meanwhile(dropped)).await;
    for _ in 0..100 {
        handle
            .send(
                attacker_id(&key),
                Priority::Commit,
                Bytes::from(vec![2; 200]),
            )
            .unwrap();
    }
    assert_eq!(
        handle.metrics().dropped[Priority::Commit.index()].messages,
        0
    );
    // The consensus lane is not held up by the bulk lane.
    let express = attacker.0.theirs.len();
    assert!(express > 0);
    let sent = async {
        while handle.metrics().sent[Priority::Commit.index()].messages < 100 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within(attacker.meanwhile(sent)).await;
    let mut first = [0; 1];
    for stream in &mut attacker.0.theirs {
        let _ = futures::poll!(std::pin::pin!(stream.read(&mut first)));
    }
    victim.still_serves().await;
}

fn attacker_id(key: &Arc<PrivateKey>) -> PublicKey {
    key.public_key().clone()
}
