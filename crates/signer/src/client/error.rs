//! Why a remote signer gave no signature that can be used.

use neo_primitives::UInt256;
use tonic::Code;

/// Why a remote signer cannot be asked at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It does not read as an address.
    #[error("signer endpoint {endpoint:?}: {problem}; http://HOST:PORT is needed")]
    Address {
        /// What was given.
        endpoint: String,
        /// What is wrong.
        problem: String,
    },
    /// TLS and virtual sockets are not spoken.
    #[error(
        "signer endpoint {endpoint:?}: {scheme:?} is not spoken, only http://HOST:PORT; a tunnel brings a signer of \
         another machine to a loopback address"
    )]
    Scheme {
        /// What was given.
        endpoint: String,
        /// Its scheme.
        scheme: String,
    },
}

/// Why there is no signature. The validator does not vote with this draft.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// Nobody answers at the endpoint.
    #[error("signer {endpoint}: {call}: no answer: {problem}")]
    Unreachable {
        /// The endpoint.
        endpoint: String,
        /// The call.
        call: &'static str,
        /// What failed.
        problem: String,
    },
    /// No answer in time.
    #[error("signer {endpoint}: {call}: no answer within {limit_ms} ms")]
    Slow {
        /// The endpoint.
        endpoint: String,
        /// The call.
        call: &'static str,
        /// The limit.
        limit_ms: u64,
    },
    /// It failed a moment ago and is not asked again yet.
    #[error("signer {endpoint}: {call}: not asked for another {rest_ms} ms after it failed")]
    Resting {
        /// The endpoint.
        endpoint: String,
        /// The call.
        call: &'static str,
        /// How long it is left alone.
        rest_ms: u64,
    },
    /// It answers that it will not.
    #[error("signer {endpoint}: {call}: {code:?}: {problem}")]
    Declined {
        /// The endpoint.
        endpoint: String,
        /// The call.
        call: &'static str,
        /// The status.
        code: Code,
        /// What it says.
        problem: String,
    },
    /// Its answer is wrong.
    #[error("signer {endpoint}: {call}: {field}: {problem}")]
    Answer {
        /// The endpoint.
        endpoint: String,
        /// The call.
        call: &'static str,
        /// The field of the answer.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The block whose header is to be signed is not at hand.
    #[error("block {0}, whose header is to be signed, is not held")]
    NoBody(UInt256),
}

impl SignerError {
    /// Its name in metrics.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Slow { .. } => "slow",
            Self::Resting { .. } => "resting",
            Self::Declined { .. } => "declined",
            Self::Answer { .. } => "wrong",
            Self::NoBody(_) => "no-body",
        }
    }

    /// Whether asking again later can help: the signer was not there, and said neither yes nor no.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Slow { .. } | Self::Resting { .. }
        )
    }
}
