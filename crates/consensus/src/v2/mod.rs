//! dBFT 2.0 as Neo N3 runs it, so that this node can be one validator among those of C# and neo-go
//! (docs/dbft2.md).
//!
//! | module        | what it holds                                                        |
//! |---------------|----------------------------------------------------------------------|
//! | [`content`]   | what messages say                                                    |
//! | [`codec`]     | their bytes                                                          |
//! | [`recovery`]  | the body of a RecoveryMessage                                        |
//! | [`message`]   | messages in their signed envelope, drafts                            |
//! | [`verify`]    | from received to believed                                            |
//! | [`record`]    | what is durable before a message leaves                              |
//! | `height`      | one height: what was seen, what follows                              |
//! | `engine`      | opening heights, timers, restarts                                    |
//! | [`timing`]    | how long a view may take                                             |

/// `mutated!(owner, A | B)`: whether the owner breaks a rule on purpose. Without the feature `mutation`
/// this is the literal `false`.
#[cfg(feature = "mutation")]
macro_rules! mutated {
    ($owner:expr, $($variant:ident)|+) => {
        matches!($owner.mutation, Some($($crate::v2::mutation::Mutation::$variant)|+))
    };
}
#[cfg(not(feature = "mutation"))]
macro_rules! mutated {
    ($owner:expr, $($variant:ident)|+) => {
        false
    };
}

pub mod codec;
pub mod content;
mod engine;
mod height;
pub mod message;
#[cfg(feature = "mutation")]
pub mod mutation;
pub mod record;
pub mod recovery;
pub mod timing;
pub mod verify;

#[cfg(test)]
mod cluster;
#[cfg(test)]
mod recorded;
#[cfg(test)]
pub(crate) mod testing;

pub use content::{Body, ChangeView, Content, Kind, PrepareRequest, Reason};
pub use engine::{EngineSettings, Restored, V2Engine};
pub use message::{Draft, Enveloped, Message, MessageError, OwnMessage};
pub use record::Record;
pub use verify::{Input, Outcome, Refused, Verified, VerifyJob};
