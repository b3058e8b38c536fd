//! The methods, by what they are about.

pub(super) mod blocks;
pub(super) mod consensus;
pub(super) mod evidence;
pub(super) mod invoke;
pub(super) mod node;
pub(super) mod tokens;
pub(super) mod transactions;

#[cfg(test)]
mod tests;
