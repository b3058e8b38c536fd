//! Why an RPC call failed.

use std::time::Duration;

use super::Endpoint;

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// No connection, or it broke.
    #[error("{endpoint}: {problem}")]
    Transport {
        /// The server.
        endpoint: Endpoint,
        /// What happened.
        problem: String,
    },
    /// No answer in time.
    #[error("{endpoint} did not answer {method} within {waited:?}")]
    Timeout {
        /// The server.
        endpoint: Endpoint,
        /// The method, or what was sent.
        method: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The answer is not one of JSON-RPC, or not of the method's shape.
    #[error("{endpoint}: the answer to {method} makes no sense: {problem}")]
    Answer {
        /// The server.
        endpoint: Endpoint,
        /// The method.
        method: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The server refused the call.
    #[error("{endpoint}: {method} refused: {message} ({code})")]
    Refused {
        /// The server.
        endpoint: Endpoint,
        /// The method.
        method: String,
        /// Neo's error number.
        code: i64,
        /// Neo's text for it, with what the server adds.
        message: String,
    },
}

impl RpcError {
    /// Neo's error number, if the server gave one.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}
