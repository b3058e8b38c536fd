//! Reads the control lane: the remote's hello first, then heartbeats, statuses and roles.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::AsyncRead;
use libp2p::PeerId;
use neo_primitives::{Decode, Magic, UInt256};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    control::Control,
    error::Refusal,
    event::NetworkEvent,
    frame::CONTROL_FRAME,
    frame_reader::FrameReader,
    hello::Hello,
    lanes::Lane,
    peer::Peer,
    pulse::Pulse,
    shared::Shared,
    tasks::{Report, Reporter, refusal_of},
};

/// Control frames that a peer may send within a second.
const MOST_A_SECOND: u32 = 1000;

/// What the reader of a control lane needs.
pub(crate) struct ControlReader {
    pub(crate) shared: Arc<Shared>,
    pub(crate) reporter: Reporter,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) remote: PeerId,
    pub(crate) magic: Magic,
    pub(crate) genesis: UInt256,
}

/// Runs until the lane ends.
pub(crate) async fn read_control<R: AsyncRead + Unpin>(io: R, task: ControlReader) {
    let mut frames = FrameReader::new(
        io,
        2 * CONTROL_FRAME,
        CONTROL_FRAME,
        task.shared.timing.frame_timeout,
    );
    if let Err(refusal) = task.run(&mut frames).await {
        task.reporter.cut(refusal).await;
    }
}

impl ControlReader {
    async fn run<R: AsyncRead + Unpin>(&self, frames: &mut FrameReader<R>) -> Result<(), Refusal> {
        let Some(peer) = self.introduce(self.next(frames).await?).await? else {
            return Ok(());
        };
        let mut rate = Rate {
            since: Instant::now(),
            count: 0,
        };
        loop {
            let frame = self.next(frames).await?;
            rate.count()?;
            let now_us = self.shared.clock.now_us();
            peer.heard(now_us);
            let malformed = |error: neo_primitives::DecodeError| Refusal::MalformedFrame {
                lane: Lane::Control.name(),
                reason: error.to_string(),
            };
            match Control::from_bytes(&frame).map_err(malformed)? {
                Control::Heartbeat {
                    stamp_us,
                    echo_us,
                    held_us,
                    wanted_ms,
                } => {
                    self.pulse.wanted(wanted_ms);
                    if let Some(sample) = self.pulse.heard(stamp_us, echo_us, held_us, now_us) {
                        peer.measured(sample);
                    }
                }
                Control::Status { height, tip } => {
                    let status = std::mem::replace(&mut *peer.status.lock(), (height, tip));
                    if status != (height, tip) {
                        // A status that finds no room is superseded by the next; `peers()` shows the latest.
                        let _ = self.shared.events.bulk.try_send(NetworkEvent::Status {
                            peer: peer.id,
                            height,
                            tip,
                        });
                    }
                }
                Control::Role { consensus } => {
                    self.reporter.report(Report::Role { consensus }).await
                }
                Control::Reach { validators } => {
                    *peer.reach.lock() = validators.into_iter().collect();
                }
            }
        }
    }

    async fn next<R: AsyncRead + Unpin>(
        &self,
        frames: &mut FrameReader<R>,
    ) -> Result<Bytes, Refusal> {
        match frames.next().await {
            Ok(Some(frame)) => {
                self.shared.counters.control_received.count(frame.len());
                Ok(frame)
            }
            Ok(None) => Err(Refusal::Lane {
                lane: Lane::Control.name(),
                reason: "the peer closed it".to_owned(),
            }),
            Err(error) => Err(refusal_of(Lane::Control, error)),
        }
    }

    /// Checks the hello and asks the mesh to accept the peer; `None` if it does not.
    async fn introduce(&self, frame: Bytes) -> Result<Option<Arc<Peer>>, Refusal> {
        let hello = Hello::from_bytes(&frame)
            .map_err(|error| Refusal::MalformedHello(error.to_string()))?;
        let key = hello.check(self.magic, self.genesis, &self.shared.own_id, &self.remote)?;
        let (verdict, accepted) = oneshot::channel();
        self.reporter
            .report(Report::Hello {
                hello: Box::new(hello),
                key,
                verdict,
            })
            .await;
        Ok(accepted.await.ok())
    }
}

struct Rate {
    since: Instant,
    count: u32,
}

impl Rate {
    fn count(&mut self) -> Result<(), Refusal> {
        if self.since.elapsed() > Duration::from_secs(1) {
            *self = Rate {
                since: Instant::now(),
                count: 0,
            };
        }
        self.count += 1;
        match self.count > MOST_A_SECOND {
            true => Err(Refusal::ControlFlood(self.count)),
            false => Ok(()),
        }
    }
}
