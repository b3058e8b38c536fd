//! How each validator behaves, as seen from here, and what is found about it.
//!
//! A pure structure: events of engine and network come in with their time, findings come out. The specification's
//! names stand for these parts of the security layer:
//!
//! | specification             | here                                                                       |
//! |---------------------------|----------------------------------------------------------------------------|
//! | `DetectByzantineBehavior` | [`Conduct`] with [`Conduct::tick`]; proofs of the engine (protocol section 6) |
//! | `UpdateValidatorScores`   | [`Standing::score`], for operators. Who leads is never decided by it: that is a fold over headers (protocol section 7), because what one node saw is not what another saw |
//! | `MitigateAttacks`         | reports to the reputation of peers, with rates and bans; the engine's own bounds |
//! | `LogSecurityEvents`       | the audit log, alerts, metrics and events                                   |
//!
//! Nobody is named for what this node may have caused itself: counts must stand out from the other validators'
//! counts, votes are judged at heights that were decided here, and a validator is only accused of withholding where
//! it was connected all the time and says that it has the block. A finding needs many bad heights or messages, ends
//! with few, and holds for half a minute at least.

mod fault;
mod judging;
#[cfg(test)]
mod tests;
mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use neo_consensus::View;
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{Height, PublicKey, ValidatorIndex};

pub use self::fault::Fault;
use self::fault::{Counted, HOLDS};
pub use self::watched::Totals;
use self::watched::Watched;

/// Heights that are watched at a time; the oldest are judged no more.
const MAX_HEIGHTS: usize = 256;
/// How long after a block is stored its votes are waited for.
const GRACE: Duration = Duration::from_secs(2);
/// How far a message may be above what f+1 validators have stored.
const FAR: u32 = 8;
/// A message so far below what its sender has long stored is a repetition.
const OLD: u32 = 2;
/// Over which the rates of validators are compared.
const PERIOD: Duration = Duration::from_secs(5);
/// A rate below this is no flood, whatever the others do: 400 messages a second.
const BUSY: u64 = 2_000;
/// How far a rate has to exceed the others'.
const MANY_TIMES: u64 = 8;

/// What was seen at one height.
#[derive(Clone, Debug, Default)]
struct Seen {
    opened: Duration,
    decided: Option<Duration>,
    stored: Option<Duration>,
    voted: BTreeSet<usize>,
    commits: BTreeMap<usize, Duration>,
    /// Who leads which view.
    leaders: BTreeMap<View, usize>,
}

/// A finding begins to hold, or does not hold any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The validator.
    pub validator: ValidatorIndex,
    /// Its key.
    pub key: PublicKey,
    /// What it does.
    pub fault: Fault,
    /// Whether that begins or ends.
    pub active: bool,
    /// What was counted.
    pub detail: String,
}

/// How a validator stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Standing {
    /// Its index.
    pub index: u8,
    /// Its key.
    pub publickey: PublicKey,
    /// 0 to 100: the share of the last heights at which it did well, less 25 for each finding that no honest
    /// validator causes.
    pub score: u32,
    /// What is found about it now.
    pub findings: Vec<Fault>,
    /// Totals since the start.
    #[serde(flatten)]
    pub totals: Totals,
}

/// The conduct of all validators but this node itself.
#[derive(Clone, Debug)]
pub struct Conduct {
    keys: Vec<PublicKey>,
    /// First height that these validators vote on, as far as is known.
    begins: Height,
    own_key: Option<PublicKey>,
    own: Option<usize>,
    watched: Vec<Watched>,
    heights: BTreeMap<Height, Seen>,
    stored: Height,
    findings: BTreeMap<(usize, Fault), Duration>,
    period: Duration,
}

impl Conduct {
    /// Nothing is known. `keys` are the validators in their order.
    #[must_use]
    pub fn new(keys: Vec<PublicKey>, own: Option<&PublicKey>) -> Self {
        Self {
            begins: Height(0),
            own: keys.iter().position(|key| Some(key) == own),
            own_key: own.cloned(),
            watched: vec![Watched::default(); keys.len()],
            keys,
            heights: BTreeMap::new(),
            stored: Height(0),
            findings: BTreeMap::new(),
            period: Duration::ZERO,
        }
    }

    /// From this height on these validators vote, in their order. What was seen of those who stay is kept. Findings
    /// about those who leave end, and what is still to be judged of heights below is not: its votes name others.
    pub fn elected(&mut self, height: Height, keys: Vec<PublicKey>) -> Vec<Change> {
        if keys == self.keys {
            return Vec::new();
        }
        let former = std::mem::replace(&mut self.keys, keys);
        let places: Vec<Option<usize>> = former.iter().map(|key| self.index(key)).collect();
        let mut watched = vec![Watched::default(); self.keys.len()];
        for (known, place) in std::mem::take(&mut self.watched).into_iter().zip(&places) {
            if let Some(seat) = place.and_then(|place| watched.get_mut(place)) {
                *seat = known;
            }
        }
        self.watched = watched;
        let mut ended = Vec::new();
        for ((at, fault), since) in std::mem::take(&mut self.findings) {
            match places.get(at).copied().flatten() {
                Some(place) => {
                    self.findings.insert((place, fault), since);
                }
                None => ended.extend(change(&former, at, fault, false, String::new())),
            }
        }
        self.heights = self.heights.split_off(&height);
        self.begins = height;
        self.own = self
            .own_key
            .as_ref()
            .and_then(|key| self.keys.iter().position(|known| known == key));
        ended
    }

    /// The index of a validator at a height of those that vote now.
    #[must_use]
    pub fn index_at(&self, height: Height, key: &PublicKey) -> Option<ValidatorIndex> {
        let index = self.index(key).filter(|_| height >= self.begins)?;
        u8::try_from(index).ok().map(ValidatorIndex)
    }

    fn index(&self, key: &PublicKey) -> Option<usize> {
        self.keys.iter().position(|known| known == key)
    }

    fn of(&mut self, key: &PublicKey) -> Option<&mut Watched> {
        let index = self.index(key)?;
        self.watched.get_mut(index)
    }

    /// The connection to a validator came up, with its round trip, or went down or quiet.
    pub fn connected(&mut self, now: Duration, key: &PublicKey, round_trip: Option<Duration>) {
        let Some(watched) = self.of(key) else { return };
        match round_trip {
            None => watched.connected = None,
            Some(round_trip) => {
                watched.connected.get_or_insert(now);
                if !round_trip.is_zero() {
                    watched.round_trip = round_trip;
                }
            }
        }
    }

    /// A validator says that it has stored this height.
    pub fn status(&mut self, now: Duration, key: &PublicKey, stored: Height) {
        if let Some(watched) = self.of(key) {
            watched.status(now, stored);
        }
    }

    /// A message came over a validator's connection, unchecked. `relayed` says that it is another's, passed on.
    pub fn received(&mut self, now: Duration, from: &PublicKey, message: &Message, relayed: bool) {
        let Some(index) = self.index(from) else {
            return;
        };
        self.note_vote(now, message);
        if let Payload::RecoveryMessage(recovery) = &message.payload {
            recovery
                .messages
                .iter()
                .for_each(|nested| self.note_vote(now, nested));
        }
        if relayed {
            return;
        }
        let highest = self.plausible();
        let Some(watched) = self.watched.get_mut(index) else {
            return;
        };
        watched.recent = watched.recent.saturating_add(1);
        watched.totals.messages = watched.totals.messages.saturating_add(1);
        // Answers speak of the asker's height.
        let own = usize::from(message.sender.0) == index;
        let answer = matches!(message.payload, Payload::RecoveryMessage(_));
        if own && message.height.0 > highest.0.saturating_add(FAR) {
            watched.count(now, Counted::Future);
        } else if !answer && message.height.0.saturating_add(OLD) <= watched.settled(now).0 {
            watched.count(now, Counted::Stale);
        }
    }

    /// Bytes came over a validator's connection that are no message.
    pub fn undecodable(&mut self, now: Duration, from: &PublicKey, relayed: bool) {
        self.refuse(now, from, Counted::Garbage, relayed);
    }

    /// Parts of a message of a validator did not verify.
    pub fn refused(&mut self, now: Duration, from: &PublicKey, parts: usize, relayed: bool) {
        for _ in 0..parts.min(16) {
            self.refuse(now, from, Counted::Signatures, relayed);
        }
    }

    fn refuse(&mut self, now: Duration, from: &PublicKey, what: Counted, relayed: bool) {
        if relayed {
            return;
        }
        if let Some(watched) = self.of(from) {
            watched.count(now, what);
            watched.totals.refused = watched.totals.refused.saturating_add(1);
        }
    }

    /// A height was opened.
    pub fn opened(&mut self, now: Duration, height: Height) {
        if self.heights.len() >= MAX_HEIGHTS {
            self.heights.pop_first();
        }
        let seen = self.heights.entry(height).or_default();
        seen.opened = now;
    }

    /// A view of an open height has this leader.
    pub fn leads(&mut self, height: Height, view: View, leader: ValidatorIndex) {
        if let Some(seen) = self.heights.get_mut(&height) {
            seen.leaders.insert(view, usize::from(leader.0));
            if seen.leaders.len() > 16 {
                seen.leaders.pop_first();
            }
        }
    }

    /// A view above 0 began: the one below it failed.
    pub fn view_entered(&mut self, height: Height, view: View) {
        let Some(below) = view.0.checked_sub(1).map(View) else {
            return;
        };
        let leader = self
            .heights
            .get(&height)
            .and_then(|seen| Some((seen.opened, *seen.leaders.get(&below)?)));
        let Some((opened, leader)) = leader else {
            return;
        };
        if let Some(watched) = self.watched.get_mut(leader)
            && watched.connected.is_some_and(|since| since <= opened)
        {
            watched.led(true);
        }
    }

    /// A block of a view was refused here.
    pub fn block_refused(&mut self, now: Duration, height: Height) {
        let leader = self
            .heights
            .get(&height)
            .and_then(|seen| seen.leaders.last_key_value())
            .map(|(_, leader)| *leader);
        if let Some(watched) = leader.and_then(|leader| self.watched.get_mut(leader)) {
            watched.count(now, Counted::Proposals);
        }
    }

    /// A block was decided here in this view.
    pub fn decided(&mut self, now: Duration, height: Height, view: View) {
        let Some(seen) = self.heights.get_mut(&height) else {
            return;
        };
        if seen.decided.is_some() {
            return;
        }
        seen.decided = Some(now);
        let leader = seen.leaders.get(&view).copied();
        if let Some(watched) = leader.and_then(|leader| self.watched.get_mut(leader)) {
            watched.led(false);
        }
    }

    /// A block was stored here.
    pub fn stored(&mut self, now: Duration, height: Height) {
        self.stored = self.stored.max(height);
        for (_, seen) in self.heights.range_mut(..=height) {
            seen.stored.get_or_insert(now);
        }
    }

    /// A proof convicts a validator.
    pub fn convicted(&mut self, now: Duration, culprit: &PublicKey) {
        if let Some(watched) = self.of(culprit) {
            watched.count(now, Counted::Proofs);
        }
    }

    fn note_vote(&mut self, now: Duration, message: &Message) {
        let sender = usize::from(message.sender.0);
        // Heights of former validators are not there any more.
        let Some(seen) = self.heights.get_mut(&message.height) else {
            return;
        };
        if sender >= self.keys.len() {
            return;
        }
        match message.kind() {
            MessageKind::Commit => {
                seen.commits.entry(sender).or_insert(now);
            }
            MessageKind::Proposal | MessageKind::Prepare | MessageKind::PreCommit => {
                seen.voted.insert(sender);
            }
            _ => {}
        }
    }

    /// The greatest height that f+1 validators, this one among them, say they have stored.
    fn plausible(&self) -> Height {
        let own = self.own;
        let mut stored: Vec<_> = self
            .watched
            .iter()
            .enumerate()
            .map(|(index, watched)| match Some(index) == own {
                true => self.stored,
                false => watched.stored(),
            })
            .collect();
        stored.sort_unstable_by(|one, other| other.cmp(one));
        let faulty = self.keys.len().saturating_sub(1) / 3;
        let agreed = stored.get(faulty).copied().unwrap_or_default();
        agreed.max(self.stored)
    }

    /// Judges what has come due, and tells which findings begin or end. To be called about once a second.
    pub fn tick(&mut self, now: Duration) -> Vec<Change> {
        self.judge_heights(now);
        self.compare_rates(now);
        let found = self.find(now);
        let mut changes = Vec::new();
        for (at, fault, detail) in &found {
            if let std::collections::btree_map::Entry::Vacant(place) =
                self.findings.entry((*at, *fault))
            {
                place.insert(now);
                changes.extend(change(&self.keys, *at, *fault, true, detail.clone()));
            }
        }
        let ended: Vec<_> = self
            .findings
            .iter()
            .filter(|((at, fault), since)| {
                now.saturating_sub(**since) >= HOLDS && self.is_over(now, *at, *fault)
            })
            .map(|(key, _)| *key)
            .collect();
        for (at, fault) in ended {
            self.findings.remove(&(at, fault));
            changes.extend(change(&self.keys, at, fault, false, String::new()));
        }
        changes
    }

    /// How all validators but this node stand.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        let others = self.keys.iter().zip(&self.watched).enumerate();
        others
            .filter(|(at, _)| Some(*at) != self.own)
            .filter_map(|(at, (key, watched))| {
                let findings: Vec<_> = self
                    .findings
                    .keys()
                    .filter(|(accused, _)| *accused == at)
                    .map(|(_, fault)| *fault)
                    .collect();
                Some(Standing {
                    index: u8::try_from(at).ok()?,
                    publickey: key.clone(),
                    score: score(watched, &findings),
                    findings,
                    totals: watched.totals,
                })
            })
            .collect()
    }

    /// What is found now.
    #[must_use]
    pub fn findings(&self) -> Vec<(ValidatorIndex, Fault)> {
        let keys = self.findings.keys();
        keys.filter_map(|(at, fault)| Some((ValidatorIndex(u8::try_from(*at).ok()?), *fault)))
            .collect()
    }
}

fn change(
    keys: &[PublicKey],
    at: usize,
    fault: Fault,
    active: bool,
    detail: String,
) -> Option<Change> {
    Some(Change {
        validator: ValidatorIndex(u8::try_from(at).ok()?),
        key: keys.get(at)?.clone(),
        fault,
        active,
        detail,
    })
}

fn score(watched: &Watched, findings: &[Fault]) -> u32 {
    let judged = watched.verdicts.len().max(1);
    let good = match watched.verdicts.is_empty() {
        true => 1,
        false => watched.verdicts_of(watched::Verdict::Good),
    };
    let share = u32::try_from(good * 100 / judged).unwrap_or(0);
    let attacks = findings
        .iter()
        .filter(|fault| !fault.may_be_honest())
        .count();
    share.saturating_sub(
        u32::try_from(attacks)
            .unwrap_or(u32::MAX)
            .saturating_mul(25),
    )
}
