//! A JSON-RPC client of Neo nodes: HTTP/1.1 over kept-alive connections.

mod client;
mod connection;
mod endpoint;
mod error;

pub(crate) use client::RpcClient;
pub(crate) use connection::Connection;
pub(crate) use endpoint::Endpoint;
pub(crate) use error::RpcError;
