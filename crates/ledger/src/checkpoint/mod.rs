//! Checkpoints: all that a node needs to go on from a height, in a folder of files with a manifest of their hashes.
//!
//! | file           | what it holds                                                                          |
//! |----------------|----------------------------------------------------------------------------------------|
//! | `manifest.json`| network, height, hashes of tip and state, name, size and SHA-256 of every other file, and a seal over itself |
//! | `tip`          | the block of that height with its witness, in Neo's wire form                          |
//! | `outcomes`     | what the scripts of that block did                                                     |
//! | `state`        | every record of the state                                                              |
//! | `transactions` | hash and place of every transaction on the chain: rules ask whether one is there, however old it is |
//! | `leaders`      | the state of the leader order for the height above, as the node hands it in            |
//!
//! A checkpoint is written from a snapshot of the store, so nothing waits for it, into a temporary folder that gets its
//! name when all of it is on disk. It is read in full before anything is made of it. Its hashes guard against damage,
//! and the tip's witness shows that the validators signed that block; the *state* is signed by nobody in Neo N3, so a
//! checkpoint is trusted as much as whoever could write to its folder.

mod error;
mod folder;
mod manifest;
mod records;
mod restore;
mod verify;
mod write;

pub use self::{
    error::CheckpointError,
    folder::{CheckpointFolder, Listed},
    manifest::{FileEntry, Manifest},
    restore::{BEFORE, RestoreStep, Restored, restore},
    verify::Checkpoint,
    write::{LeaderState, Written},
};

/// Version of the format.
pub const VERSION: u32 = 1;

/// Name of the manifest.
const MANIFEST: &str = "manifest.json";
/// Name of the file with the tip.
const TIP: &str = "tip";
/// Name of the file with the outcomes of the tip's transactions.
const OUTCOMES: &str = "outcomes";
/// Name of the file with the state.
const STATE: &str = "state";
/// Name of the file with the places of transactions.
const TRANSACTIONS: &str = "transactions";
/// Name of the file with the leader state.
const LEADERS: &str = "leaders";

/// All files but the manifest, in the order in which the manifest names them, with the greatest size of each in bytes.
const FILES: [(&str, u64); 5] = [
    (TIP, 64 << 20),
    (OUTCOMES, 256 << 20),
    (STATE, u64::MAX),
    (TRANSACTIONS, u64::MAX),
    (LEADERS, MAX_LEADERS),
];

/// Longest manifest, in bytes; a real one has a thousandth of it.
const MAX_MANIFEST: u64 = 1 << 20;
/// Longest leader state, in bytes; 255 validators take a hundredth of it.
const MAX_LEADERS: u64 = 1 << 20;
