//! Each oracle against a stream of observations that breaks its rule, and one that nearly does.

mod accountability;
mod answers;
mod chain;
mod decisions;
mod durability;
mod proposals;
mod silence;
mod views;
mod votes;
