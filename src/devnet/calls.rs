//! Requests of several calls, and their answers.

use std::collections::HashMap;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::Deserialize;

use super::senders::Prepared;

/// The body of a request: one call alone, or several as a JSON-RPC batch.
pub(crate) fn request(batch: &[Prepared]) -> Bytes {
    if let [alone] = batch {
        return alone.body.clone();
    }
    let length = batch
        .iter()
        .map(|prepared| prepared.body.len() + 1)
        .sum::<usize>();
    let mut body = BytesMut::with_capacity(length + 1);
    for (position, prepared) in batch.iter().enumerate() {
        body.put_u8(if position == 0 { b'[' } else { b',' });
        body.put_slice(&prepared.body);
    }
    body.put_u8(b']');
    body.freeze()
}

/// The answer to one transaction.
#[derive(Deserialize)]
struct Answer {
    id: Option<u64>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: i64,
    message: String,
}

/// The transactions of a request that were refused, by the ids of their calls.
///
/// # Errors
/// If the request as a whole was refused, or the answer is not one of JSON-RPC.
pub(crate) fn refusals(answer: &[u8]) -> Result<HashMap<u64, String>, String> {
    let answers: Vec<Answer> = match answer.first() {
        Some(b'[') => serde_json::from_slice(answer),
        _ => serde_json::from_slice(answer).map(|answer| vec![answer]),
    }
    .map_err(|error| format!("an answer that makes no sense: {error}"))?;
    let mut refused = HashMap::new();
    for answer in answers {
        let Some(refusal) = answer.error else {
            continue;
        };
        let reason = format!("{} ({})", refusal.message, refusal.code);
        match answer.id {
            Some(id) => drop(refused.insert(id, reason)),
            None => return Err(reason),
        }
    }
    Ok(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::UInt256;

    #[test]
    fn one_call_goes_alone_and_several_as_a_batch() {
        let prepared = |id: u64| Prepared {
            id,
            hash: UInt256::ZERO,
            body: format!("{{\"id\":{id}}}").into(),
        };
        assert_eq!(request(&[prepared(1)]), r#"{"id":1}"#);
        assert_eq!(
            request(&[prepared(1), prepared(2)]),
            r#"[{"id":1},{"id":2}]"#
        );
    }

    #[test]
    fn answers_of_any_shape() {
        assert_eq!(refusals(br#"{"id":1,"result":{}}"#), Ok(HashMap::new()));
        let whole = refusals(br#"{"id":null,"error":{"code":-32600,"message":"Invalid request"}}"#);
        assert_eq!(whole, Err("Invalid request (-32600)".to_owned()));
        for nonsense in [&b""[..], b"x", b"[{]", b"[1]"] {
            assert!(refusals(nonsense).is_err());
        }
    }
}
