//! Why an RPC call failed.

use super::Endpoint;
use crate::exit::Exit;

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RpcError {
    /// No connection, or it broke.
    #[error("{endpoint}: {problem}")]
    Transport {
        /// The server.
        endpoint: Endpoint,
        /// What happened.
        problem: String,
    },
    /// No answer in time.
    #[error("{endpoint} did not answer {method} within {seconds} s")]
    Timeout {
        /// The server.
        endpoint: Endpoint,
        /// The method, or what was sent.
        method: String,
        /// Seconds waited.
        seconds: u64,
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
    pub(crate) fn code(&self) -> Option<i64> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The exit code for a command that ends with this error; `refused` where the server refused the call.
    pub(crate) fn exit(self, refused: Exit) -> anyhow::Error {
        let exit = match self {
            Self::Refused { .. } => refused,
            _ => Exit::Unreachable,
        };
        exit.error(self)
    }
}
