//! Proofs that a validator broke the protocol (protocol section 6).
//!
//! Every form of guilt is a pair, or a triple, of signed statements that no honest validator signs
//! together, whatever it saw and in whatever order. [`Evidence`] carries them with all that a verifier
//! needs besides the validator set of the height.
//!
//! | module       | what it holds                                                          |
//! |--------------|------------------------------------------------------------------------|
//! | [`statement`]| what a validator signed, without the parts that nobody signs           |
//! | this one     | the forms of guilt                                                     |
//! | `judging`    | whether a proof proves anything, and why not                           |
//! | `encoding`   | its bytes                                                              |
//! | [`archive`]  | what forensics keeps of a height, and the guilt that lies in it        |
//! | [`trace`]    | from two conflicting decisions to at least f+1 culprits                |
//!
//! Why each form convicts nobody honest is said at its variant. All of it rests on what
//! [`crate::v3::safety`] and the vote log do: marks and claims only grow, also over restarts.

pub mod archive;
mod encoding;
mod judging;
pub mod statement;
pub mod trace;

use std::fmt;

use neo_primitives::{Header, Height, Magic, UInt256, ValidatorIndex};

use super::certificate::ViewChangeCertificate;
use super::context::{HeightContext, MessageKind};
use super::message::{Message, Payload};
use super::verify::SignatureCheck;
use crate::validators::View;

pub use judging::NotGuilty;
pub(super) use statement::conflict;
pub use statement::{Says, Statement};

/// One broken promise of one validator, with all that its check needs besides the validator set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// The network.
    pub magic: Magic,
    /// The height at which it happened.
    pub height: Height,
    /// Hash of the block before.
    pub prev_hash: UInt256,
    /// What happened.
    pub guilt: Guilt,
}

/// A form of guilt, with its signed statements. All of one proof are of one validator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Guilt {
    /// Two different statements where rules 1 and 6 allow one: a Proposal or Prepare of a view (the
    /// Proposal contains a Prepare, so the two are one kind here), a PreCommit of a view, a ChangeView
    /// for a target, a header of this height on this parent. The smaller one in bytes comes first, so
    /// that there is one proof of it.
    Contradiction {
        /// The smaller statement.
        first: Statement,
        /// The greater one.
        second: Statement,
    },
    /// PreCommit(v,H), and a ChangeView for u > v that claims nothing, less than v, or another block
    /// of v. By rule 2 the PreCommit was signed first; then PC(v,H) was held, and what is claimed only
    /// grows.
    Amnesia {
        /// The PreCommit.
        pre_commit: Statement,
        /// The ChangeView that forgot it.
        change_view: Statement,
    },
    /// Two ChangeViews of which the one for the higher target claims less, or another block of the same
    /// view. Targets and claims only grow, so the one for the higher target was signed later.
    ShrinkingClaim {
        /// The ChangeView for the lower target.
        earlier: Statement,
        /// The one for the higher target.
        later: Statement,
    },
    /// A Proposal or Prepare of u whose justification has a prepared certificate of view y, and a
    /// ChangeView for w > u that claims less than y. Who votes on a justification took over its
    /// certificate before, and by rule 2 the ChangeView came later.
    ForgottenJustification {
        /// The Proposal or Prepare.
        vote: Statement,
        /// The certificate whose hash it signed.
        justification: Box<ViewChangeCertificate>,
        /// The ChangeView that claims less.
        change_view: Statement,
    },
    /// A Proposal or Prepare whose justification does not admit its block (rule 3), claims what no TC
    /// of its view can claim, or contains a ChangeView with an invalid signature.
    Unjustified {
        /// The Proposal or Prepare.
        vote: Statement,
        /// The certificate whose hash it signed.
        justification: Box<ViewChangeCertificate>,
    },
    /// One statement that no validator signs in any state: a justification at view 0 or none above it, a
    /// ChangeView for view 0 or one that claims its own target or more.
    Impossible {
        /// The statement.
        statement: Statement,
    },
}

impl Guilt {
    /// The name of this form, for logs, metrics and reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Contradiction { .. } => "contradiction",
            Self::Amnesia { .. } => "amnesia",
            Self::ShrinkingClaim { .. } => "shrinking-claim",
            Self::ForgottenJustification { .. } => "forgotten-justification",
            Self::Unjustified { .. } => "unjustified",
            Self::Impossible { .. } => "impossible",
        }
    }

    /// The statements, in the order of their fields.
    #[must_use]
    pub fn statements(&self) -> Vec<&Statement> {
        match self {
            Self::Contradiction { first, second } => vec![first, second],
            Self::Amnesia {
                pre_commit,
                change_view,
            } => vec![pre_commit, change_view],
            Self::ShrinkingClaim { earlier, later } => vec![earlier, later],
            Self::ForgottenJustification {
                vote, change_view, ..
            } => vec![vote, change_view],
            Self::Unjustified { vote, .. } => vec![vote],
            Self::Impossible { statement } => vec![statement],
        }
    }

    fn last(&self) -> &Statement {
        match self {
            Self::Contradiction { second, .. } => second,
            Self::Amnesia { change_view, .. }
            | Self::ForgottenJustification { change_view, .. } => change_view,
            Self::ShrinkingClaim { later, .. } => later,
            Self::Unjustified { vote, .. } => vote,
            Self::Impossible { statement } => statement,
        }
    }

    /// What two statements of one validator prove together, if anything.
    #[must_use]
    pub fn of_pair(one: &Statement, other: &Statement) -> Option<Self> {
        if one.sender != other.sender {
            return None;
        }
        if one.contradicts(other) {
            let swapped = statement::bytes(one) > statement::bytes(other);
            let (first, second) = if swapped { (other, one) } else { (one, other) };
            return Some(Self::Contradiction {
                first: first.clone(),
                second: second.clone(),
            });
        }
        [(one, other), (other, one)]
            .into_iter()
            .find_map(|(earlier, later)| {
                if earlier.is_forgotten_by(later) {
                    return Some(Self::Amnesia {
                        pre_commit: earlier.clone(),
                        change_view: later.clone(),
                    });
                }
                later
                    .claims_less_than(earlier)
                    .then(|| Self::ShrinkingClaim {
                        earlier: earlier.clone(),
                        later: later.clone(),
                    })
            })
    }

    /// What a proposal with valid signatures of its sender proves against it, when its justification is
    /// none or does not admit it. `None` when it may be honest, and where the hash that was signed does
    /// not bind what is wrong.
    #[must_use]
    pub fn of_proposal(
        context: &HeightContext,
        message: &Message,
        check: &dyn SignatureCheck,
    ) -> Option<Self> {
        let vote = Statement::of(message, |_| None)?;
        let guilt = Self::of_one(&vote).or_else(|| Self::unjustified(message))?;
        judging::convicts(context, &guilt, check).then_some(guilt)
    }

    /// A proposal against its own justification; `None` when it has none.
    pub(super) fn unjustified(message: &Message) -> Option<Self> {
        let Payload::Proposal(proposal) = &message.payload else {
            return None;
        };
        Some(Self::Unjustified {
            vote: Statement::of(message, |_| None)?,
            justification: Box::new(archive::bound(proposal.justification.as_ref()?)),
        })
    }

    /// What a statement proves by itself, if anything.
    #[must_use]
    pub fn of_one(statement: &Statement) -> Option<Self> {
        statement.is_impossible().then(|| Self::Impossible {
            statement: statement.clone(),
        })
    }
}

impl Evidence {
    /// A proof about a height.
    #[must_use]
    pub fn new(context: &HeightContext, guilt: Guilt) -> Self {
        Self {
            magic: context.magic,
            height: context.height,
            prev_hash: context.prev_hash,
            guilt,
        }
    }

    /// What two messages of one height prove together, if anything. `header` finds the header of a
    /// hash: a header signature says what it signs only together with that.
    #[must_use]
    pub fn of_two(
        context: &HeightContext,
        first: &Message,
        second: &Message,
        header: impl Fn(&UInt256) -> Option<Header>,
    ) -> Option<Self> {
        let statement = |message: &Message| {
            (message.height == context.height)
                .then(|| Statement::of(message, &header))
                .flatten()
        };
        let guilt = Guilt::of_pair(&statement(first)?, &statement(second)?)?;
        Some(Self::new(context, guilt))
    }

    /// Whom it accuses; it convicts only once [`Evidence::verify`] says so.
    #[must_use]
    pub fn culprit(&self) -> ValidatorIndex {
        self.guilt.last().sender
    }

    /// The kind of the statement that gave it away.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.guilt.last().kind()
    }

    /// The highest view it is about.
    #[must_use]
    pub fn view(&self) -> View {
        let views = self.guilt.statements().into_iter().map(|said| said.view);
        views.max().unwrap_or_default()
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let culprit = self.culprit();
        write!(
            f,
            "validator {culprit} at height {}: {}: ",
            self.height,
            self.guilt.name()
        )?;
        for (at, statement) in self.guilt.statements().into_iter().enumerate() {
            let joint = if at == 0 { "" } else { ", and " };
            write!(f, "{joint}{statement}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
