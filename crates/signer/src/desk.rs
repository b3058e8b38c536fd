//! Where requests are judged and signed: the key, what it is bound by, and the journal.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use neo_consensus::vote_log::LogMedium;
use neo_primitives::{Magic, PrivateKey, PublicKey, Signature, VerifyingKey, sign_data};
use parking_lot::Mutex;

use crate::asked::{Asked, Malformed, wrong};
use crate::journal::{Entry, Journal, Outcome};
use crate::memory::{Declined, Memory, MemoryError};
use crate::register::{Refusal, Verdict};

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum NotSigned {
    /// The request makes no sense.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is for another key.
    #[error("public_key: {0} is not the key of this signer")]
    OtherKey(PublicKey),
    /// The rules forbid it.
    #[error(transparent)]
    Refused(Refusal),
    /// What it binds cannot be made durable.
    #[error(transparent)]
    Memory(MemoryError),
}

impl NotSigned {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Malformed(_) => Outcome::Malformed,
            Self::OtherKey(_) => Outcome::Unknown,
            Self::Refused(_) => Outcome::Refused,
            Self::Memory(_) => Outcome::Failed,
        }
    }
}

impl From<Declined> for NotSigned {
    fn from(declined: Declined) -> Self {
        match declined {
            Declined::Refused(refusal) => Self::Refused(refusal),
            Declined::Memory(error) => Self::Memory(error),
        }
    }
}

/// The place of one key on one network.
pub struct Desk<M> {
    key: PrivateKey,
    verifier: VerifyingKey,
    magic: Magic,
    memory: Mutex<Memory<M>>,
    journal: Journal,
}

impl<M: LogMedium> Desk<M> {
    /// A desk that signs with `key` what `memory` allows.
    #[must_use]
    pub fn new(key: PrivateKey, magic: Magic, memory: Memory<M>, journal: Journal) -> Self {
        Self {
            verifier: key.public_key().verifier(),
            key,
            magic,
            memory: Mutex::new(memory),
            journal,
        }
    }

    /// The key that signs.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    /// The network that is signed for.
    #[must_use]
    pub fn magic(&self) -> Magic {
        self.magic
    }

    /// Judges a request and signs it. Blocks until what binds is on disk.
    ///
    /// # Errors
    /// [`NotSigned`]; it is in the journal as well.
    pub fn sign(
        &self,
        peer: &str,
        call: &'static str,
        read: impl FnOnce() -> Result<Asked, NotSigned>,
    ) -> Result<Signature, NotSigned> {
        let began = Instant::now();
        let mut entry = entry(peer, call);
        let result = read().and_then(|asked| {
            entry.kind = Some(asked.kind);
            entry.height = asked.height;
            entry.view = asked.view;
            entry.hash = asked.subject;
            self.admit(&asked)
        });
        entry.outcome = match &result {
            Ok((_, Verdict::New(_) | Verdict::Free)) => Outcome::Signed,
            Ok((_, Verdict::Again)) => Outcome::Again,
            Err(error) => error.outcome(),
        };
        entry.reason = result.as_ref().err().map(ToString::to_string);
        self.tell(entry, began);
        result.map(|(signature, _)| signature)
    }

    fn admit(&self, asked: &Asked) -> Result<(Signature, Verdict), NotSigned> {
        let is_own = |block: &_, signature: &_| {
            self.verifier
                .verify(&sign_data(self.magic, block), signature)
        };
        let verdict = self.memory.lock().admit(&asked.statement, is_own)?;
        Ok((self.key.sign(&asked.preimage), verdict))
    }

    /// Puts a question that nothing is signed for into the journal.
    pub(crate) fn note(
        &self,
        peer: &str,
        call: &'static str,
        outcome: Outcome,
        reason: Option<String>,
    ) {
        let mut entry = entry(peer, call);
        entry.outcome = outcome;
        entry.reason = reason;
        self.tell(entry, Instant::now());
    }

    fn tell(&self, mut entry: Entry, began: Instant) {
        entry.took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        entry.unix_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            });
        (self.journal)(&entry);
    }

    /// The request is for this network.
    pub(crate) fn require_network(&self, network: u32) -> Result<(), NotSigned> {
        if network == self.magic.0 {
            return Ok(());
        }
        let problem = format!("{network}, this signer signs for {} only", self.magic);
        Err(wrong("network", problem).into())
    }

    /// The request is for this key.
    pub(crate) fn require_key(&self, bytes: &[u8]) -> Result<(), NotSigned> {
        let key = PublicKey::from_bytes(bytes).map_err(|error| wrong("public_key", error))?;
        if key == *self.public_key() {
            Ok(())
        } else {
            Err(NotSigned::OtherKey(key))
        }
    }
}

fn entry(peer: &str, call: &'static str) -> Entry {
    Entry {
        unix_ms: 0,
        peer: peer.to_owned(),
        call,
        kind: None,
        height: None,
        view: None,
        hash: None,
        outcome: Outcome::Failed,
        reason: None,
        took_us: 0,
    }
}
