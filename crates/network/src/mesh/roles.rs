//! Who has a consensus lane: both sides say so, and it changes with the validators.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use libp2p::swarm::ConnectionId;
use neo_primitives::PublicKey;

use super::{Mesh, link::Ending};
use crate::{event::NetworkEvent, lanes::Lane, metrics::increment, peer::Place};

/// For how long, in microseconds, stray consensus messages of a former validator are forgiven.
const GRACE_US: u64 = 10_000_000;

impl Mesh {
    /// The remote has accepted us, or changes its mind about our consensus messages.
    pub(super) fn on_role(&mut self, connection: ConnectionId, consensus: bool) {
        let Some(link) = self.links.get_mut(&connection) else {
            return;
        };
        let Some(peer) = link.peer.clone() else {
            return;
        };
        peer.welcomed.store(consensus, Relaxed);
        link.mutual = true;
        link.ending = link.ending.filter(|(_, ending)| *ending != Ending::Hello);
        self.open_lanes(connection);
        let Some(session) = self
            .sessions
            .get_mut(&peer.id)
            .filter(|s| s.connection == connection && !s.up)
        else {
            return self.look_around();
        };
        session.up = true;
        self.dialer.connected(&peer.id, peer.key.as_ref());
        if peer.is_welcome() {
            self.swarm.behaviour_mut().limits.bypass_peer_id(&peer.id);
        }
        self.shared.directory.write().add(peer.clone());
        increment(&self.shared.counters.peers_up);
        let Place { address, outgoing } = peer.place.lock().clone();
        let (height, tip) = *peer.status.lock();
        let validator = peer.key.clone();
        tracing::info!(peer = %peer.id, validator = validator.as_ref().map(tracing::field::display), %address, outgoing, %height, "peer up");
        // Closed only when the node does not listen any more.
        let _ = self.shared.events.connectivity.send(NetworkEvent::PeerUp {
            peer: peer.id,
            validator,
            address,
            height,
            tip,
        });
        self.look_around();
    }

    /// Asks for the lanes that both sides want and that are not open yet.
    pub(super) fn open_lanes(&mut self, connection: ConnectionId) {
        let Some(link) = self.links.get_mut(&connection).filter(|link| link.mutual) else {
            return;
        };
        let Some(peer) = link.peer.clone() else {
            return;
        };
        let wanted = [
            (Lane::Bulk, true),
            (Lane::Express, peer.is_welcome() && peer.is_welcomed()),
        ];
        for (lane, wanted) in wanted {
            if wanted && link.first_asked(lane) {
                self.swarm
                    .behaviour_mut()
                    .lanes
                    .open(peer.id, connection, lane);
            }
        }
    }

    pub(super) fn set_validators(&mut self, validators: Vec<PublicKey>) {
        let validators: HashSet<_> = validators.into_iter().collect();
        self.dialer.forget_unless(|key| validators.contains(key));
        let we_vote = self.own_key().is_some_and(|own| validators.contains(own));
        let mut changed = Vec::new();
        for session in self.sessions.values() {
            let peer = &session.peer;
            let welcome = we_vote
                && peer
                    .key
                    .as_ref()
                    .is_some_and(|key| validators.contains(key));
            if peer.welcome.swap(welcome, Relaxed) == welcome {
                continue;
            }
            if !welcome {
                peer.grace_until_us
                    .store(self.shared.clock.now_us().saturating_add(GRACE_US), Relaxed);
                self.shared.counters.dropped(&peer.queue.drop_consensus());
            }
            changed.push((session.connection, peer.id, welcome));
        }
        self.meters
            .retain(|key, meters| validators.contains(key) || Arc::strong_count(meters) > 1);
        let mut remembered = self.shared.remembered.lock();
        remembered.retain(|key, _| validators.contains(key));
        drop(remembered);
        self.shared.directory.write().validators = validators;
        for (connection, id, welcome) in changed {
            if let Some(link) = self.links.get(&connection) {
                link.role.send_replace(welcome);
            }
            let limits = &mut self.swarm.behaviour_mut().limits;
            match welcome {
                true => limits.bypass_peer_id(&id),
                false => limits.remove_peer_id(&id),
            }
            self.open_lanes(connection);
        }
        self.look_around();
    }
}
