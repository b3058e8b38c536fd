//! Byzantine validators of dBFT 2.0: what one of f may do to a network of the older protocol.
//!
//! As with [`Adversary`](crate::Adversary), a [`Liar`] stands around an honest engine, has the signer of its
//! own key and of no other, and is a function of its seed and the moments it is called at.

mod forging;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use neo_consensus::ValidatorSet;
use neo_consensus::engine::{LedgerEvent, Recipient};
use neo_consensus::v2::{Body, Kind, Message};
use neo_primitives::{BlockBody, Magic, PublicKey, UInt256, ValidatorIndex};

use crate::random::Random;
use crate::{Content, Interference, Outgoing, Reaction, Surroundings};

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attack {
    /// As primary, a valid block for one half of the validators and a twin with another nonce for the other.
    EquivocateProposals,
    /// No PrepareRequest, PrepareResponse or Commit.
    WithholdVotes,
    /// No Commit.
    WithholdCommits,
    /// RecoveryMessages with preparations, ChangeViews and Commits that nobody has signed.
    ForgeRecovery,
    /// ChangeViews all the time, and yet preparations and Commits.
    ForceViewChanges,
    /// Bytes that are no message.
    Garbage,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::EquivocateProposals,
        Self::WithholdVotes,
        Self::WithholdCommits,
        Self::ForgeRecovery,
        Self::ForceViewChanges,
        Self::Garbage,
    ];

    /// Its name, in kebab case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EquivocateProposals => "equivocate-proposals",
            Self::WithholdVotes => "withhold-votes",
            Self::WithholdCommits => "withhold-commits",
            Self::ForgeRecovery => "forge-recovery",
            Self::ForceViewChanges => "force-view-changes",
            Self::Garbage => "garbage",
        }
    }
}

/// A name that no attack has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no attack on dBFT 2.0, known are {known}", known = Attack::ALL.map(Attack::name).join(", "))]
pub struct UnknownAttack(String);

impl FromStr for Attack {
    type Err = UnknownAttack;

    fn from_str(name: &str) -> Result<Self, UnknownAttack> {
        let known = Self::ALL.into_iter().find(|attack| attack.name() == name);
        known.ok_or_else(|| UnknownAttack(name.to_owned()))
    }
}

/// Between two lies of its own accord, in calls of [`Interference::tick`].
const LIES: u32 = 8;

/// What it knows of the open height.
struct Seen {
    magic: Magic,
    validators: Arc<ValidatorSet>,
    own: ValidatorIndex,
    height: neo_primitives::Height,
    /// The greatest view of its own messages.
    view: u8,
    request: Option<Message>,
}

/// A Byzantine validator's will.
pub struct Liar {
    attacks: Vec<Attack>,
    random: Random,
    seen: Option<Seen>,
    ticks: u32,
}

impl fmt::Debug for Liar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Liar")
            .field("attacks", &self.attacks)
            .finish_non_exhaustive()
    }
}

impl Liar {
    /// All these attacks at once.
    #[must_use]
    pub fn new(attacks: &[Attack], seed: u64) -> Self {
        Self {
            attacks: attacks.to_vec(),
            random: Random::new(seed),
            seen: None,
            ticks: 0,
        }
    }

    /// One or two attacks that the seed picks.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let count = 1 + random.below(2);
        let picked: Vec<_> = (0..count)
            .filter_map(|_| random.pick(&Attack::ALL).copied())
            .collect();
        Self::new(&picked, random.next())
    }

    fn does(&self, attack: Attack) -> bool {
        self.attacks.contains(&attack)
    }

    /// A proposal for the one half of the validators, and its twin for the other.
    fn equivocate(
        &self,
        around: &Surroundings<'_>,
        message: &Message,
    ) -> Option<Vec<Outgoing<Message>>> {
        let seen = self.seen.as_ref()?;
        let twin = forging::twin(message, around, seen.magic)?;
        let all = seen.validators.keys().iter().enumerate();
        let sent = all.filter(|(_, key)| *key != around.own).map(|(at, key)| {
            let chosen = if at % 2 == 0 { message } else { &twin };
            Outgoing::message(Recipient::One(key.clone()), chosen.clone())
        });
        Some(sent.collect())
    }

    fn note(&mut self, message: &Message) {
        let Some(seen) = self.seen.as_mut() else {
            return;
        };
        if message.height() != seen.height {
            return;
        }
        if matches!(message.content().body, Body::PrepareRequest(_)) {
            seen.request = Some(message.clone());
        }
        if message.validator() == seen.own {
            seen.view = seen.view.max(message.view());
        }
    }
}

impl Interference<Message> for Liar {
    fn learn(&mut self, own: &PublicKey, event: &LedgerEvent) {
        if let LedgerEvent::Opened(info) = event {
            let own = info.validators.index_of(own);
            self.seen = own.map(|own| Seen {
                magic: info.magic,
                validators: Arc::clone(&info.validators),
                own,
                height: info.height,
                view: 0,
                request: None,
            });
        }
    }

    fn outgoing(
        &mut self,
        around: &Surroundings<'_>,
        outgoing: Vec<Outgoing<Message>>,
    ) -> Vec<Outgoing<Message>> {
        let mut sent = Vec::with_capacity(outgoing.len());
        for one in outgoing {
            let Content::Message(message) = &one.content else {
                sent.push(one);
                continue;
            };
            self.note(message);
            let withheld = match message.kind() {
                Kind::Commit => {
                    self.does(Attack::WithholdCommits) || self.does(Attack::WithholdVotes)
                }
                Kind::PrepareRequest | Kind::PrepareResponse => self.does(Attack::WithholdVotes),
                // A Commit or preparation inside would be as good as one by itself.
                Kind::RecoveryMessage => {
                    self.does(Attack::WithholdCommits) || self.does(Attack::WithholdVotes)
                }
                Kind::ChangeView | Kind::RecoveryRequest => false,
            };
            if withheld {
                continue;
            }
            let twins = (message.kind() == Kind::PrepareRequest
                && self.does(Attack::EquivocateProposals))
            .then(|| self.equivocate(around, message))
            .flatten();
            match twins {
                Some(twins) => sent.extend(twins),
                None => sent.push(one),
            }
        }
        sent
    }

    fn incoming(
        &mut self,
        _around: &Surroundings<'_>,
        _from: &PublicKey,
        message: &Message,
    ) -> Reaction<Message> {
        self.note(message);
        Reaction::keep()
    }

    fn body(
        &mut self,
        _around: &Surroundings<'_>,
        _asker: &PublicKey,
        _hash: &UInt256,
        held: Option<Arc<BlockBody>>,
    ) -> Option<Arc<BlockBody>> {
        held
    }

    fn tick(&mut self, around: &Surroundings<'_>) -> Vec<Outgoing<Message>> {
        self.ticks = self.ticks.wrapping_add(1);
        let Some(seen) = self
            .seen
            .as_ref()
            .filter(|_| self.ticks.is_multiple_of(LIES))
        else {
            return Vec::new();
        };
        let mut contents = Vec::new();
        if self.attacks.contains(&Attack::ForgeRecovery) {
            let set = (seen.own, seen.validators.as_ref());
            let at = (seen.height, seen.view);
            let request = seen.request.as_ref();
            contents.push(forging::recovery(at, set, request, &mut self.random));
        }
        if self.attacks.contains(&Attack::ForceViewChanges) {
            contents.push(forging::change_view(
                (seen.height, seen.view),
                seen.own,
                around.now,
            ));
        }
        let mut sent: Vec<_> = contents
            .into_iter()
            .filter_map(|content| forging::sign(&content, around, seen.magic))
            .map(|message| Outgoing::message(Recipient::All, message))
            .collect();
        if self.attacks.contains(&Attack::Garbage) {
            let length = self.random.below(200);
            let bytes = (0..length).map(|_| u8::try_from(self.random.below(256)).unwrap_or(0));
            let bytes: Vec<u8> = bytes.collect();
            sent.push(Outgoing::bytes(Recipient::All, bytes));
        }
        sent
    }
}

#[cfg(test)]
mod tests;
