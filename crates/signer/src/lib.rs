//! A validator's key outside its node.
//!
//! The service holds the key and speaks two protocols over gRPC: `servicepb.SecureSign`, which Neo's C# node calls
//! through its plugin SignClient, and votes of dBFT 3.0. It refuses to sign two different things where the
//! protocols allow one, and what it signed is on disk before the signature leaves.
//!
//! | module        | what it holds                                                             |
//! |---------------|---------------------------------------------------------------------------|
//! | [`asked`]     | from a request to what it asks for: what is judged, and the bytes to sign |
//! | [`statement`] | what a signature binds                                                    |
//! | [`register`]  | the rules                                                                 |
//! | [`record`]    | what is durable of a statement                                            |
//! | [`memory`]    | register and log                                                          |
//! | [`desk`]      | key, memory and journal: judges and signs                                 |
//! | [`service`]   | the calls                                                                 |
//! | [`server`]    | the listening side                                                        |
//! | [`client`]    | the node's side: asks, checks the answers, leaves a failing signer alone  |
//! | [`journal`]   | what is told about each request                                           |
//! | [`proto`]     | messages and calls on the wire                                            |

pub mod asked;
pub mod client;
pub mod desk;
pub mod journal;
pub mod memory;
pub mod proto;
pub mod record;
pub mod register;
pub mod server;
pub mod service;
pub mod statement;
#[cfg(test)]
pub(crate) mod testing;

pub use client::{EndpointError, Remote, RemoteSigner, SignerError, check_endpoint};
pub use desk::{Desk, NotSigned};
pub use journal::{Entry, Journal, Outcome};
pub use memory::{Memory, MemoryError};
pub use register::Refusal;
pub use server::serve;
