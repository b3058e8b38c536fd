//! Why a checkpoint cannot be written, read or restored.

use std::path::PathBuf;

use neo_primitives::{DecodeError, Height, Magic, UInt256, WitnessError};

use crate::{error::LedgerError, store::StoreError};

/// Why a checkpoint cannot be written, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file or folder cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// There is no checkpoint of that height.
    #[error("there is no checkpoint of height {height} in {folder}")]
    Missing {
        /// The height asked for.
        height: Height,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// There is no valid checkpoint at all.
    #[error("there is no valid checkpoint in {folder} ({refused} refused)")]
    NoneValid {
        /// Where they were looked for.
        folder: PathBuf,
        /// How many there are that are not valid.
        refused: usize,
    },
    /// A checkpoint of the genesis block would hold nothing that the configuration does not say.
    #[error("there is no block above the genesis block: a checkpoint of height 0 holds nothing")]
    Nothing,
    /// A file is longer than it may be.
    #[error("{path}: {size} bytes, at most {limit} are read")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The greatest size.
        limit: u64,
    },
    /// The manifest is not as this version writes it.
    #[error("{path}: {problem}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The checkpoint was written by another version.
    #[error("{path}: format {found}, this version reads format {expected}")]
    Version {
        /// The manifest.
        path: PathBuf,
        /// Version found.
        found: u32,
        /// The one that is read.
        expected: u32,
    },
    /// A file that the manifest names is missing, or there is one that it does not name.
    #[error("{path}: {problem}")]
    Files {
        /// The file.
        path: PathBuf,
        /// Missing or extra.
        problem: &'static str,
    },
    /// A file has another size than the manifest says.
    #[error("{path}: {size} bytes, the manifest says {expected}")]
    Size {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The size in the manifest.
        expected: u64,
    },
    /// A file has another hash than the manifest says.
    #[error("{path}: SHA-256 {found}, the manifest says {expected}")]
    Hash {
        /// The file.
        path: PathBuf,
        /// Its hash in hexadecimal digits.
        found: String,
        /// The hash in the manifest.
        expected: String,
    },
    /// The checkpoint belongs to another network.
    #[error(
        "{path}: checkpoint of network {found_magic} with genesis {found_genesis}, this node is configured for network {magic} with genesis {genesis}"
    )]
    OtherNetwork {
        /// The manifest.
        path: PathBuf,
        /// Magic in the checkpoint.
        found_magic: Magic,
        /// Genesis hash in the checkpoint.
        found_genesis: UInt256,
        /// Magic of the configuration.
        magic: Magic,
        /// Genesis hash of the configuration.
        genesis: UInt256,
    },
    /// The network was begun with other rules.
    #[error("{path}: the checkpoint was made with another genesis configuration: {field} differs")]
    OtherRules {
        /// The manifest.
        path: PathBuf,
        /// The first field that differs.
        field: &'static str,
    },
    /// A value in a file does not decode.
    #[error("{path}: {source}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why it does not decode.
        source: DecodeError,
    },
    /// A record stands where it must not, or is longer than any can be.
    #[error("{path}: at byte {offset}: {problem}")]
    Record {
        /// The file.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The tip is not the block that the manifest names.
    #[error("{path}: the {field} is {found}, the manifest says {expected}")]
    Tip {
        /// The file with the tip.
        path: PathBuf,
        /// What differs.
        field: &'static str,
        /// Value of the block.
        found: String,
        /// Value in the manifest.
        expected: String,
    },
    /// The validators did not sign the tip.
    #[error("{path}: block {hash} is not signed by the validators of its height: {error}")]
    Witness {
        /// The file with the tip.
        path: PathBuf,
        /// Hash of the block.
        hash: UInt256,
        /// What is wrong with its witness.
        error: WitnessError,
    },
    /// The leader state is longer than it may be.
    #[error("the leader state has {length} bytes, at most {limit} are kept")]
    Leaders {
        /// Its length in bytes.
        length: usize,
        /// The greatest length.
        limit: u64,
    },
    /// A running node has the store open.
    #[error("the store {path} is in use: stop the node first")]
    InUse {
        /// The store's file.
        path: PathBuf,
    },
    /// The ledger cannot be read or opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Whoever watches the work ended it.
    #[error("interrupted; nothing was changed")]
    Interrupted,
}

impl From<StoreError> for CheckpointError {
    fn from(error: StoreError) -> Self {
        Self::Ledger(error.into())
    }
}

/// Gives an error of the operating system its place.
pub(super) trait At<T> {
    fn at(self, path: &std::path::Path) -> Result<T, CheckpointError>;
}

impl<T> At<T> for std::io::Result<T> {
    fn at(self, path: &std::path::Path) -> Result<T, CheckpointError> {
        self.map_err(|error| CheckpointError::Io {
            path: path.to_owned(),
            error,
        })
    }
}
