//! JSON schemas of types that other crates own.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// A compressed P-256 key in hexadecimal digits.
pub(super) struct PublicKeyText;

impl JsonSchema for PublicKeyText {
    fn schema_name() -> Cow<'static, str> {
        "PublicKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A compressed P-256 key in hexadecimal digits",
            "type": "string",
            "pattern": "^0[23][0-9a-fA-F]{64}$"
        })
    }
}

/// The document of `neo_ledger::GenesisConfig`.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GenesisConfig")]
pub(super) struct GenesisDocument {
    /// Network magic; part of every signature.
    magic: u32,
    /// Standby validators, in configuration order.
    #[schemars(with = "Vec<PublicKeyText>", length(min = 1, max = 255))]
    standby_validators: Vec<String>,
    /// Standby committee in rank order, beginning with the validators; left out, it is the validators.
    #[serde(default)]
    #[schemars(with = "Vec<PublicKeyText>", length(max = 1024))]
    committee: Vec<String>,
    /// Target time between blocks, in milliseconds; 0 means no pacing.
    #[serde(default)]
    #[schemars(range(max = 86_400_000))]
    block_time_ms: u64,
    /// Most transactions in a block.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535))]
    max_transactions_per_block: u32,
    /// Greatest size of a block in bytes, witness included.
    #[serde(default)]
    #[schemars(range(min = 1_024, max = 33_554_432))]
    max_block_size: u32,
    /// Greatest sum of the system fees of a block, in datoshi.
    #[serde(default)]
    #[schemars(range(min = 1))]
    max_block_system_fee: i64,
    /// Most transactions in the memory pool.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_000_000))]
    memory_pool_max: u32,
    /// How many blocks ahead of the tip a transaction's expiry may lie.
    #[serde(default)]
    #[schemars(range(min = 1))]
    max_valid_until_block_increment: u32,
    /// How many blocks back an on-chain `Conflicts` attribute still counts.
    #[serde(default)]
    max_traceable_blocks: u32,
    /// GAS of the genesis block, in datoshi.
    #[serde(default)]
    #[schemars(range(min = 0))]
    initial_gas: i64,
    /// Greatest length of each script of a block witness, in bytes. Neo N3 nodes read 1,024.
    #[serde(default)]
    witness_limit: u32,
}
