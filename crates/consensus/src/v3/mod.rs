//! dBFT 3.0: PBFT's view change, one more phase, and the header signature released only for a block
//! that nothing can replace any more (docs/protocol.md).
//!
//! | module          | what it holds                                                    |
//! |-----------------|------------------------------------------------------------------|
//! | [`safety`]      | the rules that bind a vote; read this first                      |
//! | [`phase`]       | the phases of a height and the ways between them                 |
//! | `height`        | one height: from votes to certificates to a stored block         |
//! | `engine`        | the open heights, buffering, answers to laggards                 |
//! | `votes`         | quorum counting                                                  |
//! | [`certificate`] | prepared, commit and view-change certificates                    |
//! | [`recovery`]    | what is asked for and answered when messages were lost           |
//! | `blocks`        | headers and bodies of an open height, and how missing ones come  |
//! | [`leader`], [`timing`] | who leads, and when                                       |
//! | [`message`], [`payload`], [`wire`] | messages and their bytes                     |
//! | [`verify`]      | from received to believed                                        |
//! | [`record`]      | what is durable before a message leaves                          |
//! | [`evidence`]    | contradictions of a validator                                    |

/// `mutated!(owner, A | B)`: whether the owner breaks a rule on purpose. Without the feature `mutation`
/// this is the literal `false`.
#[cfg(feature = "mutation")]
macro_rules! mutated {
    ($owner:expr, $($variant:ident)|+) => {
        matches!($owner.mutation, Some($($crate::v3::mutation::Mutation::$variant)|+))
    };
}
#[cfg(not(feature = "mutation"))]
macro_rules! mutated {
    ($owner:expr, $($variant:ident)|+) => {
        false
    };
}

mod blocks;
pub mod certificate;
pub mod context;
mod engine;
pub mod evidence;
mod height;
pub mod leader;
pub mod message;
#[cfg(feature = "mutation")]
pub mod mutation;
pub mod payload;
pub mod phase;
pub mod record;
pub mod recovery;
pub mod safety;
pub mod timing;
pub mod verify;
mod votes;
pub mod wire;

#[cfg(test)]
pub(crate) mod cluster;
#[cfg(test)]
pub(crate) mod testing;

pub use engine::{EngineSettings, Restored, V3Engine, VoteLogState};
pub use message::{Draft, Message, Payload, Signer};
pub use record::Record;
pub use verify::{Input, Outcome, OwnMessage, SignatureCheck, Verified, VerifyJob};
