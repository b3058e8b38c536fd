//! Random clusters with f liars that know everything that was sent, sign whatever suits them, and
//! give certificates to whom they like. `SEED=… cargo test liars` runs one seed again, `SEEDS=…` that many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use neo_primitives::{Height, Signature, UInt256, ValidatorIndex};

use super::toys::{Rng, ToySigner, for_each_seed};
use super::{Cluster, Config, ms};
use crate::engine::Recipient;
use crate::v3::Signer;
use crate::v3::certificate::{
    CommitCertificate, Decision, PreparedCertificate, Signatures, ViewChangeCertificate,
    ViewChangeEntry, hash_and_justification,
};
use crate::v3::context::MessageKind;
use crate::v3::message::{ChangeView, ChangeViewReason, Message, Payload, RecoveryMessage};
use crate::validators::View;

const SEEDS: u64 = 100;

/// What the liars know of one height.
#[derive(Debug, Default)]
struct Known {
    prepares: BTreeMap<(View, UInt256, UInt256), BTreeMap<ValidatorIndex, Signature>>,
    pre_commits: BTreeMap<(View, UInt256), BTreeMap<ValidatorIndex, Signature>>,
    change_views: BTreeMap<View, BTreeMap<ValidatorIndex, ViewChangeEntry>>,
    proposals: Vec<Message>,
}

impl Known {
    fn of(cluster: &Cluster, height: u32) -> Self {
        let mut known = Self::default();
        for sent in cluster
            .sent
            .iter()
            .filter(|sent| sent.message.height.0 == height)
        {
            let message = &sent.message;
            let (sender, signature) = (message.sender, message.signature);
            match &message.payload {
                Payload::Prepare {
                    hash,
                    justification,
                } => {
                    let key = (message.view, *hash, *justification);
                    known
                        .prepares
                        .entry(key)
                        .or_default()
                        .insert(sender, signature);
                }
                Payload::Proposal(proposal) => {
                    let justification = crate::v3::safety::justification_of(proposal);
                    let key = (message.view, proposal.header.hash(), justification);
                    known
                        .prepares
                        .entry(key)
                        .or_default()
                        .insert(sender, proposal.prepare);
                    known.proposals.push(message.clone());
                }
                Payload::PreCommit { hash } => {
                    let key = (message.view, *hash);
                    known
                        .pre_commits
                        .entry(key)
                        .or_default()
                        .insert(sender, signature);
                }
                Payload::ChangeView(change) => {
                    let entry = ViewChangeEntry {
                        claim: change.claim,
                        signature,
                    };
                    known
                        .change_views
                        .entry(message.view)
                        .or_default()
                        .insert(sender, entry);
                }
                _ => {}
            }
        }
        known
    }

    fn prepared(&self, quorum: usize) -> Vec<PreparedCertificate> {
        let full = self
            .prepares
            .iter()
            .filter(|(_, votes)| votes.len() >= quorum);
        let certificate = |((view, hash, justification), votes): (
            &(View, UInt256, UInt256),
            &BTreeMap<ValidatorIndex, Signature>,
        )| {
            let votes = votes.iter().map(|(index, signature)| (*index, *signature));
            Some(PreparedCertificate {
                view: *view,
                hash: *hash,
                justification: *justification,
                signatures: Signatures::quorum_of(votes, quorum)?,
            })
        };
        full.filter_map(certificate).collect()
    }

    fn decision(&self, quorum: usize) -> Option<Decision> {
        let ((view, hash), votes) = self
            .pre_commits
            .iter()
            .find(|(_, votes)| votes.len() >= quorum)?;
        let votes = votes.iter().map(|(index, signature)| (*index, *signature));
        let signatures = Signatures::quorum_of(votes, quorum)?;
        let (view, hash) = (*view, *hash);
        Some(Decision::Certificate(CommitCertificate {
            view,
            hash,
            signatures,
            prepared: None,
        }))
    }

    /// A certificate of any M ChangeViews for a view that fit together, drawn at random.
    fn view_change(
        &self,
        rng: &mut Rng,
        view: View,
        quorum: usize,
    ) -> Option<ViewChangeCertificate> {
        let mut entries: Vec<_> = self.change_views.get(&view)?.clone().into_iter().collect();
        while entries.len() > quorum {
            let at = rng.below(entries.len() as u64) as usize;
            entries.remove(at);
        }
        if entries.len() < quorum {
            return None;
        }
        let mut certificate = ViewChangeCertificate {
            view,
            entries: entries.into_iter().collect(),
            prepared: None,
        };
        if let Some(claim) = certificate.greatest_claim() {
            let held = self
                .prepared(quorum)
                .into_iter()
                .find(|held| held.claim() == claim)?;
            certificate.prepared = Some(held);
        }
        Some(certificate)
    }
}

struct Liar {
    node: usize,
    rng: Rng,
}

impl Liar {
    fn some_of(&mut self, cluster: &Cluster) -> Vec<Recipient> {
        let keep = self.rng.below(3);
        let honest = cluster
            .up()
            .into_iter()
            .filter(|_| self.rng.below(3) <= keep);
        honest
            .map(|node| Recipient::One(cluster.nodes[node].key.clone()))
            .collect()
    }

    fn tell(&mut self, cluster: &mut Cluster, message: &Message) {
        for to in self.some_of(cluster) {
            cluster.send(self.node, to, message.clone(), false);
        }
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.rng.below(of.len() as u64) as usize)
    }

    fn lie(&mut self, cluster: &mut Cluster) {
        let stored = cluster
            .up()
            .into_iter()
            .map(|node| cluster.stored(node))
            .max()
            .unwrap_or(0);
        let height = stored + 1;
        let known = Known::of(cluster, height);
        let set = cluster.oracle.validators(Height(height));
        let quorum = set.quorum();
        let views: Vec<_> = cluster
            .up()
            .iter()
            .filter_map(|node| cluster.view(*node, height))
            .collect();
        let view = self.pick(&views).copied().unwrap_or(0) + u32::from(self.rng.below(4) == 0);
        match self.rng.below(8) {
            0 | 1 => {
                // Signs along with others, or for another block, in public or in private.
                let prepares: Vec<_> = known.prepares.keys().copied().collect();
                let Some((of, hash, justification)) = self.pick(&prepares).copied() else {
                    return;
                };
                let payload = match self.rng.below(3) {
                    0 => Payload::Prepare {
                        hash,
                        justification,
                    },
                    1 => Payload::PreCommit { hash },
                    _ => Payload::Commit { hash },
                };
                let of = if payload.kind() == MessageKind::Commit {
                    View::ZERO
                } else {
                    of
                };
                let vote = cluster.forge(self.node, height, of.0, payload);
                self.tell(cluster, &vote);
            }
            2 => {
                // Hides what is prepared, or claims what others prepared.
                let prepared = known.prepared(quorum);
                let claimed = self
                    .pick(&prepared)
                    .cloned()
                    .filter(|held| held.view.0 < view);
                let claimed = claimed.filter(|_| self.rng.below(2) == 0);
                let change = ChangeView {
                    claim: claimed.as_ref().map(PreparedCertificate::claim),
                    prepared: claimed,
                    reason: ChangeViewReason::Timeout,
                };
                let payload = Payload::ChangeView(Arc::new(change));
                let vote = cluster.forge(self.node, height, view.max(1), payload);
                self.tell(cluster, &vote);
            }
            3 | 4 => self.propose(cluster, &known, height, view),
            5 => {
                // Gives certificates to whom it likes.
                let prepared = known.prepared(quorum);
                let message = RecoveryMessage {
                    nonce: 0,
                    stored: Height(stored),
                    view_change: known.view_change(&mut self.rng, View(view), quorum),
                    prepared: self.pick(&prepared).cloned(),
                    decision: known.decision(quorum).filter(|_| self.rng.below(2) == 0),
                    messages: known.proposals.clone(),
                };
                let payload = Payload::RecoveryMessage(Arc::new(message));
                let message = cluster.forge(self.node, height, view, payload);
                self.tell(cluster, &message);
            }
            6 => {
                let suspect = cluster.forge(self.node, height, view, Payload::Suspect);
                self.tell(cluster, &suspect);
            }
            _ => {
                // Completes certificates in private: its own votes on everything that is proposed.
                for (of, hash, justification) in known.prepares.keys().copied() {
                    for payload in [
                        Payload::Prepare {
                            hash,
                            justification,
                        },
                        Payload::PreCommit { hash },
                    ] {
                        let vote = cluster.forge(self.node, height, of.0, payload);
                        let to = self.some_of(cluster).pop();
                        to.into_iter().for_each(|to| {
                            cluster.send(self.node, to, vote.clone(), false);
                        });
                    }
                }
            }
        }
    }

    /// As a leader it proposes what a certificate prescribes, or anything else.
    fn propose(&mut self, cluster: &mut Cluster, known: &Known, height: u32, view: u32) {
        let set = cluster.oracle.validators(Height(height));
        let leader = (u64::from(height) + u64::from(view)) % set.len() as u64;
        if leader != self.node as u64 {
            return;
        }
        let justification = if view == 0 {
            None
        } else {
            let certificate = known.view_change(&mut self.rng, View(view), set.quorum());
            let Some(certificate) = certificate else {
                return;
            };
            Some(certificate)
        };
        let prescribed = justification
            .as_ref()
            .and_then(|held| held.prepared.as_ref());
        let again = prescribed.and_then(|held| {
            let fits = |message: &&Message| message.block() == Some(held.hash);
            known.proposals.iter().find(fits).cloned()
        });
        let message = match again.filter(|_| self.rng.below(4) > 0) {
            Some(message) => {
                let Payload::Proposal(proposal) = &message.payload else {
                    return;
                };
                let mut proposal = proposal.as_ref().clone();
                proposal.justification = justification;
                let payload = Payload::Proposal(Arc::new(proposal));
                cluster.forge(self.node, height, view, payload)
            }
            None => {
                let nonce = self.rng.below(3);
                let Some(body) = cluster.try_candidate(self.node, height, nonce) else {
                    return;
                };
                cluster.forge_proposal(self.node, view, &body, justification)
            }
        };
        // Its Prepare is as good as anybody's.
        if let Payload::Proposal(proposal) = &message.payload {
            let justification = crate::v3::safety::justification_of(proposal);
            let body = hash_and_justification(&proposal.header.hash(), &justification);
            let context = cluster.context(height);
            let preimage = context.preimage(MessageKind::Prepare, message.view, &body);
            let key = cluster.nodes[self.node].key.clone();
            assert_eq!(proposal.prepare, ToySigner(key).sign(&preimage));
        }
        self.tell(cluster, &message);
    }
}

fn run(validators: usize, seed: u64) -> (usize, usize, usize) {
    let mut rng = Rng::new(seed.wrapping_mul(77).wrapping_add(validators as u64));
    let config = Config {
        block_time: ms([0, 30][rng.below(2) as usize]),
        latency: (1_000, 1_000 + rng.between((0, 60_000))),
        loss: [0, 100, 300][rng.below(3) as usize],
        wire: false,
        gossip: [50, 100][rng.below(2) as usize],
        timers: crate::v3::timing::TimerSettings {
            base_timeout: ms(150),
            max_timeout: ms(1_000),
            ..Default::default()
        },
        ..Config::of(validators)
    };
    let mut cluster = Cluster::asleep(config, seed);
    let mut liars = BTreeSet::new();
    while liars.len() < (validators - 1) / 3 {
        liars.insert(rng.below(validators as u64) as usize);
    }
    cluster.oracle.byzantine = liars.clone();
    (0..validators)
        .filter(|node| !liars.contains(node))
        .for_each(|node| cluster.boot(node));
    let mut liars: Vec<_> = liars
        .into_iter()
        .map(|node| Liar {
            node,
            rng: Rng::new(rng.next()),
        })
        .collect();
    for _ in 0..120 {
        cluster.run(ms(rng.between((1, 40))));
        for liar in &mut liars {
            liar.lie(&mut cluster);
        }
    }
    // They go on lying, but messages arrive now.
    cluster.config.loss = 0;
    let goal = cluster
        .up()
        .into_iter()
        .map(|node| cluster.stored(node))
        .max()
        .unwrap_or(0)
        + 2;
    let end = cluster.now + ms(30_000);
    while cluster.up().iter().any(|node| cluster.stored(*node) < goal) && cluster.now < end {
        cluster.run(ms(rng.between((1, 40))));
        for liar in &mut liars {
            liar.lie(&mut cluster);
        }
    }
    cluster.until_all_stored(goal, ms(1));
    let proofs = cluster.assert_only_liars_are_accused();
    let again = cluster
        .sent
        .iter()
        .filter(|sent| match &sent.message.payload {
            Payload::Proposal(proposal) => {
                let justification = proposal.justification.as_ref();
                justification.is_some_and(|held| held.prepared.is_some())
            }
            _ => false,
        });
    (cluster.view_changes(), again.count(), proofs)
}

fn lies(validators: usize) {
    let what = format!("{validators} validators");
    let runs = for_each_seed(SEEDS, &what, |seed| run(validators, seed));
    let view_changes: usize = runs.iter().map(|(changes, _, _)| changes).sum();
    let again: usize = runs.iter().map(|(_, again, _)| again).sum();
    let proofs: usize = runs.iter().map(|(_, _, proofs)| proofs).sum();
    let meant = runs.len() == 1 || view_changes > 100 && again > 20 && proofs > 100;
    assert!(
        meant,
        "{view_changes} view changes, {again} repeated proposals and {proofs} proofs mean nothing"
    );
}

#[test]
fn one_liar_of_four_forks_and_stops_nothing() {
    lies(4);
}

#[test]
fn two_liars_of_seven_fork_and_stop_nothing() {
    lies(7);
}
