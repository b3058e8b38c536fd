//! What a consensus message of dBFT 2.0 says, without its envelope.

use neo_primitives::{Height, Signature, UInt256, ValidatorIndex};

use super::recovery::RecoveryMessage;

/// Kind of a message; the number is the first byte on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// "This view has failed."
    ChangeView = 0x00,
    /// The primary's block.
    PrepareRequest = 0x20,
    /// "I checked the primary's block and hold all of it."
    PrepareResponse = 0x21,
    /// The signature of the header; whoever gave one never leaves the view.
    Commit = 0x30,
    /// "I have missed something."
    RecoveryRequest = 0x40,
    /// All that the sender has of its view.
    RecoveryMessage = 0x41,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::ChangeView,
        Self::PrepareRequest,
        Self::PrepareResponse,
        Self::Commit,
        Self::RecoveryRequest,
        Self::RecoveryMessage,
    ];

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }

    /// Its name, as logs and metrics use it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ChangeView => "ChangeView",
            Self::PrepareRequest => "PrepareRequest",
            Self::PrepareResponse => "PrepareResponse",
            Self::Commit => "Commit",
            Self::RecoveryRequest => "RecoveryRequest",
            Self::RecoveryMessage => "RecoveryMessage",
        }
    }
}

/// Why a validator wants another view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Nothing came in time.
    Timeout,
    /// M others want it.
    ChangeAgreement,
    /// Transactions of the proposal are missing.
    TransactionNotFound,
    /// A transaction is against the local policy.
    TransactionRejectedByPolicy,
    /// A transaction is invalid.
    TransactionInvalid,
    /// The block is too large or costs too much.
    BlockRejectedByPolicy,
    /// A number that has no meaning yet; neo-go sends ff for "unknown".
    Other(u8),
}

impl Reason {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Timeout => 0,
            Self::ChangeAgreement => 1,
            Self::TransactionNotFound => 2,
            Self::TransactionRejectedByPolicy => 3,
            Self::TransactionInvalid => 4,
            Self::BlockRejectedByPolicy => 5,
            Self::Other(number) => number,
        }
    }

    /// The reason with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Timeout,
            1 => Self::ChangeAgreement,
            2 => Self::TransactionNotFound,
            3 => Self::TransactionRejectedByPolicy,
            4 => Self::TransactionInvalid,
            5 => Self::BlockRejectedByPolicy,
            other => Self::Other(other),
        }
    }

    /// Its name, as logs use it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::ChangeAgreement => "agreement",
            Self::TransactionNotFound => "a transaction was not found",
            Self::TransactionRejectedByPolicy => "a transaction is against the policy",
            Self::TransactionInvalid => "a transaction is invalid",
            Self::BlockRejectedByPolicy => "the block is against the policy",
            Self::Other(_) => "unknown",
        }
    }

    /// Whether a list of rejected transactions follows in the form that C# 3.10 and neo-go 0.121 began.
    #[must_use]
    pub fn has_rejected(self) -> bool {
        matches!(
            self,
            Self::TransactionRejectedByPolicy | Self::TransactionInvalid
        )
    }
}

/// The primary's block: with what every validator knows, these make the header.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrepareRequest {
    /// Version of the header; 0.
    pub version: u32,
    /// Hash of the block before.
    pub prev_hash: UInt256,
    /// Milliseconds since 1970.
    pub timestamp: u64,
    /// Nonce of the header.
    pub nonce: u64,
    /// Hashes of the transactions in block order, none twice.
    pub hashes: Vec<UInt256>,
}

/// A wish for the view after the message's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChangeView {
    /// When it was sent, milliseconds since 1970.
    pub timestamp: u64,
    /// Why.
    pub reason: Reason,
    /// The rejected transactions; `None` where the reason has none, and in the form before C# 3.10 and
    /// neo-go 0.121, which never had a list.
    pub rejected: Option<Vec<UInt256>>,
}

/// The body of a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// [`Kind::ChangeView`].
    ChangeView(ChangeView),
    /// [`Kind::PrepareRequest`].
    PrepareRequest(PrepareRequest),
    /// [`Kind::PrepareResponse`].
    PrepareResponse {
        /// Hash of the payload of the PrepareRequest.
        preparation: UInt256,
    },
    /// [`Kind::Commit`].
    Commit {
        /// Signature of the header.
        signature: Signature,
    },
    /// [`Kind::RecoveryRequest`].
    RecoveryRequest {
        /// When it was sent, milliseconds since 1970.
        timestamp: u64,
    },
    /// [`Kind::RecoveryMessage`].
    RecoveryMessage(RecoveryMessage),
}

/// A message without its envelope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Content {
    /// Height voted on.
    pub height: Height,
    /// Who says it.
    pub validator: ValidatorIndex,
    /// In which view.
    pub view: u8,
    /// What.
    pub body: Body,
}

impl Content {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.body {
            Body::ChangeView(_) => Kind::ChangeView,
            Body::PrepareRequest(_) => Kind::PrepareRequest,
            Body::PrepareResponse { .. } => Kind::PrepareResponse,
            Body::Commit { .. } => Kind::Commit,
            Body::RecoveryRequest { .. } => Kind::RecoveryRequest,
            Body::RecoveryMessage(_) => Kind::RecoveryMessage,
        }
    }

    /// The view that a ChangeView asks for: the one after its own. `None` for other kinds, and in the last
    /// view, after which there is none.
    #[must_use]
    pub fn new_view(&self) -> Option<u8> {
        match self.body {
            Body::ChangeView(_) => self.view.checked_add(1),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_reasons_keep_their_numbers() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind as u8), Some(kind));
        }
        for reserved in [0x01, 0x22, 0x31, 0x42, 0xff] {
            assert_eq!(Kind::from_number(reserved), None);
        }
        for number in 0..=u8::MAX {
            assert_eq!(Reason::from_number(number).number(), number);
        }
    }

    #[test]
    fn the_last_view_has_no_next() {
        let change = |view| Content {
            height: Height(1),
            validator: ValidatorIndex(0),
            view,
            body: Body::ChangeView(ChangeView {
                timestamp: 1,
                reason: Reason::Timeout,
                rejected: None,
            }),
        };
        assert_eq!(change(0).new_view(), Some(1));
        assert_eq!(change(255).new_view(), None);
    }
}
