//! What differs between the protocols that a world can run.
//!
//! Everything else is the same for both: time, links, clocks, crashes, vote logs on their media, the ledger,
//! conditions, traces. `two` and `three` say what a protocol's messages and records are to filters, traces
//! and oracles.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use neo_adversary::{Collusion, Interference};
use neo_consensus::engine::{Ballots, Engine, Protocol, Restored};
use neo_consensus::v3::SignatureCheck;
use neo_consensus::v3::timing::TimerSettings;
use neo_consensus::vote_log::LogRecord;
use neo_driver::Leaders;
use neo_invariants::{Observation, Setup, Violation};
use neo_primitives::{Height, PublicKey, Transaction, UInt160, UInt256};

use crate::plan::Part;
use crate::trace::{Kind, Vote};

/// An observation of a node that runs this protocol.
pub(super) type Seen<'a, P> =
    Observation<'a, <P as Protocol>::Message, <P as Protocol>::Record, <P as Protocol>::Evidence>;

/// What filters and traces see of a message.
pub(super) struct Label {
    pub(super) kind: Kind,
    pub(super) height: u32,
    /// Of a ChangeView the view asked for.
    pub(super) view: u32,
    pub(super) block: Option<UInt256>,
}

/// What a record that became durable says of its node.
pub(super) enum Step {
    /// It is in this phase of a view.
    Phase {
        height: u32,
        view: u32,
        phase: &'static str,
    },
    /// It holds a prepared certificate.
    Prepared {
        height: u32,
        view: u32,
        block: UInt256,
    },
}

/// Whom a proof convicts.
pub(super) struct Guilt {
    pub(super) against: u16,
    pub(super) height: u32,
    pub(super) kind: &'static str,
}

/// What an engine is made with, besides what its node remembers.
pub(super) struct Surroundings {
    pub(super) key: PublicKey,
    pub(super) executes_ahead: bool,
    pub(super) timers: TimerSettings,
    #[cfg(feature = "mutation")]
    pub(super) options: crate::Options,
}

/// The oracles of a protocol.
pub(super) trait Judge<P: Protocol> {
    fn observe(&mut self, at: Duration, node: usize, observation: Seen<'_, P>);
    fn healed(&mut self, at: Duration, up: &BTreeSet<usize>);
    fn finish(&mut self, at: Duration);
    fn violations(&self) -> &[Violation];
    /// Validators to whom a fork was traced.
    fn culprits(&self) -> Vec<u16>;
    /// Heights that were recognised as locked, in the order in which that was seen.
    fn locks(&self) -> &[Height];
}

/// A protocol as a world runs it.
pub(super) trait Simulated:
    Engine + Ballots + Protocol<Record: LogRecord> + Sized + 'static
{
    /// Its oracles.
    type Judge: Judge<Self>;
    /// What stands around the engine of an attacker.
    type Villain: Interference<Self::Message>;
    /// Whether every node passes every message on, once; otherwise messages travel from validator to
    /// validator, and around a dead link through two others.
    const FLOODS: bool;

    fn engine(surroundings: Surroundings, restored: Restored<Self::Record>) -> Self;
    fn leaders(surroundings: &Surroundings) -> Leaders;
    fn judge(setup: Setup) -> Self::Judge;
    /// An attacker with these attacks, or with a mix out of the seed.
    fn villain(attacks: &[String], seed: u64, collusion: &Collusion) -> Self::Villain;

    /// The operator vouches for the log: votes from this height on.
    fn resumed(from: Height) -> Self::Record;
    /// The own message in a record.
    fn vote(record: &Self::Record) -> Option<Vote>;
    fn step_of(record: &Self::Record) -> Option<Step>;

    /// The bytes of a message.
    fn write(message: &Self::Message, now_ns: u64) -> Vec<u8>;
    /// The message in bytes that came.
    fn read(bytes: &[u8]) -> Option<Self::Message>;
    /// `next_consensus` is what the headers of the run carry.
    fn label(message: &Self::Message, next_consensus: &UInt160) -> Label;
    /// Names a message among those that a node has passed on.
    fn hash(message: &Self::Message) -> UInt256;
    fn carries(message: &Self::Message, part: Part) -> bool;
    /// Whom the engine is told that a message comes from; `bearer` is at the other end of the connection.
    fn sender(message: &Self::Message, bearer: &PublicKey) -> PublicKey;

    fn check(job: Self::Job, check: &dyn SignatureCheck) -> Self::Outcome;
    fn base_timeout(&self) -> Duration;
    fn guilt(evidence: &Self::Evidence) -> Guilt;
    /// The transactions of an open proposal, where they are asked for by their own hashes.
    fn hashes(&self, block: &UInt256) -> Option<&[UInt256]>;
    /// A transaction of the open height, which may be in no memory pool.
    fn transaction(&self, hash: &UInt256) -> Option<Arc<Transaction>>;

    /// Whether honest drivers send before the log is durable, because the run is told so.
    #[cfg(feature = "mutation")]
    fn sends_first(options: &crate::Options) -> bool;
    /// Whether honest drivers forget to make a record durable, because the run is told so.
    #[cfg(feature = "mutation")]
    fn forgets(options: &crate::Options, record: &Self::Record) -> bool;
}
