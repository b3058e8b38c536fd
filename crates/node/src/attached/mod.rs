//! The ledger that Neo nodes beside this one keep: `ledger.kind` is `attached`.
//!
//! | part      | what it does                                                                  |
//! |-----------|-------------------------------------------------------------------------------|
//! | `opening` | opens the verified headers, refuses nodes of another network                  |
//! | `health`  | an alert while no node serves: this validator does not vote                   |
//! | `succession` | who is elected becomes a validator of the mesh and may send                |
//! | `tips`    | blocks that a node brought reach the driver                                   |
//! | `arrivals` | transactions that a proposal misses are found when they come to the node     |

mod arrivals;
mod health;
mod opening;
mod succession;
#[cfg(test)]
mod tests;
mod tips;

pub(crate) use self::arrivals::Arrivals;
pub(crate) use self::health::Health;
pub(crate) use self::opening::{OpenFailed, open};
pub(crate) use self::succession::Succession;
pub(crate) use self::tips::tell_of_tips;

/// File of the verified headers in a node's data directory.
pub(crate) const HEADERS_FILE: &str = "headers.redb";
