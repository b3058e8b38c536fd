//! The state that transactions read and write: accounts, the supply of GAS, and conflict records.

mod overlay;
mod record;
mod view;

pub(crate) use self::{
    overlay::Overlay,
    record::{Account, StateKey, StateValue},
    view::{Layer, StateRead, StateView, Writes},
};
