//! Writing answers.

use serde::Serialize;

use super::{error::RpcError, request::Raw};

/// What a method gives: the JSON text of its result, or an error.
pub(super) type Answer = Result<Vec<u8>, RpcError>;

/// The JSON text of a result.
///
/// # Errors
/// When the value has no JSON form, which is a fault of this program.
pub(super) fn result(value: &impl Serialize) -> Answer {
    serde_json::to_vec(value).map_err(|error| RpcError::INTERNAL.with(error.to_string()))
}

/// Appends the answer to the call with this id.
pub(super) fn write(out: &mut Vec<u8>, id: &str, answer: &Answer) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id.as_bytes());
    match answer {
        Ok(result) => {
            out.reserve(result.len() + 16);
            out.extend_from_slice(b",\"result\":");
            out.extend_from_slice(result);
        }
        Err(error) => {
            out.extend_from_slice(b",\"error\":");
            // Numbers and texts always have a JSON form.
            let text = serde_json::to_vec(error).unwrap_or_else(|_| b"null".to_vec());
            out.extend_from_slice(&text);
        }
    }
    out.push(b'}');
}

/// The answer to a request whose calls could not be read.
pub(super) fn refusal(error: RpcError) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    write(&mut out, "null", &Err(error));
    out
}

/// An id as it goes back.
pub(super) fn id_text(id: Raw<'_>) -> Box<str> {
    id.get().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_errors_carry_their_id() {
        let mut out = Vec::new();
        write(&mut out, "[1,\"x\"]", &result(&vec![1, 2]));
        assert_eq!(out, br#"{"jsonrpc":"2.0","id":[1,"x"],"result":[1,2]}"#);
        assert_eq!(
            refusal(RpcError::BAD_REQUEST),
            br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Bad request"}}"#
        );
    }
}
