//! What can be wrong with bytes.

use thiserror::Error;

/// Why bytes are not what they should be. `field` names what was read, `offset` counts from the start of the input.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The input ends too early.
    #[error("{field} at offset {offset} needs {needed} bytes, {remaining} are left")]
    UnexpectedEnd {
        /// What was read.
        field: &'static str,
        /// Where it starts.
        offset: usize,
        /// Bytes wanted.
        needed: u64,
        /// Bytes there.
        remaining: usize,
    },
    /// A variable-length integer in a longer form than its value needs.
    #[error("{field} at offset {offset}: the length {value} is not in its shortest form")]
    NonMinimalVarInt {
        /// What was read.
        field: &'static str,
        /// Where it starts.
        offset: usize,
        /// The value.
        value: u64,
    },
    /// A number or length above its limit.
    #[error("{field} at offset {offset} is {value}, the limit is {limit}")]
    TooLarge {
        /// What was read.
        field: &'static str,
        /// Where it starts.
        offset: usize,
        /// The value read.
        value: u64,
        /// The greatest value allowed.
        limit: u64,
    },
    /// A number below its minimum.
    #[error("{field} at offset {offset} is {value}, at least {minimum} is needed")]
    TooSmall {
        /// What was read.
        field: &'static str,
        /// Where it starts.
        offset: usize,
        /// The value read.
        value: u64,
        /// The least value allowed.
        minimum: u64,
    },
    /// A tag or code that has no meaning here.
    #[error("{field} at offset {offset}: {value:#04x} is not known")]
    UnknownTag {
        /// What was read.
        field: &'static str,
        /// Where it stands.
        offset: usize,
        /// The byte.
        value: u8,
    },
    /// Text that is no UTF-8.
    #[error("{field} at offset {offset} is no UTF-8 text")]
    NotUtf8 {
        /// What was read.
        field: &'static str,
        /// Where it starts.
        offset: usize,
    },
    /// Well-formed bytes that break a rule of their type.
    #[error("{field} before offset {offset}: {reason}")]
    Invalid {
        /// What was read.
        field: &'static str,
        /// Where the reader stood when the rule failed.
        offset: usize,
        /// The rule, with the values.
        reason: String,
    },
    /// Bytes after the value.
    #[error("{remaining} bytes follow the end at offset {offset}")]
    TrailingBytes {
        /// Where the value ends.
        offset: usize,
        /// Bytes left over.
        remaining: usize,
    },
}
