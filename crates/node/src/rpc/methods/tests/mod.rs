//! Every method against a chain in memory, over HTTP.

mod blocks;
mod history;
mod hostile;
mod invoke;
mod logs;
mod neo_go;
mod node;
mod tokens;
mod transactions;

use neo_primitives::{Token, UInt160, UnsignedTransaction};
use serde_json::Value;

use crate::rpc::testing::{TestServer, transfer, treasury};

const GENESIS_TIME: u64 = 1_468_595_301_000;

fn account(seed: u8) -> UInt160 {
    UInt160::from_wire([seed; 20])
}

fn gas(to: UInt160, amount: i64, nonce: u32) -> UnsignedTransaction {
    transfer(Token::Gas, treasury(), to, amount, nonce)
}

async fn ok(server: &TestServer, method: &str, params: Value) -> Value {
    match server.call(method, params.clone()).await {
        Ok(result) => result,
        Err(error) => panic!("{method} {params}: {error}"),
    }
}

/// A hash that nothing has.
fn account_hash() -> String {
    format!("0x{}", "ab".repeat(32))
}
