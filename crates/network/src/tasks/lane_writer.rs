//! Writes the express or bulk lane of a peer from its queue.

use std::sync::Arc;

use futures::{AsyncWrite, AsyncWriteExt};
use tokio::{sync::watch, time::timeout};

use crate::{
    error::Refusal, frame::write_frame, kind::Kind, lanes::Lane, metrics::increment, peer::Peer,
    queue::Exit, shared::Shared, tasks::Reporter,
};

/// Runs until the connection ends, or until `retired` says that another connection writes from now on.
pub(crate) async fn write_lane<W: AsyncWrite + Unpin>(
    lane: Lane,
    mut io: W,
    peer: Arc<Peer>,
    shared: Arc<Shared>,
    reporter: Reporter,
    mut retired: watch::Receiver<bool>,
) {
    let exit = if lane == Lane::Express {
        Exit::Express
    } else {
        Exit::Bulk
    };
    let patience = shared.timing.write_timeout;
    let mut frame = Vec::new();
    let mut scratch = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = told(&mut retired) => {
                // The connection closes soon after; whether the end of the lane still arrives does not matter.
                let _ = timeout(patience, io.close()).await;
                return;
            }
            () = peer.queue.next(exit, &mut frame) => {}
        }
        let refusal = match timeout(patience, write_frame(&mut io, &frame, &mut scratch)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Refusal::Lane {
                lane: lane.name(),
                reason: error.to_string(),
            }),
            Err(_) => Some(Refusal::SlowReader {
                lane: lane.name(),
                timeout: patience,
            }),
        };
        if let Some(refusal) = refusal {
            return reporter.cut(refusal).await;
        }
        increment(&shared.counters.frames_sent);
        for (kind, payload) in frame.drain(..) {
            let counters = &shared.counters;
            let flow = match kind {
                Kind::Own(priority) => counters.sent.get(priority.index()),
                Kind::Relay => Some(&counters.relays_sent),
                // Counted when it was taken.
                Kind::Relayed => None,
                Kind::Evidence => Some(&counters.evidence_sent),
            };
            if let Some(flow) = flow {
                flow.count(payload.len());
            }
        }
    }
}

/// Returns when the connection is retired, or gone.
async fn told(retired: &mut watch::Receiver<bool>) {
    while !*retired.borrow_and_update() {
        if retired.changed().await.is_err() {
            return;
        }
    }
}
