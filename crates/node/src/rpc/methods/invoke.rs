//! Test runs of scripts that call NEO and GAS, and ask the policy and the chain.

use base64::{Engine, engine::general_purpose::STANDARD};
use neo_primitives::{CallFlags, NativeContract, PublicKey, ScriptBuilder, Signer, UInt256};
use num_bigint::BigInt;
use serde::Deserialize;
use serde_json::Value;

use crate::rpc::{
    dispatch::Server,
    error::RpcError,
    json::{execution::InvocationJson, signer::SignerParam},
    methods::contracts,
    params::{Params, account, invalid},
    response::{Answer, result},
};

/// Most signers, as of a transaction.
const MAX_SIGNERS: usize = 16;
/// Most arguments of a call; the methods of NEO and GAS take four.
const MAX_ARGUMENTS: usize = 16;
/// Integers of Neo's virtual machine have at most 256 bits.
const MAX_INTEGER_BYTES: usize = 32;
/// Most digits of such an integer, with its sign.
const MAX_INTEGER_DIGITS: usize = 79;

/// A contract parameter.
#[derive(Deserialize)]
struct Argument {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    value: Value,
}

/// `invokefunction [contract, method, arguments, signers]`. The contract is a hash or, as neo-go has it, a native
/// contract's name or number.
pub(in crate::rpc) fn function(server: &Server, params: &Params<'_>) -> Answer {
    let contract = contracts::hash_of(params)?;
    let method = params.text(1, "method")?;
    let arguments: Option<Vec<Argument>> = params.value(2, "arguments")?;
    let signers = signers(params, 3)?;
    if NativeContract::from_hash(&contract).is_none() {
        let data = format!(
            "{contract}: this ledger answers for NEO, GAS, the policy and the chain; attach a Neo node"
        );
        return Err(RpcError::UNKNOWN_CONTRACT.with(data));
    }
    let arguments = arguments.unwrap_or_default();
    if arguments.len() > MAX_ARGUMENTS {
        let data = format!("{} arguments, {MAX_ARGUMENTS} are allowed", arguments.len());
        return Err(invalid(data));
    }
    let mut script = ScriptBuilder::new();
    for (position, argument) in arguments.iter().enumerate().rev() {
        push(&mut script, argument)
            .map_err(|reason| invalid(format!("argument {position}: {reason}")))?;
    }
    script.call(&contract, &method, arguments.len(), CallFlags::ALL);
    run(server, &script.into_bytes(), &signers)
}

/// `invokescript [base64, signers]`.
pub(in crate::rpc) fn script(server: &Server, params: &Params<'_>) -> Answer {
    let script = params.bytes(0, "script")?;
    let signers = signers(params, 1)?;
    run(server, &script, &signers)
}

fn run(server: &Server, script: &[u8], signers: &[Signer]) -> Answer {
    let invocation = server.context.ledger.invoke(script, signers)?;
    result(&InvocationJson::new(script, &invocation))
}

fn signers(params: &Params<'_>, position: usize) -> Result<Vec<Signer>, RpcError> {
    let list: Option<Vec<SignerParam>> = params.value(position, "signers")?;
    let list = list.unwrap_or_default();
    if list.len() > MAX_SIGNERS {
        let data = format!("{} signers, {MAX_SIGNERS} are allowed", list.len());
        return Err(invalid(data));
    }
    list.into_iter()
        .enumerate()
        .map(|(position, signer)| {
            signer
                .into_signer()
                .map_err(|reason| invalid(format!("signer {position}: {reason}")))
        })
        .collect()
}

/// Pushes an argument as neo-project/neo's script builder does.
fn push(script: &mut ScriptBuilder, argument: &Argument) -> Result<(), String> {
    let Argument { kind, value } = argument;
    let text = || {
        value
            .as_str()
            .ok_or_else(|| format!("a {kind} is a string"))
    };
    let base64 = || STANDARD.decode(text()?).map_err(|error| error.to_string());
    if value.is_null() {
        script.null();
        return Ok(());
    }
    match kind.as_str() {
        "Any" => return Err("a value of type Any must be null".to_owned()),
        "Boolean" => {
            let value = value.as_bool().ok_or("a Boolean is true or false")?;
            script.boolean(value);
        }
        "Integer" => {
            script.integer(integer(value)?);
        }
        "ByteArray" | "Signature" => {
            script.bytes(&base64()?);
        }
        "String" => {
            script.bytes(text()?.as_bytes());
        }
        "Hash160" => {
            script.hash(&account(text()?)?);
        }
        "Hash256" => {
            let hash: UInt256 = text()?.parse().map_err(describe)?;
            script.bytes(hash.as_wire());
        }
        "PublicKey" => {
            let key: PublicKey = text()?.parse().map_err(describe)?;
            script.bytes(key.as_bytes());
        }
        other => return Err(format!("methods of NEO and GAS take no {other}")),
    }
    Ok(())
}

fn describe(error: impl ToString) -> String {
    error.to_string()
}

/// A whole number or its digits, of at most 256 bits.
fn integer(value: &Value) -> Result<BigInt, String> {
    let digits = match value {
        Value::Number(number) => number.to_string(),
        Value::String(digits) => digits.clone(),
        _ => return Err("an Integer is a number or a string of digits".to_owned()),
    };
    if digits.len() > MAX_INTEGER_DIGITS {
        return Err(format!(
            "{} digits are more than 256 bits hold",
            digits.len()
        ));
    }
    let number: BigInt = digits
        .parse()
        .map_err(|_| format!("{digits:?} is no whole number"))?;
    if number.to_signed_bytes_le().len() > MAX_INTEGER_BYTES {
        return Err(format!("{number} has more than 256 bits"));
    }
    Ok(number)
}
