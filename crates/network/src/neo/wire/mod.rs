//! The bytes of Neo N3's P2P protocol: frames, commands, payloads.
//!
//! Nothing here reads a socket or a clock. A length is checked against its limit, and against the bytes that are
//! there, before memory is taken for it.

mod addresses;
mod capability;
mod command;
mod filter;
mod frame;
mod inventory;
mod lz4;
mod message;
mod ranges;
#[cfg(test)]
mod tests;
mod version;

pub use addresses::{MAX_ADDRESSES, NodeAddress};
pub use capability::{Capability, MAX_CAPABILITIES, MAX_CAPABILITY_DATA};
pub use command::{Command, MAX_PAYLOAD};
pub use filter::{FilterLoad, MAX_FILTER, MAX_FILTER_ELEMENT, MAX_FILTER_FUNCTIONS, MerkleBlock};
pub(crate) use frame::frame_payload;
pub use frame::{FrameError, FrameHead, frame, read_frame};

pub use inventory::{Inventory, InventoryKind, MAX_HASHES};
pub use lz4::Lz4Error;
pub use message::Message;
pub use ranges::{HashRange, IndexRange, MAX_BLOCKS, MAX_HEADERS};
pub use version::{MAX_USER_AGENT, Ping, Version};
