//! The tasks of a connection: one reads and one writes each lane. What they find out goes to the mesh as a
//! [`Report`]; messages go straight to the node.

mod control_reader;
mod control_writer;
mod lane_reader;
mod lane_writer;

use std::sync::Arc;

use libp2p::swarm::ConnectionId;
use neo_primitives::PublicKey;
use tokio::sync::{mpsc, oneshot};

pub(crate) use control_reader::{ControlReader, read_control};
pub(crate) use control_writer::{ControlWriter, write_control};
pub(crate) use lane_reader::read_lane;
pub(crate) use lane_writer::write_lane;

use crate::{
    error::Refusal, frame_reader::ReadError, hello::Hello, lanes::Lane, peer::Peer,
    reputation::Offence, shared::Shared,
};

/// What a task tells the mesh.
#[derive(Debug)]
pub(crate) enum Report {
    /// The remote's hello is in order and proves this key. The mesh answers with the peer, or not at all.
    Hello {
        hello: Box<Hello>,
        key: Option<PublicKey>,
        verdict: oneshot::Sender<Arc<Peer>>,
    },
    /// The remote has accepted our hello, or changes what it accepts.
    Role { consensus: bool },
    /// The remote did what no honest node does, but not so much that the connection must go at once.
    Offence(Offence),
    /// The connection must go.
    Cut(Refusal),
}

/// A connection's line to the mesh.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    pub(crate) connection: ConnectionId,
    pub(crate) reports: mpsc::Sender<(ConnectionId, Report)>,
}

impl Reporter {
    pub(crate) async fn report(&self, report: Report) {
        // A closed channel means that the mesh has ended, and this task with it.
        let _ = self.reports.send((self.connection, report)).await;
    }

    pub(crate) async fn cut(&self, refusal: Refusal) {
        self.report(Report::Cut(refusal)).await;
    }
}

/// What a failed read says about the peer.
fn refusal_of(lane: Lane, error: ReadError) -> Refusal {
    let lane = lane.name();
    match error {
        ReadError::Oversized { length, limit } => Refusal::OversizedFrame {
            lane,
            length,
            limit,
        },
        ReadError::Slow(timeout) => Refusal::SlowFrame { lane, timeout },
        ReadError::Truncated => Refusal::Lane {
            lane,
            reason: "it ended within a frame".to_owned(),
        },
        ReadError::Io(error) => Refusal::Lane {
            lane,
            reason: error.to_string(),
        },
    }
}

/// Whether heartbeats go out at the validators' interval.
fn beats_fast(peer: &Peer) -> bool {
    peer.is_welcome() || peer.is_welcomed()
}

/// How long the peer may be silent.
fn patience_with(shared: &Shared, peer: &Peer) -> std::time::Duration {
    let both = peer.is_welcome() && peer.is_welcomed();
    let dead_after = if both {
        shared.timing.dead_after
    } else {
        shared.timing.stranger_dead_after
    };
    crate::pulse::patience(dead_after, peer.rtt())
}
