//! A validator that says anything, with valid signatures, and events that no driver would give: no panic, no
//! growth, one block a height, one Commit of each honest validator.

use std::sync::Arc;

use neo_primitives::{Height, Signature, UInt256, ValidatorIndex};

use super::{Cluster, Config, ms};
use crate::engine::{Connectivity, Event, Fetched, LedgerEvent, TimerId, TimerKind};
use crate::v2::content::{Body, ChangeView, Content, Kind, PrepareRequest, Reason};
use crate::v2::message::Message;
use crate::v2::recovery::{
    ChangeViewCompact, CommitCompact, InnerRequest, Preparation, PreparationCompact,
    RecoveryMessage,
};
use crate::v3::cluster::toys::{for_each_seed, transaction};

/// The validator that lies.
const LIAR: usize = 3;

fn pick<T>(cluster: &mut Cluster, all: Vec<T>) -> Option<T> {
    let at = cluster.rng.below(all.len() as u64);
    all.into_iter().nth(usize::try_from(at).unwrap())
}

fn seen(cluster: &mut Cluster, kind: Kind) -> Option<Message> {
    let from = cluster.sent.len().saturating_sub(200);
    let all = cluster.sent[from..].iter().map(|sent| sent.message.clone());
    let all = all.filter(|message| message.kind() == kind).collect();
    pick(cluster, all)
}

fn hash(cluster: &mut Cluster) -> UInt256 {
    let known = seen(cluster, Kind::PrepareRequest).map(|message| message.hash());
    known.unwrap_or(UInt256::from_wire(
        [cluster.rng.next().to_le_bytes()[0]; 32],
    ))
}

fn request(cluster: &mut Cluster) -> PrepareRequest {
    let known = seen(cluster, Kind::PrepareRequest);
    if let Some(Body::PrepareRequest(mut request)) =
        known.map(|message| message.content().body.clone())
    {
        request.nonce ^= cluster.rng.below(2);
        return request;
    }
    let elapsed = u64::try_from(cluster.now.as_millis()).unwrap();
    PrepareRequest {
        version: 0,
        prev_hash: cluster.nodes[0].ledger.tip().hash(),
        timestamp: 1_700_000_001_000 + elapsed,
        nonce: cluster.rng.next(),
        hashes: vec![],
    }
}

/// Parts of what others have sent, some of them under another name.
fn recovery(cluster: &mut Cluster) -> RecoveryMessage {
    let from = cluster.sent.len().saturating_sub(60);
    let recent: Vec<_> = cluster.sent[from..]
        .iter()
        .map(|sent| sent.message.clone())
        .collect();
    let mut recovery = RecoveryMessage {
        change_views: vec![],
        preparation: Preparation::Unknown,
        preparations: vec![],
        commits: vec![],
    };
    for message in recent {
        let validator = match cluster.rng.below(5) {
            0 => ValidatorIndex(cluster.rng.next().to_le_bytes()[0] % 6),
            _ => message.validator(),
        };
        let invocation = message.payload().witness.invocation.clone();
        let view = message.view();
        match &message.content().body {
            Body::ChangeView(change) => recovery.change_views.push(ChangeViewCompact {
                validator,
                view,
                timestamp: change.timestamp,
                invocation,
            }),
            Body::PrepareRequest(request) => {
                recovery.preparation = Preparation::Request(InnerRequest {
                    height: Height(0),
                    validator,
                    view,
                    request: request.clone(),
                });
                recovery.preparations.push(PreparationCompact {
                    validator,
                    invocation,
                });
            }
            Body::PrepareResponse { .. } => recovery.preparations.push(PreparationCompact {
                validator,
                invocation,
            }),
            Body::Commit { signature } => recovery.commits.push(CommitCompact {
                view,
                validator,
                signature: *signature,
                invocation,
            }),
            Body::RecoveryRequest { .. } | Body::RecoveryMessage(_) => {}
        }
    }
    recovery
}

fn anything(cluster: &mut Cluster) -> Message {
    let stored = cluster.stored(0);
    let height = match cluster.rng.below(8) {
        0 => stored,
        1 => stored + 2,
        2 => stored + 50,
        _ => stored + 1,
    };
    let view = match cluster.rng.below(8) {
        0 => 255,
        1 => 254,
        other => u8::try_from(other % 3).unwrap(),
    };
    let body = match cluster.rng.below(6) {
        0 => Body::PrepareRequest(request(cluster)),
        1 => Body::PrepareResponse {
            preparation: hash(cluster),
        },
        2 => Body::Commit {
            signature: match seen(cluster, Kind::Commit).map(|it| it.content().body.clone()) {
                Some(Body::Commit { signature }) => signature,
                _ => Signature([1; 64]),
            },
        },
        3 => {
            let rejected = cluster.nodes[0].ledger.pool.first().map(|tx| tx.hash());
            Body::ChangeView(ChangeView {
                timestamp: cluster.rng.next(),
                reason: Reason::TransactionInvalid,
                rejected: Some(rejected.into_iter().collect()),
            })
        }
        4 => Body::RecoveryRequest {
            timestamp: cluster.rng.next(),
        },
        _ => Body::RecoveryMessage(recovery(cluster)),
    };
    let content = Content {
        view,
        ..cluster.content(LIAR, height, view, body)
    };
    cluster.signed(LIAR, content)
}

/// What no driver would say.
fn nonsense(cluster: &mut Cluster, node: usize) {
    let height = Height(cluster.stored(node) + 1);
    let kinds = [TimerKind::View, TimerKind::Resend, TimerKind::Propose];
    let kind = kinds[usize::try_from(cluster.rng.below(3)).unwrap()];
    let block = cluster.nodes[node].engine.as_ref().and_then(|engine| {
        let status = crate::engine::Engine::status(engine);
        status.heights.first()?.block
    });
    let hash = block.unwrap_or(UInt256::ZERO);
    let peer = cluster.nodes[LIAR].key.clone();
    let event = match cluster.rng.below(9) {
        0 => Event::Timer(TimerId { height, kind }),
        1 => Event::Ledger(LedgerEvent::Promoted { hash }),
        2 => Event::Ledger(LedgerEvent::Found {
            hash,
            transactions: vec![Some(transaction(u32::MAX)), None, None],
        }),
        3 => Event::Fetched(Fetched::Transactions {
            hash,
            transactions: vec![(0, transaction(u32::MAX)), (u32::MAX, transaction(1))],
        }),
        4 => Event::Fetched(Fetched::Nothing { hash }),
        5 => Event::Ledger(LedgerEvent::Pool { transactions: 3 }),
        6 => Event::Connectivity {
            peer,
            state: Connectivity::Down,
        },
        7 => Event::Connectivity {
            peer,
            state: Connectivity::Up { round_trip: ms(1) },
        },
        _ => Event::Ledger(LedgerEvent::Built(Arc::clone(
            &cluster.nodes[node].ledger.block_at(Height(0)).unwrap().body,
        ))),
    };
    cluster.handle(node, event);
}

#[test]
fn anything_may_come() {
    for_each_seed(12, "one block a height under a liar", |seed| {
        let config = Config {
            latency: (1_000, 20_000),
            block_time: ms(300),
            ..Config::of(4)
        };
        let mut cluster = Cluster::start(config, seed);
        cluster.byzantine.insert(LIAR);
        cluster.crash(LIAR);
        for _ in 0..400 {
            let time = ms(cluster.rng.between((1, 40)));
            cluster.run(time);
            let message = anything(&mut cluster);
            for to in 0..LIAR {
                if cluster.rng.below(3) > 0 {
                    cluster.inject(LIAR, to, message.clone());
                }
                nonsense(&mut cluster, to);
            }
        }
        let stored = (0..LIAR).map(|node| cluster.stored(node)).max();
        assert!(stored > Some(0), "it does something");
    });
}
