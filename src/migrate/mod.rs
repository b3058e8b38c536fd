//! Configurations of other Neo nodes, read as ours.
//!
//! | module        | what it holds                                                          |
//! |---------------|------------------------------------------------------------------------|
//! | [`source`]    | a foreign document, key by key until nothing is left                   |
//! | [`draft`]     | our document as it grows, and what became of each foreign key          |
//! | [`beside`]    | the Neo node that goes on running, and the mesh of dBFT 3.0            |
//! | [`value`]     | foreign forms of values: durations, addresses, amounts                 |
//! | [`neo_go`]    | what neo-go's keys mean                                                |
//! | [`csharp`]    | what the C# node's keys mean, and those of its plugins                 |
//! | [`neo_go_log`] | how far neo-go's validator signed, out of its log                     |

mod beside;
mod csharp;
mod draft;
mod neo_go;
mod neo_go_log;
mod source;
mod value;

use std::path::{Path, PathBuf};

use neo_node::config::NodeConfig;
use serde::Serialize;

pub(crate) use beside::{Beside, Mesh, MeshPeer};
use draft::Draft;
pub(crate) use neo_go_log::{NeoGoLog, Service};
use source::Source;

/// Why a configuration is not imported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// A file cannot be read.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It is longer than any configuration.
    #[error("{path} has {length} bytes, at most {limit} are read")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        length: u64,
        /// The limit.
        limit: u64,
    },
    /// It is neither YAML nor JSON.
    #[error("{path}: {problem}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        problem: String,
    },
    /// It is no configuration of a Neo node.
    #[error(
        "{path}: there is no ProtocolConfiguration with Magic (neo-go) or Network (C#): the file is of neither node"
    )]
    Unknown {
        /// The file.
        path: PathBuf,
    },
    /// A value is not what belongs there.
    #[error("{path}: {key}: {problem}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// What came out is no configuration that a node runs with.
    #[error("what came out is refused: {0}")]
    Refused(#[from] neo_node::config::ConfigError),
}

/// A value that became one of ours.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Carried {
    /// File and key that it comes from.
    pub(crate) from: String,
    /// Our key.
    pub(crate) to: String,
}

/// A value that the file leaves to its node's default.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Assumed {
    /// The key that is missing.
    pub(crate) from: String,
    /// Our key.
    pub(crate) to: String,
    /// The default.
    pub(crate) value: serde_json::Value,
}

/// A key that could not be carried over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Left {
    /// File and key.
    pub(crate) key: String,
    /// Its value; none where it is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<serde_json::Value>,
    /// Why, and what to do.
    pub(crate) reason: String,
}

/// What came of an import.
#[derive(Debug)]
pub(crate) struct Imported {
    /// The configuration; it passes all checks.
    pub(crate) config: NodeConfig,
    /// `neo-go` or `C#`.
    pub(crate) node: &'static str,
    /// What was carried over.
    pub(crate) carried: Vec<Carried>,
    /// What was filled in.
    pub(crate) assumed: Vec<Assumed>,
    /// What was not carried over.
    pub(crate) left: Vec<Left>,
}

/// What the operator decides.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    /// Version of the consensus protocol.
    pub(crate) protocol: u32,
    /// Folder for the chain.
    pub(crate) data_dir: PathBuf,
    /// File with the wallet's password.
    pub(crate) password_file: Option<PathBuf>,
    /// Folder of the C# node's plugins.
    pub(crate) plugins: Option<PathBuf>,
    /// The Neo node that goes on running with its consensus off; without one, this node replaces the imported one.
    pub(crate) beside: Option<Beside>,
    /// The mesh of dBFT 3.0.
    pub(crate) mesh: Mesh,
}

/// Reads the configuration of a neo-go or C# node.
///
/// # Errors
/// [`ImportError`].
pub(crate) fn import(path: &Path, wishes: &Wishes) -> Result<Imported, ImportError> {
    let source = Source::read(path)?;
    let mut draft = Draft::new(wishes);
    let node = if source.has("ProtocolConfiguration.Magic") {
        neo_go::import(source, &mut draft)?;
        "neo-go"
    } else if source.has("ProtocolConfiguration.Network") {
        csharp::import(source, wishes.plugins.as_deref(), &mut draft)?;
        "C#"
    } else {
        let path = path.to_owned();
        return Err(ImportError::Unknown { path });
    };
    draft.finish(node)
}

#[cfg(test)]
mod tests;
