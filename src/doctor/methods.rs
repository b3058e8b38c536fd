//! That a ledger node serves every method that the attached ledger asks it.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use neo_primitives::{Token, UInt256};
use serde_json::{Value, json};

use super::asking::{Seen, client};
use super::finding::Finding;
use crate::exit::Exit;
use crate::rpc::RpcError;

const METHODS: &str = "node-methods";
/// Error numbers of Neo that say that a server does not have a method, or that its configuration forbids it.
const WITHOUT: [i64; 2] = [-32_601, -600];

/// Calls each method with something harmless: what is sent is neither a transaction nor a block.
pub(super) async fn check(seen: &Seen, timeout: Duration) -> Finding {
    let place = &seen.endpoint;
    let item = |key: u8| json!([Token::Neo.hash().to_string(), STANDARD.encode([key])]);
    let needed = [
        ("getblock", json!([0, 0])),
        ("getrawmempool", json!([true])),
        ("getrawtransaction", json!([UInt256::ZERO])),
        ("getstorage", item(0x0e)),
        ("findstorage", item(0x21)),
        ("sendrawtransaction", json!([""])),
        ("submitblock", json!([""])),
    ];
    let mut client = match client(place, timeout) {
        Ok(client) => client,
        Err(error) => return Finding::not_checked(METHODS, place, error),
    };
    let count = needed.len();
    let mut missing = Vec::new();
    for (method, params) in needed {
        match client.call::<Value>(method, params).await {
            Err(error @ RpcError::Refused { .. }) => {
                let without = error.code().is_some_and(|code| WITHOUT.contains(&code));
                missing.extend(without.then_some(method));
            }
            Ok(_) => {}
            Err(error) => return Finding::not_checked(METHODS, place, error),
        }
    }
    if missing.is_empty() {
        return Finding::ok(
            METHODS,
            place,
            format!("serves the {count} that are needed"),
        );
    }
    let value = format!("does not serve {}", missing.join(", "));
    let mend = "take these out of DisabledMethods of that node's RpcServer, or name a node that serves them";
    Finding::fail(METHODS, Exit::Unreachable, place, value, mend)
}
