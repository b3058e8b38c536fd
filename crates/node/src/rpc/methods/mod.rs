//! The methods, by what they are about.

pub(super) mod blocks;
pub(super) mod consensus;
pub(super) mod contracts;
pub(super) mod evidence;
pub(super) mod invoke;
pub(super) mod node;
pub(super) mod tokens;
pub(super) mod transactions;
pub(super) mod transfers;

#[cfg(test)]
mod tests;
