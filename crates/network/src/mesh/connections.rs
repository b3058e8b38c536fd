//! Connections come and go.

use std::time::Instant;

use libp2p::{
    Multiaddr, PeerId,
    core::ConnectedPoint,
    swarm::{ConnectionId, SwarmEvent},
};

use super::{
    Behaviour, BehaviourEvent, Mesh,
    link::{Ending, Link},
};
use crate::{
    address, error::Refusal, event::NetworkEvent, lanes::Lane, metrics::increment, peer::Place,
};

type Event = SwarmEvent<<Behaviour as libp2p::swarm::NetworkBehaviour>::ToSwarm>;

impl Mesh {
    pub(super) fn on_swarm(&mut self, event: Event) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Lanes((connection, event))) => {
                self.on_lane(connection, event)
            }
            SwarmEvent::Behaviour(BehaviourEvent::Sync(event)) => self.on_sync(event),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                self.on_established(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed {
                connection_id,
                cause,
                ..
            } => {
                let reason = cause.map_or_else(|| "closed".to_owned(), |cause| cause.to_string());
                self.on_closed(connection_id, reason);
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                error,
                ..
            } => self.on_dial_error(connection_id, &error),
            SwarmEvent::IncomingConnectionError {
                send_back_addr,
                error,
                ..
            } => {
                tracing::debug!(address = %send_back_addr, %error, "incoming connection failed");
            }
            SwarmEvent::NewListenAddr { address, .. } => self.on_listening(address),
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "listener"),
            SwarmEvent::ListenerClosed {
                addresses, reason, ..
            } => {
                tracing::error!(?addresses, ?reason, "listener ended");
            }
            _ => {}
        }
    }

    pub(super) fn on_listening(&mut self, address: Multiaddr) {
        tracing::info!(%address, "listening");
        self.awaited_listeners = self.awaited_listeners.saturating_sub(1);
        if self.awaited_listeners == 0 {
            let mut addresses: Vec<_> = self.swarm.listeners().cloned().collect();
            addresses.sort_by_key(address::quic_first);
            self.listening.send_replace(addresses);
        }
    }

    pub(super) fn on_established(
        &mut self,
        remote: PeerId,
        connection: ConnectionId,
        endpoint: &ConnectedPoint,
    ) {
        let target = self.dials.remove(&connection);
        let now = Instant::now();
        let now_us = self.shared.clock.now_us();
        let banned = self.shared.reputations.lock().banned_id(&remote, now_us);
        if let Some(remaining) = banned {
            self.note_refusal(
                remote,
                endpoint.get_remote_address(),
                &Refusal::Banned(remaining),
            );
            self.swarm.close_connection(connection);
            if let Some((target, _)) = target {
                self.dialer.failed(target, now, rand::random());
            }
            return;
        }
        let place = Place {
            address: endpoint.get_remote_address().clone(),
            outgoing: endpoint.is_dialer(),
        };
        let target = target.map(|(target, address)| {
            self.dialer.worked(target, address);
            target
        });
        let mut link = Link::new(
            remote,
            place,
            target,
            now + self.shared.timing.hello_timeout,
        );
        link.first_asked(Lane::Control);
        self.links.insert(connection, link);
        self.swarm
            .behaviour_mut()
            .lanes
            .open(remote, connection, Lane::Control);
    }

    pub(super) fn on_closed(&mut self, connection: ConnectionId, reason: String) {
        let Some(link) = self.links.remove(&connection) else {
            return;
        };
        if let Some(target) = link.target {
            // Does nothing if the peer is up by now.
            self.dialer.failed(target, Instant::now(), rand::random());
        }
        if self
            .sessions
            .get(&link.remote)
            .is_some_and(|session| session.connection == connection)
        {
            self.end_session(&link.remote, reason);
        }
    }

    /// Ends connections whose last moment has come.
    pub(super) fn end_due(&mut self) {
        let now = Instant::now();
        let due: Vec<_> = self
            .links
            .iter()
            .filter_map(|(connection, link)| {
                link.ending
                    .filter(|(at, _)| *at <= now)
                    .map(|(_, ending)| (*connection, ending))
            })
            .collect();
        for (connection, ending) in due {
            match ending {
                Ending::Hello => self.cut(
                    connection,
                    Refusal::HelloTimeout(self.shared.timing.hello_timeout),
                ),
                Ending::Linger => {
                    if let Some(link) = self.links.get_mut(&connection) {
                        link.ending = None;
                    }
                    self.swarm.close_connection(connection);
                }
            }
        }
    }

    /// Ends a session and tells the node if it was up.
    pub(super) fn end_session(&mut self, id: &PeerId, reason: String) {
        let Some(session) = self.sessions.remove(id) else {
            return;
        };
        self.shared.directory.write().remove(id);
        self.remember(&session.peer);
        let key = session.peer.key.clone();
        self.dialer
            .lost(id, key.as_ref(), Instant::now(), rand::random());
        self.requests.forget(id);
        if session.up {
            increment(&self.shared.counters.peers_down);
            tracing::info!(peer = %id, validator = key.as_ref().map(tracing::field::display), %reason, "peer down");
            // Closed only when the node does not listen any more.
            let _ = self
                .shared
                .events
                .connectivity
                .send(NetworkEvent::PeerDown {
                    peer: *id,
                    validator: key,
                    reason,
                });
        }
        self.look_around();
    }
}
