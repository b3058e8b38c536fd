//! The native contracts, as Neo nodes describe them.

use neo_primitives::UInt160;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::rpc::{
    dispatch::Server,
    error::RpcError,
    params::{Params, invalid},
    response::{Answer, result},
};

/// The native contracts with all hard forks up to Faun from the first block on, one a line: what
/// `getnativecontracts` of neo-go 0.120 gives. They never change on a chain without other transactions than transfers.
const NATIVES: &str = include_str!("natives.jsonl");

/// What a contract is looked for by.
#[derive(Deserialize)]
struct Head {
    id: i32,
    hash: UInt160,
    manifest: Manifest,
}

#[derive(Deserialize)]
struct Manifest {
    name: String,
}

fn all() -> impl Iterator<Item = (Head, &'static RawValue)> {
    NATIVES.lines().filter_map(|line| {
        Some((
            serde_json::from_str(line).ok()?,
            serde_json::from_str(line).ok()?,
        ))
    })
}

/// `getnativecontracts`.
pub(in crate::rpc) fn natives(_: &Server, _: &Params<'_>) -> Answer {
    result(&all().map(|(_, contract)| contract).collect::<Vec<_>>())
}

/// `getcontractstate [hash, name or number]`.
pub(in crate::rpc) fn state(_: &Server, params: &Params<'_>) -> Answer {
    result(&find(params)?.1)
}

/// The contract that the first parameter names by its hash or, if it is a native one, by name or number.
///
/// # Errors
/// When it is neither.
pub(in crate::rpc) fn hash_of(params: &Params<'_>) -> Result<UInt160, RpcError> {
    match params.contract(0, "contract") {
        Ok(hash) => Ok(hash),
        Err(error) => match find(params) {
            Ok((head, _)) => Ok(head.hash),
            Err(_) => Err(error),
        },
    }
}

fn find(params: &Params<'_>) -> Result<(Head, &'static RawValue), RpcError> {
    let number = params
        .get(0)
        .and_then(|raw| serde_json::from_str::<i32>(raw.get()).ok());
    let found = match number {
        Some(number) => all().find(|(head, _)| head.id == number),
        None => {
            let text = params.text(0, "contract")?;
            let hash: Option<UInt160> = text.parse().ok();
            let found = all().find(|(head, _)| match hash {
                Some(hash) => head.hash == hash,
                None => head.manifest.name.eq_ignore_ascii_case(&text),
            });
            if found.is_none() && hash.is_none() {
                let data = "'contract' is no script hash and no native contract's name";
                return Err(invalid(data));
            }
            found
        }
    };
    found.ok_or_else(|| {
        RpcError::UNKNOWN_CONTRACT.with("this ledger has native contracts only; attach a Neo node")
    })
}

#[cfg(test)]
mod tests {
    use neo_primitives::{NativeContract, Token};

    use super::*;

    #[test]
    fn all_contracts_are_read() {
        let heads: Vec<Head> = all().map(|(head, _)| head).collect();
        assert_eq!(heads.len(), NATIVES.lines().count());
        let of = |hash: UInt160| {
            let head = heads.iter().find(|head| head.hash == hash).unwrap();
            (head.id, head.manifest.name.as_str())
        };
        assert_eq!(of(NativeContract::LEDGER), (-4, "LedgerContract"));
        assert_eq!(of(Token::Neo.hash()), (-5, "NeoToken"));
        assert_eq!(of(Token::Gas.hash()), (-6, "GasToken"));
        assert_eq!(of(NativeContract::POLICY), (-7, "PolicyContract"));
    }
}
