//! Transactions.

use neo_primitives::{Attribute, OracleCode, Transaction, UInt256};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{WitnessJson, as_base64, base64, signer::SignerJson};

/// A transaction.
#[derive(Serialize)]
pub(in crate::rpc) struct TransactionJson<'a> {
    hash: UInt256,
    size: usize,
    version: u8,
    nonce: u32,
    sender: String,
    sysfee: String,
    netfee: String,
    validuntilblock: u32,
    signers: Vec<SignerJson<'a>>,
    attributes: Vec<AttributeJson<'a>>,
    #[serde(serialize_with = "as_base64")]
    script: &'a [u8],
    witnesses: Vec<WitnessJson<'a>>,
}

impl<'a> TransactionJson<'a> {
    pub(in crate::rpc) fn new(transaction: &'a Transaction) -> Self {
        Self {
            hash: transaction.hash(),
            size: transaction.size(),
            version: transaction.version(),
            nonce: transaction.nonce(),
            sender: transaction.sender().to_address(),
            sysfee: transaction.system_fee().to_string(),
            netfee: transaction.network_fee().to_string(),
            validuntilblock: transaction.valid_until().0,
            signers: transaction.signers().iter().map(SignerJson).collect(),
            attributes: transaction.attributes().iter().map(AttributeJson).collect(),
            script: transaction.script(),
            witnesses: transaction
                .witnesses()
                .iter()
                .map(WitnessJson::from)
                .collect(),
        }
    }
}

/// A transaction with its place in the chain, once it has one.
#[derive(Serialize)]
pub(in crate::rpc) struct PlacedTransactionJson<'a> {
    #[serde(flatten)]
    pub(in crate::rpc) transaction: TransactionJson<'a>,
    #[serde(flatten)]
    pub(in crate::rpc) place: Option<PlaceJson>,
}

/// The block of a transaction.
#[derive(Serialize)]
pub(in crate::rpc) struct PlaceJson {
    pub(in crate::rpc) blockhash: UInt256,
    pub(in crate::rpc) confirmations: u32,
    pub(in crate::rpc) blocktime: u64,
    /// How its script ended; neo-go says this here.
    pub(in crate::rpc) vmstate: &'static str,
}

/// An attribute.
pub(in crate::rpc) struct AttributeJson<'a>(&'a Attribute);

impl Serialize for AttributeJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            Attribute::HighPriority => map.serialize_entry("type", "HighPriority")?,
            Attribute::OracleResponse { id, code, result } => {
                map.serialize_entry("type", "OracleResponse")?;
                map.serialize_entry("id", id)?;
                map.serialize_entry("code", oracle_code(*code))?;
                map.serialize_entry("result", &base64(result))?;
            }
            Attribute::NotValidBefore(height) => {
                map.serialize_entry("type", "NotValidBefore")?;
                map.serialize_entry("height", height)?;
            }
            Attribute::Conflicts(hash) => {
                map.serialize_entry("type", "Conflicts")?;
                map.serialize_entry("hash", hash)?;
            }
            Attribute::NotaryAssisted { nkeys } => {
                map.serialize_entry("type", "NotaryAssisted")?;
                map.serialize_entry("nkeys", nkeys)?;
            }
        }
        map.end()
    }
}

fn oracle_code(code: OracleCode) -> &'static str {
    match code {
        OracleCode::Success => "Success",
        OracleCode::ProtocolNotSupported => "ProtocolNotSupported",
        OracleCode::ConsensusUnreachable => "ConsensusUnreachable",
        OracleCode::NotFound => "NotFound",
        OracleCode::Timeout => "Timeout",
        OracleCode::Forbidden => "Forbidden",
        OracleCode::ResponseTooLarge => "ResponseTooLarge",
        OracleCode::InsufficientFunds => "InsufficientFunds",
        OracleCode::ContentTypeNotSupported => "ContentTypeNotSupported",
        OracleCode::Error => "Error",
    }
}

#[cfg(test)]
mod tests {
    use neo_primitives::Height;
    use serde_json::json;

    use super::*;

    #[test]
    fn attributes_have_neos_names() {
        for (attribute, expected) in [
            (Attribute::HighPriority, json!({"type": "HighPriority"})),
            (
                Attribute::NotValidBefore(Height(9)),
                json!({"type": "NotValidBefore", "height": 9}),
            ),
            (
                Attribute::Conflicts(UInt256::ZERO),
                json!({"type": "Conflicts", "hash": format!("0x{}", "0".repeat(64))}),
            ),
            (
                Attribute::NotaryAssisted { nkeys: 3 },
                json!({"type": "NotaryAssisted", "nkeys": 3}),
            ),
            (
                Attribute::OracleResponse {
                    id: 1,
                    code: OracleCode::NotFound,
                    result: vec![],
                },
                json!({"type": "OracleResponse", "id": 1, "code": "NotFound", "result": ""}),
            ),
        ] {
            assert_eq!(
                serde_json::to_value(AttributeJson(&attribute)).unwrap(),
                expected
            );
        }
    }
}
