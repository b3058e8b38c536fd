//! Parameters by position, in the forms that Neo accepts.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use neo_primitives::{Height, UInt160, UInt256};
use serde::Deserialize;

use super::{
    error::RpcError,
    request::{Raw, text},
};

/// Longest part of a bad value that an error repeats, in characters.
const SHOWN: usize = 80;

/// A block by its hash or its height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockId {
    Hash(UInt256),
    Height(Height),
}

/// The parameters of a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Params<'a>(Vec<Raw<'a>>);

impl<'a> Params<'a> {
    /// No parameters.
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// The elements of an array.
    ///
    /// # Errors
    /// When it is no array.
    pub(super) fn parse(raw: Raw<'a>) -> Result<Self, RpcError> {
        serde_json::from_str(raw.get())
            .map(Self)
            .map_err(|_| RpcError::INVALID_REQUEST.with("params must be an array"))
    }

    /// A parameter; `null` counts as left out.
    pub(super) fn get(&self, position: usize) -> Option<Raw<'a>> {
        let raw = self.0.get(position).copied()?;
        (raw.get() != "null").then_some(raw)
    }

    fn required(&self, position: usize, name: &str) -> Result<Raw<'a>, RpcError> {
        self.get(position)
            .ok_or_else(|| invalid(format!("required parameter '{name}' is missing")))
    }

    /// A string.
    pub(super) fn text(&self, position: usize, name: &str) -> Result<Cow<'a, str>, RpcError> {
        let raw = self.required(position, name)?;
        text(raw).ok_or_else(|| invalid(format!("'{name}' must be a string, not {}", shown(raw))))
    }

    /// Bytes in base64.
    pub(super) fn bytes(&self, position: usize, name: &str) -> Result<Vec<u8>, RpcError> {
        let text = self.text(position, name)?;
        STANDARD
            .decode(text.as_bytes())
            .map_err(|error| invalid(format!("'{name}' is not base64: {error}")))
    }

    /// A truth value, also as 0 or 1; `false` when left out.
    pub(super) fn flag(&self, position: usize, name: &str) -> Result<bool, RpcError> {
        let Some(raw) = self.get(position) else {
            return Ok(false);
        };
        match raw.get() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(invalid(format!(
                "'{name}' must be true, false, 1 or 0, not {}",
                shown(raw)
            ))),
        }
    }

    /// A 256-bit hash, with or without `0x`.
    pub(super) fn hash(&self, position: usize, name: &str) -> Result<UInt256, RpcError> {
        let text = self.text(position, name)?;
        text.parse()
            .map_err(|error| invalid(format!("'{name}' is no hash: {error}")))
    }

    /// An account: an address, or a script hash with or without `0x`.
    pub(super) fn account(&self, position: usize, name: &str) -> Result<UInt160, RpcError> {
        let text = self.text(position, name)?;
        account(&text).map_err(|reason| invalid(format!("'{name}': {reason}")))
    }

    /// A contract: a script hash with or without `0x`.
    pub(super) fn contract(&self, position: usize, name: &str) -> Result<UInt160, RpcError> {
        let text = self.text(position, name)?;
        text.parse()
            .map_err(|error| invalid(format!("'{name}' is no script hash: {error}")))
    }

    /// A height, as a number or a string of digits.
    pub(super) fn height(&self, position: usize, name: &str) -> Result<Height, RpcError> {
        let raw = self.required(position, name)?;
        height(raw).ok_or_else(|| {
            let most = u32::MAX;
            invalid(format!("'{name}' must be 0 to {most}, not {}", shown(raw)))
        })
    }

    /// A block by hash or height.
    pub(super) fn block(&self, position: usize, name: &str) -> Result<BlockId, RpcError> {
        let raw = self.required(position, name)?;
        if let Some(height) = height(raw) {
            return Ok(BlockId::Height(height));
        }
        text(raw)
            .and_then(|text| text.parse().ok())
            .map(BlockId::Hash)
            .ok_or_else(|| {
                invalid(format!(
                    "'{name}' is no block hash or height: {}",
                    shown(raw)
                ))
            })
    }

    /// A whole number that may be left out, also as a string of digits.
    pub(super) fn number(&self, position: usize, name: &str) -> Result<Option<u64>, RpcError> {
        let Some(raw) = self.get(position) else {
            return Ok(None);
        };
        let number = match serde_json::from_str::<u64>(raw.get()) {
            Ok(number) => Some(number),
            Err(_) => text(raw).and_then(|text| text.parse().ok()),
        };
        number.map(Some).ok_or_else(|| {
            invalid(format!(
                "'{name}' must be a whole number, not {}",
                shown(raw)
            ))
        })
    }

    /// Any other value; its default when left out.
    pub(super) fn value<T: Deserialize<'a> + Default>(
        &self,
        position: usize,
        name: &str,
    ) -> Result<T, RpcError> {
        match self.get(position) {
            None => Ok(T::default()),
            Some(raw) => serde_json::from_str(raw.get())
                .map_err(|error| invalid(format!("'{name}': {error}"))),
        }
    }
}

/// An account as an address or a script hash.
///
/// # Errors
/// What is wrong with it.
pub(super) fn account(text: &str) -> Result<UInt160, String> {
    match text.parse() {
        Ok(hash) => Ok(hash),
        Err(_) => UInt160::from_address(text).map_err(|error| error.to_string()),
    }
}

/// A number without a fraction, or its digits in a string.
fn height(raw: Raw<'_>) -> Option<Height> {
    match serde_json::from_str::<u32>(raw.get()) {
        Ok(number) => Some(Height(number)),
        Err(_) => text(raw)?.parse().ok().map(Height),
    }
}

pub(super) fn invalid(reason: impl Into<String>) -> RpcError {
    RpcError::INVALID_PARAMS.with(reason)
}

fn shown(raw: Raw<'_>) -> String {
    let text = raw.get();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.split_at(end).0),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0f8fb4e17d2ab9f3097af75ca7fd16064160fb8043db94909e00dd4e257b9dc4";

    fn with<T>(params: &str, read: impl FnOnce(&Params<'_>) -> T) -> T {
        let raw: Raw<'_> = serde_json::from_str(params).unwrap();
        read(&Params::parse(raw).unwrap())
    }

    #[test]
    fn flags_are_booleans_or_zero_and_one() {
        let flag = |params: &str| with(params, |p| p.flag(0, "verbose").map_err(|e| e.code()));
        for (params, expected) in [
            ("[]", Ok(false)),
            ("[null]", Ok(false)),
            ("[true]", Ok(true)),
            ("[1]", Ok(true)),
            ("[false]", Ok(false)),
            ("[0]", Ok(false)),
            ("[2]", Err(-32602)),
            ("[\"true\"]", Err(-32602)),
            ("[[]]", Err(-32602)),
        ] {
            assert_eq!(flag(params), expected, "{params}");
        }
    }

    #[test]
    fn blocks_are_named_by_height_or_hash() {
        let block = |params: &str| with(params, |p| p.block(0, "block").map_err(|e| e.code()));
        let hash: UInt256 = HASH.parse().unwrap();
        assert_eq!(block("[7]"), Ok(BlockId::Height(Height(7))));
        assert_eq!(block("[\"7\"]"), Ok(BlockId::Height(Height(7))));
        assert_eq!(block(&format!("[\"{HASH}\"]")), Ok(BlockId::Hash(hash)));
        assert_eq!(block(&format!("[\"0x{HASH}\"]")), Ok(BlockId::Hash(hash)));
        for bad in [
            "[]",
            "[-1]",
            "[1.5]",
            "[4294967296]",
            "[\"0x12\"]",
            "[true]",
            "[[1]]",
        ] {
            assert_eq!(block(bad), Err(-32602), "{bad}");
        }
    }

    #[test]
    fn accounts_are_addresses_or_script_hashes() {
        let expected: UInt160 = "0x3f223f6da778e805d1b9b479906c0e8c1ee8b968"
            .parse()
            .unwrap();
        for text in [
            "NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq",
            "3f223f6da778e805d1b9b479906c0e8c1ee8b968",
            "0x3f223f6da778e805d1b9b479906c0e8c1ee8b968",
        ] {
            let params = format!("[\"{text}\"]");
            let found = with(&params, |p| p.account(0, "address"));
            assert_eq!(found, Ok(expected));
        }
        let error = with("[\"NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVr\"]", |p| {
            p.account(0, "address").unwrap_err()
        });
        assert!(error.data().unwrap().starts_with("'address': "));
    }

    #[test]
    fn long_values_are_not_repeated_whole() {
        let params = format!("[[\"{}\"]]", "é".repeat(10_000));
        let error = with(&params, |p| p.text(0, "tx").unwrap_err());
        assert!(error.data().unwrap().len() < 400);
    }
}
