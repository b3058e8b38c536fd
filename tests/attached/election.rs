//! Who is elected, by the rules of Neo N3's NEO contract, counted from what this test did to it and from nothing else.
//!
//! With each block whose height is a multiple of the committee's size the committee is elected anew, from the state
//! that the block below left. Candidates go by their votes, then by key; too few candidates, or voters with less than
//! a fifth of all NEO, and the standby committee is back. The first of the committee validate.

use std::collections::{BTreeMap, BTreeSet};

use neo_primitives::PublicKey;

/// All NEO there is.
const NEO: u64 = 100_000_000;

/// Something that changes who is elected.
#[derive(Clone, Debug)]
pub enum Deed {
    /// An account gets NEO. It does not vote yet.
    Fund { account: PublicKey, neo: u64 },
    /// A key becomes a candidate.
    Register(PublicKey),
    /// An account votes with all its NEO.
    Vote {
        account: PublicKey,
        candidate: PublicKey,
    },
}

/// The state of the NEO contract that elections follow from.
pub struct Election {
    standby: Vec<PublicKey>,
    validators: usize,
    neo: BTreeMap<PublicKey, u64>,
    candidates: BTreeSet<PublicKey>,
    votes: BTreeMap<PublicKey, PublicKey>,
    committee: Vec<PublicKey>,
}

impl Election {
    /// Before the first block.
    pub fn new(standby: &[PublicKey], validators: usize) -> Self {
        Self {
            standby: standby.to_vec(),
            validators,
            neo: BTreeMap::new(),
            candidates: BTreeSet::new(),
            votes: BTreeMap::new(),
            committee: standby.to_vec(),
        }
    }

    /// Whether the committee is elected anew with this block.
    pub fn is_due(&self, height: u32) -> bool {
        (height as usize).is_multiple_of(self.standby.len())
    }

    /// Elects.
    pub fn elect(&mut self) {
        let with = |voter: &PublicKey| self.neo.get(voter).copied().unwrap_or(0);
        let turnout: u64 = self.votes.keys().map(with).sum();
        let size = self.standby.len();
        if turnout * 5 < NEO || self.candidates.len() < size {
            self.committee = self.standby.clone();
            return;
        }
        let votes = |candidate: &PublicKey| -> u64 {
            let voters = self.votes.iter().filter(|(_, chosen)| *chosen == candidate);
            voters.map(|(voter, _)| with(voter)).sum()
        };
        // The set gives them by key.
        let mut ranked: Vec<PublicKey> = self.candidates.iter().cloned().collect();
        ranked.sort_by_key(|candidate| std::cmp::Reverse(votes(candidate)));
        ranked.truncate(size);
        self.committee = ranked;
    }

    /// A transaction of a block has done this.
    pub fn apply(&mut self, deed: &Deed) {
        match deed.clone() {
            Deed::Fund { account, neo } => *self.neo.entry(account).or_default() += neo,
            Deed::Register(key) => {
                self.candidates.insert(key);
            }
            Deed::Vote { account, candidate } => {
                self.votes.insert(account, candidate);
            }
        }
    }

    /// The committee, by key.
    pub fn committee(&self) -> Vec<PublicKey> {
        let mut keys = self.committee.clone();
        keys.sort();
        keys
    }

    /// The validators of the next block, by key.
    pub fn validators(&self) -> Vec<PublicKey> {
        let mut keys = self.committee[..self.validators].to_vec();
        keys.sort();
        keys
    }
}
