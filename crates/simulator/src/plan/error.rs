//! Why a plan cannot be run.

/// A field of a plan with a value outside its limits. Fields are named as in JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A number is too small or too great.
    #[error("{field} is {value}, the limits are {least} and {greatest}")]
    Range {
        /// The field.
        field: String,
        /// Its value.
        value: i64,
        /// Least allowed value.
        least: i64,
        /// Greatest allowed value.
        greatest: i64,
    },
    /// A node that does not exist.
    #[error("{field} names node {node}, the nodes of this plan are 0 to {last}")]
    NoSuchNode {
        /// The field.
        field: String,
        /// The number.
        node: u16,
        /// Greatest node number.
        last: u16,
    },
    /// A node named twice where once is allowed.
    #[error("{field} names node {node} twice")]
    Repeated {
        /// The field.
        field: String,
        /// The node.
        node: u16,
    },
    /// Too many faulty validators.
    #[error(
        "{byzantine} Byzantine validators and twins among {validators}, the limit is {tolerated} unless \
         allow_broken is set"
    )]
    TooManyByzantine {
        /// Byzantine validators and twins.
        byzantine: u16,
        /// Number of validators.
        validators: u16,
        /// What the protocol tolerates, f.
        tolerated: u16,
    },
    /// More than M−1 Byzantine validators: nothing at all can be promised.
    #[error(
        "{byzantine} Byzantine validators and twins among {validators} are a quorum, the limit with \
         allow_broken is {limit}"
    )]
    ByzantineQuorum {
        /// Byzantine validators and twins.
        byzantine: u16,
        /// Number of validators.
        validators: u16,
        /// M−1.
        limit: u16,
    },
    /// A partition begins while another one lasts, or a node stands in two groups.
    #[error("{field} overlaps {other}: {what}")]
    OverlappingPartitions {
        /// The later one.
        field: String,
        /// The earlier one.
        other: String,
        /// In what.
        what: String,
    },
    /// Timers that no node would start with.
    #[error("timers: {problem}")]
    Timers {
        /// The setting with its value and limit.
        problem: String,
    },
    /// A name that nothing has.
    #[error("{field} is `{value}`, known are {known}")]
    UnknownName {
        /// The field.
        field: String,
        /// The name.
        value: String,
        /// What there is.
        known: String,
    },
    /// Two fields that do not go together.
    #[error("{field} and {other}: {problem}")]
    Conflict {
        /// One field.
        field: String,
        /// The other.
        other: String,
        /// Why.
        problem: String,
    },
}
