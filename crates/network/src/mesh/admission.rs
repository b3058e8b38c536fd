//! Who is accepted, as what, and for how long.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};
use neo_primitives::PublicKey;
use tokio::sync::oneshot;

use super::{Mesh, Session, link::Ending};
use crate::{
    duplicates::{Pair, Verdict, judge},
    error::Refusal,
    event::NetworkEvent,
    hello::Hello,
    lanes::Lane,
    metrics::increment,
    peer::{Peer, Place},
    queue::PeerQueue,
    tasks::Report,
};

/// For how long, in microseconds, stray consensus messages of a former validator are forgiven.
const GRACE_US: u64 = 10_000_000;
/// The same refusal of the same peer is logged again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(30);
/// Different refusals that are logged within that time.
const MOST_TOLD: usize = 256;

impl Mesh {
    pub(super) fn on_report(&mut self, connection: ConnectionId, report: Report) {
        match report {
            Report::Hello {
                hello,
                key,
                verdict,
            } => {
                if let Err(refusal) = self.admit(connection, &hello, key, verdict) {
                    self.cut(connection, refusal);
                }
            }
            Report::Role { consensus } => self.on_role(connection, consensus),
            Report::Cut(refusal) => self.cut(connection, refusal),
        }
    }

    /// Decides on a remote whose hello is in order and proves `key`.
    fn admit(
        &mut self,
        connection: ConnectionId,
        hello: &Hello,
        key: Option<PublicKey>,
        verdict: oneshot::Sender<Arc<Peer>>,
    ) -> Result<(), Refusal> {
        let Some(link) = self.links.get(&connection) else {
            return Ok(());
        };
        let (remote, place, target) = (link.remote, link.place.clone(), link.target);
        if let Some(target) = target {
            self.dialer.identified(target, remote);
        }
        if let Some(key) = key.as_ref().filter(|key| self.own_key() == Some(*key)) {
            return Err(Refusal::OwnKey(key.clone()));
        }
        let is_validator = key
            .as_ref()
            .is_some_and(|key| self.shared.directory.read().validators.contains(key));
        if !is_validator && !self.sessions.contains_key(&remote) {
            let strangers = self.strangers();
            if strangers >= self.shared.limits.max_strangers {
                return Err(Refusal::TooManyStrangers(strangers));
            }
        }
        if let Some(key) = key.as_ref().filter(|_| is_validator) {
            self.displace(key, &remote);
            if !place.outgoing {
                let addresses = Self::dialable(&hello.listen, &place.address);
                self.dialer.learn(key, remote, addresses);
            }
        }
        let Some(peer) = self.take_place(connection, hello, key, remote, place) else {
            self.linger(connection);
            if let Some(session) = self.sessions.get(&remote).filter(|session| session.up) {
                self.dialer.connected(&remote, session.peer.key.as_ref());
            }
            return Ok(());
        };
        let welcome = is_validator
            && self
                .own_key()
                .is_some_and(|own| self.shared.directory.read().validators.contains(own));
        peer.welcome.store(welcome, Relaxed);
        peer.heard(self.shared.clock.now_us());
        if let Some(link) = self.links.get_mut(&connection) {
            let by = Instant::now() + self.shared.timing.hello_timeout;
            link.ending = Some((by, Ending::Hello));
            link.peer = Some(peer.clone());
            link.role.send_replace(welcome);
            // A task that does not listen any more has ended with its connection.
            if let Some(accept) = link.accepted.take() {
                drop(accept.send(peer.clone()));
            }
            drop(verdict.send(peer));
        }
        self.read_early_lanes(connection);
        Ok(())
    }

    /// The peer that the connection serves from now on; `None` if an older connection stays.
    fn take_place(
        &mut self,
        connection: ConnectionId,
        hello: &Hello,
        key: Option<PublicKey>,
        remote: PeerId,
        place: Place,
    ) -> Option<Arc<Peer>> {
        let Some(session) = self.sessions.get_mut(&remote) else {
            return Some(self.begin_session(connection, hello, key, remote, place));
        };
        let older_lives =
            session.peer.silent(self.shared.clock.now_us()) < 3 * self.shared.timing.heartbeat;
        let pair = Pair {
            own: self.shared.own_id,
            remote,
            same_start: session.peer.instance == hello.instance && session.peer.key == key,
            outgoing: (session.peer.place.lock().outgoing, place.outgoing),
            older_lives,
        };
        let older = session.connection;
        match judge(pair) {
            Verdict::Refuse => None,
            Verdict::TakeOver => {
                session.connection = connection;
                *session.peer.place.lock() = place;
                let peer = session.peer.clone();
                if let Some(link) = self.links.get(&older) {
                    link.retired.send_replace(true);
                }
                self.linger(older);
                Some(peer)
            }
            Verdict::Restarted => {
                self.end_session(&remote, "it restarted".to_owned());
                self.swarm.close_connection(older);
                Some(self.begin_session(connection, hello, key, remote, place))
            }
        }
    }

    fn begin_session(
        &mut self,
        connection: ConnectionId,
        hello: &Hello,
        key: Option<PublicKey>,
        remote: PeerId,
        place: Place,
    ) -> Arc<Peer> {
        let number = self.next_session;
        self.next_session = self.next_session.checked_add(1).unwrap_or(1);
        let limits = &self.shared.limits;
        let peer = Arc::new(Peer::new(
            remote,
            number,
            key,
            hello.instance,
            hello.agent.clone(),
            PeerQueue::new(limits.queue_bytes, limits.queue_items),
            place,
            (hello.height, hello.tip),
            self.shared.clock.now_us(),
        ));
        self.sessions.insert(
            remote,
            Session {
                peer: peer.clone(),
                connection,
                up: false,
            },
        );
        peer
    }

    /// A validator key belongs to one peer id, the one that proved it last.
    fn displace(&mut self, key: &PublicKey, by: &PeerId) {
        let former = self
            .sessions
            .values()
            .find(|session| session.peer.key.as_ref() == Some(key) && session.peer.id != *by);
        if let Some((former, connection)) =
            former.map(|session| (session.peer.id, session.connection))
        {
            tracing::warn!(validator = %key, %former, now = %by, "a validator changed its peer id");
            self.end_session(&former, format!("its validator is now {by}"));
            self.swarm.close_connection(connection);
        }
    }

    fn strangers(&self) -> usize {
        let directory = self.shared.directory.read();
        self.sessions
            .values()
            .filter(|session| !directory.is_validator(&session.peer))
            .count()
    }

    /// Leaves a connection readable for a while, then closes it.
    fn linger(&mut self, connection: ConnectionId) {
        if let Some(link) = self.links.get_mut(&connection) {
            link.ending = Some((Instant::now() + self.shared.timing.linger, Ending::Linger));
        }
    }

    /// The remote has accepted us, or changes its mind about our consensus messages.
    fn on_role(&mut self, connection: ConnectionId, consensus: bool) {
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
            return;
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
    }

    /// Asks for the lanes that both sides want and that are not open yet.
    fn open_lanes(&mut self, connection: ConnectionId) {
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
    }

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
        if refusal.is_offence() {
            increment(&self.shared.counters.bans);
            self.bans
                .add(remote, Instant::now() + self.shared.timing.ban);
        }
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
