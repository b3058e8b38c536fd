//! From Neo N3's P2P to the parts of the node.

use std::sync::Arc;
use std::time::Duration;

use neo_consensus::engine::Connectivity;
use neo_consensus::v2::Message;
use neo_ledger::ChainReader;
use neo_network::neo::{NeoEvent, NeoEvents, NeoHandle, NeoPeerId};
use neo_primitives::{ExtensiblePayload, Transaction, UInt256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::gate::Verdict;
use super::importing::Sent;
use super::{Gate, Heard, Missing};
use crate::checks::Checks;
use crate::driver::Inside;
use crate::gossip::Batch;
use crate::metrics::Metrics;
use crate::node::NodeError;
use crate::security::Security;

/// Payloads whose signatures are checked at a time; more hold the network back.
const AT_A_TIME: usize = 64;
/// How often the security layer looks at what has changed.
const TICK: Duration = Duration::from_millis(500);

/// Takes events off Neo N3's P2P and gives each to the part it belongs to.
pub(crate) struct Inlet {
    pub(crate) p2p: NeoHandle,
    pub(crate) chain: Arc<dyn ChainReader>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) checks: Arc<Checks>,
    pub(crate) heard: Arc<Heard>,
    pub(crate) missing: Arc<Missing>,
    pub(crate) inside: mpsc::UnboundedSender<Inside>,
    /// To the engine of dBFT 2.0, where one runs.
    pub(crate) messages: Option<mpsc::Sender<Message>>,
    pub(crate) gossip: mpsc::Sender<Batch>,
    pub(crate) blocks: mpsc::Sender<Sent>,
    pub(crate) metrics: Arc<Metrics>,
    /// To be looked after here, where no mesh does.
    pub(crate) security: Option<Arc<Security>>,
}

impl Inlet {
    /// Works until the node stops.
    pub(crate) async fn run(
        self,
        mut events: NeoEvents,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), NodeError> {
        let inlet = Arc::new(self);
        let turns = Arc::new(Semaphore::new(AT_A_TIME));
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                _ = tick.tick() => {
                    if let Some(security) = &inlet.security {
                        security.tick();
                    }
                    continue;
                }
                _ = stopped.changed() => return Ok(()),
            };
            match event {
                None => return Ok(()),
                Some(NeoEvent::Extensible {
                    peer,
                    hash,
                    payload,
                }) => {
                    // Nobody closes the semaphore. Waiting here holds the network back, so a flood cannot pile up.
                    let Ok(turn) = Arc::clone(&turns).acquire_owned().await else {
                        return Ok(());
                    };
                    inlet.payload(peer, hash, *payload, turn);
                }
                Some(event) => inlet.take(event),
            }
        }
    }

    fn take(&self, event: NeoEvent) {
        match event {
            NeoEvent::PeerUp {
                peer,
                address,
                user_agent,
                height,
                ..
            } => tracing::info!(%peer, %address, user_agent, ?height, "Neo N3 peer is up"),
            NeoEvent::PeerDown {
                peer,
                address,
                reason,
            } => {
                tracing::info!(%peer, %address, %reason, "Neo N3 peer is gone");
                if self.p2p.peers().is_empty() {
                    for validator in self.heard.lost_all() {
                        let down = Inside::Connectivity(validator, Connectivity::Down);
                        let _ = self.inside.send(down);
                    }
                }
            }
            NeoEvent::Transaction {
                peer, transaction, ..
            } => self.transaction(peer, transaction),
            NeoEvent::Block { peer, block } => {
                // There is room for all that the network hands on at a time; what is lost comes again.
                let _ = self.blocks.try_send((peer, Arc::new(*block)));
            }
            _ => {}
        }
    }

    fn transaction(&self, peer: NeoPeerId, transaction: Arc<Transaction>) {
        self.missing.offer(&transaction);
        if self.gossip.try_send(Batch::P2p(peer, transaction)).is_err() {
            self.metrics.dropped("transaction queue");
        }
    }

    /// Has a payload judged on another thread, and acts on the verdict. Its turn ends with that.
    fn payload(
        self: &Arc<Self>,
        peer: NeoPeerId,
        hash: UInt256,
        payload: ExtensiblePayload,
        turn: OwnedSemaphorePermit,
    ) {
        let inlet = Arc::clone(self);
        tokio::spawn(async move {
            let verdict = match inlet.gate.glance(&payload, inlet.chain.height()) {
                Some(verdict) => verdict,
                None => {
                    let (gate, judged) = (Arc::clone(&inlet.gate), payload.clone());
                    let (done, verdict) = oneshot::channel();
                    inlet.checks.spawn(
                        move |verifier| gate.judge(judged, &hash, verifier),
                        move |verdict| {
                            let _ = done.send(verdict);
                        },
                    );
                    // The threads end with the node.
                    let Ok(verdict) = verdict.await else { return };
                    verdict
                }
            };
            inlet.act(peer, hash, payload, verdict).await;
            drop(turn);
        });
    }

    async fn act(
        &self,
        peer: NeoPeerId,
        hash: UInt256,
        payload: ExtensiblePayload,
        verdict: Verdict,
    ) {
        match verdict {
            Verdict::Good(message) => {
                self.p2p.relay_extensible(payload);
                if let Some(message) = message {
                    self.heard(*message).await;
                }
            }
            Verdict::Useless => self.p2p.ignore_extensible(hash),
            Verdict::Early => self.p2p.expect_again(&payload),
            Verdict::Dropped(problem) => {
                self.metrics.dropped("extensible");
                tracing::warn!(%peer, payload = %hash, problem, "extensible payload dropped");
                self.p2p.ignore_extensible(hash);
            }
            Verdict::Forged(problem) => {
                self.metrics.verification_failed("envelope");
                tracing::warn!(%peer, payload = %hash, problem, "extensible payload refused");
                self.p2p.disconnect(peer, problem);
            }
        }
    }

    /// A validator has said something.
    async fn heard(&self, message: Message) {
        if let Some(validator) = message.claimed_key()
            && self.heard.of(&validator)
        {
            let up = Connectivity::Up {
                round_trip: Duration::ZERO,
            };
            let _ = self.inside.send(Inside::Connectivity(validator, up));
        }
        if let Some(messages) = &self.messages {
            let _ = messages.send(message).await;
        }
    }
}
