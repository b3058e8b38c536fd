//! The real engine against a Byzantine validator: four validators, one height, views 0 and 1.
//!
//! Three validators run `V3Engine` with a ledger that answers at once and ideal signatures. The fourth is the
//! adversary. It sees every message at once, decides who receives what and when, lets timers fire, signs
//! anything for itself, and builds every certificate that the signatures it saw allow. A message that nobody
//! is given is lost; each can be given late, in any order, and again.
//!
//! | module     | what it holds                                                             |
//! |------------|---------------------------------------------------------------------------|
//! | [`world`]  | keys, the height, blocks, Byzantine signatures                            |
//! | [`node`]   | an engine with its ledger                                                 |
//! | `locals`   | states of single nodes, each kept once, each step taken once              |
//! | `moves`    | what can happen next                                                      |
//! | `safety`   | what honest validators may have sent                                      |
//! | `fair`     | whether the honest alone decide                                           |
//! | [`model`]  | the search, breadth first, with stateright                                |
//! | [`plays`]  | random plays to the end, behind the breadth-first part                    |
//! | [`replay`] | a play of the quorum-level model on real engines                          |
//! | [`telling`]| messages and events in words                                              |
//!
//! # State
//!
//! What was sent stays available, so the network is the set of messages sent, and a state of the system is
//! that of three nodes: an engine, and the votes that it has sent, in order. Equal states of one node (by a
//! fingerprint of 128 bits over the engine, see `V3Engine::fingerprint`) have one number. A state of the
//! system is three numbers, 12 bytes; engines are shared by all states in which they occur. The engine runs
//! once for each state of a node and each event; everything else looks up.
//!
//! # Properties
//!
//! Safety in every state: one block is decided and one header signed; one vote of each kind, only in the
//! current view, with claims that do not shrink; PreCommits rest on M Prepares, header signatures on M
//! PreCommits of one view; once M PreCommits of view 0 can exist, M Prepares of view 1 on another block
//! cannot; no honest validator is accused. All of it is judged by the messages sent.
//!
//! Liveness in every state: with the Byzantine validator silent, all that honest validators sent arrives
//! everywhere, then resend timers fire, then view timers, and so on in turn. On the real engines, with time
//! passing, each honest validator must put together the witness of one and the same block.
//!
//! # What the adversary may do
//!
//! Two different blocks as the leader of view 0 or 1; in view 1 with a TC that claims nothing or one that
//! claims the PC of view 0, and then also the block that rule 3 forbids; Prepare and PreCommit on everything,
//! a header signature next to an honest one; ChangeViews that claim nothing, the PC that exists, or one that
//! does not; PCs and TCs in its own envelope. `--byzantine` chooses which views it leads: validator v leads view v.
//!
//! # What is reduced, and why
//!
//! - Votes arrive in quorums. A vote that completes none is only counted, nobody else can see that, and so
//!   its delivery can wait until the one that completes a quorum. ChangeViews arrive in pairs: f+1 make a
//!   node join, and with its own vote they are M. An engine that takes fewer for a quorum is not looked for.
//! - Of the quorums on one block one is delivered, with the Byzantine vote in it, since engines do not look at
//!   who signed a certificate but to ask for bodies. Of the TCs for view 1 two: without and with a claim. The
//!   leader of view 1 gets its TC whole, since each set of members would be another proposal.
//! - Time stands still while the model explores, so timers fire whenever the adversary likes, and each node
//!   answers each other once. What an answer would bring, the adversary can deliver itself.
//! - A node that has decided receives no more. What it sent stays.
//!
//! # What it does not cover
//!
//! More than two views are only entered by the honest alone, at the end of each state's schedule; there are
//! no crashes, no vote log, no second height, no transactions and no withheld bodies. Breadth first ends at
//! the bound of states; the random plays go on to the end, without completeness. The simulator is for all of
//! that.

mod fair;
mod locals;
pub mod model;
mod moves;
pub mod node;
pub mod plays;
pub mod replay;
mod safety;
pub mod telling;
pub mod world;

use neo_consensus::ValidatorSetError;
use neo_consensus::v3::EngineSettings;
use neo_primitives::ValidatorIndex;

/// Why a model cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// A set that cannot be.
    #[error(transparent)]
    Validators(#[from] ValidatorSetError),
    /// An index beyond the set.
    #[error("validator {index} in a set of {count}")]
    Byzantine {
        /// The index given.
        index: ValidatorIndex,
        /// Size of the set.
        count: usize,
    },
}

/// The rule that the honest engines of a run break: none, unless the crate is built with the feature
/// `mutation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// The broken rule.
    #[cfg(feature = "mutation")]
    pub mutation: Option<neo_consensus::v3::mutation::Mutation>,
}

impl Broken {
    #[cfg(feature = "mutation")]
    fn apply(self, settings: EngineSettings) -> EngineSettings {
        EngineSettings {
            mutation: self.mutation,
            ..settings
        }
    }

    #[cfg(not(feature = "mutation"))]
    fn apply(self, settings: EngineSettings) -> EngineSettings {
        settings
    }
}
