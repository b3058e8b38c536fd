//! What several Byzantine validators agree on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use neo_consensus::View;
use neo_consensus::v3::Message;
use neo_primitives::{BlockBody, Height, PublicKey, UInt256};
use parking_lot::Mutex;

/// Heights that an agreement remembers.
const KEPT_HEIGHTS: usize = 4;
/// Blocks of one height that accomplices share.
const KEPT_BODIES: usize = 16;

/// A handle to what accomplices share; clones share the same. One validator alone has its own.
///
/// They share who they are, into which halves the others fall, and the blocks that they support
/// towards each half. They do not share keys.
#[derive(Clone, Debug, Default)]
pub struct Collusion(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    members: BTreeSet<PublicKey>,
    heights: BTreeMap<Height, Plot>,
}

/// One height of an agreement.
#[derive(Debug, Default)]
struct Plot {
    pairs: BTreeMap<View, [Message; 2]>,
    bodies: BTreeMap<UInt256, Arc<BlockBody>>,
}

/// Half of the honest validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Half {
    /// Gets the block of the honest engine.
    First,
    /// Gets the other one.
    Second,
}

impl Half {
    /// Its place in a pair.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }
}

impl Collusion {
    /// An agreement without members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a validator in.
    pub fn join(&self, member: &PublicKey) {
        self.0.lock().members.insert(member.clone());
    }

    /// Whether a validator is in it.
    #[must_use]
    pub fn has(&self, key: &PublicKey) -> bool {
        self.0.lock().members.contains(key)
    }

    /// Number of members.
    #[must_use]
    pub fn members(&self) -> usize {
        self.0.lock().members.len()
    }

    /// The half of a validator among all `keys` of its height: those outside the agreement fall
    /// into two halves by turns, in index order.
    #[must_use]
    pub fn half(&self, keys: &[PublicKey], of: &PublicKey) -> Half {
        let shared = self.0.lock();
        let before = keys
            .iter()
            .take_while(|key| *key != of)
            .filter(|key| !shared.members.contains(*key))
            .count();
        if before % 2 == 0 {
            Half::First
        } else {
            Half::Second
        }
    }

    /// Notes that two proposals of one view are supported, each towards its half. The first pair stays.
    pub fn support(&self, height: Height, view: View, pair: [Message; 2]) {
        let mut shared = self.0.lock();
        shared.plot(height).pairs.entry(view).or_insert(pair);
    }

    /// The two proposals supported in a view.
    #[must_use]
    pub fn supported(&self, height: Height, view: View) -> Option<[Message; 2]> {
        let shared = self.0.lock();
        shared.heights.get(&height)?.pairs.get(&view).cloned()
    }

    /// All pairs of a height.
    #[must_use]
    pub fn pairs(&self, height: Height) -> Vec<(View, [Message; 2])> {
        let shared = self.0.lock();
        let plot = shared.heights.get(&height);
        plot.into_iter()
            .flat_map(|plot| plot.pairs.iter())
            .map(|(view, pair)| (*view, pair.clone()))
            .collect()
    }

    /// Shares a body that no honest engine made.
    pub fn share_body(&self, body: &Arc<BlockBody>) {
        let mut shared = self.0.lock();
        let plot = shared.plot(body.header.index);
        if plot.bodies.len() < KEPT_BODIES {
            plot.bodies.insert(body.hash(), Arc::clone(body));
        }
    }

    /// A shared body.
    #[must_use]
    pub fn body(&self, hash: &UInt256) -> Option<Arc<BlockBody>> {
        let shared = self.0.lock();
        let found = shared
            .heights
            .values()
            .find_map(|plot| plot.bodies.get(hash));
        found.cloned()
    }
}

impl Shared {
    fn plot(&mut self, height: Height) -> &mut Plot {
        if !self.heights.contains_key(&height) && self.heights.len() >= KEPT_HEIGHTS {
            self.heights.pop_first();
        }
        self.heights.entry(height).or_default()
    }
}
