//! Oracles for dBFT 2.0 (docs/dbft2.md). Like those for dBFT 3.0 they take messages and records as data and
//! derive what may happen from the document: payload hashes, headers, primaries and signatures are worked
//! out a second time here.
//!
//! | module    | what it holds                                                              |
//! |-----------|----------------------------------------------------------------------------|
//! | `payload` | signatures and headers, from bytes                                         |
//! | `node`    | what one validator has said in all its lives, and what it may say          |
//! | `heard`   | what may have reached it, and what must have                               |
//! | `lock`    | whether a height can still be decided                                      |

mod heard;
mod lock;
mod node;
mod payload;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use neo_consensus::engine::Notice;
use neo_consensus::v2::{Message, Record};
use neo_primitives::{Block, Header, Height, UInt256, ValidatorIndex};

use crate::chain::Chain;
use crate::findings::Findings;
use crate::observation::Setup;
use crate::violation::{Invariant, Violation};

use lock::Standing;
use node::Node;

/// What the oracles of dBFT 2.0 are told. The protocol knows no proofs of guilt.
pub type Observation<'a> = crate::Observation<'a, Message, Record, std::convert::Infallible>;

/// Heights that are remembered as locked.
const MOST_LOCKS: usize = 10_000;

/// Watches a run.
///
/// Nodes of validators in [`Setup::byzantine`] are not judged. Progress is demanded as for dBFT 3.0, but not
/// at a height that was locked: there the protocol promises nothing, and [`Oracles::locks`] tells of it.
#[derive(Clone, Debug)]
pub struct Oracles {
    setup: Setup,
    nodes: BTreeMap<usize, Node>,
    byzantine: BTreeSet<usize>,
    chain: Chain,
    /// Headers that nodes stored, for the parents of proposals.
    headers: BTreeMap<UInt256, Header>,
    /// The greatest stored or decided height.
    top: Height,
    findings: Findings,
    locks: Vec<Height>,
}

impl Oracles {
    /// Oracles for one run.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let genesis = setup.genesis;
        Self {
            chain: Chain::new(genesis.hash()),
            headers: BTreeMap::from([(genesis.hash(), genesis)]),
            setup,
            nodes: BTreeMap::new(),
            byzantine: BTreeSet::new(),
            top: Height(0),
            findings: Findings::default(),
            locks: Vec::new(),
        }
    }

    /// Takes one observation of `node`, in the order in which things happened.
    pub fn observe(&mut self, at: Duration, node: usize, observation: Observation<'_>) {
        self.findings.at = at;
        self.findings.node = Some(node);
        if let Observation::Started { validator, .. } = observation
            && validator.is_some_and(|index| self.setup.byzantine.contains(&index))
        {
            self.byzantine.insert(node);
        }
        if !self.byzantine.contains(&node) {
            self.judge(node, observation);
        }
    }

    fn judge(&mut self, number: usize, observation: Observation<'_>) {
        let findings = &mut self.findings;
        let node = self.nodes.entry(number).or_default();
        match observation {
            Observation::Started {
                validator,
                log_intact,
                stored,
                records,
                life: _,
            } => {
                node.started(validator, log_intact, records);
                self.chain.started(number, stored, findings.at);
                self.look_for_lock();
            }
            Observation::Crashed => {
                node.crashed();
                self.look_for_lock();
            }
            Observation::Opened { info } => node.opened(info),
            Observation::Durable { records } => {
                node.durable(records, &self.setup, findings);
                self.look_for_lock();
            }
            Observation::Sent { message, again, .. } => {
                node.sent(message, again, findings);
            }
            Observation::Delivered { message, .. } => node.heard.delivered(message, &self.setup),
            Observation::Settled => node.heard.settled(),
            Observation::Noticed { notice } => match notice {
                Notice::Decided { height, hash, .. } => {
                    node.decided(*height, *hash);
                    self.chain.decided(*height, *hash, "is decided", findings);
                    self.top = self.top.max(*height);
                }
                Notice::LedgerDisagrees {
                    height,
                    hash,
                    problem,
                } => {
                    let what = format!("the ledger refuses the committed {hash}: {problem}");
                    findings.report(Invariant::StateHash, Some(*height), what);
                }
                _ => {}
            },
            Observation::Stored {
                block,
                state_hash,
                imported,
            } => {
                if !imported {
                    node.finished(block, &self.setup, findings);
                }
                self.stored(number, block, state_hash);
            }
            Observation::Sampled { footprint, .. } => {
                if footprint > self.setup.footprint_limit {
                    let what = format!("{footprint} of {}", self.setup.footprint_limit);
                    findings.report(Invariant::Memory, None, what);
                }
            }
            Observation::Checked { .. } | Observation::FetchAsked { .. } => {}
            Observation::Evidence { evidence } => match *evidence {},
        }
    }

    fn stored(&mut self, number: usize, block: &Block, state_hash: UInt256) {
        let header = &block.header;
        let height = header.index;
        let network = (self.setup.magic, self.setup.validators.as_ref());
        self.chain
            .stored(number, block, state_hash, network, &mut self.findings);
        if let Some(parent) = self.headers.get(&header.prev_hash)
            && let Err(what) = payload::fits(header, parent, &self.setup)
        {
            self.findings
                .report(Invariant::FreshHeader, Some(height), what);
        }
        self.headers.insert(block.hash(), *header);
        self.top = self.top.max(height);
        if let Some(node) = self.nodes.get_mut(&number) {
            node.stored(height);
        }
    }

    /// The first height that no block has may have become locked.
    fn look_for_lock(&mut self) {
        let height = self.top.next();
        if self.locks.last() == Some(&height) || self.locks.len() >= MOST_LOCKS {
            return;
        }
        if self.is_locked(height, true) {
            self.locks.push(height);
        }
    }

    fn is_locked(&self, height: Height, helped: bool) -> bool {
        let set = &self.setup.validators;
        let standing = |index: ValidatorIndex| {
            if self.setup.byzantine.contains(&index) {
                return None;
            }
            let mut nodes = self.nodes.values();
            let node = nodes.find(|node| node.is(index));
            Some(node.map_or_else(Standing::default, |node| node.standing(height)))
        };
        let standings: Vec<_> = set.indexes().map(standing).collect();
        lock::is_locked(&standings, height, set.quorum(), set.faulty(), helped)
    }

    /// The network is healed from here on and no more faults come; these nodes are up. New blocks and
    /// storage everywhere are due within the bound of the [`Setup`].
    pub fn healed(&mut self, at: Duration, up: &BTreeSet<usize>) {
        let votes = |number: &&usize| {
            let node = self.nodes.get(number);
            node.is_some_and(Node::votes)
        };
        let voters = up.iter().filter(votes).count();
        let expects = self.is_bearable() && voters >= self.setup.validators.quorum();
        self.chain.healed(at, up, expects);
    }

    /// The run is over: what was still due is judged.
    pub fn finish(&mut self, at: Duration) {
        self.findings.at = at;
        self.findings.node = None;
        let Some(bound) = self.setup.heal_bound.filter(|_| self.is_bearable()) else {
            return;
        };
        let height = self.top.next();
        if !self.locks.contains(&height) && self.is_locked(height, false) {
            self.locks.push(height);
        }
        let locks = &self.locks;
        self.chain.excuse(|target| locks.contains(&target));
        let judged = |node| self.nodes.contains_key(&node);
        self.chain.finish(bound, judged, &mut self.findings);
    }

    /// Whether no more validators are Byzantine than the protocol bears.
    fn is_bearable(&self) -> bool {
        self.setup.byzantine.len() <= self.setup.validators.faulty()
    }

    /// What was found, in order.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.findings.violations
    }

    /// Heights at which M validators ran and could not make a block any more, whatever they might still say to
    /// each other, in the order in which that was seen. A lock ends when one of the others comes back.
    #[must_use]
    pub fn locks(&self) -> &[Height] {
        &self.locks
    }
}
