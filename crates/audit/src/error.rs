//! What can go wrong with the log itself.

use std::io;
use std::path::PathBuf;

/// Why the log cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The operating system refuses.
    #[error("audit log {path}: {error}")]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process writes into the same folder.
    #[error("audit log {path} is written by another process")]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// There is no log.
    #[error("no audit log in {path}")]
    Missing {
        /// The folder.
        path: PathBuf,
    },
}

impl AuditError {
    pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { path, error }
    }
}
