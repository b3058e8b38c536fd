//! The task that owns the swarm: who is connected, and with what rights.
//!
//! A connection goes through these states:
//!
//! | state | enters it by | then |
//! |---|---|---|
//! | greeting | transport handshake | both sides open the control lane and send their hello |
//! | accepted | the remote's hello is in order and wins against other connections to it | we send our role |
//! | mutual | the remote's role arrives: it has accepted us | bulk lane; `PeerUp`; consensus lane if both are validators |
//! | lingering | another connection to the peer won, or this one is refused | still read for a while, then closed |
//! | closed | either side, silence, or an offence | `PeerDown` if it was the peer's only one |
//!
//! Messages do not pass through this task: the lane tasks take them from queues and give them to the node.

mod admission;
mod connections;
mod dialing;
mod judging;
mod lane_tasks;
mod link;
mod refusals;
mod requests;
mod roles;
mod surroundings;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm, connection_limits, request_response,
    swarm::{ConnectionId, NetworkBehaviour, SwarmEvent},
};
use neo_primitives::{Magic, PublicKey, UInt256};
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, sleep_until},
};

use crate::{
    config::HelloSigner,
    dialer::{Dialer, TargetId},
    gates::Gates,
    handle::Command,
    lanes::Lanes,
    peer::Peer,
    rates::Meters,
    shared::Shared,
    sync_codec::SyncCodec,
    tasks::Report,
};
use link::Link;
use requests::Requests;

/// How often bans are looked through and the surroundings looked at, whatever happens.
const LOOK: Duration = Duration::from_millis(100);

/// What the swarm does for us.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) gates: Gates,
    pub(crate) lanes: Lanes,
    pub(crate) sync: request_response::Behaviour<SyncCodec>,
}

/// An accepted peer and the connection that serves it.
struct Session {
    peer: Arc<Peer>,
    connection: ConnectionId,
    up: bool,
}

pub(crate) struct Mesh {
    pub(crate) swarm: Swarm<Behaviour>,
    pub(crate) shared: Arc<Shared>,
    magic: Magic,
    genesis: UInt256,
    agent: String,
    /// Random for this start, see [`crate::hello::Hello`].
    instance: u64,
    signer: Option<Arc<dyn HelloSigner>>,
    links: HashMap<ConnectionId, Link>,
    sessions: HashMap<PeerId, Session>,
    next_session: u32,
    dialer: Dialer,
    /// Dials that have not reached anybody yet.
    dials: HashMap<ConnectionId, (TargetId, Multiaddr)>,
    /// What validators have sent lately, kept over their connections.
    meters: HashMap<PublicKey, Arc<Meters>>,
    /// When everybody is dialled again because of a partition.
    redial_at: Option<Instant>,
    /// Refusals that the log has told of lately.
    told: HashMap<(PeerId, &'static str), Instant>,
    requests: Requests,
    reports: mpsc::Receiver<(ConnectionId, Report)>,
    /// Kept so that connections can be given one; the channel never closes.
    reporter: mpsc::Sender<(ConnectionId, Report)>,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Addresses that look-ups found.
    found: mpsc::Receiver<(TargetId, Vec<Multiaddr>)>,
    finder: mpsc::Sender<(TargetId, Vec<Multiaddr>)>,
    /// Listeners that are not ready yet.
    awaited_listeners: usize,
    listening: watch::Sender<Vec<Multiaddr>>,
}

/// What [`Mesh::new`] needs beside the swarm.
pub(crate) struct MeshParts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) magic: Magic,
    pub(crate) genesis: UInt256,
    pub(crate) agent: String,
    pub(crate) signer: Option<Arc<dyn HelloSigner>>,
    pub(crate) dialer: Dialer,
    pub(crate) commands: mpsc::UnboundedReceiver<Command>,
    pub(crate) listeners: usize,
    pub(crate) listening: watch::Sender<Vec<Multiaddr>>,
}

impl Mesh {
    pub(crate) fn new(swarm: Swarm<Behaviour>, parts: MeshParts) -> Self {
        let (reporter, reports) = mpsc::channel(1024);
        let (finder, found) = mpsc::channel(64);
        Self {
            swarm,
            shared: parts.shared,
            magic: parts.magic,
            genesis: parts.genesis,
            agent: parts.agent,
            instance: rand::random(),
            signer: parts.signer,
            links: HashMap::new(),
            sessions: HashMap::new(),
            next_session: 1,
            dialer: parts.dialer,
            dials: HashMap::new(),
            meters: HashMap::new(),
            redial_at: None,
            told: HashMap::new(),
            requests: Requests::default(),
            reports,
            reporter,
            commands: parts.commands,
            found,
            finder,
            awaited_listeners: parts.listeners,
            listening: parts.listening,
        }
    }

    /// Runs until [`Command::ShutDown`], or until every handle is gone.
    pub(crate) async fn run(mut self) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let done = loop {
            self.dial_due();
            self.end_due();
            let wake = self.next_wake();
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm(event),
                Some((connection, report)) = self.reports.recv() => self.on_report(connection, report),
                Some((target, addresses)) = self.found.recv() => {
                    self.dialer.resolved(target, addresses, Instant::now(), rand::random());
                }
                command = self.commands.recv() => match command {
                    None => break None,
                    Some(Command::ShutDown(done)) => break Some(done),
                    Some(command) => self.on_command(command),
                },
                _ = look.tick() => {
                    self.release_bans(self.shared.clock.now_us());
                    self.look_around();
                }
                () = sleep_until(wake.into()) => {}
            }
        };
        self.close_all().await;
        if let Some(done) = done {
            // Nobody may be waiting any more.
            let _: Result<(), ()> = done.send(());
        }
    }

    fn next_wake(&self) -> Instant {
        let endings = self
            .links
            .values()
            .filter_map(|link| link.ending.map(|(at, _)| at));
        let next = endings.chain(self.dialer.due()).min();
        next.unwrap_or_else(|| Instant::now() + Duration::from_secs(60))
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Request {
                peer,
                request,
                answer,
            } => self.ask(peer, request, answer),
            Command::Respond {
                reply,
                response,
                length,
            } => self.respond(reply, response, length),
            Command::SetValidators(validators) => self.set_validators(validators),
            Command::RedialNow => self.dialer.hurry(Instant::now()),
            Command::Disconnect(who) => {
                let id = self.shared.directory.read().find(&who).map(|peer| peer.id);
                if let Some(session) = id.and_then(|id| self.sessions.get(&id)) {
                    self.swarm.close_connection(session.connection);
                }
            }
            Command::Report(who, offence) => self.on_reported(who, offence),
            Command::ShutDown(done) => {
                let _: Result<(), ()> = done.send(());
            }
        }
    }

    /// Closes every connection and lets the transports say so.
    async fn close_all(&mut self) {
        let connections: Vec<_> = self.links.keys().copied().collect();
        for connection in connections {
            self.swarm.close_connection(connection);
        }
        let deadline = tokio::time::sleep(Duration::from_millis(500));
        tokio::pin!(deadline);
        while !self.links.is_empty() {
            tokio::select! {
                event = self.swarm.select_next_some() => {
                    if let SwarmEvent::ConnectionClosed { connection_id, .. } = event {
                        self.on_closed(connection_id, "shut down".to_owned());
                    }
                }
                () = &mut deadline => break,
            }
        }
    }

    /// Our validator key, whether or not it is one of the current ones.
    fn own_key(&self) -> Option<&PublicKey> {
        self.signer.as_ref().map(|signer| signer.public_key())
    }
}
