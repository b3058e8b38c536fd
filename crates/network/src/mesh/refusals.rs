//! Connections that are cut, and what the log says about it.

use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};

use super::{
    Mesh,
    link::{Ending, Link},
};
use crate::{error::Refusal, reputation::Offence};

/// The same refusal of the same peer is logged again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(30);
/// Different refusals that are logged within that time.
const MOST_TOLD: usize = 256;

impl Mesh {
    /// Closes a connection for a reason, and keeps the peer out for a while if it was its fault.
    pub(super) fn cut(&mut self, connection: ConnectionId, refusal: Refusal) {
        let Some(link) = self.links.get_mut(&connection) else {
            return;
        };
        let (remote, address) = (link.remote, link.place.address.clone());
        let replaced = link
            .ending
            .is_some_and(|(_, ending)| ending == Ending::Linger);
        if matches!(refusal, Refusal::Lane { .. }) && (replaced || link.peer.is_none()) {
            // The other side closed first, on a connection that was not in use.
            tracing::debug!(peer = %remote, %refusal, "connection ends");
            self.swarm.close_connection(connection);
            return;
        }
        self.note_refusal(remote, &address, &refusal);
        let offence = Offence::of(&refusal).map(|offence| {
            let key = self.links.get(&connection).and_then(Link::proven_key);
            (self.culprit(key, Some(remote), Some(address)), offence)
        });
        let told = matches!(
            refusal,
            Refusal::Magic { .. }
                | Refusal::Genesis { .. }
                | Refusal::Version { .. }
                | Refusal::OwnKey(_)
        );
        let serves = self
            .sessions
            .get(&remote)
            .is_some_and(|session| session.connection == connection);
        if told && !serves {
            // Our own hello may still be on its way; it tells the other side what is wrong.
            return self.linger(connection);
        }
        if serves {
            self.end_session(&remote, refusal.to_string());
        }
        self.swarm.close_connection(connection);
        if let Some((culprit, offence)) = offence {
            self.charge(culprit, offence);
        }
    }

    /// Counts and logs why somebody is turned away. The log tells of one peer and reason once in a while only: a
    /// wrongly configured peer comes back every second.
    pub(super) fn note_refusal(&mut self, peer: PeerId, address: &Multiaddr, refusal: &Refusal) {
        self.shared.counters.refused(refusal);
        let now = Instant::now();
        self.told
            .retain(|_, at| now.duration_since(*at) < TELL_AGAIN);
        let told_before = self.told.contains_key(&(peer, refusal.name()));
        // Told again when the peer goes down, and no fault of the peer.
        let minor = matches!(
            refusal,
            Refusal::Banned(_) | Refusal::Silent(_) | Refusal::Lane { .. }
        );
        if minor || told_before || self.told.len() >= MOST_TOLD {
            tracing::debug!(%peer, %address, %refusal, "connection ends");
            return;
        }
        self.told.insert((peer, refusal.name()), now);
        match refusal {
            Refusal::OwnKey(_) => tracing::error!(%peer, %address, %refusal, "peer refused"),
            _ => tracing::warn!(%peer, %address, %refusal, "peer refused"),
        }
    }
}
