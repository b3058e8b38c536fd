//! What the two protocols do differently around their engines.

use std::sync::Arc;
use std::time::Instant;

use crate::handover::Signing;
use neo_consensus::engine::{Engine, Fetch, LedgerEvent, Recipient};
use neo_consensus::tuning::Adjustment;
use neo_driver::Ballot;
use neo_primitives::{BlockBody, Height, PublicKey};
use neo_signer::Remote;

/// A signed message of the protocol that a voice speaks.
pub(crate) type MessageOf<V> = <<V as Voice>::Protocol as neo_consensus::engine::Protocol>::Message;
/// A signature check of it.
pub(crate) type JobOf<V> = <<V as Voice>::Protocol as neo_consensus::engine::Protocol>::Job;
/// What came of one.
pub(crate) type OutcomeOf<V> = <<V as Voice>::Protocol as neo_consensus::engine::Protocol>::Outcome;
/// A record of its vote log.
pub(crate) type RecordOf<V> = <<V as Voice>::Protocol as neo_consensus::engine::Protocol>::Record;
/// A proof of guilt.
pub(crate) type EvidenceOf<V> =
    <<V as Voice>::Protocol as neo_consensus::engine::Protocol>::Evidence;

/// How the messages of a protocol travel, and what else only one of the protocols has. When something is signed, made
/// durable, sent and counted is no business of a voice: the driver does that, in one place for both.
pub(crate) trait Voice: Send + 'static {
    /// The protocol.
    type Protocol: Engine
        + Remote<
            Record: Signing + Send,
            Outcome: Send + 'static,
            Job: Send,
            Own: Send,
            Draft: Send,
            Message: Send,
        > + Send
        + 'static;
    /// A message on its way in.
    type Delivered: Send + 'static;

    /// The message that was delivered, and whom it comes from; `None` if the engine does not get it.
    fn receive(
        &mut self,
        engine: &Self::Protocol,
        delivered: Self::Delivered,
    ) -> Option<(PublicKey, MessageOf<Self>)>;

    /// Runs a signature check on another thread, which tells `done` what came of it.
    fn check(&self, job: JobOf<Self>, done: impl FnOnce(OutcomeOf<Self>) + Send + 'static);

    /// A check ended; the engine gets its outcome next.
    fn checked(&mut self, outcome: &OutcomeOf<Self>);

    /// Sends own messages, which are durable, and behind them what is repeated.
    fn leave(
        &mut self,
        engine: &Self::Protocol,
        ballot: &Ballot<Self::Protocol>,
        again: Vec<(Recipient, MessageOf<Self>)>,
    );

    /// Asks other nodes for what the engine misses.
    fn fetch(&self, engine: &Self::Protocol, fetch: Fetch);

    /// The height of a message that decides, if it is one: the first of a run is told outside.
    fn decides(message: &MessageOf<Self>) -> Option<Height>;

    /// The block that a record holds, if it holds one.
    fn body(record: &RecordOf<Self>) -> Option<&Arc<BlockBody>>;

    /// The ledger says something; the engine hears it next.
    fn learn(&mut self, _event: &LedgerEvent) {}

    /// A block is stored.
    fn stored(&mut self, _height: Height) {}

    /// These validators lead next.
    fn watch(&self, _validators: Vec<PublicKey>) {}

    /// All validators without a connection are to be dialled at once.
    fn redial(&self) {}

    /// A validator is proved guilty.
    fn convict(&self, evidence: &EvidenceOf<Self>);

    /// A height was opened.
    fn opened(&self, _engine: &Self::Protocol, _height: Height) {}

    /// A block was decided: adjusts what the node tunes, and tells what it changed.
    fn decided(&mut self, _engine: &Self::Protocol) -> Vec<Adjustment> {
        Vec::new()
    }

    /// When [`Voice::due`] has something to do, if ever.
    fn wake(&self) -> Option<Instant> {
        None
    }

    /// Time has passed.
    fn due(&mut self, _engine: &Self::Protocol) {}
}
