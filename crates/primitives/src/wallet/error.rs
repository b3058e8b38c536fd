//! What can be wrong with a wallet.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::{Nep2Error, ScryptRefused};
use crate::hash::UInt160;

/// Why a wallet cannot be read, opened or saved.
#[derive(Debug, Error)]
pub enum WalletError {
    /// The file system refused.
    #[error("wallet {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Longer than any wallet.
    #[error("wallet {} has more than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes allowed.
        limit: u64,
    },
    /// Not JSON, or not a wallet.
    #[error("wallet {}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: serde_json::Error,
    },
    /// The password is wrong.
    #[error("the password is wrong for account {}", account.to_address())]
    WrongPassword {
        /// The account.
        account: UInt160,
    },
    /// The encrypted key is damaged, or the scrypt parameters are refused.
    #[error("account {}: {error}", account.to_address())]
    Key {
        /// The account.
        account: UInt160,
        /// What is wrong.
        error: Nep2Error,
    },
    /// The key or script of an account belongs to another one.
    #[error("account {} has the {what} of {}", account.to_address(), found.to_address())]
    OtherAccount {
        /// The account.
        account: UInt160,
        /// `key` or `script`.
        what: &'static str,
        /// Whose it is.
        found: UInt160,
    },
    /// The scrypt parameters are refused.
    #[error(transparent)]
    Scrypt(#[from] ScryptRefused),
}
