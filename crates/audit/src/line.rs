//! One line of the log, as text and back.

use neo_primitives::sha256;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::time;

/// Longest line in bytes, without its line end.
pub const MAX_LINE: usize = 16 << 10;
/// What stands before the hash of a line, and behind it.
const BEFORE_HASH: &str = ",\"hash\":\"";
const AFTER_HASH: &str = "\"}";
/// Bytes of a line from the comma before `hash` to its end.
const TAIL: usize = BEFORE_HASH.len() + 64 + AFTER_HASH.len();

/// A line that was read: its own hash fits its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its number in the log.
    pub seq: u64,
    /// When it was taken down, milliseconds since 1970.
    pub time_ms: u64,
    /// What happened; one of [`crate::Kind`]'s names, or one of a later version.
    pub kind: String,
    /// The particulars.
    pub fields: Map<String, Value>,
    /// Hash of the line before.
    pub prev: [u8; 32],
    /// Hash of this line.
    pub hash: [u8; 32],
}

/// Why bytes are no line of the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It is too long.
    #[error("{length} bytes, a line has at most {limit}")]
    TooLong {
        /// Its length in bytes; where reading stopped, what was read.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// It is not a JSON object with the members of a line.
    #[error("not a line of an audit log: {0}")]
    Form(String),
    /// Its bytes do not have the hash that it names.
    #[error("it was changed: its hash is {named}, its content gives {found}")]
    Changed {
        /// The hash in it.
        named: String,
        /// The hash of its content.
        found: String,
    },
}

#[derive(Serialize)]
struct Head<'a> {
    seq: u64,
    time: String,
    kind: &'a str,
    fields: &'a Map<String, Value>,
    prev: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    seq: u64,
    time: String,
    kind: String,
    fields: Map<String, Value>,
    prev: String,
    hash: String,
}

impl Line {
    /// The text of a line without its end, and its hash. Particulars that would make it too long are replaced by
    /// `too_long`, their length in bytes.
    pub(crate) fn write(
        seq: u64,
        time_ms: u64,
        kind: &str,
        fields: &Map<String, Value>,
        prev: &[u8; 32],
    ) -> (String, [u8; 32]) {
        let text = |fields: &Map<String, Value>| {
            let head = Head {
                seq,
                time: time::text(time_ms),
                kind,
                fields,
                prev: hex::encode(prev),
            };
            // Plain data with text keys: there is nothing that cannot be written.
            serde_json::to_string(&head).unwrap_or_default()
        };
        let mut written = text(fields);
        if written.len() + TAIL > MAX_LINE {
            let mut short = Map::new();
            short.insert("too_long".to_owned(), written.len().into());
            written = text(&short);
        }
        // The hash is the last member: the closing brace moves behind it.
        written.pop();
        let hash = sha256(written.as_bytes());
        written.push_str(BEFORE_HASH);
        written.push_str(&hex::encode(hash));
        written.push_str(AFTER_HASH);
        (written, hash)
    }

    /// Reads a line without its end.
    ///
    /// # Errors
    /// It is too long, is no line, or its content does not have the hash that it names.
    pub fn parse(bytes: &[u8]) -> Result<Self, LineError> {
        if bytes.len() > MAX_LINE {
            return Err(LineError::TooLong {
                length: bytes.len(),
                limit: MAX_LINE,
            });
        }
        let form = |problem: &dyn std::fmt::Display| LineError::Form(problem.to_string());
        let text = std::str::from_utf8(bytes).map_err(|error| form(&error))?;
        let whole: Whole = serde_json::from_str(text).map_err(|error| form(&error))?;
        let content = text
            .strip_suffix(AFTER_HASH)
            .and_then(|text| text.strip_suffix(&whole.hash))
            .and_then(|text| text.strip_suffix(BEFORE_HASH))
            .ok_or_else(|| form(&"its last member is not its hash"))?;
        let named = digest(&whole.hash).ok_or_else(|| form(&"its hash is no SHA-256 hash"))?;
        let hash = sha256(content.as_bytes());
        if named != hash {
            return Err(LineError::Changed {
                named: whole.hash,
                found: hex::encode(hash),
            });
        }
        let time_ms = time::parse(&whole.time)
            .ok_or_else(|| form(&format_args!("{:?} is no time", whole.time)))?;
        let prev = digest(&whole.prev).ok_or_else(|| form(&"prev is no SHA-256 hash"))?;
        Ok(Self {
            seq: whole.seq,
            time_ms,
            kind: whole.kind,
            fields: whole.fields,
            prev,
            hash,
        })
    }

    /// When it was taken down, as its text has it.
    #[must_use]
    pub fn time(&self) -> String {
        time::text(self.time_ms)
    }
}

/// 64 lowercase hexadecimal digits.
pub(crate) fn digest(text: &str) -> Option<[u8; 32]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).ok()?;
    Some(digest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> String {
        let mut fields = Map::new();
        fields.insert("validator".to_owned(), "02ab".into());
        fields.insert("count".to_owned(), 3.into());
        Line::write(7, 1_700_000_000_000, "ban", &fields, &[1; 32]).0
    }

    #[test]
    fn a_line_comes_back_and_every_changed_byte_is_found() {
        let text = sample();
        let line = Line::parse(text.as_bytes()).unwrap();
        assert_eq!((line.seq, line.kind.as_str()), (7, "ban"));
        assert_eq!(line.fields["count"], 3);
        assert_eq!(
            (line.prev, line.time()),
            ([1; 32], "2023-11-14T22:13:20.000Z".to_owned())
        );
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            assert!(Line::parse(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_changed_value_is_called_a_change_and_other_texts_are_no_lines() {
        let changed = sample().replace("\"count\":3", "\"count\":4");
        let error = Line::parse(changed.as_bytes()).unwrap_err();
        assert!(matches!(error, LineError::Changed { .. }), "{error}");
        for bad in ["", "{}", "null", "{\"seq\":1}"] {
            let error = Line::parse(bad.as_bytes()).unwrap_err();
            assert!(matches!(error, LineError::Form(_)), "{bad}: {error}");
        }
        let long = vec![b' '; MAX_LINE + 1];
        let error = LineError::TooLong {
            length: MAX_LINE + 1,
            limit: MAX_LINE,
        };
        assert_eq!(Line::parse(&long), Err(error));
    }

    #[test]
    fn particulars_that_are_too_long_leave_their_length() {
        let mut fields = Map::new();
        fields.insert("text".to_owned(), "\u{1}".repeat(MAX_LINE / 4).into());
        let (text, hash) = Line::write(0, 0, "start", &fields, &[0; 32]);
        let line = Line::parse(text.as_bytes()).unwrap();
        assert_eq!(line.hash, hash);
        assert!(line.fields["too_long"].as_u64().unwrap() > MAX_LINE as u64);
    }

    proptest! {
        #[test]
        fn any_particulars_come_back(
            seq: u64, time_ms in 0..200_000_000_000_000_u64, name in ".{0,20}", value in ".{0,200}", prev: [u8; 32],
        ) {
            let mut fields = Map::new();
            fields.insert(name, value.into());
            let (text, hash) = Line::write(seq, time_ms, "offence", &fields, &prev);
            prop_assert!(!text.contains('\n'));
            let line = Line::parse(text.as_bytes()).unwrap();
            prop_assert_eq!((line.seq, line.time_ms, line.prev, line.hash), (seq, time_ms, prev, hash));
            prop_assert_eq!(line.fields, fields);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Line::parse(&bytes);
        }
    }
}
