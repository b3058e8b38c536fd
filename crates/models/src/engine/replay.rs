//! A play of the quorum-level model, step by step on real engines.
//!
//! The adversary carries messages exactly as the play says: members of a view-change certificate give up
//! their view, the certificate goes to everybody, so does the proposal, and the Prepares reach the holders
//! only. At the end the header signatures on each block go to one validator each.

use std::collections::{BTreeMap, BTreeSet};

use neo_consensus::View;
use neo_consensus::engine::{Recipient, TimerKind};
use neo_consensus::v3::certificate::{PreparedCertificate, ViewChangeCertificate, ViewChangeEntry};
use neo_consensus::v3::safety::justification_of;
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{UInt256, ValidatorIndex};

use super::fair::fair_end;
use super::node::{Node, Sent};
use super::world::{STILL, World};
use super::{Broken, ModelError};
use crate::quorum::play::{Play, letter};
use crate::quorum::state::{Mask, QuorumState};
use crate::quorum::step::ViewStep;

/// What keeps a play from being replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The world does not fit.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An engine did not do what the play says.
    #[error("view {view}: {what}")]
    Departed {
        /// The view.
        view: u8,
        /// What is missing or different.
        what: String,
    },
}

/// What came of a replay.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Per block, by letter, who signed its header; Byzantine validators sign all.
    pub signatures: BTreeMap<char, BTreeSet<u8>>,
    /// Validators that put a witness together, and of which block.
    pub witnessed: BTreeMap<u8, char>,
    /// Each thing that was done.
    pub log: Vec<String>,
    /// The block that all honest validators then agree on by themselves, or why not.
    pub afterwards: Result<char, String>,
}

impl Replayed {
    /// Whether two blocks have a witness.
    #[must_use]
    pub fn forks(&self) -> bool {
        let blocks: BTreeSet<char> = self.witnessed.values().copied().collect();
        blocks.len() > 1
    }
}

struct Stage {
    world: World,
    liars: Vec<World>,
    nodes: Vec<Node>,
    /// All that honest validators sent.
    sent: Vec<(ValidatorIndex, Message)>,
    /// Blocks by number in the play.
    blocks: Vec<UInt256>,
    /// Per view what its proposal says.
    proposed: BTreeMap<u8, (UInt256, UInt256)>,
    quorum: usize,
    log: Vec<String>,
}

/// Replays a play on engines that break this rule, or none.
///
/// # Errors
/// An engine that cannot follow the play, for example because it is not the fork that its rules allow.
pub fn replay(play: &Play, broken: Broken) -> Result<Replayed, ReplayError> {
    let mut stage = Stage::begin(play, broken)?;
    for (before, step) in &play.views {
        stage.play(before, step)?;
    }
    stage.end()
}

impl Stage {
    fn begin(play: &Play, broken: Broken) -> Result<Self, ReplayError> {
        let byzantine = play.byzantine();
        let first = byzantine.first().copied().unwrap_or(0);
        let world = World::new(play.setting.validators, ValidatorIndex(first))?;
        let liars = byzantine
            .iter()
            .map(|index| world.speaking_for(ValidatorIndex(*index)));
        let mut stage = Self {
            liars: liars.collect::<Result<_, _>>()?,
            world,
            nodes: Vec::new(),
            sent: Vec::new(),
            blocks: Vec::new(),
            proposed: BTreeMap::new(),
            quorum: usize::from(play.setting.quorum()),
            log: Vec::new(),
        };
        for index in 0..play.setting.honest() {
            let index = ValidatorIndex(index);
            let (node, sent) = Node::start(&stage.world, index, STILL, broken)?;
            stage.nodes.push(node);
            stage.keep(index, sent);
        }
        Ok(stage)
    }

    fn keep(&mut self, from: ValidatorIndex, sent: Sent) {
        let all = sent.into_iter().filter(|(to, _)| *to == Recipient::All);
        self.sent.extend(all.map(|(_, message)| (from, message)));
    }

    fn deliver(&mut self, to: u8, message: &Message) -> Result<(), ReplayError> {
        if let Some(node) = self.nodes.get_mut(usize::from(to)) {
            let sent = node.receive(&self.world, STILL, message)?;
            self.log.push(format!(
                "{to} receives {}",
                super::telling::message(message)
            ));
            self.keep(ValidatorIndex(to), sent);
        }
        Ok(())
    }

    fn broadcast(&mut self, message: &Message) -> Result<(), ReplayError> {
        for to in 0..u8::try_from(self.nodes.len()).unwrap_or(u8::MAX) {
            if ValidatorIndex(to) != message.sender {
                self.deliver(to, message)?;
            }
        }
        Ok(())
    }

    fn find(&self, fits: impl Fn(&Message) -> bool) -> Option<&Message> {
        let all = self.sent.iter().rev().map(|(_, message)| message);
        all.into_iter().find(|message| fits(message))
    }

    fn play(&mut self, before: &QuorumState, step: &ViewStep) -> Result<(), ReplayError> {
        let view = before.view;
        let departed = |what: String| ReplayError::Departed { view, what };
        let mut certificate = None;
        if view > 0 {
            let formed = self.view_change(before, step)?;
            let liar = self.liars.first().unwrap_or(&self.world);
            let forwarded = liar.forward(View(view.into()), Some(formed.clone()), None)?;
            self.broadcast(&forwarded)?;
            certificate = Some(formed);
        }
        let Some(block) = step.block else {
            return Ok(());
        };
        let leader = self.world.leader(View(view.into()));
        let liar = self.liars.iter().find(|liar| liar.byzantine() == leader);
        let proposal = match liar {
            Some(liar) => {
                let known = self.blocks.get(usize::from(block));
                let body = known.and_then(|hash| liar.body(hash));
                let body = body.unwrap_or_else(|| liar.block(leader, 0));
                liar.propose(View(view.into()), &body, certificate)?
            }
            None => {
                let own = |message: &Message| {
                    matches!(message.payload, Payload::Proposal(_))
                        && message.sender == leader
                        && message.view == View(view.into())
                };
                let found = self.find(own).cloned();
                found.ok_or_else(|| departed(format!("its leader {leader} proposes nothing")))?
            }
        };
        let Payload::Proposal(content) = &proposal.payload else {
            return Err(departed("no proposal".to_owned()));
        };
        let (hash, justification) = (content.header.hash(), justification_of(content));
        if usize::from(block) == self.blocks.len() {
            self.blocks.push(hash);
        }
        if self.blocks.get(usize::from(block)) != Some(&hash) {
            let name = letter(block);
            return Err(departed(format!("the proposal is not of block {name}")));
        }
        self.proposed.insert(view, (hash, justification));
        self.broadcast(&proposal)?;
        self.certify(view, hash, justification, step.holders)
    }

    /// The Prepares of everybody reach the holders.
    fn certify(
        &mut self,
        view: u8,
        hash: UInt256,
        justification: UInt256,
        holders: Mask,
    ) -> Result<(), ReplayError> {
        let payload = Payload::Prepare {
            hash,
            justification,
        };
        let of_view =
            |message: &&Message| message.view == View(view.into()) && message.payload == payload;
        let honest = self.sent.iter().map(|(_, message)| message).filter(of_view);
        let mut votes: Vec<Message> = honest.cloned().collect();
        for liar in &self.liars {
            votes.push(liar.say(View(view.into()), payload.clone())?);
        }
        for holder in holders.iter() {
            for vote in &votes {
                if vote.sender != ValidatorIndex(holder) {
                    self.deliver(holder, vote)?;
                }
            }
            let voted = |message: &Message| {
                message.sender == ValidatorIndex(holder)
                    && message.view == View(view.into())
                    && message.payload == Payload::PreCommit { hash }
            };
            if self.find(voted).is_none() {
                let what = format!("{holder} holds the certificate and does not PreCommit");
                return Err(ReplayError::Departed { view, what });
            }
        }
        Ok(())
    }

    /// Its members give up the view before; the adversary puts the certificate together.
    fn view_change(
        &mut self,
        before: &QuorumState,
        step: &ViewStep,
    ) -> Result<ViewChangeCertificate, ReplayError> {
        let view = before.view;
        let target = View(view.into());
        let mut changes = Vec::new();
        for member in step.members.iter() {
            let Some(node) = self.nodes.get_mut(usize::from(member)) else {
                continue;
            };
            let sent = node.fire(&self.world, STILL, TimerKind::View)?;
            self.log.push(format!("{member}: its view timer fires"));
            self.keep(ValidatorIndex(member), sent);
            let own = |message: &Message| {
                matches!(message.payload, Payload::ChangeView(_))
                    && message.sender == ValidatorIndex(member)
                    && message.view == target
            };
            let change = self.find(own).cloned();
            changes.push(change.ok_or_else(|| ReplayError::Departed {
                view,
                what: format!("{member} does not ask for it"),
            })?);
        }
        let mut claim = step.byzantine_claim;
        let helpers = self.liars.iter().take(usize::from(step.byzantine_members));
        for liar in helpers {
            let held = claim
                .take()
                .map(|of| self.certificate(of))
                .transpose()?
                .flatten();
            changes.push(liar.change_view(target, held.as_ref(), true)?);
        }
        Ok(assemble(target, &changes))
    }

    /// PC of a view that was played, signed by the Byzantine validators and the first honest ones.
    fn certificate(&self, view: u8) -> Result<Option<PreparedCertificate>, ModelError> {
        let Some((hash, justification)) = self.proposed.get(&view).copied() else {
            return Ok(None);
        };
        let liars = self.liars.iter().map(World::byzantine);
        let honest = self.nodes.iter().map(Node::index);
        let signers: Vec<_> = liars.chain(honest).take(self.quorum).collect();
        let of = View(view.into());
        self.world
            .prepared(of, hash, justification, &signers)
            .map(Some)
    }

    /// Who can put the witness of a block together: a node counts its own first header signature, so that
    /// must be on this block, or it has signed none.
    fn receiver(&self, among: &BTreeSet<u8>, block: UInt256) -> Option<u8> {
        let first = |index: u8| {
            self.sent
                .iter()
                .find_map(|(from, message)| match message.payload {
                    Payload::Commit { hash } if *from == ValidatorIndex(index) => Some(hash),
                    _ => None,
                })
        };
        let signed = |index: &&u8| first(**index) == Some(block);
        let found = among.iter().find(signed);
        found
            .or_else(|| among.iter().find(|index| first(**index).is_none()))
            .copied()
    }

    /// The header signatures on each block go to one honest validator each.
    fn end(mut self) -> Result<Replayed, ReplayError> {
        let mut signatures: BTreeMap<char, BTreeSet<u8>> = BTreeMap::new();
        let mut receivers: BTreeSet<u8> = (0..).take(self.nodes.len()).collect();
        for (number, hash) in (0..).zip(self.blocks.clone()) {
            let payload = Payload::Commit { hash };
            let signs = |message: &&Message| message.payload == payload;
            let honest = self.sent.iter().map(|(_, message)| message).filter(signs);
            let mut signed: Vec<Message> = honest.cloned().collect();
            for liar in &self.liars {
                signed.push(liar.say(View::ZERO, payload.clone())?);
            }
            let signers: BTreeSet<u8> = signed.iter().map(|message| message.sender.0).collect();
            if signers.len() >= self.quorum
                && let Some(to) = self.receiver(&receivers, hash)
            {
                receivers.remove(&to);
                for message in signed.iter().filter(|signed| signed.sender.0 != to) {
                    self.deliver(to, message)?;
                }
            }
            signatures.insert(letter(number), signers);
        }
        let name = |hash: &UInt256| {
            let number = self.blocks.iter().position(|block| block == hash);
            number
                .and_then(|number| u8::try_from(number).ok())
                .map_or('?', letter)
        };
        let witnessed = self.nodes.iter().filter_map(|node| {
            let (hash, _) = node.witnessed.as_ref()?;
            Some((node.index().0, name(hash)))
        });
        let witnessed = witnessed.collect();
        let rest = fair_end(&self.world, self.nodes.clone(), self.sent.iter().cloned())?;
        Ok(Replayed {
            signatures,
            witnessed,
            afterwards: rest.map(|hash| name(&hash)),
            log: self.log,
        })
    }
}

fn assemble(view: View, changes: &[Message]) -> ViewChangeCertificate {
    let mut entries = BTreeMap::new();
    let mut prepared: Option<&PreparedCertificate> = None;
    for message in changes {
        if let Payload::ChangeView(change) = &message.payload {
            let entry = ViewChangeEntry {
                claim: change.claim,
                signature: message.signature,
            };
            entries.insert(message.sender, entry);
            let higher = |held: &&PreparedCertificate| prepared.is_none_or(|p| held.view > p.view);
            prepared = change.prepared.as_ref().filter(higher).or(prepared);
        }
    }
    ViewChangeCertificate {
        view,
        entries,
        prepared: prepared.cloned(),
    }
}
