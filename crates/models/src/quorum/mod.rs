//! The quorum-level model.
//!
pub mod rules;
pub mod state;
pub mod step;
pub mod honest;
pub mod model;
