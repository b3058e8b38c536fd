//! What must come of a run besides the invariants.

use serde::{Deserialize, Serialize};

use super::{Condition, Nodes, Span};

/// One thing that must be so at the end. Nodes that attack do not count unless they are named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expectation {
    /// Nodes have decided a height by some time.
    Decided {
        /// The height.
        height: u32,
        /// In milliseconds.
        by_ms: u64,
        /// Which nodes, each of them.
        #[serde(default)]
        nodes: Nodes,
    },
    /// Nodes have stored a height or a later one by some time.
    Stored {
        /// The height.
        height: u32,
        /// In milliseconds.
        by_ms: u64,
        /// Which nodes, each of them.
        #[serde(default)]
        nodes: Nodes,
    },
    /// A height is decided, and by each node while it was in one of these views.
    DecisionView {
        /// The height.
        height: u32,
        /// The views.
        views: Span,
    },
    /// The block proposed first in one view is proposed again in another, and decided.
    Reproposed {
        /// The height.
        height: u32,
        /// View of the first proposal.
        first: u32,
        /// View of the repetition.
        again: u32,
    },
    /// The block proposed in one view is not the one decided.
    Replaced {
        /// The height.
        height: u32,
        /// View of the block that lost.
        view: u32,
    },
    /// No honest node entered a view above 0 at these heights.
    NoViewChange {
        /// The heights.
        #[serde(default)]
        heights: Span,
    },
    /// Some honest node entered this view of a height.
    ViewEntered {
        /// The height.
        height: u32,
        /// The view.
        view: u32,
    },
    /// The view timer follows the network: after each decision at these heights, the base of a node's
    /// timer is at most so much of what decisions truly take there at that moment: of the median over all
    /// leaders of three quorum delays to it, as the matrix of one-way delays has them.
    BaseOverDecision {
        /// The heights; those after it has warmed up.
        #[serde(default)]
        heights: Span,
        /// Hundredths of that time.
        most_percent: u32,
    },
    /// Decisions take as long as the network demands: the median time from proposal to decision is within
    /// so much of the median of three quorum delays, as the matrix of one-way delays without jitter has
    /// them. For a leader and a node those are the M-th smallest way of a Proposal, the Prepares and the
    /// PreCommits to that node.
    DecisionOfMatrix {
        /// Hundredths by which they may differ.
        within_percent: u32,
    },
    /// After the last healing of the network, each honest node decides a height within so many resend
    /// intervals and message delays, and its timer has not grown: the interval is the longer one of the
    /// configured one and two of the longest round trips, the delay the longest between two nodes.
    Recovers {
        /// The height.
        height: u32,
        /// Resend intervals.
        resends: u32,
        /// Message delays.
        delays: u32,
        /// The base of the timer after the decision, at most so many hundredths of that before the
        /// network broke.
        base_percent: u32,
    },
    /// Evidence names exactly these validators, in ascending order.
    Evidence {
        /// The validators.
        against: Vec<u16>,
    },
    /// A condition became true by some time.
    Happens {
        /// The condition.
        condition: Condition,
        /// In milliseconds.
        by_ms: u64,
    },
    /// A condition never became true.
    Never {
        /// The condition.
        condition: Condition,
    },
    /// One condition became true, and another one before it.
    Before {
        /// What came first.
        first: Condition,
        /// What came later.
        then: Condition,
    },
    /// Nodes sent no vote at heights up to this one after they restarted with a lost vote log.
    SilentUntil {
        /// The node.
        node: u16,
        /// No vote at this height or below.
        height: u32,
    },
    /// A height of dBFT 2.0 is locked, and nobody stores it before some time.
    Locked {
        /// The height.
        height: u32,
        /// In milliseconds; the end of the run without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until_ms: Option<u64>,
    },
    /// The oracles found a violation of an invariant, by its name. Only with `allow_broken`.
    Violates {
        /// Its name, such as `agreement`.
        invariant: String,
    },
}
