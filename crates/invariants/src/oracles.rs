//! All oracles behind one door.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use neo_consensus::engine::{HeightInfo, Notice};
use neo_consensus::v3::certificate::Decision;
use neo_consensus::v3::evidence::Evidence;
use neo_consensus::v3::{Message, Payload, Record};
use neo_primitives::{Height, UInt256, ValidatorIndex};

use crate::accountability::Archive;
use crate::chain::Chain;
use crate::findings::Findings;
use crate::ideal::IdealCheck;
use crate::node::Node;
use crate::observation::{Observation, Setup};
use crate::turns::Rota;
use crate::violation::{Invariant, Violation};

/// Watches a run.
///
/// Nodes of validators in [`Setup::byzantine`] are not judged. When these are more than f, the protocol
/// promises neither agreement nor progress: breaches of agreement are still reported, as what
/// accountability answers for, and progress is not asked for.
#[derive(Clone, Debug)]
pub struct Oracles {
    setup: Setup,
    nodes: BTreeMap<usize, Node>,
    byzantine: BTreeSet<usize>,
    chain: Chain,
    pub(crate) rota: Rota,
    findings: Findings,
    evidence: Vec<Evidence>,
    /// Kept when agreement may break, and somebody answers for it.
    archive: Option<Archive>,
}

impl Oracles {
    /// Oracles for one run.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let bears = setup.validators.faulty()..setup.validators.quorum();
        let accountable =
            setup.byzantine.len() > bears.start && bears.contains(&setup.byzantine.len());
        Self {
            chain: Chain::new(setup.genesis.hash()),
            rota: Rota::new(&setup.genesis, setup.validators.len()),
            archive: accountable.then(Archive::default),
            setup,
            nodes: BTreeMap::new(),
            byzantine: BTreeSet::new(),
            findings: Findings::default(),
            evidence: Vec::new(),
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
        if let Observation::Evidence { evidence } = observation {
            return self.accused(evidence);
        }
        if let Some(archive) = &mut self.archive {
            match observation {
                Observation::Opened { info } => archive.opened(info),
                Observation::Delivered { message, .. } => archive.message(message),
                Observation::Durable { records } => archive.records(records),
                _ => {}
            }
        }
        if let Observation::Stored { block, .. } = observation {
            let _ = self.rota.above(block.hash(), &block.header);
        }
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
                node.started(validator, log_intact, stored, records);
                self.chain.started(number, stored, findings.at);
            }
            Observation::Crashed => node.crashed(),
            Observation::Opened { info } => {
                let order = leaders(&mut self.rota, info, findings);
                node.offered(info, order);
            }
            Observation::Durable { records } => {
                node.durable(records, findings);
                for record in records {
                    if let Record::Decision { height, decision } = record {
                        self.chain
                            .decided(*height, decision.hash(), "is logged", findings);
                    }
                }
            }
            Observation::Sent { to, message, again } => {
                node.sent(to, message, again, findings);
                if let Payload::Commit { hash } = message.payload {
                    self.chain
                        .header_signed(message.height, hash, message.sender, findings);
                }
            }
            Observation::Delivered { from, message } => {
                node.delivered(findings.at, from, message);
                if let Some((height, hash)) = certified(node, message) {
                    self.chain.decided(height, hash, "has a CC", findings);
                }
            }
            Observation::Settled => node.settled(findings),
            Observation::Noticed { notice } => {
                node.noticed(notice, findings);
                match notice {
                    Notice::Decided { height, hash, .. } => {
                        self.chain.decided(*height, *hash, "is decided", findings);
                    }
                    Notice::LedgerDisagrees {
                        height,
                        hash,
                        problem,
                    } => {
                        let what = format!("the ledger refuses the certified {hash}: {problem}");
                        findings.report(Invariant::StateHash, Some(*height), what);
                    }
                    _ => {}
                }
            }
            Observation::Checked { hash, passed } => node.checked(hash, passed),
            Observation::FetchAsked { fetch } => node.fetch_asked(fetch, findings),
            Observation::Stored {
                block, state_hash, ..
            } => {
                node.stored(block.header.index);
                let network = (self.setup.magic, self.setup.validators.as_ref());
                self.chain
                    .stored(number, block, state_hash, network, findings);
            }
            Observation::Sampled { footprint, .. } => {
                if footprint > self.setup.footprint_limit {
                    let what = format!("{footprint} of {}", self.setup.footprint_limit);
                    findings.report(Invariant::Memory, None, what);
                }
            }
            Observation::Evidence { .. } => {}
        }
    }

    /// Nobody honest is ever accused, and every proof convinces others.
    fn accused(&mut self, evidence: &Evidence) {
        let culprit = evidence.culprit();
        let (magic, validators) = (self.setup.magic, &self.setup.validators);
        if let Err(why) = evidence.verify(magic, validators, &IdealCheck) {
            let what = format!("evidence against validator {culprit} proves nothing: {why}");
            self.findings
                .report(Invariant::HonestAccused, Some(evidence.height), what);
        }
        let excused = self.setup.byzantine.contains(&culprit)
            || self
                .nodes
                .values()
                .any(|node| node.is_flawed_validator(culprit));
        if !excused {
            let what = format!("validator {culprit} by {evidence:?}");
            self.findings
                .report(Invariant::HonestAccused, Some(evidence.height), what);
        }
        self.evidence.push(evidence.clone());
    }

    /// The network is healed from here on and no more faults come; these nodes are up. New blocks and
    /// storage everywhere are due within the bound of the [`Setup`].
    pub fn healed(&mut self, at: Duration, up: &BTreeSet<usize>) {
        let votes = |number: &&usize| {
            let node = self.nodes.get(number);
            node.is_some_and(|node| node.is_up() && !node.is_observer() && !node.is_silent())
        };
        let voters = up.iter().filter(votes).count();
        let expects = self.is_bearable() && voters >= self.setup.validators.quorum();
        self.chain.healed(at, up, expects);
    }

    /// The run is over: what was still due is judged.
    pub fn finish(&mut self, at: Duration) {
        self.findings.at = at;
        self.findings.node = None;
        if let (Some(archive), Some(fork)) = (&self.archive, self.chain.fork) {
            let traced = archive.judge(fork, &self.setup.byzantine, &mut self.findings);
            self.evidence.extend(traced);
        }
        if let Some(bound) = self.setup.heal_bound.filter(|_| self.is_bearable()) {
            let judged = |node| self.nodes.contains_key(&node);
            self.chain.finish(bound, judged, &mut self.findings);
        }
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

    /// What honest nodes proved against others.
    #[must_use]
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }
}

/// Who leads at a height, by the headers below it; what the node is told has to be the same.
fn leaders(rota: &mut Rota, info: &HeightInfo, findings: &mut Findings) -> Arc<[ValidatorIndex]> {
    let told: Arc<[_]> = info.leaders.order().iter().collect();
    let turns = rota.above(info.parent_hash, &info.parent);
    let Some(turns) = turns.filter(|turns| turns.height() == info.height) else {
        let what = format!(
            "opens on {}, below which no block is stored",
            info.parent_hash
        );
        findings.report(Invariant::LeaderOrder, Some(info.height), what);
        return told;
    };
    let order = Arc::clone(turns.order());
    if told != order {
        let what = format!("is told that {told:?} lead, the headers say {order:?}");
        findings.report(Invariant::LeaderOrder, Some(info.height), what);
    }
    order
}

/// The block that a valid CC inside a message decides.
fn certified(node: &Node, message: &Message) -> Option<(Height, UInt256)> {
    let (decision, height) = match &message.payload {
        Payload::RecoveryMessage(recovery) => (recovery.decision.as_ref()?, message.height),
        Payload::Proposal(proposal) => (proposal.parent.as_ref()?, message.height.previous()?),
        _ => return None,
    };
    // Header signatures name no height; who believes them says so.
    if !matches!(decision, Decision::Certificate(_)) {
        return None;
    }
    let known = node.knowledge(height)?;
    let sound = known.checker().decision(decision).is_ok();
    sound.then(|| (height, decision.hash()))
}
