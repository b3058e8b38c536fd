//! A JSON-RPC client of Neo nodes: HTTP/1.1 over kept-alive connections, one call or several at a time, with a bound
//! on the time that a call takes and on the answer that is read.
//!
//! Errors name the endpoint, the method and what is wrong.

mod client;
mod connection;
mod endpoint;
mod error;

pub use client::{Call, RpcClient};
pub use connection::Connection;
pub use endpoint::Endpoint;
pub use error::RpcError;

use std::time::Duration;

/// What a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest wait for an answer, connecting included.
    pub timeout: Duration,
    /// Longest answer that is read, in bytes.
    pub answer: usize,
}

impl Default for Limits {
    /// 30 s, and 64 MiB: the largest block that can be configured, in Base64, fits.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            answer: 64 << 20,
        }
    }
}
