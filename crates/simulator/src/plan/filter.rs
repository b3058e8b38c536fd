//! What happens to some messages on their way.

use serde::{Deserialize, Serialize};

use super::{Condition, Nodes};
use crate::trace::Kind;

/// Messages that meet a fate other than the network's. The first filter that fits a message decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Kinds it is about; all of consensus when empty.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// Heights.
    #[serde(default)]
    pub heights: Span,
    /// Views; of a ChangeView the view asked for.
    #[serde(default)]
    pub views: Span,
    /// Senders.
    #[serde(default)]
    pub from: Nodes,
    /// Receivers.
    #[serde(default)]
    pub to: Nodes,
    /// Only messages that carry one of these; any message when empty.
    #[serde(default)]
    pub carrying: Vec<Part>,
    /// Begins when this is true; at once when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Condition>,
    /// Ends when this is true; never when left out, but no later than the plan's healing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Condition>,
    /// Only the first so many messages; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u32>,
    /// What happens to them.
    #[serde(default)]
    pub fate: Fate,
}

impl Filter {
    /// Drops messages of these kinds.
    #[must_use]
    pub fn drop(kinds: &[Kind]) -> Self {
        Self {
            kinds: kinds.to_vec(),
            heights: Span::default(),
            views: Span::default(),
            from: Nodes::All,
            to: Nodes::All,
            carrying: Vec::new(),
            after: None,
            until: None,
            first: None,
            fate: Fate::Drop,
        }
    }
}

/// A range of heights or views, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Span {
    /// Least.
    pub from: u32,
    /// Greatest.
    pub to: u32,
}

impl Default for Span {
    /// Everything.
    fn default() -> Self {
        Self {
            from: 0,
            to: u32::MAX,
        }
    }
}

impl Span {
    /// One number.
    #[must_use]
    pub fn only(number: u32) -> Self {
        Self {
            from: number,
            to: number,
        }
    }

    /// Whether a number lies in it.
    #[must_use]
    pub fn contains(&self, number: u32) -> bool {
        (self.from..=self.to).contains(&number)
    }
}

/// What happens to a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fate {
    /// It is lost.
    #[default]
    Drop,
    /// It waits until the filter ends, and then travels.
    Hold,
    /// It is late.
    Delay {
        /// By this much, in microseconds.
        us: u64,
    },
    /// It arrives several times.
    Duplicate {
        /// So many times in all.
        copies: u16,
    },
    /// It travels as the network wants, whatever the filters behind this one say.
    Pass,
}

/// What a message may carry besides its own vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A view-change certificate: in a recovery message or as a proposal's justification.
    ViewChangeCertificate,
    /// A prepared certificate: in a recovery message or behind a ChangeView.
    PreparedCertificate,
    /// A decision: in a recovery message, or of the parent in a proposal.
    Decision,
    /// Votes of others, in a recovery message.
    Votes,
}
