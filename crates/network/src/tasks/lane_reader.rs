//! Reads the express or bulk lane of an accepted peer.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use futures::AsyncRead;
use neo_primitives::{PublicKey, sha256};

use crate::{
    error::Refusal,
    event::NetworkEvent,
    frame::{BULK_FRAME, EXPRESS_FRAME, Messages, decode_batch},
    frame_reader::FrameReader,
    kind::Kind,
    lanes::Lane,
    metrics::increment,
    peer::Peer,
    priority::Priority,
    rates::Wait,
    reputation::Offence,
    shared::Shared,
    tasks::{Report, Reporter, refusal_of},
};

const BUFFER: usize = 32 << 10;

/// Runs until the lane ends. An end between two frames is no fault: the remote may have replaced the connection.
pub(crate) async fn read_lane<R: AsyncRead + Unpin>(
    lane: Lane,
    io: R,
    peer: Arc<Peer>,
    shared: Arc<Shared>,
    reporter: Reporter,
) {
    let limit = if lane == Lane::Express {
        EXPRESS_FRAME
    } else {
        BULK_FRAME
    };
    let mut frames = FrameReader::new(io, BUFFER, limit, shared.timing.frame_timeout);
    loop {
        let frame = match frames.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return,
            Err(error) => return reporter.cut(refusal_of(lane, error)).await,
        };
        peer.heard(shared.clock.now_us());
        increment(&shared.counters.frames_received);
        for message in Messages::new(frame) {
            let delivered = match message {
                Ok((kind, payload)) => deliver(lane, kind, payload, &peer, &shared).await,
                Err(error) => Err(malformed(lane, error)),
            };
            match delivered {
                Ok(wait) => slow_down(wait, &shared, &reporter).await,
                Err(refusal) => return reporter.cut(refusal).await,
            }
        }
    }
}

fn malformed(lane: Lane, reason: impl ToString) -> Refusal {
    Refusal::MalformedFrame {
        lane: lane.name(),
        reason: reason.to_string(),
    }
}

/// No lane rests longer than this at once; what is still owed is counted with the next message.
const LONGEST_REST: Duration = Duration::from_secs(2);

/// Leaves the lane unread for as long as the peer has sent too much.
async fn slow_down(wait: Wait, shared: &Shared, reporter: &Reporter) {
    for _ in 0..wait.floods {
        reporter.report(Report::Offence(Offence::Flood)).await;
    }
    if wait.us > 0 {
        let rest = Duration::from_micros(wait.us).min(LONGEST_REST);
        let micros = u64::try_from(rest.as_micros()).unwrap_or(u64::MAX);
        shared.counters.throttled_us.fetch_add(micros, Relaxed);
        tokio::time::sleep(rest).await;
    }
}

async fn deliver(
    lane: Lane,
    kind: Kind,
    payload: Bytes,
    peer: &Peer,
    shared: &Shared,
) -> Result<Wait, Refusal> {
    match kind {
        Kind::Own(priority) => deliver_own(lane, priority, payload, peer, shared).await,
        Kind::Relay | Kind::Relayed if !peer.is_welcome() => stray(peer, shared),
        Kind::Relay => {
            let passed = shared.pass_on(peer, &payload);
            passed.map_err(|error| malformed(lane, error))?;
            Ok(Wait::default())
        }
        Kind::Relayed => {
            let relayed = shared.relayed(peer, &payload);
            let relayed = relayed.map_err(|error| malformed(lane, error))?;
            if let (Some((origin, bytes)), Some(key)) = (relayed, &peer.key) {
                hand_over(shared, key, Some(origin), bytes).await;
            }
            Ok(Wait::default())
        }
        Kind::Evidence if lane == Lane::Express => {
            Err(malformed(lane, "evidence, which has no place there"))
        }
        Kind::Evidence => {
            let new = shared.take_evidence(peer, &payload);
            if new.map_err(|error| malformed(lane, error))? {
                let _ = shared
                    .events
                    .bulk
                    .send(NetworkEvent::Evidence {
                        peer: peer.id,
                        bytes: payload,
                    })
                    .await;
            }
            Ok(Wait::default())
        }
    }
}

/// What somebody without a consensus lane sent there.
fn stray(peer: &Peer, shared: &Shared) -> Result<Wait, Refusal> {
    match shared.clock.now_us() < peer.grace_until_us.load(Relaxed) {
        true => Ok(Wait::default()),
        false => Err(Refusal::StrangerOnConsensusLane),
    }
}

/// Waits until the node has room for a consensus message. A closed channel means that it does not listen any more.
async fn hand_over(
    shared: &Shared,
    from: &PublicKey,
    relayed_for: Option<PublicKey>,
    bytes: Bytes,
) {
    let event = NetworkEvent::Consensus {
        from: from.clone(),
        relayed_for,
        bytes,
    };
    let _ = shared.events.consensus.send(event).await;
}

async fn deliver_own(
    lane: Lane,
    priority: Priority,
    payload: Bytes,
    peer: &Peer,
    shared: &Shared,
) -> Result<Wait, Refusal> {
    let length = payload.len();
    if let Some(flow) = shared.counters.received.get(priority.index()) {
        flow.count(length);
    }
    let rates = &shared.limits.rates;
    // A closed channel means that the node does not listen any more.
    match priority {
        Priority::Transactions | Priority::Sync if lane == Lane::Express => {
            return Err(malformed(lane, format!("a {priority} message")));
        }
        Priority::Transactions => {
            let txs = decode_batch(&payload).map_err(|error| malformed(lane, error))?;
            let txs = only_new(txs, peer, shared);
            if !txs.is_empty() {
                let _ = shared
                    .events
                    .bulk
                    .send(NetworkEvent::Transactions { from: peer.id, txs })
                    .await;
            }
        }
        Priority::Sync => {
            let _ = shared
                .events
                .bulk
                .send(NetworkEvent::Block {
                    from: peer.id,
                    bytes: payload,
                })
                .await;
        }
        _ => match &peer.key {
            Some(key) if peer.is_welcome() => {
                hand_over(shared, key, None, payload).await;
                let now_us = shared.clock.now_us();
                return Ok(peer.meters.consensus(rates, length, now_us));
            }
            _ => return stray(peer, shared),
        },
    }
    Ok(peer.meters.bulk(rates, length, shared.clock.now_us()))
}

/// Leaves out what was seen before, and notes who has it.
fn only_new(txs: Vec<Bytes>, peer: &Peer, shared: &Shared) -> Vec<Bytes> {
    let total = txs.len();
    let prints: Vec<_> = txs.iter().map(|tx| sha256(tx)).collect();
    let mut seen = shared.seen.lock();
    let new: Vec<_> = txs
        .into_iter()
        .zip(prints)
        .filter(|(_, print)| seen.note(*print, peer.session))
        .map(|(tx, _)| tx)
        .collect();
    drop(seen);
    let counters = &shared.counters;
    counters.transactions.fetch_add(total as u64, Relaxed);
    let repeated = total - new.len();
    counters
        .duplicate_transactions
        .fetch_add(repeated as u64, Relaxed);
    new
}
