//! Nodes by number, by role, and how single ones differ.

use serde::{Deserialize, Serialize};

/// Some nodes of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Nodes {
    /// Every node.
    #[default]
    All,
    /// These.
    Only(Vec<u16>),
    /// Every node but these.
    Except(Vec<u16>),
    /// The leader of a view, in every instance that runs of it.
    Leader {
        /// Height.
        height: u32,
        /// View.
        view: u32,
    },
    /// Every node but the leader of a view.
    NotLeader {
        /// Height.
        height: u32,
        /// View.
        view: u32,
    },
}

/// How a node differs from the others, from the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeQuirk {
    /// The node.
    pub node: u16,
    /// Its work takes this many hundredths of the usual time.
    #[serde(default = "usual_speed")]
    pub slow_percent: u32,
    /// Its wall clock is ahead by this much, in milliseconds; behind when negative.
    #[serde(default)]
    pub skew_ms: i64,
    /// Its clocks, wall and monotonic, run this many millionths too fast; too slow when negative.
    #[serde(default)]
    pub drift_ppm: i32,
}

fn usual_speed() -> u32 {
    100
}

impl NodeQuirk {
    /// A node like the others.
    #[must_use]
    pub fn usual(node: u16) -> Self {
        Self {
            node,
            slow_percent: usual_speed(),
            skew_ms: 0,
            drift_ppm: 0,
        }
    }
}

/// A validator that attacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Byzantine {
    /// The validator.
    pub validator: u16,
    /// Names of attacks (`neo_adversary::Attack`); a seeded mix when empty.
    #[serde(default)]
    pub attacks: Vec<String>,
}
