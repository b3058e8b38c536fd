//! A will of its own between an honest engine and its network: what Byzantine validators are made of.
//!
//! A driver that is lent an [`Interference`] runs its engine as usual, signs and records its messages, and
//! then lets through only what the interference lets through. The simulator and the node do so in the same
//! way, so that a strategy that was tried in the one behaves the same in the other.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use neo_consensus::engine::{Ballots, LedgerEvent, Now, Recipient};
use neo_consensus::v3::{Message, Signer};
use neo_primitives::{BlockBody, PublicKey, UInt256};

use crate::ballot::Ballot;

/// What leaves a node whose protocol has messages `M`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<M = Message> {
    /// A message, with whatever signature it has.
    Message(M),
    /// The bytes of an envelope, or of nothing sensible.
    Bytes(Vec<u8>),
}

/// One thing on its way out of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing<M = Message> {
    /// Whom it is for.
    pub to: Recipient,
    /// What it is.
    pub content: Content<M>,
    /// How much later than now it leaves.
    pub delay: Duration,
}

impl<M> Outgoing<M> {
    /// A message that leaves at once.
    #[must_use]
    pub fn message(to: Recipient, message: M) -> Self {
        Self {
            to,
            content: Content::Message(message),
            delay: Duration::ZERO,
        }
    }

    /// Bytes that leave at once.
    #[must_use]
    pub fn bytes(to: Recipient, bytes: Vec<u8>) -> Self {
        Self {
            to,
            content: Content::Bytes(bytes),
            delay: Duration::ZERO,
        }
    }
}

/// What an honest node would send after a step: its own messages, and behind them what it repeats.
#[must_use]
pub fn leaving<P: Ballots>(
    ballot: &Ballot<P>,
    resend: Vec<(Recipient, P::Message)>,
) -> Vec<Outgoing<P::Message>> {
    let fresh = ballot
        .outgoing()
        .map(|(to, message)| Outgoing::message(to.clone(), message.clone()));
    let again = resend
        .into_iter()
        .map(|(to, message)| Outgoing::message(to, message));
    fresh.chain(again).collect()
}

/// What the node lends for one call.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The moment.
    pub now: Now,
    /// The own key.
    pub own: &'a PublicKey,
    /// Signs with the own key, and with no other.
    pub signer: &'a dyn Signer,
    /// Bodies that the own engine holds (`Engine::body`).
    pub bodies: &'a dyn Fn(&UInt256) -> Option<Arc<BlockBody>>,
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("now", &self.now)
            .field("own", self.own)
            .finish_non_exhaustive()
    }
}

/// What becomes of a received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction<M = Message> {
    /// Whether the own engine gets it.
    pub keep: bool,
    /// What is sent because of it.
    pub send: Vec<Outgoing<M>>,
}

impl<M> Reaction<M> {
    /// The engine gets the message, and nothing else happens.
    #[must_use]
    pub fn keep() -> Self {
        Self {
            keep: true,
            send: Vec::new(),
        }
    }
}

/// Stands between an engine and its network.
pub trait Interference<M = Message>: Send {
    /// Takes note of what the ledger tells the engine: every event, before the engine takes it.
    fn learn(&mut self, own: &PublicKey, event: &LedgerEvent);

    /// What leaves instead of what the engine, having signed and recorded it, would send. Both the drafts
    /// and the repeated messages of one step go through here, in one list ([`leaving`]).
    fn outgoing(
        &mut self,
        around: &Surroundings<'_>,
        outgoing: Vec<Outgoing<M>>,
    ) -> Vec<Outgoing<M>>;

    /// What becomes of a message of a validator, before the own engine gets it.
    fn incoming(&mut self, around: &Surroundings<'_>, from: &PublicKey, message: &M)
    -> Reaction<M>;

    /// The body out of which a request for a body, its hashes or its transactions is answered; `None` is no
    /// answer. `held` is what an honest node would answer with.
    fn body(
        &mut self,
        around: &Surroundings<'_>,
        asker: &PublicKey,
        hash: &UInt256,
        held: Option<Arc<BlockBody>>,
    ) -> Option<Arc<BlockBody>>;

    /// What leaves of its own accord. To be called every 20 to 50 ms.
    fn tick(&mut self, around: &Surroundings<'_>) -> Vec<Outgoing<M>>;
}
