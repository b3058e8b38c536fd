//! Gives each substream of a connection its task.

use libp2p::{Multiaddr, PeerId, Stream, swarm::ConnectionId};
use tokio::sync::oneshot;

use super::Mesh;
use crate::{
    error::Refusal,
    hello::{Greeting, HELLO_VERSION, Hello, MAX_LISTEN, peer_binding},
    lanes::{Lane, LaneEvent},
    tasks::{
        ControlReader, ControlWriter, Reporter, read_control, read_lane, write_control, write_lane,
    },
};

impl Mesh {
    pub(super) fn on_lane(&mut self, connection: ConnectionId, event: LaneEvent) {
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

    pub(super) fn reporter(&self, connection: ConnectionId) -> Reporter {
        Reporter {
            connection,
            reports: self.reporter.clone(),
        }
    }

    pub(super) fn on_incoming_lane(
        &mut self,
        connection: ConnectionId,
        lane: Lane,
        stream: Stream,
    ) {
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

    pub(super) fn on_opened_lane(&mut self, connection: ConnectionId, lane: Lane, stream: Stream) {
        let reporter = self.reporter(connection);
        let greeting = match lane {
            Lane::Control => self
                .links
                .get(&connection)
                .map(|link| self.greeting(&link.remote)),
            Lane::Express | Lane::Bulk => None,
        };
        let Some(link) = self.links.get_mut(&connection) else {
            return;
        };
        if let Some(greeting) = greeting {
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
                greeting: Some(greeting),
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
    pub(super) fn greeting(&self, remote: &PeerId) -> Greeting {
        let (height, tip) = *self.shared.status.borrow();
        let own = &self.shared.own_id;
        let proof = self.signer.as_ref().map(|signer| {
            let binding = peer_binding(self.magic, own, remote);
            (signer.public_key().clone(), signer.prove(binding))
        });
        let hello = Hello {
            magic: self.magic,
            version: HELLO_VERSION,
            genesis: self.genesis,
            instance: self.instance,
            height,
            tip,
            proof: None,
            listen: self
                .swarm
                .listeners()
                .take(MAX_LISTEN)
                .map(Multiaddr::to_vec)
                .collect(),
            agent: self.agent.clone(),
        };
        Greeting { hello, proof }
    }
}
