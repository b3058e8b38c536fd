//! dBFT 2.0: messages as extensible payloads in Neo N3's P2P, where they pass through anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use neo_consensus::engine::{Fetch, Recipient};
use neo_consensus::v2::{Body, Kind, Message, Outcome, Record, V2Engine, VerifyJob};
use neo_driver::Ballot;
use neo_ledger::ChainReader;
use neo_network::neo::NeoHandle;
use neo_primitives::{BlockBody, Encode, Height, PublicKey};

use super::Voice;
use crate::checks::Checks;
use crate::metrics::Metrics;
use crate::p2p::Missing;

/// Name of a kind for metrics.
fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::ChangeView => "change_view",
        Kind::PrepareRequest => "prepare_request",
        Kind::PrepareResponse => "prepare_response",
        Kind::Commit => "commit",
        Kind::RecoveryRequest => "recovery_request",
        Kind::RecoveryMessage => "recovery_message",
    }
}

/// Consensus messages that left, each copy counted.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Sent {
    fn count(&self, copies: usize, bytes: usize) {
        let (copies, bytes) = (copies as u64, bytes as u64);
        self.messages.fetch_add(copies, Relaxed);
        self.bytes.fetch_add(copies.saturating_mul(bytes), Relaxed);
    }

    /// Messages and their bytes since the start.
    pub(crate) fn total(&self) -> (u64, u64) {
        (self.messages.load(Relaxed), self.bytes.load(Relaxed))
    }
}

/// How dBFT 2.0 is spoken.
pub(crate) struct Neo {
    pub(crate) p2p: NeoHandle,
    pub(crate) checks: Arc<Checks>,
    pub(crate) missing: Arc<Missing>,
    pub(crate) chain: Arc<dyn ChainReader>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) sent: Arc<Sent>,
}

impl Voice for Neo {
    type Protocol = V2Engine;
    /// A message whose envelope was verified: the validator that it names has signed it.
    type Delivered = Message;

    fn receive(&mut self, _engine: &V2Engine, message: Message) -> Option<(PublicKey, Message)> {
        let bytes = message.payload().encoded_len();
        self.metrics
            .message_received(name_of(message.kind()), bytes);
        Some((message.claimed_key()?, message))
    }

    fn check(&self, job: VerifyJob, done: impl FnOnce(Outcome) + Send + 'static) {
        self.checks.spawn(move |check| job.run(check), done);
    }

    fn checked(&mut self, outcome: &Outcome) {
        for refused in &outcome.refused {
            self.metrics.verification_failed("signature");
            tracing::warn!(validator = %outcome.from, height = %outcome.height, %refused,
                "consensus message, or a part of it, dropped");
        }
    }

    fn leave(
        &mut self,
        _engine: &V2Engine,
        ballot: &Ballot<V2Engine>,
        again: Vec<(Recipient, Message)>,
    ) {
        for (_, message) in ballot.outgoing() {
            self.send(message);
            // The primary of C# tells everybody at once what the block needs.
            if let Body::PrepareRequest(request) = &message.content().body {
                self.p2p.announce_proposal(&request.hashes);
            }
        }
        for (_, message) in &again {
            self.send(message);
        }
    }

    fn fetch(&self, engine: &V2Engine, fetch: Fetch) {
        match fetch {
            Fetch::Transactions {
                hash, positions, ..
            } => {
                let Some(all) = engine.transaction_hashes(&hash) else {
                    return;
                };
                let mut hashes = self.missing.look_for(hash, &positions, all);
                // What came since the engine looked is not sent again by anybody.
                hashes.retain(|hash| match self.chain.pooled(hash) {
                    Some(transaction) => {
                        self.missing.offer(&transaction);
                        false
                    }
                    None => true,
                });
                tracing::debug!(block = %hash, transactions = hashes.len(), "asking for transactions");
                self.p2p.request_transactions(&hashes);
            }
            Fetch::Blocks { start, from } => {
                tracing::debug!(%start, validator = %from, "others have stored more");
                self.p2p.ask_heights();
            }
            // dBFT 2.0 asks for neither.
            Fetch::Hashes { .. } | Fetch::Body { .. } => {}
        }
    }

    fn decides(message: &Message) -> Option<Height> {
        (message.kind() == Kind::Commit).then(|| message.height())
    }

    fn body(record: &Record) -> Option<&Arc<BlockBody>> {
        match record {
            Record::Body(body) => Some(body),
            _ => None,
        }
    }

    fn stored(&mut self, _height: Height) {
        self.missing.forget();
    }

    fn convict(&self, evidence: &std::convert::Infallible) {
        match *evidence {}
    }
}

impl Neo {
    /// Whoever a message is for, it goes to all peers: nobody knows which of them is which validator.
    fn send(&self, message: &Message) {
        let bytes = message.payload().encoded_len();
        let copies = self.p2p.broadcast_extensible(message.payload().clone());
        self.sent.count(copies, bytes);
        for _ in 0..copies {
            self.metrics.message_sent(name_of(message.kind()), bytes);
        }
    }
}
