//! Random schedules with f+1 to M−1 Byzantine validators that sign everything: whenever two blocks get
//! commit certificates, what honest validators keep in their logs names f+1 culprits, and nobody honest.
//!
//! The validators here are a few lines that follow rules 1 to 3 and 7, not the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use neo_primitives::{UInt256, ValidatorIndex};

use super::Court;
use crate::v3::certificate::{
    Claim, Decision, PreparedCertificate, ViewChangeCertificate, justification_hash,
};
use crate::v3::cluster::toys::{Rng, ToyCheck, for_each_seed};
use crate::v3::evidence::archive::VoteArchive;
use crate::v3::evidence::trace::trace;

const VIEWS: u32 = 5;

#[derive(Default)]
struct Honest {
    highest: Option<PreparedCertificate>,
    kept: Vec<PreparedCertificate>,
    justifications: Vec<ViewChangeCertificate>,
}

impl Honest {
    fn learn(&mut self, certificate: &PreparedCertificate) {
        let higher = self
            .highest
            .as_ref()
            .is_none_or(|held| held.view < certificate.view);
        if higher {
            self.highest = Some(certificate.clone());
            self.kept.push(certificate.clone());
        }
    }
}

struct World {
    court: Court,
    rng: Rng,
    byzantine: Vec<u8>,
    honest: BTreeMap<u8, Honest>,
    /// Every prepared certificate that ever existed: the Byzantine ones know all.
    prepared: Vec<PreparedCertificate>,
    decisions: Vec<Decision>,
    blocks: u64,
    nonces: BTreeMap<UInt256, u64>,
}

/// What one proposal of a view is about.
struct Ballot {
    nonce: u64,
    justification: Option<ViewChangeCertificate>,
    prepares: Vec<u8>,
}

impl World {
    fn new(validators: u8, byzantine: u8, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut honest: BTreeMap<u8, Honest> = (0..validators)
            .map(|index| (index, Honest::default()))
            .collect();
        let mut liars = Vec::new();
        while liars.len() < usize::from(byzantine) {
            let at = rng.below(u64::from(validators)) as u8;
            if honest.remove(&at).is_some() {
                liars.push(at);
            }
        }
        Self {
            court: Court::of(usize::from(validators)),
            rng,
            byzantine: liars,
            honest,
            prepared: Vec::new(),
            decisions: Vec::new(),
            blocks: 0,
            nonces: BTreeMap::new(),
        }
    }

    fn quorum(&self) -> usize {
        self.court.context.validators.quorum()
    }

    fn fresh(&mut self) -> u64 {
        self.blocks += 1;
        let nonce = self.blocks;
        self.nonces.insert(self.court.block(nonce), nonce);
        nonce
    }

    /// A random quorum of ChangeViews; the liars claim nothing, or anything that is prepared.
    fn view_change(&mut self, view: u32) -> Option<ViewChangeCertificate> {
        let mut claims: Vec<(u8, Claim)> = Vec::new();
        for (index, honest) in &self.honest {
            let claim = honest.highest.as_ref().map(PreparedCertificate::claim);
            claims.push((*index, claim));
        }
        for liar in self.byzantine.clone() {
            let below: Vec<_> = self
                .prepared
                .iter()
                .map(PreparedCertificate::claim)
                .collect();
            let at = self.rng.below(below.len() as u64 + 2) as usize;
            claims.push((liar, below.get(at).copied()));
        }
        // Liars are in it more often than not.
        while claims.len() > self.quorum() {
            let at = self.rng.below(claims.len() as u64) as usize;
            let lies = self.byzantine.contains(&claims[at].0);
            if !lies || self.rng.below(4) == 0 {
                claims.remove(at);
            }
        }
        let certificate = self.court.view_change(view, &claims, None);
        let greatest = certificate.greatest_claim();
        let prepared = match greatest {
            None => None,
            Some(claim) => Some(
                self.prepared
                    .iter()
                    .find(|held| held.claim() == claim)?
                    .clone(),
            ),
        };
        let certificate = ViewChangeCertificate {
            prepared,
            ..certificate
        };
        let formed = self
            .court
            .context
            .view_change_obligations(&certificate, &mut Vec::new());
        formed.is_ok().then_some(certificate)
    }

    fn ballots(&mut self, view: u32) -> Vec<Ballot> {
        let mut ballots = Vec::new();
        for _ in 0..2 {
            let justification = if view == 0 {
                None
            } else {
                let Some(certificate) = self.view_change(view) else {
                    continue;
                };
                Some(certificate)
            };
            let prescribed = justification
                .as_ref()
                .and_then(|held| held.prepared.as_ref())
                .map(|held| held.hash);
            let nonce = match prescribed {
                Some(hash) => self.nonces[&hash],
                None => self.fresh(),
            };
            ballots.push(Ballot {
                nonce,
                justification,
                prepares: self.byzantine.clone(),
            });
        }
        ballots
    }

    fn view(&mut self, view: u32) {
        let mut ballots = self.ballots(view);
        if ballots.is_empty() {
            return;
        }
        for (index, honest) in &mut self.honest {
            let at = self.rng.below(ballots.len() as u64 + 1) as usize;
            if let Some(ballot) = ballots.get_mut(at) {
                ballot.prepares.push(*index);
                if let Some(justification) = &ballot.justification {
                    if let Some(prepared) = &justification.prepared {
                        honest.learn(prepared);
                    }
                    honest.justifications.push(justification.clone());
                }
            }
        }
        let quorum = self.quorum();
        for ballot in ballots {
            if ballot.prepares.len() < quorum {
                continue;
            }
            let justification = justification_hash(ballot.justification.as_ref());
            let signers = &ballot.prepares[..quorum];
            let prepared = self
                .court
                .prepared(signers, view, ballot.nonce, justification);
            self.prepared.push(prepared.clone());
            let mut commits = self.byzantine.clone();
            for (index, honest) in &mut self.honest {
                if self.rng.below(2) == 0 {
                    honest.learn(&prepared);
                    if honest.highest.as_ref() == Some(&prepared) {
                        commits.push(*index);
                    }
                }
            }
            if commits.len() >= quorum {
                let signers = &commits[commits.len() - quorum..];
                let decision = self.court.committed(signers, view, ballot.nonce);
                self.decisions.push(decision);
            }
        }
    }

    /// What the logs of the honest hold.
    fn archive(&self) -> VoteArchive {
        let mut archive = VoteArchive::new(Arc::clone(&self.court.context));
        for honest in self.honest.values() {
            for certificate in &honest.kept {
                archive.add_prepared(certificate, &ToyCheck);
            }
            for certificate in &honest.justifications {
                archive.add_view_change(certificate, &ToyCheck);
            }
        }
        archive
    }
}

fn run(validators: u8, byzantine: u8, seed: u64) -> usize {
    let mut world = World::new(validators, byzantine, seed);
    (0..VIEWS).for_each(|view| world.view(view));
    let archive = world.archive();
    let liars: BTreeSet<_> = world
        .byzantine
        .iter()
        .copied()
        .map(ValidatorIndex)
        .collect();
    let accused = archive.culprits();
    assert!(
        accused.is_subset(&liars),
        "{accused:?} are not all {liars:?}"
    );
    let mut forks = 0;
    for (at, first) in world.decisions.iter().enumerate() {
        for second in &world.decisions[at + 1..] {
            if first.hash() == second.hash() {
                continue;
            }
            forks += 1;
            let proofs = trace(first, second, &archive, &ToyCheck).expect("a complete archive");
            let named: BTreeSet<_> = proofs.iter().map(|proof| proof.culprit()).collect();
            assert!(named.is_subset(&liars), "{named:?} are not all {liars:?}");
            let faulty = world.court.context.validators.faulty();
            assert!(named.len() > faulty, "only {named:?} of {liars:?}");
        }
    }
    forks
}

#[test]
fn every_fork_names_f_plus_one_liars_and_nobody_else() {
    for (validators, byzantine) in [(4, 2), (5, 3), (6, 4), (7, 3), (7, 4)] {
        let what = format!("{byzantine} of {validators}");
        let forks: usize = for_each_seed(1_500, &what, |seed| run(validators, byzantine, seed))
            .into_iter()
            .sum();
        let alone = std::env::var("SEED").is_ok();
        assert!(alone || forks > 20, "{forks} forks of {what} prove nothing");
    }
}

#[test]
fn without_enough_liars_nothing_forks() {
    for (validators, byzantine) in [(4, 1), (7, 2)] {
        let what = format!("{byzantine} of {validators}");
        let forks: usize = for_each_seed(400, &what, |seed| run(validators, byzantine, seed))
            .into_iter()
            .sum();
        assert_eq!(forks, 0);
    }
}
