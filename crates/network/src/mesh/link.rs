//! One connection, from its transport handshake to its end.

use std::{sync::Arc, time::Instant};

use libp2p::{PeerId, Stream};
use neo_primitives::PublicKey;
use tokio::{
    sync::{oneshot, watch},
    task::{AbortHandle, JoinHandle},
};

use crate::{
    dialer::TargetId,
    lanes::Lane,
    peer::{Peer, Place},
    pulse::Pulse,
};

/// Why a connection has a last moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The remote's hello must have come by then, and its acceptance of ours.
    Hello,
    /// It has been replaced or refused; the other side may still be reading.
    Linger,
}

pub(super) struct Link {
    pub(super) remote: PeerId,
    pub(super) place: Place,
    /// The dial that made it.
    pub(super) target: Option<TargetId>,
    /// Set once the remote's hello is accepted.
    pub(super) peer: Option<Arc<Peer>>,
    /// Whether the remote has accepted our hello.
    pub(super) mutual: bool,
    pub(super) ending: Option<(Instant, Ending)>,
    pub(super) pulse: Arc<Pulse>,
    /// Gives the accepted peer to the control writer.
    pub(super) accepted: Option<oneshot::Sender<Arc<Peer>>>,
    /// What the control writer tells the remote about consensus messages.
    pub(super) role: watch::Sender<bool>,
    /// Tells the lane writers that another connection writes from now on.
    pub(super) retired: watch::Sender<bool>,
    /// Lanes that came before the hello.
    pub(super) early: Vec<(Lane, Stream)>,
    /// Lanes that the remote has opened.
    incoming: [bool; 3],
    /// Lanes that we have asked for.
    asked: [bool; 3],
    tasks: Vec<AbortHandle>,
}

impl Link {
    pub(super) fn new(
        remote: PeerId,
        place: Place,
        target: Option<TargetId>,
        hello_by: Instant,
    ) -> Self {
        Self {
            remote,
            place,
            target,
            peer: None,
            mutual: false,
            ending: Some((hello_by, Ending::Hello)),
            pulse: Arc::default(),
            accepted: None,
            role: watch::Sender::new(false),
            retired: watch::Sender::new(false),
            early: Vec::new(),
            incoming: [false; 3],
            asked: [false; 3],
            tasks: Vec::new(),
        }
    }

    /// Notes a lane that the remote opened; false if it has opened that one before.
    pub(super) fn first_incoming(&mut self, lane: Lane) -> bool {
        self.incoming
            .get_mut(lane as usize)
            .is_some_and(|seen| !std::mem::replace(seen, true))
    }

    /// Notes that we ask for a lane; false if we have asked for that one before.
    pub(super) fn first_asked(&mut self, lane: Lane) -> bool {
        self.asked
            .get_mut(lane as usize)
            .is_some_and(|seen| !std::mem::replace(seen, true))
    }

    /// The validator key that the remote has proven on this connection.
    pub(super) fn proven_key(&self) -> Option<PublicKey> {
        self.peer.as_ref().and_then(|peer| peer.key.clone())
    }

    /// Ends the task with the connection.
    pub(super) fn own(&mut self, task: JoinHandle<()>) {
        self.tasks.push(task.abort_handle());
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
