//! What a validator does when it does not get on (protocol section 9).
//!
//! | module        | what it holds                                              |
//! |---------------|------------------------------------------------------------|
//! | [`selection`] | which of the four strategies applies                       |
//! | `partial`     | `PartialView`: what is asked for and answered at one height |

mod partial;
pub mod selection;

pub(in crate::v3) use partial::stored_answer;
pub use selection::{RecoveryConditions, RecoveryStrategy, SelectionLimits, select_strategy};
