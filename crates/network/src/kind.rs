//! What a message on the express or bulk lane is.

use crate::priority::Priority;

/// The first byte of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// For the receiver, with its priority: bytes 0 to 7.
    Own(Priority),
    /// A consensus message that the receiver is asked to give to another validator, see [`crate::relay`].
    Relay,
    /// A consensus message that the sender was asked to give to the receiver.
    Relayed,
    /// A proof that a validator broke the protocol, see [`crate::evidence`].
    Evidence,
}

const RELAY: u8 = 8;
const RELAYED: u8 = 9;
const EVIDENCE: u8 = 10;

impl Kind {
    /// The byte on the wire.
    pub(crate) fn byte(self) -> u8 {
        match self {
            Kind::Own(priority) => priority as u8,
            Kind::Relay => RELAY,
            Kind::Relayed => RELAYED,
            Kind::Evidence => EVIDENCE,
        }
    }

    /// What `byte` stands for on the wire, if anything.
    pub(crate) fn from_byte(byte: u8) -> Option<Kind> {
        match byte {
            RELAY => Some(Kind::Relay),
            RELAYED => Some(Kind::Relayed),
            EVIDENCE => Some(Kind::Evidence),
            other => Priority::from_byte(other).map(Kind::Own),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_stands_for_one_kind() {
        for byte in 0..=EVIDENCE {
            assert_eq!(Kind::from_byte(byte).map(Kind::byte), Some(byte));
        }
        for byte in EVIDENCE + 1..=u8::MAX {
            assert_eq!(Kind::from_byte(byte), None);
        }
    }
}
