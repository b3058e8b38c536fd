//! What a signer tells about each request. Neither keys nor signatures are in it.

use std::sync::Arc;

use neo_primitives::{Height, UInt256};
use serde::Serialize;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Signed; whatever it binds was durable before.
    Signed,
    /// Signed; it says what was signed before, such as a leader's Prepare after its Proposal.
    Again,
    /// An account's status was told.
    Answered,
    /// It is of another key.
    Unknown,
    /// It makes no sense.
    Malformed,
    /// The rules forbid it: somebody tried to have this key contradict itself.
    Refused,
    /// The disk failed.
    Failed,
}

impl Outcome {
    /// Its name in text logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Again => "signed as before",
            Self::Answered => "answered",
            Self::Unknown => "not this key",
            Self::Malformed => "malformed",
            Self::Refused => "REFUSED",
            Self::Failed => "FAILED",
        }
    }
}

/// One request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When it was answered, milliseconds since 1970.
    pub unix_ms: u64,
    /// Address that it came from.
    pub peer: String,
    /// The call.
    pub call: &'static str,
    /// What was to be signed, such as `Commit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Its height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Height>,
    /// Its view.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<u32>,
    /// The block, preparation or payload that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<UInt256>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it was not signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Time it took, microseconds.
    pub took_us: u64,
}

/// Takes the entries, each before its answer leaves. It must not block for long.
pub type Journal = Arc<dyn Fn(&Entry) + Send + Sync>;
