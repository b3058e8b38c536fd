//! What the adversary can let happen next: whose timer fires, who receives what.
//!
//! Votes are delivered in quorums. A vote that completes no quorum changes nothing that others can see, so
//! its delivery can wait until the one that does.

use neo_consensus::View;
use neo_consensus::v3::certificate::{PreparedCertificate, ViewChangeCertificate, ViewChangeEntry};
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{UInt256, ValidatorIndex};

use super::ModelError;
use super::locals::{EventId, LocalEvent, LocalId, Locals, MessageId, VIEWS, Vote};

/// Honest votes that complete a quorum together with the Byzantine validator's.
const HONEST_PART: usize = 2;

/// What the honest validators of a state have sent, seen from one of them.
struct Scene {
    own: ValidatorIndex,
    view: u32,
    asked: bool,
    /// Per view the honest Prepares with their senders, the own one too.
    prepares: [Vec<(ValidatorIndex, Vote)>; VIEWS],
    pre_commits: [Vec<(ValidatorIndex, Vote)>; VIEWS],
    proposals: [Option<MessageId>; VIEWS],
    change_views: Vec<(ValidatorIndex, MessageId)>,
    commits: Vec<(ValidatorIndex, Vote)>,
}

impl Locals {
    fn scene(&self, state: &[LocalId; 3], who: usize) -> Option<Scene> {
        let local = self.local(*state.get(who)?)?;
        let mut scene = Scene {
            own: local.node.index(),
            view: local.view,
            asked: local.facts.change_view.is_some(),
            prepares: Default::default(),
            pre_commits: Default::default(),
            proposals: [None; VIEWS],
            change_views: Vec::new(),
            commits: Vec::new(),
        };
        for id in state {
            let other = self.local(*id)?;
            let (index, facts) = (other.node.index(), &other.facts);
            for view in 0..VIEWS {
                let of = |votes: &[Option<Vote>; VIEWS]| votes.get(view).copied().flatten();
                let add = |all: &mut [Vec<(ValidatorIndex, Vote)>; VIEWS], vote: Option<Vote>| {
                    if let (Some(list), Some(vote)) = (all.get_mut(view), vote) {
                        list.push((index, vote));
                    }
                };
                add(&mut scene.prepares, of(&facts.prepares));
                add(&mut scene.pre_commits, of(&facts.pre_commits));
                if let (Some(slot), Some(vote)) =
                    (scene.proposals.get_mut(view), of(&facts.proposals))
                {
                    *slot = Some(vote.message);
                }
            }
            scene
                .change_views
                .extend(facts.change_view.map(|id| (index, id)));
            scene.commits.extend(facts.commit.map(|vote| (index, vote)));
        }
        Some(scene)
    }

    /// Events that may change this node. `leave` lets it ask for a view beyond the last one.
    pub(super) fn moves(
        &mut self,
        state: &[LocalId; 3],
        who: usize,
        leave: bool,
        out: &mut Vec<EventId>,
    ) -> Result<(), ModelError> {
        let Some(scene) = self.scene(state, who) else {
            return Ok(());
        };
        let Some(local) = state.get(who).and_then(|id| self.local(*id)) else {
            return Ok(());
        };
        if local.node.decided.is_some() {
            // It votes no more; what it sent stays.
            return Ok(());
        }
        let may_leave = leave && scene.view == 1 && !local.facts.left_all;
        let mut events = Vec::new();
        self.proposals(&scene, &mut events)?;
        self.prepared_quorums(&scene, &mut events)?;
        self.commit_quorums(&scene, &mut events)?;
        self.header_signatures(&scene, &mut events)?;
        if scene.view == 0 {
            self.view_changes(&scene, &mut events)?;
        }
        if (scene.view == 0 && !scene.asked) || may_leave {
            out.push(self.event_id(LocalEvent::Timer));
        }
        for messages in events {
            out.push(self.event_id(LocalEvent::Deliver(messages)));
        }
        Ok(())
    }

    fn proposals(
        &mut self,
        scene: &Scene,
        events: &mut Vec<Vec<MessageId>>,
    ) -> Result<(), ModelError> {
        let liar = self.world.byzantine();
        for (view, proposal) in (0..).zip(scene.proposals) {
            let view = View(view);
            let leader = self.world.leader(view);
            if leader != liar {
                let others = proposal.filter(|_| leader != scene.own);
                events.extend(others.map(|id| vec![id]));
                continue;
            }
            if view == View::ZERO {
                for variant in 0..2 {
                    let body = self.world.block(liar, variant);
                    let message = self.world.propose(view, &body, None)?;
                    events.push(vec![self.intern(message)]);
                }
                continue;
            }
            for certificate in self.view_change_certificates(scene)? {
                let prescribed = certificate.prepared.as_ref().map(|held| held.hash);
                let prescribed = prescribed.and_then(|hash| self.world.body(&hash));
                // With a claim the second one is what rule 3 forbids.
                let first = prescribed.unwrap_or_else(|| self.world.block(liar, 1));
                for body in [first, self.world.block(liar, 0)] {
                    let justified = Some(certificate.clone());
                    let message = self.world.propose(view, &body, justified)?;
                    events.push(vec![self.intern(message)]);
                }
            }
        }
        Ok(())
    }

    /// The votes of others that complete a prepared certificate, and the certificate itself for those that
    /// lack the proposal.
    fn prepared_quorums(
        &mut self,
        scene: &Scene,
        events: &mut Vec<Vec<MessageId>>,
    ) -> Result<(), ModelError> {
        for (view, votes) in (0..).zip(&scene.prepares) {
            let view = View(view);
            for (hash, justification) in distinct(votes) {
                let fits = |vote: &Vote| vote.hash == hash && vote.justification == justification;
                let own = votes
                    .iter()
                    .any(|(who, vote)| *who == scene.own && fits(vote));
                let others: Vec<_> = votes
                    .iter()
                    .filter(|(who, vote)| *who != scene.own && fits(vote))
                    .collect();
                if others.len() + usize::from(own) < HONEST_PART {
                    continue;
                }
                let lie = self.world.say(
                    view,
                    Payload::Prepare {
                        hash,
                        justification,
                    },
                )?;
                let mut messages = vec![self.intern(lie)];
                let needed = HONEST_PART - usize::from(own);
                messages.extend(others.iter().take(needed).map(|(_, vote)| vote.message));
                events.push(messages);
                if !own {
                    let signers = others.iter().map(|(who, _)| *who);
                    let certificate = self.certificate(view, hash, justification, signers)?;
                    let relayed = self.world.forward(view, None, Some(certificate))?;
                    events.push(vec![self.intern(relayed)]);
                }
            }
        }
        Ok(())
    }

    /// PC of the Byzantine validator and the first honest signers.
    fn certificate(
        &self,
        view: View,
        hash: UInt256,
        justification: UInt256,
        honest: impl Iterator<Item = ValidatorIndex>,
    ) -> Result<PreparedCertificate, ModelError> {
        let mut signers: Vec<_> = honest.take(HONEST_PART).collect();
        signers.push(self.world.byzantine());
        self.world.prepared(view, hash, justification, &signers)
    }

    fn commit_quorums(
        &mut self,
        scene: &Scene,
        events: &mut Vec<Vec<MessageId>>,
    ) -> Result<(), ModelError> {
        for (view, votes) in (0..).zip(&scene.pre_commits) {
            for (hash, _) in distinct(votes) {
                let own = votes
                    .iter()
                    .any(|(who, vote)| *who == scene.own && vote.hash == hash);
                let others: Vec<MessageId> = votes
                    .iter()
                    .filter(|(who, vote)| *who != scene.own && vote.hash == hash)
                    .map(|(_, vote)| vote.message)
                    .collect();
                if others.len() + usize::from(own) < HONEST_PART {
                    continue;
                }
                let lie = self.world.say(View(view), Payload::PreCommit { hash })?;
                let mut messages = vec![self.intern(lie)];
                messages.extend(others.iter().take(HONEST_PART - usize::from(own)));
                events.push(messages);
            }
        }
        Ok(())
    }

    /// f+1 header signatures: the Byzantine validator's and an honest one.
    fn header_signatures(
        &mut self,
        scene: &Scene,
        events: &mut Vec<Vec<MessageId>>,
    ) -> Result<(), ModelError> {
        if let Some((_, vote)) = scene.commits.iter().find(|(who, _)| *who != scene.own) {
            let lie = self
                .world
                .say(View::ZERO, Payload::Commit { hash: vote.hash })?;
            events.push(vec![self.intern(lie), vote.message]);
        }
        Ok(())
    }

    /// The Byzantine validator's ChangeViews for view 1: claiming nothing, what exists, and what does not.
    fn lies(&mut self, scene: &Scene) -> Result<Vec<MessageId>, ModelError> {
        let target = View(1);
        let nothing = self.world.change_view(target, None, false)?;
        let mut lies = vec![self.intern(nothing)];
        let votes = scene.prepares.first().cloned().unwrap_or_default();
        for (hash, justification) in distinct(&votes) {
            let signers = votes.iter().filter(|(_, vote)| vote.hash == hash);
            let signers: Vec<_> = signers.map(|(who, _)| *who).collect();
            if signers.len() >= HONEST_PART {
                let held =
                    self.certificate(View::ZERO, hash, justification, signers.into_iter())?;
                let backed = self.world.change_view(target, Some(&held), true)?;
                lies.push(self.intern(backed));
            }
        }
        Ok(lies)
    }

    /// Two ChangeViews of others, which make a node join and complete a certificate with its own; or the
    /// certificate itself, which moves it without that it asked.
    fn view_changes(
        &mut self,
        scene: &Scene,
        events: &mut Vec<Vec<MessageId>>,
    ) -> Result<(), ModelError> {
        let others: Vec<MessageId> = scene
            .change_views
            .iter()
            .filter(|(who, _)| *who != scene.own)
            .map(|(_, id)| *id)
            .collect();
        let mut lies = self.lies(scene)?;
        let unfounded = PreparedCertificate {
            view: View::ZERO,
            hash: self.world.block(self.world.leader(View::ZERO), 3).hash(),
            justification: UInt256::ZERO,
            signatures: neo_consensus::v3::certificate::Signatures::default(),
        };
        let unbacked = self.world.change_view(View(1), Some(&unfounded), false)?;
        lies.push(self.intern(unbacked));
        // The leader of view 1 gets its certificate whole: each set of members would be another proposal.
        if scene.own != self.world.leader(View(1)) {
            if let [first, second] = others.as_slice() {
                events.push(vec![*first, *second]);
            }
            for other in &others {
                events.extend(lies.iter().map(|lie| vec![*other, *lie]));
            }
        }
        for certificate in self.view_change_certificates(scene)? {
            let message = self.world.forward(View(1), Some(certificate), None)?;
            events.push(vec![self.intern(message)]);
        }
        Ok(())
    }

    /// TC(1): one whose members claim nothing and one with the certificate of view 0, where they exist.
    /// Which members make it matters to nobody: backups look at the greatest claim alone.
    fn view_change_certificates(
        &mut self,
        scene: &Scene,
    ) -> Result<Vec<ViewChangeCertificate>, ModelError> {
        let honest: Vec<MessageId> = scene.change_views.iter().map(|(_, id)| *id).collect();
        let lies = self.lies(scene)?;
        let mut triples = Vec::new();
        for (at, first) in honest.iter().enumerate() {
            for second in honest.iter().skip(at + 1) {
                triples.extend(lies.iter().map(|lie| [*first, *second, *lie]));
            }
        }
        if let [first, second, third] = honest.as_slice() {
            triples.push([*first, *second, *third]);
        }
        let mut found: [Option<ViewChangeCertificate>; 2] = [None, None];
        for triple in triples {
            let claims = triple.iter().any(|id| self.backing(*id).is_some());
            let slot = found.get_mut(usize::from(claims));
            if let Some(slot @ None) = slot {
                *slot = self.assemble(triple);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    fn assemble(&self, members: [MessageId; 3]) -> Option<ViewChangeCertificate> {
        let mut entries = std::collections::BTreeMap::new();
        let mut prepared: Option<&PreparedCertificate> = None;
        for id in members {
            let message: &Message = self.message(id)?;
            let Payload::ChangeView(change) = &message.payload else {
                return None;
            };
            let entry = ViewChangeEntry {
                claim: change.claim,
                signature: message.signature,
            };
            entries.insert(message.sender, entry);
            prepared = prepared.or(change.prepared.as_ref());
        }
        Some(ViewChangeCertificate {
            view: View(1),
            entries,
            prepared: prepared.cloned(),
        })
    }
}

/// What the votes name, each once.
fn distinct(votes: &[(ValidatorIndex, Vote)]) -> Vec<(UInt256, UInt256)> {
    let mut named: Vec<_> = votes
        .iter()
        .map(|(_, vote)| (vote.hash, vote.justification))
        .collect();
    named.sort_unstable();
    named.dedup();
    named
}
