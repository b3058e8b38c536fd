//! Offences are charged, and whoever has done enough of them is cut off.

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};
use neo_primitives::PublicKey;

use super::{Mesh, link::Link};
use crate::{
    address,
    error::{PeerRef, Refusal},
    event::NetworkEvent,
    metrics::increment,
    reputation::{Ban, Culprit, Offence},
    topology::most_byzantine,
};

impl Mesh {
    /// Whom an offence is held against: a key counts only where it is one of the current validators.
    pub(super) fn culprit(
        &self,
        key: Option<PublicKey>,
        peer: Option<PeerId>,
        address: Option<Multiaddr>,
    ) -> Culprit {
        let directory = self.shared.directory.read();
        Culprit {
            validator: key.filter(|key| directory.validators.contains(key)),
            peer,
            address,
        }
    }

    /// A task has seen an offence that does not end its connection.
    pub(super) fn on_offence(&mut self, connection: ConnectionId, offence: Offence) {
        let Some(link) = self.links.get(&connection) else {
            return;
        };
        let (key, peer) = (link.proven_key(), Some(link.remote));
        let culprit = self.culprit(key, peer, Some(link.place.address.clone()));
        self.charge(culprit, offence);
    }

    /// The node has seen an offence.
    pub(super) fn on_reported(&mut self, who: PeerRef, offence: Offence) {
        let found = self.shared.directory.read().find(&who).cloned();
        let address = found.as_ref().map(|peer| peer.place.lock().address.clone());
        let (key, peer) = match (&found, who) {
            (Some(peer), _) => (peer.key.clone(), Some(peer.id)),
            (None, PeerRef::Peer(peer)) => (None, Some(peer)),
            (None, PeerRef::Validator(key)) => (Some(key), None),
        };
        let culprit = self.culprit(key, peer, address);
        self.charge(culprit, offence);
    }

    /// Notes an offence, tells the node, and cuts off whoever is banned for it.
    pub(super) fn charge(&mut self, culprit: Culprit, offence: Offence) {
        self.shared.counters.offended(offence);
        let now_us = self.shared.clock.now_us();
        let most = most_byzantine(self.shared.directory.read().validators.len());
        let judgement = self
            .shared
            .reputations
            .lock()
            .charge(&culprit, offence, now_us, most);
        if let Some(times) = judgement.tell {
            tracing::debug!(%culprit, %offence, times, score = judgement.score, "offence");
            self.tell(NetworkEvent::Offended {
                culprit: culprit.clone(),
                offence,
                times,
                score: judgement.score,
            });
        }
        if judgement.spared {
            tracing::warn!(%culprit, %offence, banned = most,
                "not banned: as many validators as may be Byzantine are banned already");
        }
        for ban in judgement.bans {
            self.enforce(ban, offence);
        }
    }

    fn enforce(&mut self, ban: Ban, offence: Offence) {
        increment(&self.shared.counters.bans);
        let Ban {
            culprit,
            length,
            number,
        } = ban;
        tracing::warn!(%culprit, %offence, ?length, number, "banned");
        let ip = culprit.address.as_ref().and_then(address::ip_of);
        let directory = self.shared.directory.read();
        let is_his = |link: &Link| {
            let key = link.proven_key();
            let key = key.filter(|key| directory.validators.contains(key));
            match (&culprit.validator, &culprit.peer) {
                (Some(banned), _) => key.as_ref() == Some(banned),
                (None, Some(peer)) => link.remote == *peer,
                (None, None) => key.is_none() && address::ip_of(&link.place.address) == ip,
            }
        };
        let connections: Vec<_> = self
            .links
            .iter()
            .filter(|(_, link)| is_his(link))
            .map(|(connection, link)| (*connection, link.remote))
            .collect();
        drop(directory);
        for (connection, remote) in connections {
            let serves = self
                .sessions
                .get(&remote)
                .is_some_and(|session| session.connection == connection);
            if serves {
                self.end_session(&remote, Refusal::Banned(length).to_string());
            }
            self.swarm.close_connection(connection);
        }
        self.tell(NetworkEvent::Banned {
            culprit,
            offence,
            length,
            number,
        });
    }

    /// Ends bans whose time is over.
    pub(super) fn release_bans(&mut self, now_us: u64) {
        let free = self.shared.reputations.lock().release(now_us);
        for culprit in free {
            tracing::info!(%culprit, "the ban is over");
            self.tell(NetworkEvent::Unbanned { culprit });
        }
    }

    pub(super) fn tell(&self, event: NetworkEvent) {
        // Closed only when the node does not listen any more.
        let _ = self.shared.events.connectivity.send(event);
    }
}
