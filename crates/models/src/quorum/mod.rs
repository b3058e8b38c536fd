//! The quorum-level model: a step is one view of one height.
//!
//! In each view the adversary chooses the members of the view-change certificate (TC), what its Byzantine
//! members claim, the block where the carry rule leaves the leader free, whether the block comes to be
//! prepared, which honest validators hold the prepared certificate (PC) while they are in the view, which of
//! them vote on it, and whether their votes are put together. Every leader is the adversary's: whatever an
//! honest leader can propose, a Byzantine one can, too. Byzantine validators join every quorum, sign every
//! block, and know every certificate. After each view two things must hold: no two blocks are decided; and
//! some delivery of honest messages alone, with the Byzantine silent from here on, decides.
//!
//! | module    | what it holds                                                              |
//! |-----------|----------------------------------------------------------------------------|
//! | [`rules`] | the two switches, and the bounds                                           |
//! | [`state`] | what is left of a height after some views                                  |
//! | [`step`]  | the adversary's choices for one view, and what comes of them               |
//! | `honest`  | whether the honest alone can still decide                                  |
//! | [`model`] | the search, breadth first, with stateright                                 |
//! | [`play`], `story` | counter-examples with names, in plain words                        |
//!
//! # Why view by view
//!
//! Views overlap in time. Yet every run can be put into the order of views without changing what anybody sees:
//! an honest validator's own votes and ChangeViews are in that order by rules 2 and 7; whatever is voted in
//! view v depends on TC(v), on the proposal of v and on votes of v; and TC(v) depends on certificates of
//! views below v alone, because a claim lies below the view it is made for. So nothing in view v depends on
//! anything of a later view.
//!
//! # Why one block a view
//!
//! Two blocks with a PC of one view would need `2(M − f)` honest Prepares from `n − f` validators that
//! prepare once, and `2(n − 2f) > n − f` for `n > 3f`. Prepares on a block without PC bind nobody later.
//! A TC matters only if a PC rests on it, and PC(v) names one justification; so one TC a view is enough.
//!
//! # What is reduced
//!
//! With [`rules::Reduction::Full`]:
//!
//! - *Names.* Honest validators that know and signed the same are interchangeable; states are sorted.
//! - *Members.* All f Byzantine validators are members of each TC. Replacing a Byzantine member that claims
//!   nothing by an honest one can only raise the greatest claim, and that much a Byzantine member can claim
//!   itself, since a claim it makes needs no more than a PC that exists.
//! - *Knowledge.* An honest validator learns a PC in its own view or never. If it learned one later, the TCs
//!   it is a member of would have a greater claim at most, and a Byzantine member could have made that claim.
//! - *Votes.* Whoever holds the PC in its view votes, and M PreCommits decide as soon as they exist: neither
//!   makes anything impossible for the adversary, because a held PC binds by its claim, voted on or not.
//!
//! [`rules::Reduction::None`] keeps names and enumerates members, claims, late knowledge, votes and decisions
//! one by one. The verdicts are the same; the tests compare them.
//!
//! # What it does not show
//!
//! Signatures are perfect and blocks always valid and at hand; nobody crashes or loses its vote log (a silent
//! validator is one that votes nothing); more views than the bound are not played; timers and messages have
//! no time. One height: rule 5's f+1 header signatures add nothing, because one of them is of an honest
//! validator that has decided.

mod honest;
pub mod model;
pub mod play;
pub mod rules;
pub mod state;
pub mod step;
mod story;
