//! Recovery on disk (docs/protocol.md section 9): checkpoints, and `FullRecovery` from them when a node starts.
//!
//! | part        | what it does                                                                       |
//! |-------------|------------------------------------------------------------------------------------|
//! | [`leaders`] | the state of the leader order that goes into a checkpoint                          |
//! | [`opening`] | opens the store; one that is gone or damaged is built again from a checkpoint first |
//! | `schedule`  | writes checkpoints while the node runs                                             |

pub mod leaders;
pub mod opening;
pub(crate) mod schedule;
