//! Blocks that are executed and not stored yet.

use std::{collections::HashMap, sync::Arc};

use neo_primitives::{Header, Height, UInt256};

use super::Tip;
use crate::{execution::Executed, state::Layer};

/// Most candidates of one height. When another comes, the oldest that is not decided goes.
const MAX_PER_HEIGHT: usize = 16;

/// The tree of executed blocks above the stored tip.
pub(super) struct Candidates {
    tip: Tip,
    /// Decided blocks above the tip, lowest first.
    decided: Vec<UInt256>,
    blocks: HashMap<UInt256, Candidate>,
    arrivals: u64,
}

/// An executed block.
struct Candidate {
    executed: Arc<Executed>,
    /// It passed every check of a fresh proposal.
    fresh: bool,
    arrival: u64,
}

/// A block that another can stand on, with what is between it and the store.
pub(super) struct Parent {
    pub(super) hash: UInt256,
    pub(super) header: Header,
    pub(super) state_hash: UInt256,
    /// Blocks above the store up to the parent, newest first.
    pub(super) layers: Vec<Arc<Layer>>,
    /// How many of `layers` are not decided; they come first.
    pub(super) undecided: usize,
}

impl Candidates {
    pub(super) fn new(tip: Tip) -> Self {
        Self {
            tip,
            decided: Vec::new(),
            blocks: HashMap::new(),
            arrivals: 0,
        }
    }

    /// The stored tip.
    pub(super) fn tip(&self) -> &Tip {
        &self.tip
    }

    /// Hash of the highest decided block: stored or above.
    pub(super) fn head(&self) -> UInt256 {
        self.decided.last().copied().unwrap_or(self.tip.hash)
    }

    /// Height of the highest decided block.
    pub(super) fn head_height(&self) -> Height {
        let above = u32::try_from(self.decided.len()).unwrap_or(u32::MAX);
        Height(self.tip.signed.header.index.0.saturating_add(above))
    }

    /// The decided block of a height at or above the tip.
    pub(super) fn decided_at(&self, height: Height) -> Option<UInt256> {
        let tip = self.tip.signed.header.index.0;
        match height.0.checked_sub(tip)? {
            0 => Some(self.tip.hash),
            above => self
                .decided
                .get(usize::try_from(above).ok()?.checked_sub(1)?)
                .copied(),
        }
    }

    /// An executed block.
    pub(super) fn get(&self, hash: &UInt256) -> Option<&Arc<Executed>> {
        self.blocks.get(hash).map(|candidate| &candidate.executed)
    }

    /// Whether a block is executed and passed every check of a fresh proposal.
    pub(super) fn is_fresh(&self, hash: &UInt256) -> bool {
        self.blocks
            .get(hash)
            .is_some_and(|candidate| candidate.fresh)
    }

    /// The block passed every check of a fresh proposal.
    pub(super) fn mark_fresh(&mut self, hash: &UInt256) {
        if let Some(candidate) = self.blocks.get_mut(hash) {
            candidate.fresh = true;
        }
    }

    /// The stored tip or an executed block, to stand on. `None` for anything else, also for a block
    /// below the highest decided one: its height is over.
    pub(super) fn parent(&self, hash: &UInt256) -> Option<Parent> {
        let head = self.head();
        let mut layers = Vec::new();
        let mut undecided = 0;
        let mut passed_head = false;
        let mut at = *hash;
        loop {
            if at == head {
                passed_head = true;
                undecided = layers.len();
            }
            if at == self.tip.hash {
                break;
            }
            let executed = self.get(&at)?;
            layers.push(Arc::clone(&executed.layer));
            at = executed.body.header.prev_hash;
        }
        if !passed_head {
            return None;
        }
        let (header, state_hash) = match self.get(hash) {
            Some(executed) => (executed.body.header, executed.state_hash),
            None => (self.tip.signed.header, self.tip.state_hash),
        };
        Some(Parent {
            hash: *hash,
            header,
            state_hash,
            layers,
            undecided,
        })
    }

    /// Layers of the decided blocks above the store, newest first.
    pub(super) fn decided_layers(&self) -> Vec<Arc<Layer>> {
        let layer = |hash: &UInt256| self.get(hash).map(|executed| Arc::clone(&executed.layer));
        self.decided.iter().rev().filter_map(layer).collect()
    }

    /// Keeps an executed block.
    pub(super) fn insert(&mut self, executed: Arc<Executed>, fresh: bool) {
        let height = executed.body.header.index;
        let hash = executed.hash;
        self.arrivals = self.arrivals.saturating_add(1);
        self.blocks.insert(
            hash,
            Candidate {
                executed,
                fresh,
                arrival: self.arrivals,
            },
        );
        let same_height: Vec<_> = self
            .blocks
            .values()
            .filter(|candidate| candidate.executed.body.header.index == height)
            .collect();
        if same_height.len() > MAX_PER_HEIGHT {
            let oldest = same_height
                .iter()
                .filter(|candidate| !self.decided.contains(&candidate.executed.hash))
                .min_by_key(|candidate| candidate.arrival)
                .map(|candidate| candidate.executed.hash);
            if let Some(oldest) = oldest {
                self.blocks.remove(&oldest);
                self.drop_unrooted();
            }
        }
    }

    /// Decides an executed block: what competes with it is dropped. Returns it with the blocks below it
    /// that are decided by this as well, lowest first.
    pub(super) fn decide(&mut self, hash: &UInt256) -> Option<Vec<Arc<Executed>>> {
        let mut newly = Vec::new();
        let head = self.head();
        let mut at = *hash;
        while at != head {
            let executed = self.get(&at)?;
            newly.push(Arc::clone(executed));
            at = executed.body.header.prev_hash;
        }
        newly.reverse();
        self.decided
            .extend(newly.iter().map(|executed| executed.hash));
        self.drop_unrooted();
        Some(newly)
    }

    /// The block above the tip is stored.
    pub(super) fn stored(&mut self, tip: Tip) {
        self.blocks.remove(&tip.hash);
        if self.decided.first() == Some(&tip.hash) {
            self.decided.remove(0);
        } else {
            self.decided.clear();
        }
        self.tip = tip;
        self.drop_unrooted();
    }

    /// Drops blocks that do not stand on the highest decided block. Decided ones stay.
    fn drop_unrooted(&mut self) {
        let head = self.head();
        let rooted: Vec<UInt256> = self
            .blocks
            .keys()
            .filter(|hash| self.decided.contains(hash) || self.stands_on(hash, &head))
            .copied()
            .collect();
        self.blocks.retain(|hash, _| rooted.contains(hash));
    }

    fn stands_on(&self, hash: &UInt256, base: &UInt256) -> bool {
        let mut at = *hash;
        while let Some(executed) = self.get(&at) {
            at = executed.body.header.prev_hash;
            if at == *base {
                return true;
            }
        }
        false
    }
}
