//! Errors as clients see them: numbers and messages of Neo (NEP-23, neo-project/neo-node).

use neo_ledger::{LedgerError, Rejected};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::view::BlockRefused;

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    code: i32,
    message: &'static str,
    data: Option<String>,
}

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $message:literal;)*) => {
        impl RpcError {
            $($(#[$doc])* pub const $name: Self = Self { code: $code, message: $message, data: None };)*

            /// Every error that this server gives by itself.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

errors! {
    /// The text is not JSON.
    BAD_REQUEST = -32700, "Bad request";
    /// The JSON is not a call.
    INVALID_REQUEST = -32600, "Invalid request";
    /// There is no such method.
    METHOD_NOT_FOUND = -32601, "Method not found";
    /// A parameter is missing or is not of its form.
    INVALID_PARAMS = -32602, "Invalid params";
    /// The node failed.
    INTERNAL = -32603, "Internal server RpcError";
    /// No block has this hash or height.
    UNKNOWN_BLOCK = -101, "Unknown block";
    /// No contract has this hash.
    UNKNOWN_CONTRACT = -102, "Unknown contract";
    /// No transaction has this hash.
    UNKNOWN_TRANSACTION = -103, "Unknown transaction";
    /// Neither a block nor a transaction has this hash.
    UNKNOWN_CONTAINER = -105, "Unknown script container";
    /// The chain has not reached this height.
    UNKNOWN_HEIGHT = -109, "Unknown height";
    /// A transaction or block is not valid.
    VERIFICATION_FAILED = -500, "Inventory verification failed";
    /// A block is stored already.
    ALREADY_EXISTS = -501, "Inventory already exists";
    /// Too many transactions wait.
    POOL_FULL = -502, "Memory pool capacity reached";
    /// A transaction is larger than Neo allows.
    INVALID_SIZE = -509, "Invalid inventory size";
    /// A witness needs a contract that is not there.
    INVALID_VERIFICATION = -512, "Invalid contract verification function";
    /// Iterators are not kept between calls.
    SESSIONS_DISABLED = -601, "Sessions disabled";
    /// A script cannot be run.
    EXECUTION_FAILED = -608, "Contract execution failed";
}

impl RpcError {
    /// The same error with what it is about.
    #[must_use]
    pub fn with(mut self, data: impl Into<String>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// Its number.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.code
    }

    /// What it is about.
    #[must_use]
    pub fn data(&self) -> Option<&str> {
        self.data.as_deref()
    }
}

/// `{code, message, data}`; as in neo-project/neo-node the message repeats the data.
impl Serialize for RpcError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.code)?;
        match &self.data {
            Some(data) => {
                map.serialize_entry("message", &format_args!("{} - {data}", self.message))?;
                map.serialize_entry("data", data)?;
            }
            None => map.serialize_entry("message", self.message)?,
        }
        map.end()
    }
}

impl From<&Rejected> for RpcError {
    fn from(reason: &Rejected) -> Self {
        let (code, message) = reason.code();
        Self {
            code,
            message,
            data: Some(reason.to_string()),
        }
    }
}

impl From<BlockRefused> for RpcError {
    fn from(reason: BlockRefused) -> Self {
        match &reason {
            BlockRefused::AlreadyStored { .. } => Self::ALREADY_EXISTS,
            BlockRefused::NotNext { .. } | BlockRefused::Invalid(_) => Self::VERIFICATION_FAILED,
            BlockRefused::Unavailable(_) => Self::INTERNAL,
        }
        .with(reason.to_string())
    }
}

impl From<LedgerError> for RpcError {
    fn from(error: LedgerError) -> Self {
        match &error {
            LedgerError::Unsupported(_) => Self::EXECUTION_FAILED,
            _ => Self::INTERNAL,
        }
        .with(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_repeats_the_data() {
        let plain = serde_json::to_string(&RpcError::UNKNOWN_BLOCK).unwrap();
        assert_eq!(plain, r#"{"code":-101,"message":"Unknown block"}"#);
        let with = serde_json::to_string(&RpcError::INVALID_PARAMS.with("no \"x\"")).unwrap();
        assert_eq!(
            with,
            r#"{"code":-32602,"message":"Invalid params - no \"x\"","data":"no \"x\""}"#
        );
    }

    #[test]
    fn numbers_are_unique() {
        let mut codes: Vec<i32> = RpcError::ALL.iter().map(RpcError::code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), RpcError::ALL.len());
    }
}
