//! Connections come and go; addresses are dialled.

use std::time::Instant;

use libp2p::{
    Multiaddr, PeerId, Stream,
    core::ConnectedPoint,
    multiaddr::Protocol,
    swarm::{ConnectionId, DialError, SwarmEvent},
};
use neo_primitives::Encode;
use tokio::sync::oneshot;

use super::{
    Behaviour, BehaviourEvent, Mesh, dial_options,
    link::{Ending, Link},
};
use crate::{
    address,
    dialer::Step,
    error::{PeerRef, Refusal},
    event::NetworkEvent,
    hello::{HELLO_VERSION, Hello, KeyProof, MAX_LISTEN},
    lanes::{Lane, LaneEvent},
    metrics::increment,
    peer::Place,
    tasks::{
        ControlReader, ControlWriter, Reporter, read_control, read_lane, write_control, write_lane,
    },
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

    fn on_listening(&mut self, address: Multiaddr) {
        tracing::info!(%address, "listening");
        self.awaited_listeners = self.awaited_listeners.saturating_sub(1);
        if self.awaited_listeners == 0 {
            let mut addresses: Vec<_> = self.swarm.listeners().cloned().collect();
            addresses.sort_by_key(address::quic_first);
            self.listening.send_replace(addresses);
        }
    }

    fn on_established(
        &mut self,
        remote: PeerId,
        connection: ConnectionId,
        endpoint: &ConnectedPoint,
    ) {
        let target = self.dials.remove(&connection);
        let now = Instant::now();
        if let Some(remaining) = self.bans.remaining(&remote, now) {
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

    fn on_dial_error(&mut self, connection: ConnectionId, error: &DialError) {
        let Some((target, address)) = self.dials.remove(&connection) else {
            return;
        };
        if let DialError::LocalPeerId { .. } = error {
            tracing::debug!(%address, "a configured peer is ourselves");
            self.dialer.is_self(target);
            return;
        }
        increment(&self.shared.counters.dial_failures);
        tracing::debug!(%address, %error, "dial failed");
        self.dialer.failed(target, Instant::now(), rand::random());
    }

    fn on_lane(&mut self, connection: ConnectionId, event: LaneEvent) {
        if !self.links.contains_key(&connection) {
            return;
        }
        match event {
            LaneEvent::Incoming(lane, stream) => self.on_incoming_lane(connection, lane, stream),
            LaneEvent::Opened(lane, stream) => self.on_opened_lane(connection, lane, stream),
            LaneEvent::Failed(lane, reason) => self.cut(
                connection,
                Refusal::Lane {
                    lane: lane.name(),
                    reason,
                },
            ),
        }
    }

    fn reporter(&self, connection: ConnectionId) -> Reporter {
        Reporter {
            connection,
            reports: self.reporter.clone(),
        }
    }

    fn on_incoming_lane(&mut self, connection: ConnectionId, lane: Lane, stream: Stream) {
        let reporter = self.reporter(connection);
        let Some(link) = self.links.get_mut(&connection) else {
            return;
        };
        if !link.first_incoming(lane) {
            return self.cut(connection, Refusal::SecondLane(lane.name()));
        }
        if lane == Lane::Control {
            let task = ControlReader {
                shared: self.shared.clone(),
                reporter,
                pulse: link.pulse.clone(),
                remote: link.remote,
                magic: self.magic,
                genesis: self.genesis,
            };
            link.own(tokio::spawn(read_control(stream, task)));
        } else if let Some(peer) = link.peer.clone() {
            link.own(tokio::spawn(read_lane(
                lane,
                stream,
                peer,
                self.shared.clone(),
                reporter,
            )));
        } else {
            link.early.push((lane, stream));
        }
    }

    /// Starts reading the lanes that came before the hello.
    pub(super) fn read_early_lanes(&mut self, connection: ConnectionId) {
        let reporter = self.reporter(connection);
        let Some(link) = self.links.get_mut(&connection) else {
            return;
        };
        let Some(peer) = link.peer.clone() else {
            return;
        };
        for (lane, stream) in std::mem::take(&mut link.early) {
            let task = read_lane(
                lane,
                stream,
                peer.clone(),
                self.shared.clone(),
                reporter.clone(),
            );
            link.own(tokio::spawn(task));
        }
    }

    fn on_opened_lane(&mut self, connection: ConnectionId, lane: Lane, stream: Stream) {
        let reporter = self.reporter(connection);
        let hello = match lane {
            Lane::Control => self
                .links
                .get(&connection)
                .map(|link| self.own_hello(&link.remote)),
            Lane::Express | Lane::Bulk => None,
        };
        let Some(link) = self.links.get_mut(&connection) else {
            return;
        };
        if let Some(hello) = hello {
            let (accept, accepted) = oneshot::channel();
            match &link.peer {
                // Nobody listens only if the writer has ended already, and then the connection ends too.
                Some(peer) => drop(accept.send(peer.clone())),
                None => link.accepted = Some(accept),
            }
            let role = link.role.subscribe();
            let shared = self.shared.clone();
            let task = ControlWriter {
                shared,
                reporter,
                pulse: link.pulse.clone(),
                hello: hello.to_bytes(),
                accepted,
                role,
            };
            link.own(tokio::spawn(write_control(stream, task)));
        } else if let Some(peer) = link.peer.clone() {
            let retired = link.retired.subscribe();
            link.own(tokio::spawn(write_lane(
                lane,
                stream,
                peer,
                self.shared.clone(),
                reporter,
                retired,
            )));
        }
    }

    /// What we say first to `remote`.
    fn own_hello(&self, remote: &PeerId) -> Hello {
        let (height, tip) = *self.shared.status.borrow();
        let own = &self.shared.own_id;
        Hello {
            magic: self.magic,
            version: HELLO_VERSION,
            genesis: self.genesis,
            instance: self.instance,
            height,
            tip,
            proof: self
                .signer
                .as_ref()
                .map(|signer| KeyProof::make(signer.as_ref(), self.magic, own, remote)),
            listen: self
                .swarm
                .listeners()
                .take(MAX_LISTEN)
                .map(Multiaddr::to_vec)
                .collect(),
            agent: self.agent.clone(),
        }
    }

    /// Dials and looks up what is due.
    pub(super) fn dial_due(&mut self) {
        let now = Instant::now();
        let sessions = &self.sessions;
        let directory = self.shared.directory.read();
        let steps = self.dialer.steps(now, |peer, key| {
            peer.is_some_and(|peer| sessions.contains_key(peer))
                || key.is_some_and(|key| directory.find(&PeerRef::Validator(key.clone())).is_some())
        });
        drop(directory);
        for step in steps {
            match step {
                Step::Dial(target, address) => {
                    increment(&self.shared.counters.dials);
                    let options = dial_options(&address);
                    self.dials
                        .insert(options.connection_id(), (target, address));
                    let connection = options.connection_id();
                    if let Err(error) = self.swarm.dial(options) {
                        self.on_dial_error(connection, &error);
                    }
                }
                Step::Resolve(target, endpoints) => {
                    let found = self.finder.clone();
                    tokio::spawn(async move {
                        let mut addresses = Vec::new();
                        for endpoint in &endpoints {
                            match address::resolve(endpoint).await {
                                Ok(more) => addresses.extend(more),
                                Err(error) => tracing::debug!(%endpoint, %error, "look-up failed"),
                            }
                        }
                        // Closed only when the mesh has ended.
                        let _ = found.send((target, addresses)).await;
                    });
                }
            }
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

    /// The addresses of a hello as we can dial them: where the peer listens everywhere, at the address that we see.
    pub(super) fn dialable(listen: &[Vec<u8>], seen: &Multiaddr) -> Vec<Multiaddr> {
        let seen = address::ip_of(seen);
        let addresses = listen
            .iter()
            .filter_map(|bytes| Multiaddr::try_from(bytes.clone()).ok());
        let addresses = addresses.filter(|address| address::transport_of(address).is_some());
        let mut dialable: Vec<_> = addresses
            .filter_map(|address| match address.iter().next()? {
                Protocol::Ip4(ip) if ip.is_unspecified() => Some(address::with_ip(&address, seen?)),
                Protocol::Ip6(ip) if ip.is_unspecified() => Some(address::with_ip(&address, seen?)),
                Protocol::Ip4(_) | Protocol::Ip6(_) => Some(address),
                _ => None,
            })
            .collect();
        dialable.sort_by_key(address::quic_first);
        dialable
    }

    /// Ends a session and tells the node if it was up.
    pub(super) fn end_session(&mut self, id: &PeerId, reason: String) {
        let Some(session) = self.sessions.remove(id) else {
            return;
        };
        self.shared.directory.write().remove(id);
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
    }
}
