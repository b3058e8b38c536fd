//! What every signature of a height depends on, and the bytes that votes sign.

use std::sync::Arc;

use neo_primitives::{Height, Magic, UInt256};

use crate::validators::{ValidatorSet, View};

/// Kind of a message; the number is the envelope's `type` and, but for `Commit`, the type byte
/// of the signed bytes (protocol section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MessageKind {
    /// A leader's block for a view.
    Proposal = 1,
    /// "I checked this proposal and hold its body."
    Prepare = 2,
    /// "I hold a prepared certificate of this view."
    PreCommit = 3,
    /// "I left all views below this one."
    ChangeView = 4,
    /// "This is what I have and what I lack."
    RecoveryRequest = 5,
    /// The answer to it, and the carrier of forwarded certificates.
    RecoveryMessage = 6,
    /// "The leader of this view seems gone"; binds nothing.
    Suspect = 7,
    /// The Neo header signature of the decided block.
    Commit = 8,
}

impl MessageKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Proposal,
        Self::Prepare,
        Self::PreCommit,
        Self::ChangeView,
        Self::RecoveryRequest,
        Self::RecoveryMessage,
        Self::Suspect,
        Self::Commit,
    ];

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// One height as seen by a signature: network, previous block, set of validators.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeightContext {
    /// Network magic.
    pub magic: Magic,
    /// The height voted on.
    pub height: Height,
    /// Hash of the block before it; keeps votes of one network out of a re-created one.
    pub prev_hash: UInt256,
    /// The validators of this height.
    pub validators: Arc<ValidatorSet>,
}

/// Prefix of everything a v3 vote signs; no Neo header signature can begin with it, because
/// those sign 36 bytes.
const DOMAIN: &[u8; 10] = b"neo-dbft/3";

impl HeightContext {
    /// The bytes that a vote signs (protocol section 2): `"neo-dbft/3" ‖ magic u32 ‖ type u8 ‖
    /// previous block hash 32 ‖ height u32 ‖ view u32 ‖ body`, little-endian.
    #[must_use]
    pub fn preimage(&self, kind: MessageKind, view: View, body: &[u8]) -> Vec<u8> {
        preimage(self.magic, kind, &self.prev_hash, self.height, view, body)
    }
}

/// [`HeightContext::preimage`] for a height whose validators are not at hand.
#[must_use]
pub fn preimage(
    magic: Magic,
    kind: MessageKind,
    prev_hash: &UInt256,
    height: Height,
    view: View,
    body: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(DOMAIN.len() + 45 + body.len());
    bytes.extend_from_slice(DOMAIN);
    bytes.extend_from_slice(&magic.0.to_le_bytes());
    bytes.push(kind as u8);
    bytes.extend_from_slice(prev_hash.as_wire());
    bytes.extend_from_slice(&height.0.to_le_bytes());
    bytes.extend_from_slice(&view.0.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preimage_has_the_documented_layout() {
        let bytes = preimage(
            Magic(0x0403_0201),
            MessageKind::PreCommit,
            &UInt256::from_wire([9; 32]),
            Height(7),
            View(2),
            &[0xaa; 32],
        );
        let mut expected = b"neo-dbft/3\x01\x02\x03\x04\x03".to_vec();
        expected.extend([9; 32]);
        expected.extend([7, 0, 0, 0, 2, 0, 0, 0]);
        expected.extend([0xaa; 32]);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn no_preimage_is_as_long_as_a_header_signature() {
        let shortest = preimage(
            Magic(0),
            MessageKind::Suspect,
            &UInt256::ZERO,
            Height(0),
            View(0),
            &[],
        );
        assert!(shortest.len() > 36);
    }

    #[test]
    fn kinds_keep_their_numbers() {
        for kind in MessageKind::ALL {
            assert_eq!(MessageKind::from_number(kind as u8), Some(kind));
        }
        assert_eq!(MessageKind::from_number(0), None);
        assert_eq!(MessageKind::from_number(9), None);
    }
}
