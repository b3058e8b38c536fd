//! One honest node: the real engine, a ledger that answers at once, ideal signatures.

use std::collections::VecDeque;
use std::time::Duration;

use neo_consensus::engine::{
    Actions, Fetch, Fetched, LedgerAction, LedgerEvent, Notice, Now, Recipient, TimerId, TimerKind,
};
use neo_consensus::v3::timing::TimerSettings;
use neo_consensus::v3::{
    EngineSettings, Message, OwnMessage, Payload, Restored, V3Engine, VoteLogState,
};
use neo_consensus::{Engine, Event};
use neo_invariants::ideal::{IdealCheck, IdealSigner};
use neo_primitives::{Height, UInt256, ValidatorIndex, Witness};

use super::world::{HEIGHT, World};
use super::{Broken, ModelError};

/// An engine with what surrounds it.
#[derive(Clone, Debug)]
pub struct Node {
    engine: V3Engine,
    index: ValidatorIndex,
    /// The block this node takes for decided.
    pub decided: Option<UInt256>,
    /// The block it has put a witness together for.
    pub witnessed: Option<(UInt256, Witness)>,
    /// Honest validators that it accused.
    pub accused: Option<ValidatorIndex>,
}

/// Messages that left a node, in order.
pub type Sent = Vec<(Recipient, Message)>;

impl Node {
    /// A node that has stored the block before [`HEIGHT`] and starts.
    ///
    /// # Errors
    /// A stranger.
    pub fn start(
        world: &World,
        index: ValidatorIndex,
        now: Now,
        broken: Broken,
    ) -> Result<(Self, Sent), ModelError> {
        // Timers end at once: they fire when the model says so.
        let timers = TimerSettings {
            base_timeout: Duration::ZERO,
            min_timeout: Duration::ZERO,
            max_timeout: Duration::ZERO,
            backoff_multiplier: 1.0,
            max_retries: 0,
            max_block_time: Duration::ZERO,
            emergency_after: Duration::MAX,
            resend_interval: Duration::ZERO,
            adaptive: false,
        };
        let settings = broken.apply(EngineSettings::new(
            Some(world.key(index)?.clone()),
            false,
            timers,
        ));
        let restored = Restored {
            stored: Height(HEIGHT.0 - 1),
            tip: world.info().parent_hash,
            records: Vec::new(),
            log: VoteLogState::Intact,
        };
        let mut node = Self {
            engine: V3Engine::new(settings, restored),
            index,
            decided: None,
            witnessed: None,
            accused: None,
        };
        let sent = node.take(world, now, Event::Start)?;
        Ok((node, sent))
    }

    /// Its place in the set.
    #[must_use]
    pub fn index(&self) -> ValidatorIndex {
        self.index
    }

    /// A number for all that its future depends on.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        self.engine.fingerprint()
    }

    /// The current view.
    #[must_use]
    pub fn view(&self) -> u32 {
        let status = self.engine.status();
        status.heights.first().map_or(0, |open| open.view.0)
    }

    /// The engine's own description, for counter-examples.
    #[must_use]
    pub fn describe(&self) -> String {
        let status = self.engine.status();
        let open = status.heights.first();
        open.map_or_else(String::new, |open| {
            format!(
                "view {} phase {} voting {}",
                open.view, open.phase, status.voting
            )
        })
    }

    /// A message arrives.
    ///
    /// # Errors
    /// A sender that is no validator.
    pub fn receive(
        &mut self,
        world: &World,
        now: Now,
        message: &Message,
    ) -> Result<Sent, ModelError> {
        let from = world.key(message.sender)?.clone();
        let message = message.clone();
        self.take(world, now, Event::Received { from, message })
    }

    /// A timer fires.
    ///
    /// # Errors
    /// Never for a validator of the set.
    pub fn fire(&mut self, world: &World, now: Now, kind: TimerKind) -> Result<Sent, ModelError> {
        let id = TimerId {
            height: HEIGHT,
            kind,
        };
        self.take(world, now, Event::Timer(id))
    }

    /// Takes an event and all that follows from it inside the node.
    fn take(
        &mut self,
        world: &World,
        now: Now,
        event: Event<V3Engine>,
    ) -> Result<Sent, ModelError> {
        let signer = IdealSigner::new(world.key(self.index)?.clone());
        let mut sent = Vec::new();
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let actions: Actions<V3Engine> = self.engine.step(now, event);
            self.note(world, &actions);
            for action in actions.ledger {
                events.extend(self.ask_ledger(world, action).map(Event::Ledger));
            }
            for fetch in actions.fetch {
                events.extend(fetched(world, fetch).map(Event::Fetched));
            }
            for job in actions.verify {
                events.push_back(Event::Verified(job.run(&IdealCheck)));
            }
            for (to, draft) in actions.send {
                let own = OwnMessage::sign(draft, &signer);
                sent.push((to, own.message().clone()));
                if !matches!(
                    own.message().payload,
                    Payload::RecoveryMessage(_) | Payload::RecoveryRequest(_)
                ) {
                    events.push_back(Event::Own(own));
                }
            }
            sent.extend(actions.resend);
        }
        Ok(sent)
    }

    fn note(&mut self, world: &World, actions: &Actions<V3Engine>) {
        for notice in &actions.notices {
            if let Notice::Decided { hash, .. } = notice {
                self.decided.get_or_insert(*hash);
            }
        }
        let culprits = actions.evidence.iter().map(|evidence| evidence.culprit());
        let innocent = culprits.into_iter().find(|who| *who != world.byzantine());
        self.accused = self.accused.or(innocent);
    }

    fn ask_ledger(&mut self, world: &World, action: LedgerAction) -> Option<LedgerEvent> {
        match action {
            LedgerAction::Open { .. } => Some(LedgerEvent::Opened(world.info().clone())),
            LedgerAction::Build { primary, .. } => {
                Some(LedgerEvent::Built(world.block(primary, 0)))
            }
            LedgerAction::Lookup { hash, .. } => Some(LedgerEvent::Found {
                hash,
                transactions: Vec::new(),
            }),
            LedgerAction::Check { body, .. } => Some(LedgerEvent::Checked {
                hash: body.hash(),
                result: Ok(()),
            }),
            LedgerAction::Promote { hash } => Some(LedgerEvent::Promoted { hash }),
            // The model ends with the height: nothing is stored, the node goes on answering.
            LedgerAction::Store { block } => {
                let hash = block.body.hash();
                self.witnessed.get_or_insert((hash, block.witness));
                None
            }
        }
    }
}

/// Blocks have no transactions, so a fetch is for a whole body. f+1 honest validators hold what a
/// certificate names, so somebody answers.
fn fetched(world: &World, fetch: Fetch) -> Option<Fetched> {
    match fetch {
        Fetch::Body { hash, .. } => Some(
            world
                .body(&hash)
                .map_or(Fetched::Nothing { hash }, Fetched::Body),
        ),
        Fetch::Transactions { hash, .. } | Fetch::Hashes { hash, .. } => {
            Some(Fetched::Nothing { hash })
        }
        Fetch::Blocks { .. } => None,
    }
}
