//! Attributes of a transaction.

use crate::codec::{Decode, DecodeError, Encode, Reader, write_var_bytes};
use crate::hash::UInt256;
use crate::number::Height;

/// Most bytes of an oracle's result.
const MAX_ORACLE_RESULT: u64 = 0xffff;

/// Answer codes of an oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OracleCode {
    /// The request succeeded; only then is there a result.
    Success = 0x00,
    /// The protocol of the address is not supported.
    ProtocolNotSupported = 0x10,
    /// The oracles found no common answer.
    ConsensusUnreachable = 0x12,
    /// Nothing at that address.
    NotFound = 0x14,
    /// No answer in time.
    Timeout = 0x16,
    /// The server forbids it.
    Forbidden = 0x18,
    /// The answer is too long.
    ResponseTooLarge = 0x1a,
    /// The paid GAS does not suffice.
    InsufficientFunds = 0x1c,
    /// The type of content is not supported.
    ContentTypeNotSupported = 0x1f,
    /// Any other failure.
    Error = 0xff,
}

impl OracleCode {
    const ALL: [Self; 10] = [
        Self::Success,
        Self::ProtocolNotSupported,
        Self::ConsensusUnreachable,
        Self::NotFound,
        Self::Timeout,
        Self::Forbidden,
        Self::ResponseTooLarge,
        Self::InsufficientFunds,
        Self::ContentTypeNotSupported,
        Self::Error,
    ];

    /// The code with this number.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|code| *code as u8 == byte)
    }
}

/// An attribute. All but [`Attribute::Conflicts`] may be there once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Attribute {
    /// Goes before others; the committee must sign.
    HighPriority,
    /// Answers an oracle request.
    OracleResponse {
        /// The request.
        id: u64,
        /// How it went.
        code: OracleCode,
        /// The answer, at most 65,535 bytes; empty unless the code is [`OracleCode::Success`].
        result: Vec<u8>,
    },
    /// Not to be included below this height.
    NotValidBefore(Height),
    /// Excludes the transaction with this hash.
    Conflicts(UInt256),
    /// Notary nodes complete the signatures.
    NotaryAssisted {
        /// Keys whose signatures the notaries collect.
        nkeys: u8,
    },
}

impl Attribute {
    /// Neo's number of the kind of attribute.
    pub fn kind(&self) -> u8 {
        match self {
            Self::HighPriority => 0x01,
            Self::OracleResponse { .. } => 0x11,
            Self::NotValidBefore(_) => 0x20,
            Self::Conflicts(_) => 0x21,
            Self::NotaryAssisted { .. } => 0x22,
        }
    }

    /// Whether a transaction may have several of this kind.
    pub fn allows_multiple(&self) -> bool {
        matches!(self, Self::Conflicts(_))
    }

    pub(super) fn has_valid_result(&self) -> bool {
        match self {
            Self::OracleResponse { code, result, .. } => {
                result.len() as u64 <= MAX_ORACLE_RESULT
                    && (*code == OracleCode::Success || result.is_empty())
            }
            _ => true,
        }
    }
}

impl Encode for Attribute {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.kind());
        match self {
            Self::HighPriority => {}
            Self::OracleResponse { id, code, result } => {
                out.extend_from_slice(&id.to_le_bytes());
                out.push(*code as u8);
                write_var_bytes(out, result);
            }
            Self::NotValidBefore(height) => out.extend_from_slice(&height.0.to_le_bytes()),
            Self::Conflicts(hash) => hash.encode(out),
            Self::NotaryAssisted { nkeys } => out.push(*nkeys),
        }
    }
}

impl Decode for Attribute {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let attribute = match r.field("attribute type").u8()? {
            0x01 => Self::HighPriority,
            0x11 => {
                let id = r.field("oracle request").u64()?;
                let byte = r.field("oracle code").u8()?;
                let code = OracleCode::from_byte(byte).ok_or_else(|| r.unknown_tag(byte))?;
                let result = r
                    .field("oracle result")
                    .var_bytes(MAX_ORACLE_RESULT)?
                    .to_vec();
                Self::OracleResponse { id, code, result }
            }
            0x20 => Self::NotValidBefore(Height(r.field("not valid before").u32()?)),
            0x21 => Self::Conflicts(UInt256::decode(r.field("conflicts"))?),
            0x22 => Self::NotaryAssisted {
                nkeys: r.field("notary keys").u8()?,
            },
            kind => return Err(r.unknown_tag(kind)),
        };
        if !attribute.has_valid_result() {
            return Err(r.invalid("an oracle response has a result only if it succeeded"));
        }
        Ok(attribute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_success_has_a_result() {
        let mut bytes = Attribute::OracleResponse {
            id: 1,
            code: OracleCode::Success,
            result: vec![1],
        }
        .to_bytes();
        assert!(Attribute::from_bytes(&bytes).is_ok());
        bytes[9] = OracleCode::Timeout as u8;
        assert!(matches!(
            Attribute::from_bytes(&bytes),
            Err(DecodeError::Invalid { .. })
        ));
        bytes[9] = 0x11;
        assert!(matches!(
            Attribute::from_bytes(&bytes),
            Err(DecodeError::UnknownTag {
                value: 0x11,
                offset: 9,
                ..
            })
        ));
    }

    #[test]
    fn unknown_attributes_are_named() {
        assert!(matches!(
            Attribute::from_bytes(&[0x02]),
            Err(DecodeError::UnknownTag {
                value: 2,
                offset: 0,
                field: "attribute type"
            })
        ));
    }
}
