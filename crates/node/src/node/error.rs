//! Why a node does not start, or ends.

use std::net::SocketAddr;
use std::path::PathBuf;

use neo_consensus::vote_log::LogError;
use neo_ledger::LedgerError;
use neo_network::{IdentityError, NetworkError};
use neo_primitives::PublicKey;
use neo_primitives::wallet::WalletError;
use neo_signer::{EndpointError, SignerError};

use crate::config::{ConfigError, PasswordError};
use crate::driver::DriverError;
use crate::recovery::opening::OpenError;

/// Why a node did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The wallet's password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The wallet.
    #[error("wallet {path}: {error}")]
    Wallet {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        error: WalletError,
    },
    /// No key of the wallet is a validator's.
    #[error("wallet {path} holds no key of a validator of this network; its keys are {keys}")]
    NoValidatorKey {
        /// Its file.
        path: PathBuf,
        /// The public keys found.
        keys: String,
    },
    /// The signer's key is no validator's.
    #[error("signer.public_key: {key} is no validator of this network")]
    SignerKey {
        /// The key.
        key: PublicKey,
    },
    /// The signer's address.
    #[error("signer.endpoint: {0}")]
    SignerEndpoint(#[from] EndpointError),
    /// The signer answers, and not as it should.
    #[error("signer: {0}")]
    Signer(SignerError),
    /// The chain.
    #[error("data directory {path}: {error}")]
    Ledger {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        error: LedgerError,
    },
    /// The chain, while it was opened or restored.
    #[error("data directory {path}: {error}")]
    Chain {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        error: Box<OpenError>,
    },
    /// An attached Neo node is of another network.
    #[error("ledger.nodes: {0}")]
    ForeignNode(String),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The vote log.
    #[error("data directory {path}: {error}")]
    VoteLog {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        error: LogError,
    },
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] neo_audit::AuditError),
    /// The key behind the peer id.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A listener.
    #[error("cannot listen on {address} for {what}: {error}")]
    Listen {
        /// What for.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// A server ended.
    #[error("{what} cannot be served any more: {error}")]
    Serve {
        /// What it served.
        what: &'static str,
        /// Why.
        error: std::io::Error,
    },
    /// Consensus ended.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The operating system gives no thread.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
    /// Attacks are messages of dBFT 3.0.
    #[error("a Byzantine validator speaks dBFT 3.0 only (protocol.version 3)")]
    NotByzantine,
    /// A part of the node ended although nothing told it to.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
}
