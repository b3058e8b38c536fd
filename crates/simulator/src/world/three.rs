//! dBFT 3.0 in a world.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use neo_adversary::{Adversary, Attack, Collusion};
use neo_consensus::engine::Restored;
use neo_consensus::v3::evidence::Evidence;
use neo_consensus::v3::wire::{self, Hints};
use neo_consensus::v3::{
    EngineSettings, Message, Outcome, Payload, Record, SignatureCheck, V3Engine, VerifyJob,
};
use neo_driver::Leaders;
use neo_invariants::{Oracles, Setup, Violation};
use neo_primitives::{Encode as _, Height, PublicKey, Transaction, UInt160, UInt256, sha256};

use super::protocol::{Guilt, Judge, Label, Seen, Simulated, Step, Surroundings};
use crate::plan::Part;
use crate::trace::Vote;

impl Judge<V3Engine> for Oracles {
    fn observe(&mut self, at: Duration, node: usize, observation: Seen<'_, V3Engine>) {
        self.observe(at, node, observation);
    }

    fn healed(&mut self, at: Duration, up: &BTreeSet<usize>) {
        self.healed(at, up);
    }

    fn finish(&mut self, at: Duration) {
        self.finish(at);
    }

    fn violations(&self) -> &[Violation] {
        self.violations()
    }

    fn culprits(&self) -> Vec<u16> {
        let proofs = self.evidence().iter();
        proofs.map(|one| u16::from(one.culprit().0)).collect()
    }

    /// The protocol knows no lock: what stands still breaks `progress`.
    fn locks(&self) -> &[Height] {
        &[]
    }
}

impl Simulated for V3Engine {
    type Judge = Oracles;
    type Villain = Adversary;
    const FLOODS: bool = false;

    fn engine(surroundings: Surroundings, restored: Restored<Record>) -> Self {
        let settings = EngineSettings::new(
            Some(surroundings.key),
            surroundings.executes_ahead,
            surroundings.timers,
        );
        #[cfg(feature = "mutation")]
        let settings = EngineSettings {
            mutation: surroundings.options.mutation,
            ..settings
        };
        Self::new(settings, restored)
    }

    #[cfg(feature = "mutation")]
    fn leaders(surroundings: &Surroundings) -> Leaders {
        Leaders::breaking(surroundings.options.mutation)
    }

    #[cfg(not(feature = "mutation"))]
    fn leaders(_surroundings: &Surroundings) -> Leaders {
        Leaders::new()
    }

    fn judge(setup: Setup) -> Oracles {
        Oracles::new(setup)
    }

    fn villain(attacks: &[String], seed: u64, collusion: &Collusion) -> Adversary {
        let attacks: Vec<Attack> = attacks
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        let adversary = if attacks.is_empty() {
            Adversary::random(seed)
        } else {
            Adversary::new(&attacks, seed)
        };
        adversary.colluding(collusion.clone())
    }

    fn resumed(from: Height) -> Record {
        Record::Resumed { from }
    }

    fn vote(record: &Record) -> Option<Vote> {
        match record {
            Record::Own(message) => Some(Vote {
                kind: message.kind().into(),
                height: message.height.0,
                view: message.view.0,
            }),
            _ => None,
        }
    }

    fn step_of(record: &Record) -> Option<Step> {
        match record {
            Record::Own(message) => {
                let phase = match message.payload {
                    Payload::Proposal(_) | Payload::Prepare { .. } => "Prepare",
                    // A certificate of a left view is kept and moves nobody; whose PreCommit it brings about does.
                    Payload::PreCommit { .. } => "PreCommit",
                    _ => return None,
                };
                Some(Step::Phase {
                    height: message.height.0,
                    view: message.view.0,
                    phase,
                })
            }
            Record::Prepared {
                height,
                certificate,
            } => Some(Step::Prepared {
                height: height.0,
                view: certificate.view.0,
                block: certificate.hash,
            }),
            _ => None,
        }
    }

    fn write(message: &Message, now_ns: u64) -> Vec<u8> {
        let hints = Hints {
            timestamp_ns: now_ns,
            priority: message.kind() as u32,
        };
        wire::encode(message, hints)
    }

    fn read(bytes: &[u8]) -> Option<Message> {
        Some(wire::decode(bytes).ok()?.0)
    }

    fn label(message: &Message, _next_consensus: &UInt160) -> Label {
        Label {
            kind: message.kind().into(),
            height: message.height.0,
            view: message.view.0,
            block: message.block(),
        }
    }

    /// Nobody asks: messages are not flooded.
    fn hash(message: &Message) -> UInt256 {
        UInt256::from_wire(sha256(&message.payload.to_bytes()))
    }

    fn carries(message: &Message, part: Part) -> bool {
        match (&message.payload, part) {
            (Payload::Proposal(proposal), Part::ViewChangeCertificate) => {
                proposal.justification.is_some()
            }
            (Payload::Proposal(proposal), Part::Decision) => proposal.parent.is_some(),
            (Payload::ChangeView(change), Part::PreparedCertificate) => change.prepared.is_some(),
            (Payload::RecoveryMessage(recovery), Part::ViewChangeCertificate) => {
                recovery.view_change.is_some()
            }
            (Payload::RecoveryMessage(recovery), Part::PreparedCertificate) => {
                recovery.prepared.is_some()
            }
            (Payload::RecoveryMessage(recovery), Part::Decision) => recovery.decision.is_some(),
            (Payload::RecoveryMessage(recovery), Part::Votes) => !recovery.messages.is_empty(),
            _ => false,
        }
    }

    fn sender(_message: &Message, bearer: &PublicKey) -> PublicKey {
        bearer.clone()
    }

    fn check(job: VerifyJob, check: &dyn SignatureCheck) -> Outcome {
        job.run(check)
    }

    fn base_timeout(&self) -> Duration {
        self.base_timeout()
    }

    fn guilt(evidence: &Evidence) -> Guilt {
        Guilt {
            against: u16::from(evidence.culprit().0),
            height: evidence.height.0,
            kind: evidence.guilt.name(),
        }
    }

    fn hashes(&self, _block: &UInt256) -> Option<&[UInt256]> {
        None
    }

    fn transaction(&self, _hash: &UInt256) -> Option<Arc<Transaction>> {
        None
    }

    #[cfg(feature = "mutation")]
    fn sends_first(options: &crate::Options) -> bool {
        use neo_consensus::v3::mutation::Mutation;
        options.mutation == Some(Mutation::SendsBeforeDurable)
    }

    /// Which records are forgotten, the engine itself is told.
    #[cfg(feature = "mutation")]
    fn forgets(_options: &crate::Options, _record: &Record) -> bool {
        false
    }
}
