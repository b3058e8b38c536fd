//! When to dial whom. Pure: the mesh dials and tells what came of it.

use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId};
use neo_primitives::PublicKey;

use crate::address::{Endpoint, PeerAddress};

/// Position of a target; stays the same as long as the network runs.
pub(crate) type TargetId = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To be dialled at that time.
    Waiting(Instant),
    /// Its names are being looked up, or a dial or a hello is under way.
    Busy,
    /// Connected by whichever side.
    Connected,
    /// It is ourselves, or it is not wanted any more.
    Done,
}

/// A peer that is dialled for ever.
#[derive(Debug)]
struct Target {
    endpoints: Vec<Endpoint>,
    key: Option<PublicKey>,
    peer: Option<PeerId>,
    /// Found in a hello, not configured.
    learned: bool,
    state: State,
    backoff: Duration,
    /// Addresses not yet tried in this round, the next one last.
    untried: Vec<Multiaddr>,
    /// The address that worked last.
    good: Option<Multiaddr>,
}

/// What the mesh has to do for a target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Look up these endpoints and give them to [`Dialer::resolved`].
    Resolve(TargetId, Vec<Endpoint>),
    /// Dial this address.
    Dial(TargetId, Multiaddr),
}

/// All targets.
#[derive(Debug)]
pub(crate) struct Dialer {
    targets: Vec<Target>,
    least: Duration,
    most: Duration,
    /// Most targets that are dialled at a time.
    at_a_time: usize,
}

/// Most targets that hellos may add.
const MOST_LEARNED: usize = 255;

impl Dialer {
    pub(crate) fn new(
        peers: Vec<PeerAddress>,
        least: Duration,
        most: Duration,
        at_a_time: usize,
        now: Instant,
    ) -> Self {
        let target = |peer: PeerAddress| {
            Target::new(
                peer.addresses,
                peer.public_key,
                None,
                false,
                State::Waiting(now),
                least,
            )
        };
        Self {
            targets: peers.into_iter().map(target).collect(),
            least,
            most,
            at_a_time: at_a_time.max(1),
        }
    }

    /// How many more may be dialled now. Handshakes that are all begun at once on a machine that cannot carry them all
    /// time out together, and are begun again together.
    fn room(&self) -> usize {
        let busy = self.targets.iter().filter(|t| t.state == State::Busy);
        self.at_a_time.saturating_sub(busy.count())
    }

    /// Remembers where a validator that came to us can be reached, unless it is a target already.
    pub(crate) fn learn(&mut self, key: &PublicKey, peer: PeerId, addresses: Vec<Multiaddr>) {
        if addresses.is_empty() {
            return;
        }
        let endpoints: Vec<_> = addresses.into_iter().map(Endpoint::Multiaddr).collect();
        let known = self
            .targets
            .iter_mut()
            .find(|t| t.peer == Some(peer) || t.key.as_ref() == Some(key));
        match known {
            Some(target) if target.learned => {
                target.endpoints = endpoints;
                target.peer = Some(peer);
                target.state = State::Connected;
            }
            Some(_) => {}
            None => {
                let free = self
                    .targets
                    .iter()
                    .position(|t| t.learned && t.state == State::Done);
                let learned = self.targets.iter().filter(|t| t.learned).count();
                let target = Target::new(
                    endpoints,
                    Some(key.clone()),
                    Some(peer),
                    true,
                    State::Connected,
                    self.least,
                );
                match free.and_then(|free| self.targets.get_mut(free)) {
                    Some(free) => *free = target,
                    None if learned < MOST_LEARNED => self.targets.push(target),
                    None => {}
                }
            }
        }
    }

    /// Stops dialling learned targets whose key does not satisfy `wanted`.
    pub(crate) fn forget_unless(&mut self, wanted: impl Fn(&PublicKey) -> bool) {
        for target in self.targets.iter_mut().filter(|t| t.learned) {
            if !target.key.as_ref().is_some_and(&wanted) {
                target.state = State::Done;
                target.key = None;
                target.peer = None;
            }
        }
    }

    /// Whom a dial reached.
    pub(crate) fn identified(&mut self, id: TargetId, peer: PeerId) {
        if let Some(target) = self.targets.get_mut(id) {
            target.peer = Some(peer);
        }
    }

    /// The dial of this address reached its peer; it is tried first from now on.
    pub(crate) fn worked(&mut self, id: TargetId, address: Multiaddr) {
        if let Some(target) = self.targets.get_mut(id) {
            target.good = Some(address);
        }
    }

    /// A peer is up: nobody dials it.
    pub(crate) fn connected(&mut self, peer: &PeerId, key: Option<&PublicKey>) {
        let least = self.least;
        for target in self.targets.iter_mut().filter(|t| t.is(peer, key)) {
            target.state = State::Connected;
            target.backoff = least;
            target.untried.clear();
        }
    }

    /// A peer went down: it is dialled soon. `jitter` in 0..1 spreads the dials of many nodes.
    pub(crate) fn lost(
        &mut self,
        peer: &PeerId,
        key: Option<&PublicKey>,
        now: Instant,
        jitter: f64,
    ) {
        let wait = self.least.mul_f64(jitter);
        for target in self
            .targets
            .iter_mut()
            .filter(|t| t.is(peer, key) && t.state != State::Done)
        {
            target.state = State::Waiting(now + wait);
        }
    }

    /// The dial, or the connection it made, came to nothing: the next address is tried at once, a new round later.
    pub(crate) fn failed(&mut self, id: TargetId, now: Instant, jitter: f64) {
        let most = self.most;
        let Some(target) = self.targets.get_mut(id).filter(|t| t.state == State::Busy) else {
            return;
        };
        if !target.untried.is_empty() {
            target.state = State::Waiting(now);
            return;
        }
        target.state = State::Waiting(now + target.backoff.mul_f64(1.0 + jitter / 4.0));
        target.backoff = target.backoff.saturating_mul(2).min(most);
    }

    /// The target is ourselves.
    pub(crate) fn is_self(&mut self, id: TargetId) {
        if let Some(target) = self.targets.get_mut(id) {
            target.state = State::Done;
        }
    }

    /// The addresses that a look-up found.
    pub(crate) fn resolved(
        &mut self,
        id: TargetId,
        mut addresses: Vec<Multiaddr>,
        now: Instant,
        jitter: f64,
    ) {
        let Some(target) = self.targets.get_mut(id).filter(|t| t.state == State::Busy) else {
            return;
        };
        addresses.reverse();
        if let Some(good) = target.good.clone().filter(|good| addresses.contains(good)) {
            addresses.retain(|a| *a != good);
            addresses.push(good);
        }
        target.untried = addresses;
        self.failed(id, now, jitter);
    }

    /// Makes every target that waits due now.
    pub(crate) fn hurry(&mut self, now: Instant) {
        let least = self.least;
        for target in &mut self.targets {
            if matches!(target.state, State::Waiting(_)) {
                target.state = State::Waiting(now);
                target.backoff = least;
            }
        }
    }

    /// When something is next to be done; with as many dials under way as there may be, when one of them has ended.
    pub(crate) fn due(&self) -> Option<Instant> {
        if self.room() == 0 {
            return None;
        }
        let waiting = self.targets.iter().filter_map(|t| match t.state {
            State::Waiting(at) => Some(at),
            _ => None,
        });
        waiting.min()
    }

    /// What is to be done now. Targets for which `connected` says so are left alone.
    pub(crate) fn steps(
        &mut self,
        now: Instant,
        connected: impl Fn(Option<&PeerId>, Option<&PublicKey>) -> bool,
    ) -> Vec<Step> {
        let mut room = self.room();
        let mut steps = Vec::new();
        for (id, target) in self.targets.iter_mut().enumerate() {
            match target.state {
                State::Waiting(at) if at <= now => {}
                _ => continue,
            }
            if connected(target.peer.as_ref(), target.key.as_ref()) {
                target.state = State::Connected;
                target.untried.clear();
                continue;
            }
            if room == 0 {
                continue;
            }
            room -= 1;
            target.state = State::Busy;
            steps.push(match target.untried.pop() {
                Some(address) => Step::Dial(id, address),
                None => Step::Resolve(id, target.endpoints.clone()),
            });
        }
        steps
    }
}

impl Target {
    fn new(
        endpoints: Vec<Endpoint>,
        key: Option<PublicKey>,
        peer: Option<PeerId>,
        learned: bool,
        state: State,
        backoff: Duration,
    ) -> Self {
        Self {
            endpoints,
            key,
            peer,
            learned,
            state,
            backoff,
            untried: Vec::new(),
            good: None,
        }
    }

    fn is(&self, peer: &PeerId, key: Option<&PublicKey>) -> bool {
        self.peer.as_ref() == Some(peer) || (key.is_some() && self.key.as_ref() == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_millis(50);
    const MOST: Duration = Duration::from_secs(1);

    fn address(n: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{n}").parse().unwrap()
    }

    fn dialer(now: Instant) -> Dialer {
        Dialer::new(
            vec![PeerAddress::at("127.0.0.1:1".parse().unwrap())],
            LEAST,
            MOST,
            2,
            now,
        )
    }

    fn nobody(_: Option<&PeerId>, _: Option<&PublicKey>) -> bool {
        false
    }

    /// Runs one whole round that fails; returns when the next begins.
    fn fail_round(dialer: &mut Dialer, at: Instant) -> Instant {
        assert!(matches!(
            dialer.steps(at, nobody)[..],
            [Step::Resolve(0, _)]
        ));
        dialer.resolved(0, vec![address(1), address(2)], at, 0.0);
        assert_eq!(dialer.steps(at, nobody), [Step::Dial(0, address(1))]);
        dialer.failed(0, at, 0.0);
        assert_eq!(dialer.steps(at, nobody), [Step::Dial(0, address(2))]);
        dialer.failed(0, at, 0.0);
        assert!(dialer.steps(at, nobody).is_empty());
        dialer.due().unwrap()
    }

    #[test]
    fn waits_double_up_to_their_limit_and_never_end() {
        let mut at = Instant::now();
        let mut dialer = dialer(at);
        let mut waits = Vec::new();
        for _ in 0..8 {
            let next = fail_round(&mut dialer, at);
            waits.push((next - at).as_millis());
            at = next;
        }
        assert_eq!(waits, [50, 100, 200, 400, 800, 1000, 1000, 1000]);
    }

    #[test]
    fn what_worked_is_tried_first_after_a_loss() {
        let now = Instant::now();
        let mut dialer = dialer(now);
        dialer.steps(now, nobody);
        dialer.resolved(0, vec![address(1), address(2)], now, 0.0);
        dialer.steps(now, nobody);
        let peer = PeerId::random();
        dialer.identified(0, peer);
        dialer.worked(0, address(2));
        dialer.connected(&peer, None);
        assert_eq!(dialer.due(), None);
        dialer.lost(&peer, None, now, 0.5);
        assert_eq!(dialer.due(), Some(now + LEAST / 2));
        let later = now + LEAST;
        assert!(matches!(
            dialer.steps(later, nobody)[..],
            [Step::Resolve(0, _)]
        ));
        dialer.resolved(0, vec![address(1), address(2)], later, 0.0);
        assert_eq!(dialer.steps(later, nobody), [Step::Dial(0, address(2))]);
    }

    #[test]
    fn a_peer_that_came_by_itself_is_not_dialled() {
        let now = Instant::now();
        let mut dialer = dialer(now);
        assert!(dialer.steps(now, |_, _| true).is_empty());
        assert_eq!(dialer.due(), None);
    }

    #[test]
    fn an_operator_in_a_hurry_ends_the_wait() {
        let mut at = Instant::now();
        let mut dialer = dialer(at);
        for _ in 0..5 {
            at = fail_round(&mut dialer, at);
        }
        let early = at - Duration::from_millis(500);
        assert!(dialer.steps(early, nobody).is_empty());
        dialer.hurry(early);
        assert_eq!(dialer.steps(early, nobody).len(), 1);
    }

    #[test]
    fn no_more_are_dialled_at_a_time_than_there_may_be_and_all_get_their_turn() {
        let now = Instant::now();
        let at = |port: u16| PeerAddress::at(format!("127.0.0.1:{port}").parse().unwrap());
        let mut dialer = Dialer::new((1..=5).map(at).collect(), LEAST, MOST, 2, now);
        let ids = |steps: &[Step]| -> Vec<TargetId> {
            let id = |step: &Step| match step {
                Step::Resolve(id, _) | Step::Dial(id, _) => *id,
            };
            steps.iter().map(id).collect()
        };
        assert_eq!(ids(&dialer.steps(now, nobody)), [0, 1]);
        assert!(dialer.steps(now, nobody).is_empty());
        assert_eq!(
            dialer.due(),
            None,
            "nothing is to be done until one has ended"
        );
        dialer.failed(0, now, 0.0);
        assert_eq!(dialer.due(), Some(now));
        assert_eq!(
            ids(&dialer.steps(now, nobody)),
            [2],
            "not the same one again"
        );
        dialer.identified(1, PeerId::random());
        let peer = dialer.targets[1].peer.unwrap();
        dialer.connected(&peer, None);
        assert_eq!(ids(&dialer.steps(now, nobody)), [3]);
    }

    #[test]
    fn a_validator_is_remembered_until_it_is_none() {
        let now = Instant::now();
        let mut dialer = Dialer::new(Vec::new(), LEAST, MOST, 2, now);
        let key = neo_primitives::PrivateKey::generate().public_key().clone();
        let peer = PeerId::random();
        dialer.learn(&key, peer, vec![address(3)]);
        assert_eq!(dialer.due(), None);
        dialer.lost(&peer, None, now, 0.0);
        assert_eq!(dialer.due(), Some(now));
        dialer.forget_unless(|_| false);
        assert_eq!(dialer.due(), None);
        dialer.lost(&peer, Some(&key), now, 0.0);
        assert_eq!(dialer.due(), None);
    }
}
