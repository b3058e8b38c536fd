//! Certificates that are none.

use std::sync::Arc;
use std::time::Duration;

use neo_consensus::View;
use neo_consensus::v3::certificate::{
    CommitCertificate, Decision, PreparedCertificate, Signatures, ViewChangeCertificate,
    ViewChangeEntry,
};
use neo_consensus::v3::message::Proposal;
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{Signature, UInt256, ValidatorIndex};

use crate::attack::Attack;
use crate::forge::{Fate, Parts, bend};
use crate::knowledge::Seen;
use crate::strategy::{Outgoing, Scene, Strategy};

/// Time between two of them.
const INTERVAL: Duration = Duration::from_millis(100);

/// Sends prepared, commit and view-change certificates that no quorum signed: too few signers or too
/// many, wrong signatures, one signature under every name, signatures of another view, block or kind.
#[derive(Debug, Default)]
pub(crate) struct ForgeCertificates {
    last: Option<Duration>,
}

/// What the signatures of a forged certificate are.
fn signatures(scene: &mut Scene<'_>, seen: &Seen, genuine: Option<&Signatures>) -> Signatures {
    let quorum = seen.quorum();
    let own = seen
        .own
        .and_then(|_| scene.say(seen, View::ZERO, Payload::Suspect));
    let own = own.map_or(Signature([9; 64]), |message| message.signature);
    let indexes = seen.info.validators.indexes();
    let genuine = genuine.cloned().unwrap_or_default();
    let signed: Vec<(ValidatorIndex, Signature)> = match scene.random.below(6) {
        // Too few.
        0 => genuine
            .iter()
            .take(quorum.saturating_sub(1))
            .map(|(index, signature)| (index, *signature))
            .collect(),
        // The own one under every name.
        1 => indexes.take(quorum).map(|index| (index, own)).collect(),
        // Each under another name.
        2 => {
            let mut all: Vec<_> = genuine.iter().map(|(_, signature)| *signature).collect();
            let turn = 1.min(all.len());
            all.rotate_left(turn);
            genuine.signers().zip(all).collect()
        }
        // More than there are validators.
        3 => (0..=u8::MAX)
            .map(|index| (ValidatorIndex(index), own))
            .collect(),
        // Genuine ones, for whatever they are put under.
        4 => genuine
            .iter()
            .map(|(index, signature)| (index, *signature))
            .collect(),
        // One bit of one is wrong.
        _ => {
            let mut all: Vec<_> = genuine
                .iter()
                .map(|(index, signature)| (index, *signature))
                .collect();
            if let Some((_, signature)) = all.last_mut() {
                signature.0[40] ^= 4;
            }
            all
        }
    };
    Signatures::new(signed.into_iter().collect())
}

fn block(scene: &mut Scene<'_>, seen: &Seen) -> UInt256 {
    let known: Vec<_> = seen.proposals().filter_map(Message::block).collect();
    let invented = UInt256::from_wire([0xf0; 32]);
    if scene.random.once_in(3) {
        return invented;
    }
    scene.random.pick(&known).copied().unwrap_or(invented)
}

fn some_view(scene: &mut Scene<'_>, seen: &Seen) -> View {
    let step = u32::try_from(scene.random.below(3)).unwrap_or(0);
    View(seen.view().0.saturating_add(step))
}

fn prepared(scene: &mut Scene<'_>, seen: &Seen) -> PreparedCertificate {
    let real = seen.prepared().pop();
    let genuine = real.as_ref().map(|held| &held.signatures);
    let forged = signatures(scene, seen, genuine);
    let mut view = some_view(scene, seen);
    let hash = block(scene, seen);
    // Genuine signatures must not end up under what they say.
    if real
        .as_ref()
        .is_some_and(|held| held.view == view && held.hash == hash)
    {
        view = view.next();
    }
    PreparedCertificate {
        view,
        hash,
        justification: UInt256::ZERO,
        signatures: forged,
    }
}

fn decision(scene: &mut Scene<'_>, seen: &Seen) -> Decision {
    let real = seen.prepared().pop().map(|held| held.signatures);
    let forged = signatures(scene, seen, real.as_ref());
    let hash = block(scene, seen);
    if scene.random.once_in(2) {
        let few = seen.info.validators.faulty() + 1;
        let some = forged.iter().take(few);
        return Decision::HeaderSignatures {
            hash,
            signatures: Signatures::new(some.map(|(who, what)| (who, *what)).collect()),
        };
    }
    let view = some_view(scene, seen);
    let with = scene.random.once_in(2);
    Decision::Certificate(CommitCertificate {
        view,
        hash,
        signatures: forged,
        prepared: with.then(|| prepared(scene, seen)),
    })
}

fn view_change(scene: &mut Scene<'_>, seen: &Seen) -> ViewChangeCertificate {
    let view = some_view(scene, seen).next();
    let held = scene.random.once_in(2).then(|| prepared(scene, seen));
    let signed = signatures(scene, seen, None);
    let signed = if signed.is_empty() {
        let signers = seen.info.validators.indexes().take(seen.quorum());
        Signatures::new(signers.map(|index| (index, Signature([3; 64]))).collect())
    } else {
        signed
    };
    let claim = held.as_ref().map(PreparedCertificate::claim);
    let entry = |(index, signature): (ValidatorIndex, &Signature)| {
        let entry = ViewChangeEntry {
            claim,
            signature: *signature,
        };
        (index, entry)
    };
    ViewChangeCertificate {
        view,
        entries: signed.iter().map(entry).collect(),
        prepared: held,
    }
}

impl Strategy for ForgeCertificates {
    fn name(&self) -> &'static str {
        Attack::ForgeCertificates.name()
    }

    fn outgoing(&mut self, scene: &mut Scene<'_>, outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        // Some own proposals carry a forged decision of the height before, or a forged justification.
        bend(scene, outgoing, |scene, seen, _, message| {
            let Payload::Proposal(proposal) = &message.payload else {
                return Fate::Pass;
            };
            if !scene.is_own(seen, message) || !scene.random.once_in(3) {
                return Fate::Pass;
            }
            let mut forged = Proposal {
                parent: Some(decision(scene, seen)),
                ..proposal.as_ref().clone()
            };
            if message.view > View::ZERO && scene.random.once_in(2) {
                forged.justification = Some(ViewChangeCertificate {
                    view: message.view,
                    ..view_change(scene, seen)
                });
            }
            let bent = scene.say(seen, message.view, Payload::Proposal(Arc::new(forged)));
            bent.map_or(Fate::Pass, Fate::Become)
        })
    }

    fn tick(&mut self, scene: &mut Scene<'_>) -> Vec<Outgoing> {
        let due = scene.is_due(&mut self.last, INTERVAL);
        let knowledge = scene.knowledge;
        let Some(seen) = knowledge.latest().filter(|_| due) else {
            return Vec::new();
        };
        let parts = Parts {
            view_change: Some(view_change(scene, seen)),
            prepared: Some(prepared(scene, seen)),
            decision: Some(decision(scene, seen)),
            messages: Vec::new(),
        };
        let message = scene.forward(seen, parts);
        scene.for_anybody(seen, message)
    }
}
