//! The JSON-RPC client, with the exit codes of its errors.

pub(crate) use neo_rpc::{Connection, Endpoint, RpcClient, RpcError};

use crate::exit::Exit;

/// With which exit code a command ends because of an error.
pub(crate) trait RpcExit {
    /// The exit code for a command that ends with this error; `refused` where the server refused the call.
    fn exit(self, refused: Exit) -> anyhow::Error;
}

impl RpcExit for RpcError {
    fn exit(self, refused: Exit) -> anyhow::Error {
        let exit = match self {
            Self::Refused { .. } => refused,
            _ => Exit::Unreachable,
        };
        exit.error(self)
    }
}
