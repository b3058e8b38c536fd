//! Many calls in one request.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::rpc::Connection;

/// Most calls in one request.
pub(super) const BATCH: usize = 64;

/// The answers to a batch of calls, in the order of the calls: results, or objects with the member `error`.
pub(super) async fn ask(
    connection: &mut Connection,
    batch: &[(&str, Value)],
) -> Result<Vec<Value>, String> {
    #[derive(Deserialize)]
    struct Answer {
        id: usize,
        #[serde(default)]
        result: Value,
        #[serde(default)]
        error: Value,
    }
    let calls = batch.iter().enumerate();
    let calls = calls.map(|(id, (method, parameters))| {
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": parameters})
    });
    let body = Value::Array(calls.collect()).to_string();
    let posted = connection.post(Bytes::from(body)).await;
    let posted = posted.map_err(|error| error.to_string())?;
    let answers: Vec<Answer> = serde_json::from_slice(&posted)
        .map_err(|error| format!("{}: no batch of answers: {error}", connection.endpoint()))?;
    let mut ordered = vec![json!({"error": "no answer"}); batch.len()];
    for answer in answers {
        if let Some(place) = ordered.get_mut(answer.id) {
            *place = match answer.error {
                Value::Null => answer.result,
                error => json!({"error": error}),
            };
        }
    }
    Ok(ordered)
}
