//! From a received message to what the engine may believe.
//!
//! [`Verified`] has no other constructor than [`VerifyJob::run`]: whatever the engine counts went through
//! here, also what another validator's RecoveryMessage brings. A job is self-contained, so that it can run on
//! any thread.

mod parts;

use std::sync::Arc;

use neo_primitives::{Height, PublicKey, UInt256, ValidatorIndex};

use super::content::Kind;
use super::message::Message;
use crate::v3::SignatureCheck;
use crate::v3::context::HeightContext;

use parts::Parts;

/// A fact whose signatures were checked against the validators of its height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The fact.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The fact, owned.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// One thing the engine can be told by other validators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A message with the signature of its validator.
    Message {
        /// The message. A RecoveryMessage comes before what it brings, and only for what it says itself.
        message: Message,
        /// Whether it came inside a RecoveryMessage.
        recovered: bool,
        /// For a Commit of the view that was asked about: the header that its signature was found to sign.
        signs: Option<UInt256>,
    },
    /// Commits that had come before the header was known.
    Commit {
        /// Whose.
        validator: ValidatorIndex,
        /// The header.
        header: UInt256,
        /// Whether its signature signs it.
        valid: bool,
    },
    /// A message of a height that is not open.
    Ahead(Message),
}

/// Why a message, or a part of one, was dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No validator has this index.
    #[error("{kind} names validator {index}, there are {validators}", kind = .kind.name())]
    UnknownValidator {
        /// Kind of the message.
        kind: Kind,
        /// The index.
        index: ValidatorIndex,
        /// Number of validators.
        validators: usize,
    },
    /// The same validator appears twice in one list of a RecoveryMessage.
    #[error("recovery message has two {kind} of validator {index}", kind = .kind.name())]
    Repeated {
        /// Kind of the compact.
        kind: Kind,
        /// The index.
        index: ValidatorIndex,
    },
    /// The envelope's sender, script or signature is not that of the validator.
    #[error("{kind} of validator {index} in view {view} is not signed by it", kind = .kind.name())]
    Signature {
        /// Kind of the message.
        kind: Kind,
        /// The claimed sender.
        index: ValidatorIndex,
        /// View.
        view: u8,
    },
    /// A Commit whose signature is not of the header of its view.
    #[error("Commit of validator {index} does not sign block {header}")]
    CommitSignature {
        /// The sender.
        index: ValidatorIndex,
        /// The block.
        header: UInt256,
    },
}

/// What of the engine's state a check depends on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// The view it is in.
    pub(super) view: u8,
    /// Hash of the PrepareRequest of this view.
    pub(super) preparation: Option<UInt256>,
    /// Hash of the header that follows from it.
    pub(super) header: Option<UInt256>,
    #[cfg(feature = "mutation")]
    pub(super) mutation: Option<super::mutation::Mutation>,
}

/// A check with all that it needs.
#[derive(Clone, Debug)]
pub struct VerifyJob {
    context: Arc<HeightContext>,
    from: PublicKey,
    subject: Subject,
}

#[derive(Clone, Debug)]
enum Subject {
    Message {
        message: Message,
        known: Known,
    },
    Ahead(Message),
    Commits {
        commits: Vec<Message>,
        header: UInt256,
    },
}

/// What came of a job.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The height it was checked for.
    pub height: Height,
    /// Whom it came from, as the driver said.
    pub from: PublicKey,
    /// What holds.
    pub accepted: Vec<Verified<Input>>,
    /// What was dropped, and why.
    pub refused: Vec<Refused>,
}

impl VerifyJob {
    pub(super) fn message(
        context: &Arc<HeightContext>,
        from: PublicKey,
        message: Message,
        known: Known,
    ) -> Self {
        Self {
            context: Arc::clone(context),
            from,
            subject: Subject::Message { message, known },
        }
    }

    /// A message of a height that is not open, to be kept until it is.
    pub(super) fn ahead(context: &Arc<HeightContext>, from: PublicKey, message: Message) -> Self {
        Self {
            context: Arc::clone(context),
            from,
            subject: Subject::Ahead(message),
        }
    }

    /// Commits that are held, now that the header is known.
    pub(super) fn commits(
        context: &Arc<HeightContext>,
        from: PublicKey,
        commits: Vec<Message>,
        header: UInt256,
    ) -> Self {
        Self {
            context: Arc::clone(context),
            from,
            subject: Subject::Commits { commits, header },
        }
    }

    /// Whom it came from, as the driver said.
    #[must_use]
    pub fn from(&self) -> &PublicKey {
        &self.from
    }

    /// Checks it part by part: an invalid part does not take the others down.
    #[must_use]
    pub fn run(self, check: &dyn SignatureCheck) -> Outcome {
        let mut outcome = Outcome {
            height: self.context.height,
            from: self.from,
            accepted: Vec::new(),
            refused: Vec::new(),
        };
        let mut parts = Parts {
            context: &self.context,
            check,
            outcome: &mut outcome,
        };
        match self.subject {
            Subject::Message { message, known } => parts.message(message, known),
            Subject::Ahead(message) => match parts.signed(&message) {
                Ok(()) => parts.accept(Input::Ahead(message)),
                Err(refused) => parts.refuse(refused),
            },
            Subject::Commits { commits, header } => parts.commits(&commits, header),
        }
        outcome
    }
}

/// The primary of a view: `(height − view) mod n`.
#[must_use]
pub fn primary(height: Height, view: u8, validators: usize) -> ValidatorIndex {
    let count = i64::try_from(validators.max(1)).unwrap_or(i64::MAX);
    let turn = (i64::from(height.0) - i64::from(view)).rem_euclid(count);
    ValidatorIndex(u8::try_from(turn).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_goes_down_with_the_view() {
        let of = |height, view, count| primary(Height(height), view, count).0;
        assert_eq!(
            [0, 1, 2, 3, 4].map(|view| of(413, view, 4)),
            [1, 0, 3, 2, 1]
        );
        assert_eq!(of(1, 3, 4), 2);
        assert_eq!(of(0, 255, 7), 4);
        assert_eq!(of(u32::MAX, 0, 1), 0);
    }
}
