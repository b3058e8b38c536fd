//! The memory pool of a node.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use neo_ledger::Rejected;
use neo_primitives::{Encode as _, Height, Reader, Transaction, UInt256};
use neo_rpc::{Call, RpcError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BATCH, Node};
use crate::error::NodeError;

/// NEP-23: the block or transaction is unknown.
const UNKNOWN: [i64; 2] = [-103, -100];

/// Refusals that say something of the node and nothing of what was sent: no such method, an error inside, a method that
/// its configuration forbids.
const ABOUT_NODE: [i64; 3] = [-32_601, -32_603, -600];

/// Bytes of transactions in one request, unless a single one is longer. neo-go and C# take requests of 5 MiB; Base64 makes
/// four bytes of three.
const GROUP_BYTES: usize = 1 << 20;

/// The answer to a transaction that was taken.
#[derive(Deserialize)]
struct Taken {
    hash: UInt256,
}

/// What a node's memory pool holds that is verified on the state of a height.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Listing {
    /// The height.
    pub(crate) height: Height,
    /// Hashes in the node's order of priority.
    pub(crate) verified: Vec<UInt256>,
}

impl Node {
    /// The verified part of the memory pool.
    pub(crate) async fn listing(&self) -> Result<Listing, NodeError> {
        self.call("getrawmempool", json!([true])).await
    }

    /// Transactions with these hashes; `None` for those that the node does not have any more.
    pub(crate) async fn transactions(
        &self,
        hashes: &[UInt256],
    ) -> Result<Vec<Option<Arc<Transaction>>>, NodeError> {
        let mut found = Vec::with_capacity(hashes.len());
        for group in hashes.chunks(BATCH) {
            let calls: Vec<Call> = group
                .iter()
                .map(|hash| Call::new("getrawtransaction", json!([hash.to_string(), 0])))
                .collect();
            for (hash, result) in group.iter().zip(self.batch(&calls).await?) {
                let text: String = match result {
                    Err(error) if error.code().is_some_and(|code| UNKNOWN.contains(&code)) => {
                        found.push(None);
                        continue;
                    }
                    result => self.read("getrawtransaction", result?)?,
                };
                let transaction = self.value("getrawtransaction", &text, |bytes| {
                    let mut r = Reader::new(bytes);
                    let transaction = Transaction::decode_with_limit(&mut r, self.witness_limit)?;
                    r.finish()?;
                    Ok(transaction)
                })?;
                if transaction.hash() != *hash {
                    let problem = format!("is transaction {}, not {hash}", transaction.hash());
                    return Err(self.field("getrawtransaction", "result", problem));
                }
                found.push(Some(Arc::new(transaction)));
            }
        }
        Ok(found)
    }

    /// Gives transactions to the node's memory pool. One verdict for each, in their order.
    pub(crate) async fn send(
        &self,
        transactions: &[Arc<Transaction>],
    ) -> Result<Vec<Result<UInt256, Rejected>>, NodeError> {
        let mut verdicts = Vec::with_capacity(transactions.len());
        for group in groups(transactions) {
            let calls: Vec<Call> = group
                .iter()
                .map(|transaction| {
                    let bytes = STANDARD.encode(transaction.to_bytes());
                    Call::new("sendrawtransaction", json!([bytes]))
                })
                .collect();
            for (transaction, result) in group.iter().zip(self.batch(&calls).await?) {
                verdicts.push(self.verdict(transaction.hash(), result)?);
            }
        }
        Ok(verdicts)
    }

    /// What an answer to `sendrawtransaction` says of the transaction. Anything but its own hash or a refusal of it is
    /// no verdict.
    fn verdict(
        &self,
        hash: UInt256,
        result: Result<Value, RpcError>,
    ) -> Result<Result<UInt256, Rejected>, NodeError> {
        match result {
            Ok(result) => {
                let taken: Taken = self.read("sendrawtransaction", result)?;
                if taken.hash != hash {
                    let problem = format!("is {}, not {hash}", taken.hash);
                    return Err(self.field("sendrawtransaction", "hash", problem));
                }
                Ok(Ok(hash))
            }
            Err(RpcError::Refused { code: -501, .. }) => Ok(Err(Rejected::AlreadyExists(hash))),
            Err(RpcError::Refused { code: -503, .. }) => Ok(Err(Rejected::AlreadyInPool(hash))),
            Err(RpcError::Refused { code, message, .. }) if !ABOUT_NODE.contains(&code) => {
                Ok(Err(Rejected::ByNode { code, message }))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Transactions in their order, as one request may bear them.
fn groups(transactions: &[Arc<Transaction>]) -> impl Iterator<Item = &[Arc<Transaction>]> {
    let mut rest = transactions;
    std::iter::from_fn(move || {
        let mut bytes = 0_usize;
        let fits = |one: &&Arc<Transaction>| {
            bytes = bytes.saturating_add(one.size());
            bytes <= GROUP_BYTES
        };
        let count = rest.iter().take(BATCH).take_while(fits).count().max(1);
        let (group, behind) = rest.split_at_checked(count)?;
        rest = behind;
        Some(group)
    })
}
