//! Strangers follow the chain and take no part in consensus.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashSet;

use bytes::Bytes;
use common::{Node, Wire, config, eventually, key, keys, pair, public, within};
use neo_network::{NetworkEvent, Priority, RequestError, SendError, SyncRequest, SyncResponse};
use neo_primitives::{Height, UInt256};

/// An observer connected to `node`, which has noticed it.
async fn observer_of(
    node: &mut Node,
    validators: &[std::sync::Arc<neo_primitives::PrivateKey>],
) -> Node {
    let mut config = config(Wire::Quic, None, validators);
    config.peers.push(node.dial());
    let mut observer = Node::start(config).await;
    assert_eq!(node.peer_up().await, (observer.id(), None));
    assert_eq!(observer.peer_up().await.0, node.id());
    observer
}

#[tokio::test]
async fn a_stranger_has_no_consensus_lane() {
    let keys = keys(1);
    let mut validator = Node::start(config(Wire::Quic, Some(&keys[0]), &keys)).await;
    let observer = observer_of(&mut validator, &keys).await;
    let refused = validator
        .handle
        .send(observer.id(), Priority::Commit, Bytes::from_static(b"x"));
    assert!(matches!(refused, Err(SendError::NoConsensusLane { .. })));
    let refused =
        observer
            .handle
            .send(public(&keys[0]), Priority::Commit, Bytes::from_static(b"x"));
    assert!(matches!(refused, Err(SendError::NoConsensusLane { .. })));
    assert_eq!(
        validator
            .handle
            .broadcast_validators(Priority::Commit, Bytes::from_static(b"x")),
        0
    );
    assert_eq!(
        validator.handle.peer(observer.id()).unwrap().validator,
        None
    );
    assert_eq!(
        observer.handle.peer(validator.id()).unwrap().validator,
        Some(public(&keys[0]))
    );
}

#[tokio::test]
async fn a_key_outside_the_set_is_a_strangers_until_it_is_elected() {
    let keys = keys(2);
    let outsider = key();
    let mut validator = Node::start(config(Wire::Quic, Some(&keys[0]), &keys)).await;
    let mut late = config(Wire::Quic, Some(&outsider), &keys);
    late.peers.push(validator.dial());
    let mut late = Node::start(late).await;
    assert_eq!(
        validator.peer_up().await,
        (late.id(), Some(public(&outsider)))
    );
    late.peer_up().await;
    assert_eq!(validator.handle.peer(late.id()).unwrap().validator, None);
    let set = vec![public(&keys[0]), public(&outsider)];
    validator.handle.set_validators(set.clone());
    late.handle.set_validators(set);
    eventually(|| {
        late.handle
            .broadcast_validators(Priority::Prepare, Bytes::from_static(b"vote"))
            == 1
    })
    .await;
    assert_eq!(
        validator.consensus().await,
        (public(&outsider), b"vote".to_vec())
    );
    eventually(|| {
        validator
            .handle
            .broadcast_validators(Priority::Prepare, Bytes::from_static(b"back"))
            == 1
    })
    .await;
    assert_eq!(late.consensus().await, (public(&keys[0]), b"back".to_vec()));
    validator
        .handle
        .set_validators(keys.iter().map(public).collect());
    eventually(|| {
        validator
            .handle
            .broadcast_validators(Priority::Prepare, Bytes::new())
            == 0
    })
    .await;
    // What the former validator still sends is dropped, without cutting it off.
    late.handle
        .broadcast_validators(Priority::Prepare, Bytes::from_static(b"stray"));
    late.handle
        .send(
            validator.id(),
            Priority::Sync,
            Bytes::from_static(b"a block"),
        )
        .unwrap();
    let block = validator
        .wait(|event| match event {
            NetworkEvent::Block { bytes, .. } => Some(bytes),
            NetworkEvent::Consensus { bytes, .. } => panic!("{bytes:?} of a former validator"),
            NetworkEvent::PeerDown { reason, .. } => panic!("{reason}"),
            _ => None,
        })
        .await;
    assert_eq!(&block[..], b"a block");
}

fn transaction(n: u8) -> Bytes {
    Bytes::from(vec![n; 60 + usize::from(n)])
}

#[tokio::test]
async fn transactions_reach_everybody_once() {
    let (mut first, mut second, keys) = pair(Wire::Quic).await;
    let mut near = observer_of(&mut first, &keys).await;
    let mut far = observer_of(&mut second, &keys).await;
    first
        .handle
        .gossip_transactions(vec![transaction(1), transaction(2)], None);
    let both = vec![transaction(1).to_vec(), transaction(2).to_vec()];
    assert_eq!(second.transactions().await, (first.id(), both.clone()));
    assert_eq!(near.transactions().await, (first.id(), both.clone()));
    // The second validator passes them on to strangers only.
    second
        .handle
        .gossip_transactions(vec![transaction(1), transaction(2)], Some(first.id()));
    assert_eq!(far.transactions().await, (second.id(), both));
    // An observer's own transaction goes the whole way.
    far.handle.gossip_transactions(vec![transaction(3)], None);
    let (from, txs) = second.transactions().await;
    assert_eq!((from, txs), (far.id(), vec![transaction(3).to_vec()]));
    second
        .handle
        .gossip_transactions(vec![transaction(3)], Some(far.id()));
    assert_eq!(
        first.transactions().await,
        (second.id(), vec![transaction(3).to_vec()])
    );
    first
        .handle
        .gossip_transactions(vec![transaction(3)], Some(second.id()));
    assert_eq!(
        near.transactions().await,
        (first.id(), vec![transaction(3).to_vec()])
    );
    for node in [&first, &second, &near, &far] {
        assert_eq!(node.handle.metrics().duplicate_transactions, 0);
    }
    assert_eq!(
        far.handle.metrics().received[Priority::Transactions.index()].messages,
        1,
        "nothing comes back"
    );
}

#[tokio::test]
async fn many_transactions_share_few_batches() {
    let (first, mut second, _) = pair(Wire::Quic).await;
    for n in 0..250u32 {
        let mut bytes = vec![0; 250];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        first
            .handle
            .gossip_transactions(vec![Bytes::from(bytes)], None);
    }
    let mut seen = HashSet::new();
    while seen.len() < 250 {
        seen.extend(second.transactions().await.1);
    }
    let batches = first.handle.metrics().sent[Priority::Transactions.index()].messages;
    assert!(batches <= 25, "{batches} batches");
}

#[tokio::test]
async fn a_copy_from_another_peer_is_not_handed_out_again() {
    let (mut first, mut second, keys) = pair(Wire::Quic).await;
    let mut config = config(Wire::Quic, None, &keys);
    config.peers = vec![first.dial(), second.dial()];
    let mut observer = Node::start(config).await;
    first.peer_up().await;
    second.peer_up().await;
    observer.peer_up().await;
    observer.peer_up().await;
    first.handle.gossip_transactions(vec![transaction(5)], None);
    second
        .handle
        .gossip_transactions(vec![transaction(5)], None);
    observer.transactions().await;
    eventually(|| observer.handle.metrics().duplicate_transactions == 1).await;
}

/// Answers every request until the node ends.
fn serve(mut node: Node) {
    tokio::spawn(async move {
        while let Some(event) = node.events.recv().await {
            let NetworkEvent::Request { request, reply, .. } = event else {
                continue;
            };
            let block = |height: u32| Bytes::from(height.to_le_bytes().to_vec());
            let response = match request {
                SyncRequest::Blocks { start, count } if start.0 < 1000 => {
                    SyncResponse::Blocks((start.0..start.0 + u32::from(count)).map(block).collect())
                }
                SyncRequest::Blocks { .. } => continue,
                SyncRequest::Body { hash } => {
                    SyncResponse::Body((!hash.is_zero()).then(|| Bytes::from(vec![8; 2 << 20])))
                }
                SyncRequest::Hashes { block } => SyncResponse::Hashes(Some(vec![block; 3])),
                SyncRequest::Transactions { hashes } => {
                    SyncResponse::Transactions(vec![None; hashes.len()])
                }
                SyncRequest::Positions { positions, .. } => SyncResponse::Transactions(
                    positions.iter().map(|at| Some(block(*at))).collect(),
                ),
            };
            node.handle.respond(reply, response).unwrap();
        }
    });
}

async fn asked(wire: Wire) {
    let (first, second, keys) = pair(wire).await;
    let second_id = second.id();
    serve(second);
    let hash = UInt256::from_wire([1; 32]);
    let ask = |request| within(first.handle.request(second_id, request));
    let blocks = ask(SyncRequest::Blocks {
        start: Height(4),
        count: 2,
    })
    .await
    .unwrap();
    assert_eq!(
        blocks,
        SyncResponse::Blocks(vec![
            Bytes::from_static(&[4, 0, 0, 0]),
            Bytes::from_static(&[5, 0, 0, 0])
        ])
    );
    let body = ask(SyncRequest::Body { hash }).await.unwrap();
    assert_eq!(
        body,
        SyncResponse::Body(Some(Bytes::from(vec![8; 2 << 20])))
    );
    assert_eq!(
        ask(SyncRequest::Body {
            hash: UInt256::ZERO
        })
        .await
        .unwrap(),
        SyncResponse::Body(None)
    );
    assert_eq!(
        ask(SyncRequest::Hashes { block: hash }).await.unwrap(),
        SyncResponse::Hashes(Some(vec![hash; 3]))
    );
    let by_key = first.handle.request(
        public(&keys[1]),
        SyncRequest::Transactions {
            hashes: vec![hash; 5],
        },
    );
    assert_eq!(
        within(by_key).await.unwrap(),
        SyncResponse::Transactions(vec![None; 5])
    );
    let positions = ask(SyncRequest::Positions {
        block: hash,
        positions: vec![6],
    })
    .await
    .unwrap();
    assert_eq!(
        positions,
        SyncResponse::Transactions(vec![Some(Bytes::from_static(&[6, 0, 0, 0]))])
    );
    let refused = ask(SyncRequest::Blocks {
        start: Height(1000),
        count: 1,
    })
    .await
    .unwrap_err();
    assert!(matches!(refused, RequestError::Failed(_)), "{refused}");
    let metrics = first.handle.metrics();
    assert_eq!(
        (
            metrics.requests_sent,
            metrics.requests_failed,
            metrics.responses_received.messages
        ),
        (7, 1, 6)
    );
}

#[tokio::test]
async fn blocks_bodies_and_transactions_are_fetched_over_quic() {
    asked(Wire::Quic).await;
}

#[tokio::test]
async fn blocks_bodies_and_transactions_are_fetched_over_tcp() {
    asked(Wire::Tcp).await;
}

#[tokio::test]
async fn requests_have_limits() {
    let (first, mut second, _) = pair(Wire::Quic).await;
    let too_many = SyncRequest::Transactions {
        hashes: vec![UInt256::ZERO; 5000],
    };
    let error = within(first.handle.request(second.id(), too_many))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            RequestError::TooLarge {
                what: "request",
                ..
            }
        ),
        "{error}"
    );
    let error = within(first.handle.request(
        first.id(),
        SyncRequest::Body {
            hash: UInt256::ZERO,
        },
    ))
    .await
    .unwrap_err();
    assert!(matches!(error, RequestError::NotConnected(_)), "{error}");
    // As many as allowed wait; the next is refused on our side already.
    let limit = 16;
    let ask = || {
        first.handle.request(
            second.id(),
            SyncRequest::Body {
                hash: UInt256::ZERO,
            },
        )
    };
    let mut waiting: Vec<_> = (0..limit).map(|_| Box::pin(ask())).collect();
    for request in &mut waiting {
        assert!(futures::poll!(request.as_mut()).is_pending());
    }
    let error = within(ask()).await.unwrap_err();
    assert!(
        matches!(error, RequestError::Busy { limit: 16, .. }),
        "{error}"
    );
    let NetworkEvent::Request { reply, .. } = second.next().await else {
        panic!("no request")
    };
    let huge = SyncResponse::Body(Some(Bytes::from(vec![0; 17 << 20])));
    let error = second.handle.respond(reply, huge).unwrap_err();
    assert!(
        matches!(
            error,
            RequestError::TooLarge {
                what: "response",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn only_so_many_strangers_are_let_in() {
    let keys = keys(1);
    let mut busy = config(Wire::Quic, Some(&keys[0]), &keys);
    busy.limits.max_strangers = 1;
    let mut busy = Node::start(busy).await;
    let _first = observer_of(&mut busy, &keys).await;
    let mut second = config(Wire::Quic, None, &keys);
    second.peers.push(busy.dial());
    let second = Node::start(second).await;
    eventually(|| {
        busy.handle
            .metrics()
            .refusals
            .contains_key("too_many_strangers")
    })
    .await;
    assert!(second.handle.peers().is_empty());
    assert_eq!(busy.handle.peers().len(), 1);
}
