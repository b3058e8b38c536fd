//! dBFT 3.0: messages of validators over the lanes of their mesh, under the eyes of the security layer, with what a
//! node tunes by itself.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use neo_consensus::engine::{Engine, Fetch, LedgerEvent, Recipient};
use neo_consensus::tuning::Adjustment;
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::evidence::Evidence;
use neo_consensus::v3::wire::{self, Hints};
use neo_consensus::v3::{Message, Outcome, Record, V3Engine, VerifyJob};
use neo_driver::interference::leaving;
use neo_driver::{Ballot, Content};
use neo_network::{NetworkHandle, Priority};
use neo_primitives::{BlockBody, Height, PublicKey};
use tokio::sync::mpsc;

use super::Voice;
use crate::checks::Checks;
use crate::intrusion::Intrusion;
use crate::lanes;
use crate::ledger_worker::unix_ns;
use crate::metrics::Metrics;
use crate::security::Security;
use crate::tuning::Tuner;

/// The lanes of consensus messages that the summary counts.
pub(crate) const CONSENSUS_LANES: [Priority; 6] = [
    Priority::Commit,
    Priority::ViewChange,
    Priority::PreCommit,
    Priority::Prepare,
    Priority::Proposal,
    Priority::Recovery,
];

/// A message of a validator on its way into the driver.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    /// Whose connection it came over.
    pub(crate) from: PublicKey,
    /// The message.
    pub(crate) bytes: Bytes,
    /// Whether it is another validator's, which that one passed on.
    pub(crate) relayed: bool,
}

/// How dBFT 3.0 is spoken.
pub(crate) struct Mesh {
    pub(crate) network: NetworkHandle,
    pub(crate) checks: Arc<Checks>,
    pub(crate) tuner: Tuner<NetworkHandle>,
    pub(crate) fetches: mpsc::UnboundedSender<Fetch>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) security: Arc<Security>,
    /// A Byzantine validator's will; an honest node has none.
    pub(crate) intrusion: Option<Intrusion>,
}

impl Voice for Mesh {
    type Protocol = V3Engine;
    type Delivered = Delivered;

    fn receive(&mut self, engine: &V3Engine, delivered: Delivered) -> Option<(PublicKey, Message)> {
        let Delivered {
            from,
            bytes,
            relayed,
        } = delivered;
        let message = match wire::decode(&bytes) {
            Ok((message, _)) => message,
            Err(error) => {
                self.metrics.verification_failed("envelope");
                self.security.undecodable(&from, relayed);
                tracing::warn!(peer = %from, %error, "undecodable consensus message");
                return None;
            }
        };
        self.security.received(&from, &message, relayed);
        self.metrics
            .message_received(lanes::name(message.kind()), bytes.len());
        if let Some(intrusion) = &mut self.intrusion {
            let (keep, leaving) = intrusion.incoming(&|hash| engine.body(hash), &from, &message);
            self.let_out(leaving);
            if !keep {
                return None;
            }
        }
        Some((from, message))
    }

    fn check(&self, job: VerifyJob, done: impl FnOnce(Outcome) + Send + 'static) {
        self.checks.spawn(move |check| job.run(check), done);
    }

    fn checked(&mut self, outcome: &Outcome) {
        self.security.verified(outcome);
        for refused in &outcome.refused {
            self.metrics.verification_failed("signature");
            tracing::warn!(peer = %outcome.from, height = %outcome.height, %refused,
                "consensus message dropped");
        }
    }

    fn leave(
        &mut self,
        engine: &V3Engine,
        ballot: &Ballot<V3Engine>,
        again: Vec<(Recipient, Message)>,
    ) {
        if let Some(intrusion) = &mut self.intrusion {
            let leaving = intrusion.outgoing(&|hash| engine.body(hash), leaving(ballot, again));
            return self.let_out(leaving);
        }
        for (recipient, message) in ballot.outgoing() {
            self.send(recipient, message);
        }
        for (recipient, message) in &again {
            self.send(recipient, message);
        }
    }

    fn fetch(&self, _engine: &V3Engine, fetch: Fetch) {
        let _ = self.fetches.send(fetch);
    }

    fn decides(message: &Message) -> Option<Height> {
        matches!(message.kind(), MessageKind::PreCommit | MessageKind::Commit)
            .then_some(message.height)
    }

    fn body(record: &Record) -> Option<&Arc<BlockBody>> {
        match record {
            Record::Body(body) => Some(body),
            _ => None,
        }
    }

    fn learn(&mut self, event: &LedgerEvent) {
        if let LedgerEvent::Found { transactions, .. } = event {
            let missing = transactions.iter().filter(|found| found.is_none()).count();
            self.tuner.looked_up(transactions.len(), missing);
        }
        if let Some(intrusion) = &self.intrusion {
            intrusion.learn(event);
        }
    }

    fn watch(&self, validators: Vec<PublicKey>) {
        self.network.set_watched(validators);
    }

    fn redial(&self) {
        self.network.redial_now();
    }

    fn convict(&self, evidence: &Evidence) {
        self.metrics.evidence();
        self.security.convict(evidence);
        tracing::error!(validator = %evidence.culprit(), kind = lanes::name(evidence.kind()),
            form = evidence.guilt.name(), %evidence, "a validator broke the protocol");
    }

    fn opened(&self, engine: &V3Engine, height: Height) {
        let status = engine.status();
        let opened = status.heights.iter().find(|open| open.height == height);
        if let Some(opened) = opened {
            self.security.opened(opened);
        }
    }

    fn decided(&mut self, engine: &V3Engine) -> Vec<Adjustment> {
        let adjustments = self.tuner.decided(&engine.status().performance);
        self.metrics
            .set_tuning(self.tuner.fan_out(), self.tuner.threads());
        adjustments
    }

    fn wake(&self) -> Option<Instant> {
        self.intrusion.as_ref().map(Intrusion::wake)
    }

    fn due(&mut self, engine: &V3Engine) {
        if let Some(intrusion) = &mut self.intrusion {
            let leaving = intrusion.due(&|hash| engine.body(hash), Instant::now());
            self.let_out(leaving);
        }
    }
}

impl Mesh {
    /// Sends what an intrusion lets out. Bytes that are no message go the way of votes.
    fn let_out(&self, leaving: Vec<(Recipient, Content)>) {
        for (recipient, content) in leaving {
            match content {
                Content::Message(message) => self.send(&recipient, &message),
                Content::Bytes(bytes) => {
                    self.deliver(&recipient, Priority::Prepare, Bytes::from(bytes));
                }
            }
        }
    }

    fn send(&self, recipient: &Recipient, message: &Message) {
        let priority = lanes::priority(message);
        let hints = Hints {
            timestamp_ns: unix_ns(),
            priority: u32::try_from(priority.index()).unwrap_or(u32::MAX),
        };
        let bytes = Bytes::from(wire::encode(message, hints));
        let length = bytes.len();
        for _ in 0..self.deliver(recipient, priority, bytes) {
            self.metrics
                .message_sent(lanes::name(message.kind()), length);
        }
    }

    /// Hands bytes to the network; gives the number of receivers.
    fn deliver(&self, recipient: &Recipient, priority: Priority, bytes: Bytes) -> usize {
        match recipient {
            Recipient::All => self.network.broadcast_validators(priority, bytes),
            Recipient::One(key) => {
                let sent = self.network.send(key.clone(), priority, bytes.clone());
                // Through others, if there is no connection.
                let sent =
                    sent.or_else(|_| self.network.send_around(key, priority, &bytes).map(drop));
                usize::from(sent.is_ok())
            }
        }
    }
}
