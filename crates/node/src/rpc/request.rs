//! Reading calls out of a request, without building trees.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{error::RpcError, params::Params};

/// A JSON text as it stands in the request.
pub(super) type Raw<'a> = &'a RawValue;

/// The calls of one request.
pub(super) enum Request<'a> {
    /// One call, answered by an object.
    Single(Raw<'a>),
    /// Several calls, answered by an array.
    Batch(Vec<Raw<'a>>),
}

impl<'a> Request<'a> {
    /// Splits a request into calls. What they hold is not looked at yet.
    ///
    /// # Errors
    /// When the text is not JSON, or a batch is empty or too long.
    pub(super) fn parse(body: &'a [u8], max_batch: usize) -> Result<Self, RpcError> {
        let whole: Raw<'a> = serde_json::from_slice(body)
            .map_err(|error| RpcError::BAD_REQUEST.with(error.to_string()))?;
        if !whole.get().starts_with('[') {
            return Ok(Self::Single(whole));
        }
        let calls: Vec<Raw<'a>> = serde_json::from_str(whole.get())
            .map_err(|error| RpcError::BAD_REQUEST.with(error.to_string()))?;
        if calls.is_empty() {
            return Err(RpcError::INVALID_REQUEST.with("the batch is empty"));
        }
        if calls.len() > max_batch {
            let data = format!("a batch of {} calls, {max_batch} are allowed", calls.len());
            return Err(RpcError::INVALID_REQUEST.with(data));
        }
        Ok(Self::Batch(calls))
    }

    /// The calls in their order.
    pub(super) fn calls(&self) -> &[Raw<'a>] {
        match self {
            Self::Single(call) => std::slice::from_ref(call),
            Self::Batch(calls) => calls,
        }
    }
}

/// One call.
pub(super) struct Call<'a> {
    /// What the answer carries back, any JSON; `None` for a notification, which gets no answer.
    pub(super) id: Option<Raw<'a>>,
    /// Method and parameters, or why they are none.
    pub(super) what: Result<(Cow<'a, str>, Params<'a>), RpcError>,
}

/// The members of a call; all others are ignored, as neo-project/neo-node does.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(default, borrow, deserialize_with = "present")]
    id: Option<Raw<'a>>,
    #[serde(default, borrow, deserialize_with = "present")]
    method: Option<Raw<'a>>,
    #[serde(default, borrow, deserialize_with = "present")]
    params: Option<Raw<'a>>,
}

/// Tells `null` from a member that is not there.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Raw<'a>>, D::Error> {
    Raw::<'a>::deserialize(deserializer).map(Some)
}

/// A text, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The text in a JSON string.
pub(super) fn text(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(raw.get())
        .ok()
        .map(|text| text.0)
}

impl<'a> Call<'a> {
    /// Reads a call.
    pub(super) fn parse(raw: Raw<'a>) -> Self {
        // An id that cannot be read is answered with null.
        if !raw.get().starts_with('{') {
            let error = RpcError::INVALID_REQUEST.with("a call must be an object");
            return Self {
                id: Some(RawValue::NULL),
                what: Err(error),
            };
        }
        match serde_json::from_str::<Members<'a>>(raw.get()) {
            Ok(members) => Self {
                id: members.id,
                what: Self::method(&members),
            },
            Err(error) => Self {
                id: Some(RawValue::NULL),
                what: Err(RpcError::INVALID_REQUEST.with(error.to_string())),
            },
        }
    }

    fn method(members: &Members<'a>) -> Result<(Cow<'a, str>, Params<'a>), RpcError> {
        let method = members
            .method
            .and_then(text)
            .ok_or_else(|| RpcError::INVALID_REQUEST.with("method must be a string"))?;
        let params = match members.params {
            None => Params::none(),
            Some(raw) if raw.get() == "null" => Params::none(),
            Some(raw) => Params::parse(raw)?,
        };
        Ok((method, params))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(body: &str) -> Option<i32> {
        match Request::parse(body.as_bytes(), 3) {
            Err(error) => Some(error.code()),
            Ok(request) => {
                let call = Call::parse(request.calls()[0]);
                call.what.err().map(|error| error.code())
            }
        }
    }

    #[test]
    fn what_is_no_call_is_told_from_what_is_no_json() {
        for (body, expected) in [
            ("", Some(-32700)),
            ("{", Some(-32700)),
            ("{\"method\":\"a\"} x", Some(-32700)),
            ("[{\"method\":1},", Some(-32700)),
            ("\u{1}", Some(-32700)),
            ("1", Some(-32600)),
            ("\"getversion\"", Some(-32600)),
            ("null", Some(-32600)),
            ("[]", Some(-32600)),
            ("[1]", Some(-32600)),
            ("[1,2,3,4]", Some(-32600)),
            ("{}", Some(-32600)),
            ("{\"method\":1}", Some(-32600)),
            ("{\"method\":\"a\",\"method\":\"b\"}", Some(-32600)),
            ("{\"method\":\"a\",\"params\":{\"x\":1}}", Some(-32600)),
            ("{\"method\":\"a\",\"params\":7}", Some(-32600)),
            ("{\"method\":\"a\"}", None),
            ("{\"method\":\"a\",\"params\":null}", None),
            ("{\"method\":\"a\",\"params\":[],\"more\":[[]]}", None),
            (" [ {\"method\":\"\\u0061\"} ] ", None),
        ] {
            assert_eq!(code(body), expected, "{body}");
        }
    }

    #[test]
    fn an_id_of_null_is_an_id_and_none_is_a_notification() {
        let id = |body: &str| {
            let raw: Raw<'_> = serde_json::from_str(body).unwrap();
            Call::parse(raw).id.map(|id| id.get().to_owned())
        };
        assert_eq!(id("{\"method\":\"a\"}"), None);
        for text in [
            "null",
            "1",
            "-1.5e3",
            "\"x\\n\"",
            "[1, 2]",
            "{\"a\":null}",
            "true",
        ] {
            let body = format!("{{\"id\":{text},\"method\":\"a\"}}");
            assert_eq!(id(&body).as_deref(), Some(text));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(body in ".{0,80}") {
            if let Ok(request) = Request::parse(body.as_bytes(), 10) {
                for call in request.calls() {
                    let _ = Call::parse(call).what.is_ok();
                }
            }
        }
    }
}
