//! Messages and their parts, each checked alone.

use neo_primitives::{UInt256, ValidatorIndex, sign_data};

use super::{Input, Known, Outcome, Refused, Verified, primary};
use crate::index_set::IndexSet;
use crate::v2::content::{Body, Content, Kind};
use crate::v2::message::Message;
use crate::v2::recovery::{Preparation, RecoveryMessage};
use crate::v3::SignatureCheck;
use crate::v3::certificate::Obligation;
use crate::v3::context::HeightContext;

/// A check in progress.
pub(super) struct Parts<'a> {
    pub(super) context: &'a HeightContext,
    pub(super) check: &'a dyn SignatureCheck,
    pub(super) outcome: &'a mut Outcome,
}

impl Parts<'_> {
    pub(super) fn accept(&mut self, input: Input) {
        self.outcome.accepted.push(Verified(input));
    }

    pub(super) fn refuse(&mut self, refused: Refused) {
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

    pub(super) fn signed(&self, message: &Message) -> Result<(), Refused> {
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

    pub(super) fn message(&mut self, message: Message, known: Known) {
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

    pub(super) fn commits(&mut self, commits: &[Message], header: UInt256) {
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
            if mutated!(known, BelievesRecovery) || self.signed(&message).is_ok() {
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
