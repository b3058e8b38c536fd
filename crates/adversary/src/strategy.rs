//! What a strategy can do, and what it works with.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use neo_consensus::engine::{Now, Recipient};
use neo_consensus::v3::timing::TimerSettings;
use neo_consensus::v3::{Message, Signer};
use neo_primitives::{BlockBody, PublicKey, UInt256};

use crate::collusion::Collusion;
use crate::knowledge::Knowledge;
use crate::random::Random;

/// What leaves a node.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly everything that leaves is a message"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A message, with whatever signature it has.
    Message(Message),
    /// The bytes of an envelope, or of nothing sensible.
    Bytes(Vec<u8>),
}

/// One thing on its way out of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Whom it is for.
    pub to: Recipient,
    /// What it is.
    pub content: Content,
    /// How much later than now it leaves.
    pub delay: Duration,
}

impl Outgoing {
    /// A message that leaves at once.
    #[must_use]
    pub fn message(to: Recipient, message: Message) -> Self {
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

/// What becomes of a received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Whether the own engine gets it.
    pub keep: bool,
    /// What is sent because of it.
    pub send: Vec<Outgoing>,
}

impl Reaction {
    /// The engine gets the message, and nothing else happens.
    #[must_use]
    pub fn keep() -> Self {
        Self {
            keep: true,
            send: Vec::new(),
        }
    }
}

/// All that a strategy sees and may use in one call.
#[derive(Debug)]
pub struct Scene<'a> {
    /// What the node lends.
    pub around: Surroundings<'a>,
    /// What was seen so far.
    pub knowledge: &'a Knowledge,
    /// What accomplices agree on; everybody has an agreement, if only with itself.
    pub collusion: &'a Collusion,
    pub(crate) random: &'a mut Random,
    /// The timers that the others are thought to have.
    pub timers: TimerSettings,
}

impl Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings")
            .field("now", &self.now)
            .field("own", self.own)
            .finish_non_exhaustive()
    }
}

/// One way to misbehave. What it leaves alone passes through.
pub trait Strategy: Debug + Send {
    /// Its name, for logs.
    fn name(&self) -> &'static str;

    /// Bends what the honest engine would send, or another strategy before this one does.
    fn outgoing(&mut self, _scene: &mut Scene<'_>, outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        outgoing
    }

    /// Looks at what arrived, before the own engine does.
    fn incoming(
        &mut self,
        _scene: &mut Scene<'_>,
        _from: &PublicKey,
        _message: &Message,
    ) -> Reaction {
        Reaction::keep()
    }

    /// What somebody who asks for a body, its hashes or its transactions gets them from; `None` is
    /// no answer.
    fn body(
        &mut self,
        _scene: &mut Scene<'_>,
        _asker: &PublicKey,
        _hash: &UInt256,
        held: Option<Arc<BlockBody>>,
    ) -> Option<Arc<BlockBody>> {
        held
    }

    /// Sends something of its own accord; called every 20 to 50 ms.
    fn tick(&mut self, _scene: &mut Scene<'_>) -> Vec<Outgoing> {
        Vec::new()
    }
}
