//! Who can be asked for blocks: what each peer says it has, how it answered so far, and whom to ask next.

use std::collections::BTreeMap;
use std::time::Duration;

use neo_network::PeerId;
use neo_primitives::Height;

/// Questions to one peer at a time. The next one travels while an answer is being made.
const PER_PEER: usize = 2;
/// A peer that did not answer is not asked for this long; it doubles with each further time.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest pause of a peer that does not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A peer that sent what is not true is not asked for this long, whatever the network makes of it.
const PAUSE_OF_LIARS: Duration = Duration::from_secs(120);
/// A peer that had nothing at a height is not asked for it for this long.
const LACKS_FOR: Duration = Duration::from_secs(2);
/// A peer that had nothing is asked whether it has the tip that it claims, at most once in so long.
const PROBE_EVERY: Duration = Duration::from_secs(10);
/// Time that a peer is thought to take before it answered once.
const UNKNOWN_PACE: Duration = Duration::from_millis(100);

/// What is known of one peer.
#[derive(Clone, Debug, Default)]
struct Source {
    /// Greatest height that it says, or that a message of it shows.
    claims: Height,
    /// The height that it says itself, as told last.
    told: Height,
    /// It is being asked for the tip that it claims.
    probing: bool,
    /// When it may be asked for that again.
    next_probe: Duration,
    /// It had nothing at these heights, and is not asked for them until then: its chain may begin above, or not be as
    /// high yet as it says. The window of a plan bounds how many there are.
    lacks: BTreeMap<Height, Duration>,
    under_way: usize,
    /// Questions without an answer since the last answer.
    failures: u32,
    paused_until: Duration,
    /// Time of its last answer.
    pace: Option<Duration>,
    connected: bool,
}

/// All peers. Times are since some moment of the caller's choice.
#[derive(Debug, Default)]
pub(super) struct Sources(BTreeMap<PeerId, Source>);

impl Sources {
    /// The peers that are connected now, with the heights that they claim. What was found out about a peer is kept
    /// while it is away, as long as it is being kept from answering.
    pub(super) fn connected(
        &mut self,
        peers: impl IntoIterator<Item = (PeerId, Height)>,
        now: Duration,
    ) {
        for source in self.0.values_mut() {
            source.connected = false;
        }
        for (peer, height) in peers {
            let source = self.0.entry(peer).or_default();
            source.connected = true;
            source.claims = source.claims.max(height);
            source.told = height;
        }
        self.0.retain(|_, source| {
            source.connected || source.under_way > 0 || source.paused_until > now
        });
    }

    /// Something shows that a peer has this height.
    pub(super) fn shows(&mut self, peer: PeerId, height: Height) {
        if let Some(source) = self.0.get_mut(&peer) {
            source.claims = source.claims.max(height);
        }
    }

    /// Greatest height that a peer who may be asked now claims.
    pub(super) fn best(&self, now: Duration) -> Option<Height> {
        let usable = self.0.values().filter(|source| source.is_usable(now));
        usable.map(|source| source.claims).max()
    }

    /// The height that at least two peers claim, or the only one: what a display should believe.
    pub(super) fn credible(&self) -> Option<Height> {
        let connected = self.0.values().filter(|source| source.connected);
        let mut claims: Vec<_> = connected.map(|source| source.claims).collect();
        claims.sort_unstable_by(|a, b| b.cmp(a));
        claims.get(1).or(claims.first()).copied()
    }

    /// Number of peers that claim to have a height and may be asked.
    pub(super) fn with(&self, height: Height, now: Duration) -> usize {
        let has = |source: &&Source| source.is_usable(now) && source.claims >= height;
        self.0.values().filter(has).count()
    }

    /// Whom to ask for blocks from `start` on: of those that claim to have it the one with the fewest questions under
    /// way, then the quickest.
    pub(super) fn choose(&self, start: Height, not: &[PeerId], now: Duration) -> Option<PeerId> {
        let fits = |(peer, source): &(&PeerId, &Source)| {
            source.is_usable(now)
                && source.claims >= start
                && source.lacks.get(&start).is_none_or(|until| now >= *until)
                && source.under_way < PER_PEER
                && !not.contains(peer)
        };
        let order = |(peer, source): &(&PeerId, &Source)| {
            let pace = source.pace.unwrap_or(UNKNOWN_PACE);
            (source.under_way, source.failures, pace, **peer)
        };
        let best = self.0.iter().filter(fits).min_by_key(order);
        best.map(|(peer, _)| *peer)
    }

    pub(super) fn asked(&mut self, peer: PeerId) {
        if let Some(source) = self.0.get_mut(&peer) {
            source.under_way += 1;
        }
    }

    fn ended(&mut self, peer: PeerId) -> Option<&mut Source> {
        let source = self.0.get_mut(&peer)?;
        source.under_way = source.under_way.saturating_sub(1);
        Some(source)
    }

    /// It answered with blocks, true or not.
    pub(super) fn answered(&mut self, peer: PeerId, took: Duration) {
        if let Some(source) = self.ended(peer) {
            source.failures = 0;
            source.pace = Some(took);
        }
    }

    /// It has no block of this height, although it claims a greater one.
    pub(super) fn had_nothing(&mut self, peer: PeerId, start: Height, now: Duration) {
        if let Some(source) = self.ended(peer) {
            source.lacks.retain(|_, until| now < *until);
            source.lacks.insert(start, now + LACKS_FOR);
        }
    }

    /// The tip to ask a peer for that had nothing at `start`, below it: whoever says that it has a height has its block.
    pub(super) fn probe(&mut self, peer: PeerId, start: Height, now: Duration) -> Option<Height> {
        let source = self.0.get_mut(&peer)?;
        if !source.is_usable(now) || source.told < start || now < source.next_probe {
            return None;
        }
        source.probing = true;
        source.next_probe = now + PROBE_EVERY;
        Some(source.told)
    }

    /// It was asked for the tip that it claims.
    pub(super) fn probed(&mut self, peer: PeerId) {
        if let Some(source) = self.0.get_mut(&peer) {
            source.probing = false;
        }
    }

    /// Whether anybody is being asked for the tip that it claims.
    pub(super) fn is_probing(&self) -> bool {
        self.0.values().any(|source| source.probing)
    }

    /// Nobody waits for an answer any more.
    pub(super) fn all_ended(&mut self) {
        for source in self.0.values_mut() {
            source.under_way = 0;
            source.probing = false;
        }
    }

    /// It did not answer, or refused to.
    pub(super) fn failed(&mut self, peer: PeerId, now: Duration) {
        if let Some(source) = self.ended(peer) {
            let factor = 1_u32 << source.failures.min(5);
            source.failures = source.failures.saturating_add(1);
            source.paused_until = now + PAUSE.saturating_mul(factor).min(LONGEST_PAUSE);
        }
    }

    /// Its answer is not true.
    pub(super) fn lied(&mut self, peer: PeerId, now: Duration) {
        if let Some(source) = self.0.get_mut(&peer) {
            source.failures = source.failures.saturating_add(1);
            source.paused_until = now + PAUSE_OF_LIARS;
        }
    }
}

impl Source {
    fn is_usable(&self, now: Duration) -> bool {
        self.connected && now >= self.paused_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn sources(heights: &[u32]) -> (Sources, Vec<PeerId>) {
        let mut peers: Vec<_> = heights.iter().map(|_| PeerId::random()).collect();
        peers.sort();
        let mut sources = Sources::default();
        let claims = peers
            .iter()
            .copied()
            .zip(heights.iter().copied().map(Height));
        sources.connected(claims, NOW);
        (sources, peers)
    }

    #[test]
    fn questions_go_to_those_who_claim_to_have_the_blocks_and_are_shared_out() {
        let (mut sources, peers) = sources(&[100, 50, 100]);
        assert_eq!(sources.best(NOW), Some(Height(100)));
        assert_eq!(sources.credible(), Some(Height(100)));
        let mut asked = Vec::new();
        while let Some(peer) = sources.choose(Height(60), &[], NOW) {
            sources.asked(peer);
            asked.push(peer);
        }
        assert_eq!(asked, [peers[0], peers[2], peers[0], peers[2]]);
        assert_eq!(sources.choose(Height(10), &[peers[1]], NOW), None);
        // The quicker one comes first where both have as many questions.
        sources.answered(peers[0], Duration::from_millis(90));
        sources.answered(peers[2], Duration::from_millis(10));
        assert_eq!(sources.choose(Height(60), &[], NOW), Some(peers[2]));
    }

    #[test]
    fn one_that_claims_more_than_anybody_is_not_believed_by_the_display() {
        let (sources, _) = sources(&[100, 99, u32::MAX]);
        assert_eq!(sources.best(NOW), Some(Height(u32::MAX)));
        assert_eq!(sources.credible(), Some(Height(100)));
    }

    #[test]
    fn who_fails_pauses_longer_each_time_and_a_liar_at_once_for_long() {
        let (mut sources, peers) = sources(&[9]);
        let mut now = NOW;
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            sources.asked(peers[0]);
            sources.failed(peers[0], now);
            let pause = Duration::from_secs(seconds);
            assert_eq!(sources.choose(Height(1), &[], now + pause / 2), None);
            now += pause;
            assert!(sources.choose(Height(1), &[], now).is_some(), "{seconds}");
        }
        sources.asked(peers[0]);
        sources.answered(peers[0], Duration::ZERO);
        sources.lied(peers[0], now);
        now += Duration::from_secs(119);
        // Going away does not help it.
        sources.connected([], now);
        sources.connected([(peers[0], Height(9))], now);
        assert_eq!(sources.choose(Height(1), &[], now), None);
        assert_eq!(sources.with(Height(1), now), 0);
        now += Duration::from_secs(1);
        assert!(sources.choose(Height(1), &[], now).is_some());
    }

    #[test]
    fn who_has_nothing_somewhere_is_asked_for_other_blocks() {
        let (mut sources, peers) = sources(&[900]);
        sources.asked(peers[0]);
        sources.had_nothing(peers[0], Height(200), NOW);
        assert_eq!(sources.choose(Height(200), &[], NOW), None);
        assert_eq!(sources.choose(Height(1), &[], NOW), Some(peers[0]));
        assert_eq!(sources.choose(Height(201), &[], NOW), Some(peers[0]));
        // It may have been too early to ask.
        assert_eq!(
            sources.choose(Height(200), &[], NOW + LACKS_FOR),
            Some(peers[0])
        );
    }

    #[test]
    fn who_had_nothing_below_its_height_is_asked_for_its_tip_now_and_then() {
        let (mut sources, peers) = sources(&[900]);
        assert_eq!(sources.probe(peers[0], Height(901), NOW), None);
        assert!(!sources.is_probing());
        assert_eq!(sources.probe(peers[0], Height(200), NOW), Some(Height(900)));
        assert!(sources.is_probing());
        sources.probed(peers[0]);
        assert!(!sources.is_probing());
        assert_eq!(sources.probe(peers[0], Height(200), NOW), None);
        // What a message showed is not its own word, and it may have begun anew with less.
        let later = NOW + PROBE_EVERY;
        sources.shows(peers[0], Height(1_000));
        sources.connected([(peers[0], Height(700))], later);
        let tip = sources.probe(peers[0], Height(200), later);
        assert_eq!(tip, Some(Height(700)));
    }

    #[test]
    fn peers_that_are_gone_are_forgotten() {
        let (mut sources, peers) = sources(&[9, 9]);
        sources.asked(peers[0]);
        sources.connected([], NOW);
        assert_eq!(sources.0.len(), 1, "a question is under way");
        sources.answered(peers[0], Duration::ZERO);
        sources.connected([], NOW);
        assert!(sources.0.is_empty());
    }
}
