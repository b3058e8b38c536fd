//! What is wrong with a configuration.

use std::{io, path::PathBuf};

use serde_path_to_error::{Path, Segment};

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is longer than any configuration.
    #[error("configuration file {path} has {length} bytes, at most {limit} are read")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The text is not JSON, or a key or value is not one that belongs there.
    #[error("{}{problem}", prefix(at))]
    Json {
        /// Place in the document; empty when the text is not JSON at all.
        at: String,
        /// What is wrong, with line and column.
        problem: String,
    },
    /// A number is outside its limits.
    #[error("{at}: {value} is not within {least} to {most}")]
    Range {
        /// Place in the document.
        at: String,
        /// The value.
        value: String,
        /// Least allowed value.
        least: String,
        /// Greatest allowed value.
        most: String,
    },
    /// Values contradict each other.
    #[error("{at}: {problem}")]
    Conflict {
        /// Place in the document.
        at: String,
        /// What does not fit.
        problem: String,
    },
    /// The genesis configuration is not usable.
    #[error("protocol.genesis: {0}")]
    Genesis(#[source] neo_ledger::ConfigError),
}

fn prefix(at: &str) -> String {
    if at.is_empty() {
        String::new()
    } else {
        format!("{at}: ")
    }
}

/// The place as text, such as `network.peers[2].public_key`; empty for the whole document.
pub(super) fn place(path: &Path) -> String {
    let mut text = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => text.push_str(&format!("[{index}]")),
            Segment::Map { key } => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Segment::Enum { variant } => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(variant);
            }
            Segment::Unknown => {}
        }
    }
    text
}
