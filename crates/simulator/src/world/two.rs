//! dBFT 2.0 in a world: messages are for everybody, and everybody passes them on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use neo_adversary::Collusion;
use neo_adversary::v2::Liar;
use neo_consensus::engine::{Engine as _, Restored};
#[cfg(feature = "mutation")]
use neo_consensus::v2::mutation::Mutation;
use neo_consensus::v2::{
    Body, EngineSettings, Kind as Named, Message, Outcome, Record, V2Engine, VerifyJob,
};
use neo_consensus::v3::SignatureCheck;
use neo_driver::Leaders;
use neo_invariants::{Setup, Violation, v2};
use neo_primitives::{
    Decode as _, Encode as _, Header, Height, PublicKey, Transaction, UInt160, UInt256, merkle_root,
};

use super::protocol::{Guilt, Judge, Label, Seen, Simulated, Step, Surroundings};
use crate::plan::{COMMITTED, Part};
use crate::trace::{Kind, Vote};

impl Judge<V2Engine> for v2::Oracles {
    fn observe(&mut self, at: Duration, node: usize, observation: Seen<'_, V2Engine>) {
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

    /// The protocol knows no proofs of guilt.
    fn culprits(&self) -> Vec<u16> {
        Vec::new()
    }

    fn locks(&self) -> &[Height] {
        self.locks()
    }
}

fn kind(message: &Message) -> Kind {
    match message.kind() {
        Named::PrepareRequest => Kind::Proposal,
        Named::PrepareResponse => Kind::Prepare,
        Named::Commit => Kind::Commit,
        Named::ChangeView => Kind::ChangeView,
        Named::RecoveryRequest => Kind::RecoveryRequest,
        Named::RecoveryMessage => Kind::RecoveryMessage,
    }
}

/// The view of a message; of a ChangeView the one asked for.
fn view(message: &Message) -> u32 {
    let content = message.content();
    u32::from(content.new_view().unwrap_or(content.view))
}

impl Simulated for V2Engine {
    type Judge = v2::Oracles;
    type Villain = Liar;
    const FLOODS: bool = true;

    fn engine(surroundings: Surroundings, restored: Restored<Record>) -> Self {
        let most = surroundings.timers.max_block_time;
        let settings = EngineSettings {
            own: Some(surroundings.key),
            max_block_time: (!most.is_zero()).then_some(most),
            #[cfg(feature = "mutation")]
            mutation: surroundings.options.older,
        };
        Self::new(settings, restored)
    }

    /// The ledger's answers carry an order of leaders, which this protocol does not look at.
    fn leaders(_surroundings: &Surroundings) -> Leaders {
        Leaders::new()
    }

    fn judge(setup: Setup) -> v2::Oracles {
        v2::Oracles::new(setup)
    }

    fn villain(attacks: &[String], seed: u64, _collusion: &Collusion) -> Liar {
        let attacks: Vec<_> = attacks
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        if attacks.is_empty() {
            Liar::random(seed)
        } else {
            Liar::new(&attacks, seed)
        }
    }

    fn resumed(from: Height) -> Record {
        Record::Resumed { from }
    }

    fn vote(record: &Record) -> Option<Vote> {
        match record {
            Record::Own(message) => Some(Vote {
                kind: kind(message),
                height: message.height().0,
                view: view(message),
            }),
            _ => None,
        }
    }

    fn step_of(record: &Record) -> Option<Step> {
        let Record::Own(message) = record else {
            return None;
        };
        let phase = match message.kind() {
            Named::PrepareRequest | Named::PrepareResponse => "Prepare",
            Named::Commit => COMMITTED,
            _ => return None,
        };
        Some(Step::Phase {
            height: message.height().0,
            view: u32::from(message.view()),
            phase,
        })
    }

    fn write(message: &Message, _now_ns: u64) -> Vec<u8> {
        message.to_bytes()
    }

    fn read(bytes: &[u8]) -> Option<Message> {
        Message::from_bytes(bytes).ok()
    }

    fn label(message: &Message, next_consensus: &UInt160) -> Label {
        let content = message.content();
        let block = match &content.body {
            Body::PrepareRequest(request) => {
                let header = Header {
                    version: request.version,
                    prev_hash: request.prev_hash,
                    merkle_root: merkle_root(&request.hashes),
                    timestamp: request.timestamp,
                    nonce: request.nonce,
                    index: content.height,
                    primary_index: content.validator,
                    next_consensus: *next_consensus,
                };
                Some(header.hash())
            }
            _ => None,
        };
        Label {
            kind: kind(message),
            height: content.height.0,
            view: view(message),
            block,
        }
    }

    fn hash(message: &Message) -> UInt256 {
        message.hash()
    }

    fn carries(message: &Message, part: Part) -> bool {
        match (&message.content().body, part) {
            (Body::RecoveryMessage(recovery), Part::Votes) => {
                !recovery.preparations.is_empty() || !recovery.commits.is_empty()
            }
            _ => false,
        }
    }

    fn sender(message: &Message, bearer: &PublicKey) -> PublicKey {
        message.claimed_key().unwrap_or_else(|| bearer.clone())
    }

    fn check(job: VerifyJob, check: &dyn SignatureCheck) -> Outcome {
        job.run(check)
    }

    fn base_timeout(&self) -> Duration {
        self.status().base_timeout
    }

    fn guilt(evidence: &std::convert::Infallible) -> Guilt {
        match *evidence {}
    }

    fn hashes(&self, block: &UInt256) -> Option<&[UInt256]> {
        self.transaction_hashes(block)
    }

    fn transaction(&self, hash: &UInt256) -> Option<Arc<Transaction>> {
        self.transaction(hash)
    }

    #[cfg(feature = "mutation")]
    fn sends_first(options: &crate::Options) -> bool {
        options.older == Some(Mutation::SendsBeforeDurable)
    }

    #[cfg(feature = "mutation")]
    fn forgets(options: &crate::Options, record: &Record) -> bool {
        options.older == Some(Mutation::ForgetsCommit)
            && matches!(record, Record::Own(message) if message.kind() == Named::Commit)
    }
}
