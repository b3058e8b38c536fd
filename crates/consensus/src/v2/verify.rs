//! From a received message to what the engine may believe.
//!
//! [`Verified`] has no other constructor than [`VerifyJob::run`]: whatever the engine counts went through
//! here, also what another validator's RecoveryMessage brings. A job is self-contained, so that it can run on
//! any thread.

use std::sync::Arc;

use neo_primitives::{Height, PublicKey, UInt256, ValidatorIndex, sign_data};

use super::content::{Body, Content, Kind};
use super::message::Message;
use super::recovery::{Preparation, RecoveryMessage};
use crate::index_set::IndexSet;
use crate::v3::SignatureCheck;
use crate::v3::certificate::Obligation;
use crate::v3::context::HeightContext;

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

struct Parts<'a> {
    context: &'a HeightContext,
    check: &'a dyn SignatureCheck,
    outcome: &'a mut Outcome,
}

impl Parts<'_> {
    fn accept(&mut self, input: Input) {
        self.outcome.accepted.push(Verified(input));
    }

    fn refuse(&mut self, refused: Refused) {
        self.outcome.refused.push(refused);
    }

    fn member(&self, kind: Kind, index: ValidatorIndex) -> Result<(), Refused> {
        let validators = self.context.validators.len();
        if self.context.validators.contains(index) {
            return Ok(());
        }
        Err(Refused::UnknownValidator {
            kind,
            index,
            validators,
        })
    }

    fn signed(&self, message: &Message) -> Result<(), Refused> {
        self.member(message.kind(), message.validator())?;
        let obligation = message.obligation(self.context);
        let holds = |obligation| self.check.all_valid(self.context, &[obligation]);
        if obligation.is_some_and(holds) {
            return Ok(());
        }
        Err(Refused::Signature {
            kind: message.kind(),
            index: message.validator(),
            view: message.view(),
        })
    }

    fn signs(&self, message: &Message, header: UInt256) -> Result<(), Refused> {
        let index = message.validator();
        let holds = match message.content().body {
            Body::Commit { signature } => {
                let obligation = Obligation {
                    validator: index,
                    preimage: sign_data(self.context.magic, &header).to_vec(),
                    signature,
                };
                self.check.all_valid(self.context, &[obligation])
            }
            _ => false,
        };
        if holds {
            Ok(())
        } else {
            Err(Refused::CommitSignature { index, header })
        }
    }

    fn message(&mut self, message: Message, known: Known) {
        if let Err(refused) = self.signed(&message) {
            return self.refuse(refused);
        }
        let content = message.content().clone();
        self.take(message, known, false);
        if let Body::RecoveryMessage(recovery) = &content.body {
            self.recovery(&content, recovery, known);
        }
    }

    /// A message whose envelope is good.
    fn take(&mut self, message: Message, known: Known, recovered: bool) {
        let asked = known
            .header
            .filter(|_| message.kind() == Kind::Commit && message.view() == known.view);
        let signs = match asked.map(|header| self.signs(&message, header).map(|()| header)) {
            Some(Err(refused)) => return self.refuse(refused),
            Some(Ok(header)) => Some(header),
            None => None,
        };
        self.accept(Input::Message {
            message,
            recovered,
            signs,
        });
    }

    fn commits(&mut self, commits: &[Message], header: UInt256) {
        for commit in commits {
            let valid = match self.signs(commit, header) {
                Ok(()) => true,
                Err(refused) => {
                    self.refuse(refused);
                    false
                }
            };
            self.accept(Input::Commit {
                validator: commit.validator(),
                header,
                valid,
            });
        }
    }

    /// What a RecoveryMessage brings, in the order in which it counts: what moves the view comes before the
    /// proposal of the view, and that before what names it.
    fn recovery(&mut self, outer: &Content, recovery: &RecoveryMessage, known: Known) {
        let mut seen = IndexSet::default();
        for compact in &recovery.change_views {
            if self.is_new(Kind::ChangeView, compact.validator, &mut seen) {
                let all = compact.candidates(outer.height);
                self.first(Kind::ChangeView, all, &compact.invocation, known);
            }
        }
        let preparation = self.preparations(outer, recovery, known);
        if let Some(preparation) = preparation {
            self.responses(outer, recovery, preparation, known);
        }
        let mut seen = IndexSet::default();
        for compact in &recovery.commits {
            if self.is_new(Kind::Commit, compact.validator, &mut seen) {
                // neo-go takes the view of the message for that of the Commit.
                let views = [compact.view, outer.view];
                let both = usize::from(compact.view != outer.view) + 1;
                let all = views.into_iter().take(both).map(|view| Content {
                    height: outer.height,
                    validator: compact.validator,
                    view,
                    body: Body::Commit {
                        signature: compact.signature,
                    },
                });
                self.first(Kind::Commit, all, &compact.invocation, known);
            }
        }
    }

    fn is_new(&mut self, kind: Kind, index: ValidatorIndex, seen: &mut IndexSet) -> bool {
        if let Err(refused) = self.member(kind, index) {
            self.refuse(refused);
            return false;
        }
        if seen.contains(index) {
            self.refuse(Refused::Repeated { kind, index });
            return false;
        }
        seen.insert(index);
        true
    }

    /// Takes the first of several contents that the signature is good for.
    fn first(
        &mut self,
        kind: Kind,
        contents: impl Iterator<Item = Content>,
        invocation: &[u8],
        known: Known,
    ) -> Option<UInt256> {
        let mut last = None;
        for content in contents {
            let index = content.validator;
            let Some(key) = self.context.validators.key(index) else {
                continue;
            };
            let view = content.view;
            let message = Message::rebuilt(content, key, invocation.to_vec());
            if self.signed(&message).is_ok() {
                let hash = message.hash();
                self.take(message, known, true);
                return Some(hash);
            }
            last = last.or(Some(Refused::Signature { kind, index, view }));
        }
        if let Some(refused) = last {
            self.refuse(refused);
        }
        None
    }

    /// The PrepareRequest inside, and the hash that the responses name.
    fn preparations(
        &mut self,
        outer: &Content,
        recovery: &RecoveryMessage,
        known: Known,
    ) -> Option<UInt256> {
        let held = known.preparation.filter(|_| known.view == outer.view);
        let primary = primary(outer.height, outer.view, self.context.validators.len());
        let named = match &recovery.preparation {
            Preparation::Hash(hash) => Some(*hash),
            Preparation::Request(_) | Preparation::Unknown => held,
        };
        let Some(request) = recovery.request(outer, primary) else {
            return named;
        };
        let compact = recovery
            .preparations
            .iter()
            .find(|compact| compact.validator == primary);
        let Some(compact) = compact else { return held };
        let invocation = compact.invocation.clone();
        let kind = Kind::PrepareRequest;
        let taken = self.first(kind, std::iter::once(request), &invocation, known);
        taken.or(held)
    }

    fn responses(
        &mut self,
        outer: &Content,
        recovery: &RecoveryMessage,
        preparation: UInt256,
        known: Known,
    ) {
        let primary = primary(outer.height, outer.view, self.context.validators.len());
        let mut seen = IndexSet::default();
        for compact in &recovery.preparations {
            let kind = Kind::PrepareResponse;
            if compact.validator == primary || !self.is_new(kind, compact.validator, &mut seen) {
                continue;
            }
            let content = Content {
                height: outer.height,
                validator: compact.validator,
                view: outer.view,
                body: Body::PrepareResponse { preparation },
            };
            self.first(kind, std::iter::once(content), &compact.invocation, known);
        }
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
