//! What a run waits for: moments, and things that happened.

use serde::{Deserialize, Serialize};

use super::{Nodes, Span};
use crate::trace::Kind;

/// Something that becomes true once and stays true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// Virtual time has reached this, in milliseconds.
    At(u64),
    /// This has been seen.
    Seen(Seen),
    /// A time has passed since another condition became true.
    After {
        /// That condition.
        condition: Box<Condition>,
        /// The time, in milliseconds.
        ms: u64,
    },
    /// All of these became true.
    All(Vec<Condition>),
    /// One of these became true.
    Any(Vec<Condition>),
}

impl Condition {
    /// A condition that holds from the first moment on.
    #[must_use]
    pub fn always() -> Self {
        Self::At(0)
    }
}

/// Something that a node does or that happens to a message; `nodes`, `from` and `to` are everybody when
/// left out, and heights and views are any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Seen {
    /// Nodes decided a height.
    Decided {
        /// The height.
        height: u32,
        /// Which nodes count.
        #[serde(default)]
        nodes: Nodes,
        /// How many of them at least.
        #[serde(default = "one")]
        least: u16,
    },
    /// Nodes put the witness of a height together.
    Witnessed {
        /// The height.
        height: u32,
        /// Which nodes count.
        #[serde(default)]
        nodes: Nodes,
        /// How many of them at least.
        #[serde(default = "one")]
        least: u16,
    },
    /// Nodes stored a height or a later one, by consensus or by synchronisation.
    Stored {
        /// The height.
        height: u32,
        /// Which nodes count.
        #[serde(default)]
        nodes: Nodes,
        /// How many of them at least.
        #[serde(default = "one")]
        least: u16,
    },
    /// Nodes entered a view above 0, or a later one of that height.
    Entered {
        /// The height.
        height: u32,
        /// The view.
        view: u32,
        /// Which nodes count.
        #[serde(default)]
        nodes: Nodes,
        /// How many of them at least.
        #[serde(default = "one")]
        least: u16,
    },
    /// Nodes hold a prepared certificate of this view in their log.
    Prepared {
        /// The height.
        height: u32,
        /// The view.
        view: u32,
        /// Which nodes count.
        #[serde(default)]
        nodes: Nodes,
        /// How many of them at least.
        #[serde(default = "one")]
        least: u16,
    },
    /// Nodes reached a phase of a height (protocol section 4) in any view.
    Phase {
        /// The height.
        height: u32,
        /// Its name, such as `PreCommit`.
        phase: String,
        /// Which nodes count.
        #[serde(default)]
        nodes: Nodes,
        /// How many of them at least.
        #[serde(default = "one")]
        least: u16,
    },
    /// Messages left their senders; a broadcast is one for each receiver.
    Sent(Messages),
    /// Messages arrived.
    Delivered(Messages),
    /// Nodes crashed.
    Crashed {
        /// Which nodes count.
        #[serde(default)]
        nodes: Nodes,
        /// How many of them at least.
        #[serde(default = "one")]
        least: u16,
    },
    /// Nodes started again after a crash.
    Restarted {
        /// Which nodes count.
        #[serde(default)]
        nodes: Nodes,
        /// How many of them at least.
        #[serde(default = "one")]
        least: u16,
    },
    /// Nodes vote again after a silence.
    Voting {
        /// Which nodes count.
        #[serde(default)]
        nodes: Nodes,
        /// How many of them at least.
        #[serde(default = "one")]
        least: u16,
    },
    /// Nodes hear nothing of a validator that they watch.
    Quiet {
        /// Which nodes count.
        #[serde(default)]
        nodes: Nodes,
        /// How many of them at least.
        #[serde(default = "one")]
        least: u16,
    },
    /// Nodes pass on messages of others.
    Relayed {
        /// Which nodes count.
        #[serde(default)]
        nodes: Nodes,
        /// How many of them at least.
        #[serde(default = "one")]
        least: u16,
    },
    /// Some node holds evidence against a validator.
    Evidence {
        /// The validator.
        against: u16,
    },
    /// A height of dBFT 2.0 is locked: M validators run, and nothing that they may still say makes a block.
    Locked {
        /// The height.
        height: u32,
    },
    /// Somebody asked for the body, the transactions or the hashes of a block.
    Fetched {
        /// By these nodes.
        #[serde(default)]
        nodes: Nodes,
        /// How many of them at least.
        #[serde(default = "one")]
        least: u16,
    },
}

/// Messages that count one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Messages {
    /// Of this kind.
    pub kind: Kind,
    /// Of these heights.
    #[serde(default)]
    pub heights: Span,
    /// Of these views; of a ChangeView the view asked for.
    #[serde(default)]
    pub views: Span,
    /// From these nodes.
    #[serde(default)]
    pub from: Nodes,
    /// To these nodes.
    #[serde(default)]
    pub to: Nodes,
    /// How many at least.
    #[serde(default = "one_message")]
    pub count: u32,
}

fn one() -> u16 {
    1
}

fn one_message() -> u32 {
    1
}
