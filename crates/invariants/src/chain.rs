//! What all nodes together decided and stored: one block, one state, everywhere, in time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use neo_consensus::ValidatorSet;
use neo_primitives::{
    Block, Height, Magic, UInt256, ValidatorIndex, parse_multisig_script, parse_signatures,
};

use crate::findings::Findings;
use crate::ideal::IdealCheck;
use crate::layout::Place;
use crate::violation::Invariant;

/// Heights below the lowest stored one that are remembered.
const REMEMBERED: u32 = 100;

#[derive(Clone, Debug, Default)]
struct AtHeight {
    /// First decided or stored block, and when.
    block: Option<(UInt256, Duration)>,
    /// First header that an honest validator signed, and who.
    header: Option<(UInt256, ValidatorIndex)>,
    /// State after each block.
    states: Vec<(UInt256, UInt256)>,
}

/// After the network healed.
#[derive(Clone, Debug)]
struct Healed {
    at: Duration,
    up: BTreeSet<usize>,
    /// The first new height.
    target: Height,
    /// When each node stored it.
    reached: BTreeMap<usize, Duration>,
    /// Whether enough validators run and vote for new blocks to come.
    expects_progress: bool,
}

/// The chain as the honest nodes make it.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    heights: BTreeMap<Height, AtHeight>,
    stored: BTreeMap<usize, Height>,
    top: Height,
    healed: Option<Healed>,
    /// The first two blocks of one height, if agreement broke.
    pub(crate) fork: Option<(Height, UInt256, UInt256)>,
}

impl Chain {
    pub(crate) fn new(genesis: UInt256) -> Self {
        let first = AtHeight {
            block: Some((genesis, Duration::ZERO)),
            ..AtHeight::default()
        };
        Self {
            heights: BTreeMap::from([(Height(0), first)]),
            stored: BTreeMap::new(),
            top: Height(0),
            healed: None,
            fork: None,
        }
    }

    /// A block is decided: a node says so, or a valid CC was seen.
    pub(crate) fn decided(
        &mut self,
        height: Height,
        hash: UInt256,
        how: &str,
        findings: &mut Findings,
    ) {
        if self.is_forgotten(height) {
            return;
        }
        let known = &mut self.heights.entry(height).or_default().block;
        let (first, _) = *known.get_or_insert((hash, findings.at));
        self.top = self.top.max(height);
        if first != hash && self.fork.is_none_or(|(at, ..)| at != height) {
            self.fork.get_or_insert((height, first, hash));
            findings.report(
                Invariant::Agreement,
                Some(height),
                format!("{first}, then {hash} {how}"),
            );
        }
    }

    /// An honest validator signed a header.
    pub(crate) fn header_signed(
        &mut self,
        height: Height,
        hash: UInt256,
        by: ValidatorIndex,
        findings: &mut Findings,
    ) {
        if self.is_forgotten(height) {
            return;
        }
        let known = &mut self.heights.entry(height).or_default().header;
        let (first, first_by) = *known.get_or_insert((hash, by));
        if first != hash {
            let what = format!("validator {first_by} signed {first}, validator {by} signed {hash}");
            findings.report(Invariant::SecondHeader, Some(height), what);
        }
    }

    /// A node stored a block.
    pub(crate) fn stored(
        &mut self,
        node: usize,
        block: &Block,
        state: UInt256,
        network: (Magic, &ValidatorSet),
        findings: &mut Findings,
    ) {
        let (height, hash) = (block.header.index, block.hash());
        let last = self.stored.insert(node, height);
        if let Some(last) = last.filter(|last| last.next() != height) {
            let what = format!("stores height {height} after {last}");
            findings.report(Invariant::Agreement, Some(height), what);
        }
        self.decided(height, hash, "is stored", findings);
        self.reached(node, height, findings.at);
        if self.is_forgotten(height) {
            return;
        }
        let parent = height
            .previous()
            .and_then(|below| self.heights.get(&below)?.block);
        if parent.is_some_and(|(parent, _)| parent != block.header.prev_hash) {
            let what = format!("{hash} is stored on {}", block.header.prev_hash);
            findings.report(Invariant::Agreement, Some(height), what);
        }
        let at = self.heights.entry(height).or_default();
        match at.states.iter().find(|(of, _)| *of == hash) {
            None => at.states.push((hash, state)),
            Some((_, known)) if *known != state => {
                let what = format!("state {state} after {hash}, others have {known}");
                findings.report(Invariant::StateHash, Some(height), what);
            }
            Some(_) => {}
        }
        if height > Height(0)
            && let Err(what) = witness(block, &hash, network.0, network.1)
        {
            findings.report(Invariant::CertificateInvalid, Some(height), what);
        }
        self.forget();
    }

    /// A node starts with this stored height.
    pub(crate) fn started(&mut self, node: usize, stored: Height, at: Duration) {
        self.stored.insert(node, stored);
        self.reached(node, stored, at);
    }

    fn reached(&mut self, node: usize, height: Height, at: Duration) {
        if let Some(healed) = &mut self.healed
            && height >= healed.target
        {
            healed.reached.entry(node).or_insert(at);
        }
    }

    fn lowest(&self) -> Height {
        self.stored.values().copied().min().unwrap_or(Height(0))
    }

    fn is_forgotten(&self, height: Height) -> bool {
        height.0.saturating_add(REMEMBERED) < self.lowest().0
    }

    fn forget(&mut self) {
        let lowest = self.lowest().0;
        while self
            .heights
            .first_key_value()
            .is_some_and(|(height, _)| height.0.saturating_add(REMEMBERED) < lowest)
        {
            self.heights.pop_first();
        }
    }

    pub(crate) fn healed(&mut self, at: Duration, up: &BTreeSet<usize>, expects_progress: bool) {
        let target = self.top.next();
        let (up, reached) = (up.clone(), BTreeMap::new());
        self.healed = Some(Healed {
            at,
            up,
            target,
            reached,
            expects_progress,
        });
    }

    /// No progress is asked for where the protocol promises none.
    pub(crate) fn excuse(&mut self, excused: impl Fn(Height) -> bool) {
        if let Some(healed) = &mut self.healed
            && excused(healed.target)
        {
            healed.expects_progress = false;
        }
    }

    /// What was due by the end, within `bound` after the network healed. `judged` are the nodes of which
    /// it may be asked.
    pub(crate) fn finish(
        &mut self,
        bound: Duration,
        judged: impl Fn(usize) -> bool,
        findings: &mut Findings,
    ) {
        let Some(healed) = &self.healed else { return };
        let deadline = healed.at.saturating_add(bound);
        let end = findings.at;
        if end < deadline {
            return;
        }
        let recently = end.saturating_sub(bound);
        let old =
            |(_, at): &(&Height, &AtHeight)| at.block.is_some_and(|(_, since)| since <= recently);
        let due = self
            .heights
            .iter()
            .filter(old)
            .map(|(height, _)| *height)
            .max();
        for node in healed.up.iter().copied().filter(|node| judged(*node)) {
            findings.node = Some(node);
            let stored = self.stored.get(&node).copied().unwrap_or(Height(0));
            if let Some(due) = due.filter(|due| stored < *due) {
                let what = format!("stored {stored} only, and {due} was decided {bound:?} ago");
                findings.report(Invariant::StoredEverywhere, Some(due), what);
            }
            let when = healed.reached.get(&node);
            if healed.expects_progress && when.is_none_or(|when| *when > deadline) {
                let (target, since) = (healed.target, healed.at);
                let what =
                    format!("did not store {target} within {bound:?} after {since:?}: {when:?}");
                findings.report(Invariant::Progress, Some(target), what);
            }
        }
        findings.node = None;
    }
}

/// Exactly M valid header signatures in index order, over the multi-signature script of the set.
fn witness(block: &Block, hash: &UInt256, magic: Magic, set: &ValidatorSet) -> Result<(), String> {
    let (quorum, keys) = parse_multisig_script(&block.witness.verification)
        .ok_or("the witness has no multi-signature script")?;
    let expected = set.keys().iter().map(|key| *key.as_bytes());
    if quorum != set.quorum() || !keys.into_iter().eq(expected) {
        return Err(format!(
            "the witness of {hash} is not that of the validators"
        ));
    }
    let signatures = parse_signatures(&block.witness.invocation)
        .ok_or("the witness does not consist of signatures")?;
    if signatures.len() != quorum {
        return Err(format!(
            "the witness of {hash} has {} signatures",
            signatures.len()
        ));
    }
    let place = Place {
        magic,
        prev_hash: block.header.prev_hash,
        height: block.header.index,
    };
    let signed = place.header(hash);
    let mut keys = set.keys().iter();
    for signature in &signatures {
        if !keys.any(|key| IdealCheck::valid(key, signed.as_bytes(), signature)) {
            return Err(format!("the witness of {hash} has an invalid signature"));
        }
    }
    Ok(())
}
