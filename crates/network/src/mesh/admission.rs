//! Who is accepted, and on which of its connections.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use libp2p::{PeerId, swarm::ConnectionId};
use neo_primitives::PublicKey;
use tokio::sync::oneshot;

use super::{Mesh, Session, link::Ending};
use crate::{
    duplicates::{Pair, Verdict, judge},
    error::Refusal,
    hello::Hello,
    peer::{Peer, Place},
    queue::PeerQueue,
    tasks::Report,
};

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
            Report::Offence(offence) => self.on_offence(connection, offence),
            Report::Cut(refusal) => self.cut(connection, refusal),
        }
    }

    /// Decides on a remote whose hello is in order and proves `key`.
    pub(super) fn admit(
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
        let now_us = self.shared.clock.now_us();
        // The end of a ban is told before who was banned is back.
        self.release_bans(now_us);
        let proven = key.as_ref().filter(|_| is_validator);
        let banned = self
            .shared
            .reputations
            .lock()
            .banned(proven, &remote, &place.address, now_us);
        if let Some(remaining) = banned {
            return Err(Refusal::Banned(remaining));
        }
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
    pub(super) fn take_place(
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

    pub(super) fn begin_session(
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
        let meters = match &key {
            Some(key) => self.meters.entry(key.clone()).or_default().clone(),
            None => Arc::default(),
        };
        let peer = Arc::new(Peer::new(
            remote,
            number,
            key,
            hello.instance,
            hello.agent.clone(),
            PeerQueue::new(limits.queue_bytes, limits.queue_items),
            place,
            (hello.height, hello.tip),
            meters,
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
    pub(super) fn displace(&mut self, key: &PublicKey, by: &PeerId) {
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

    pub(super) fn strangers(&self) -> usize {
        let directory = self.shared.directory.read();
        self.sessions
            .values()
            .filter(|session| !directory.is_validator(&session.peer))
            .count()
    }

    /// Leaves a connection readable for a while, then closes it.
    pub(super) fn linger(&mut self, connection: ConnectionId) {
        if let Some(link) = self.links.get_mut(&connection) {
            link.ending = Some((Instant::now() + self.shared.timing.linger, Ending::Linger));
        }
    }
}
