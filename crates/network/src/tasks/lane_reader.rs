//! Reads the express or bulk lane of an accepted peer.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use bytes::Bytes;
use futures::AsyncRead;
use neo_primitives::sha256;

use crate::{
    error::Refusal,
    event::NetworkEvent,
    frame::{BULK_FRAME, EXPRESS_FRAME, Messages, decode_batch},
    frame_reader::FrameReader,
    lanes::Lane,
    metrics::increment,
    peer::Peer,
    priority::Priority,
    shared::Shared,
    tasks::{Reporter, refusal_of},
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
                Ok((priority, payload)) => deliver(lane, priority, payload, &peer, &shared).await,
                Err(error) => Err(malformed(lane, error)),
            };
            if let Err(refusal) = delivered {
                return reporter.cut(refusal).await;
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

async fn deliver(
    lane: Lane,
    priority: Priority,
    payload: Bytes,
    peer: &Peer,
    shared: &Shared,
) -> Result<(), Refusal> {
    if let Some(flow) = shared.counters.received.get(priority.index()) {
        flow.count(payload.len());
    }
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
                let _ = shared
                    .events
                    .consensus
                    .send(NetworkEvent::Consensus {
                        from: key.clone(),
                        bytes: payload,
                    })
                    .await;
            }
            _ if shared.clock.now_us() < peer.grace_until_us.load(Relaxed) => {}
            _ => return Err(Refusal::StrangerOnConsensusLane),
        },
    }
    Ok(())
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
    shared
        .counters
        .duplicate_transactions
        .fetch_add((total - new.len()) as u64, Relaxed);
    new
}
