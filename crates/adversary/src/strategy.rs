//! What a strategy can do, and what it works with.

use std::fmt::Debug;
use std::sync::Arc;

use neo_consensus::v3::Message;
use neo_consensus::v3::timing::TimerSettings;
pub use neo_driver::interference::{Content, Outgoing, Reaction, Surroundings};
use neo_primitives::{BlockBody, PublicKey, UInt256};

use crate::collusion::Collusion;
use crate::knowledge::Knowledge;
use crate::random::Random;

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
