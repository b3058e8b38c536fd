//! From a request to what it asks for: the statement that the rules judge, and the bytes that are signed. Both are
//! made here from the same fields, so nobody can have one judged and another signed.

mod block;
mod payload;
mod peer;
mod vote;

use neo_primitives::{Height, UInt160, UInt256};

use crate::statement::Statement;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its name in the log, such as `Commit`.
    pub kind: &'static str,
    /// The height it is about, where it has one.
    pub height: Option<Height>,
    /// The view it is about, where it has one.
    pub view: Option<u32>,
    /// The block, preparation or payload that it names.
    pub subject: Option<UInt256>,
    /// As the rules see it.
    pub statement: Statement,
    /// The bytes to sign.
    pub preimage: Vec<u8>,
}

/// Why a request is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A field is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field has another length than such a thing has.
    #[error("{field} has {length} bytes, {expected} are needed")]
    Length {
        /// The field.
        field: &'static str,
        /// Its length.
        length: usize,
        /// What it has to be.
        expected: usize,
    },
    /// A field has no meaning, or contradicts another one.
    #[error("{field}: {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
}

pub(crate) fn wrong(field: &'static str, problem: impl ToString) -> Malformed {
    Malformed::Field {
        field,
        problem: problem.to_string(),
    }
}

fn array<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[u8; N], Malformed> {
    bytes.try_into().map_err(|_| Malformed::Length {
        field,
        length: bytes.len(),
        expected: N,
    })
}

fn hash(field: &'static str, bytes: &[u8]) -> Result<UInt256, Malformed> {
    array(field, bytes).map(UInt256::from_wire)
}

pub(crate) fn account(field: &'static str, bytes: &[u8]) -> Result<UInt160, Malformed> {
    array(field, bytes).map(UInt160::from_wire)
}
