//! The quorum-level model.
//!
mod honest;
pub mod model;
pub mod play;
pub mod rules;
pub mod state;
pub mod step;
mod story;
