//! Against a real peer that answers what the test wants.

use std::time::{Duration, Instant};

use bytes::Bytes;
use neo_network::{
    Endpoint, Identity, NetworkConfig, NetworkEvent, NetworkEvents, Offence, PeerAddress, start,
};
use neo_primitives::{Encode as _, Magic, PrivateKey};

use super::*;
use crate::answers::tests::{LIMIT, body};

fn network(key: &PrivateKey, validators: &[PrivateKey]) -> NetworkConfig {
    let genesis = UInt256::from_wire([3; 32]);
    let mut config = NetworkConfig::new(Magic(7), genesis, Identity::generate());
    config.listen_tcp = Some(([127, 0, 0, 1], 0).into());
    config.validator_key = Some(Arc::new(key.clone()));
    config.validators = validators
        .iter()
        .map(|key| key.public_key().clone())
        .collect();
    config
}

/// Gives this answer to every request.
async fn answer(network: NetworkHandle, mut events: NetworkEvents, response: SyncResponse) {
    while let Some(event) = events.recv().await {
        if let NetworkEvent::Request { reply, .. } = event {
            network.respond(reply, response.clone()).unwrap();
        }
    }
}

/// What becomes of a fetch when the peer answers so, and what is held against it then.
async fn fetched(
    fetch: impl FnOnce(Vec<PublicKey>) -> Fetch,
    response: SyncResponse,
) -> (Fetched, Vec<(Offence, u64)>) {
    // With four validators one may be banned.
    let keys: Vec<_> = (0..4).map(|_| PrivateKey::generate()).collect();
    let (peer, events) = start(network(&keys[1], &keys)).unwrap();
    let mut config = network(&keys[0], &keys);
    config.peers.push(PeerAddress {
        public_key: None,
        addresses: peer
            .listening()
            .await
            .into_iter()
            .map(Endpoint::Multiaddr)
            .collect(),
    });
    let (own, _events) = start(config).unwrap();
    let answering = tokio::spawn(answer(peer, events, response));
    let key = keys[1].public_key().clone();
    until(|| own.peer(key.clone())).await;
    let (inside, mut outcome) = mpsc::unbounded_channel();
    let (sync, _triggers) = mpsc::channel(1);
    let fetcher = Fetcher {
        network: own.clone(),
        inside,
        sync,
        witness_limit: LIMIT,
    };
    fetcher.fetch(fetch(vec![key.clone()])).await;
    let Some(Inside::Fetched(fetched)) = outcome.recv().await else {
        panic!("no outcome")
    };
    // A request that is answered was carried out after the report.
    let _ = own
        .request(
            key,
            SyncRequest::Body {
                hash: UInt256::ZERO,
            },
        )
        .await;
    let held = own.reputations().pop().map(|held| held.offences);
    answering.abort();
    (fetched, held.unwrap_or_default())
}

async fn until<T>(probe: impl Fn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it never came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn wanted(from: Vec<PublicKey>) -> Fetch {
    Fetch::Body {
        hash: body(5).hash(),
        from,
    }
}

#[tokio::test]
async fn the_block_that_was_asked_for_costs_its_sender_nothing() {
    let sound = SyncResponse::Body(Some(Bytes::from(body(5).to_bytes())));
    let (got, held) = fetched(wanted, sound).await;
    assert!(matches!(got, Fetched::Body(got) if *got == body(5)));
    assert_eq!(held, []);
}

#[tokio::test]
async fn another_block_is_charged_and_not_used() {
    let other = SyncResponse::Body(Some(Bytes::from(body(6).to_bytes())));
    let (got, held) = fetched(wanted, other).await;
    assert!(matches!(got, Fetched::Nothing { .. }));
    assert_eq!(held, [(Offence::InvalidBlock, 1)]);
}

#[tokio::test]
async fn who_has_nothing_is_not_charged() {
    let (got, held) = fetched(wanted, SyncResponse::Body(None)).await;
    assert!(matches!(got, Fetched::Nothing { .. }));
    assert_eq!(held, []);
}

#[tokio::test]
async fn an_answer_to_another_question_is_charged() {
    let (got, held) = fetched(wanted, SyncResponse::Hashes(None)).await;
    assert!(matches!(got, Fetched::Nothing { .. }));
    // The second request, which only waits for the first report, is answered in the same way.
    assert_eq!(held, [(Offence::InvalidAnswer, 2)]);
}

#[tokio::test]
async fn transactions_that_are_none_are_charged() {
    let junk = Some(Bytes::from_static(b"junk"));
    let positions = |from| Fetch::Transactions {
        hash: body(5).hash(),
        positions: vec![4, 9],
        from,
    };
    let response = SyncResponse::Transactions(vec![junk.clone(), junk]);
    let (got, held) = fetched(positions, response).await;
    assert!(matches!(got, Fetched::Nothing { .. }));
    // And an answer to another question than the second request asks.
    assert_eq!(
        held,
        [(Offence::InvalidAnswer, 2)],
        "once an answer, however much of it is bad"
    );
}
