//! Records of the vote log: what must be durable before a message leaves (protocol section 5, rule 8).

use std::sync::Arc;

use neo_primitives::{BlockBody, Decode, DecodeError, Encode, Height, Reader};

use super::certificate::{Decision, PreparedCertificate, ViewChangeCertificate};
use super::message::Message;

/// The log is the node's own: it takes witness scripts of any length that a network may allow.
const WITNESS_LIMIT: u32 = 65_535;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// An own signed message.
    Own(Message),
    /// Header and transactions of a block that this node prepared.
    Body(Arc<BlockBody>),
    /// A prepared certificate.
    Prepared {
        /// Its height.
        height: Height,
        /// The certificate.
        certificate: PreparedCertificate,
    },
    /// The view-change certificate by which a view was entered.
    ViewChange {
        /// Its height.
        height: Height,
        /// The certificate.
        certificate: ViewChangeCertificate,
    },
    /// What decided a height.
    Decision {
        /// The height.
        height: Height,
        /// The proof.
        decision: Decision,
    },
    /// The log began without its past: silent until a [`Record::Resumed`] follows.
    Silenced,
    /// Enough blocks were stored since; votes from this height on.
    Resumed {
        /// First height voted on.
        from: Height,
    },
    /// Older records are dropped behind this one: of votes up to here nothing is known any more.
    Forgotten {
        /// Greatest height that the dropped records say anything about.
        through: Height,
    },
}

impl Record {
    /// Greatest height that it says anything about: its own, or the greatest that a mark speaks of.
    #[must_use]
    pub fn reach(&self) -> Option<Height> {
        match self {
            Self::Resumed { from } => Some(Height(from.0.saturating_sub(1))),
            Self::Forgotten { through } => Some(*through),
            other => other.height(),
        }
    }

    /// The height it belongs to, if to one.
    #[must_use]
    pub fn height(&self) -> Option<Height> {
        match self {
            Self::Own(message) => Some(message.height),
            Self::Body(body) => Some(body.header.index),
            Self::Prepared { height, .. }
            | Self::ViewChange { height, .. }
            | Self::Decision { height, .. } => Some(*height),
            Self::Silenced | Self::Resumed { .. } | Self::Forgotten { .. } => None,
        }
    }
}

impl Encode for Record {
    fn encode(&self, out: &mut Vec<u8>) {
        let tag = |out: &mut Vec<u8>, number: u8, height: Height| {
            out.push(number);
            out.extend_from_slice(&height.0.to_le_bytes());
        };
        match self {
            Self::Own(message) => {
                out.push(1);
                message.encode(out);
            }
            Self::Body(body) => {
                out.push(2);
                body.encode(out);
            }
            Self::Prepared {
                height,
                certificate,
            } => {
                tag(out, 3, *height);
                certificate.encode(out);
            }
            Self::ViewChange {
                height,
                certificate,
            } => {
                tag(out, 4, *height);
                certificate.encode(out);
            }
            Self::Decision { height, decision } => {
                tag(out, 5, *height);
                decision.encode(out);
            }
            Self::Silenced => out.push(6),
            Self::Resumed { from } => tag(out, 7, *from),
            Self::Forgotten { through } => tag(out, 8, *through),
        }
    }
}

impl Decode for Record {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = reader.field("kind of record").u8()?;
        let height = |reader: &mut Reader<'_>| reader.field("height").u32().map(Height);
        Ok(match kind {
            1 => Self::Own(Message::decode(reader)?),
            2 => Self::Body(Arc::new(BlockBody::decode_with_limit(
                reader,
                WITNESS_LIMIT,
            )?)),
            3 => Self::Prepared {
                height: height(reader)?,
                certificate: PreparedCertificate::decode(reader)?,
            },
            4 => Self::ViewChange {
                height: height(reader)?,
                certificate: ViewChangeCertificate::decode(reader)?,
            },
            5 => Self::Decision {
                height: height(reader)?,
                decision: Decision::decode(reader)?,
            },
            6 => Self::Silenced,
            7 => Self::Resumed {
                from: height(reader)?,
            },
            8 => Self::Forgotten {
                through: height(reader)?,
            },
            other => return Err(reader.invalid(format!("{other} is no kind of record"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v3::testing::arbitrary;
    use neo_primitives::{
        Datoshi, Header, Signer, UInt160, UInt256, UnsignedTransaction, ValidatorIndex, Witness,
        WitnessScope,
    };
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn own_messages_survive_the_log(message in arbitrary::vote()) {
            let record = Record::Own(message);
            prop_assert_eq!(Record::from_bytes(&record.to_bytes()).unwrap(), record);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Record::from_bytes(&bytes);
        }
    }

    #[test]
    fn bodies_of_networks_with_long_witnesses_survive_the_log() {
        let unsigned = UnsignedTransaction {
            nonce: 1,
            system_fee: Datoshi(0),
            network_fee: Datoshi(0),
            valid_until: Height(9),
            signers: vec![Signer::new(UInt160::ZERO, WitnessScope::NONE)],
            attributes: vec![],
            script: vec![0x40],
        };
        let witness = Witness {
            invocation: vec![1; 9000],
            verification: vec![2; 9000],
        };
        let transaction = Arc::new(unsigned.into_signed(vec![witness]).unwrap());
        let header = Header {
            version: 0,
            prev_hash: UInt256::ZERO,
            merkle_root: transaction.hash(),
            timestamp: 1,
            nonce: 2,
            index: Height(3),
            primary_index: ValidatorIndex(0),
            next_consensus: UInt160::ZERO,
        };
        let body = BlockBody {
            header,
            transactions: vec![transaction],
        };
        let record = Record::Body(Arc::new(body));
        assert_eq!(Record::from_bytes(&record.to_bytes()).unwrap(), record);
    }

    #[test]
    fn marks_of_silence_survive_the_log() {
        let through = Height(8);
        for record in [
            Record::Silenced,
            Record::Resumed { from: Height(9) },
            Record::Forgotten { through },
        ] {
            assert_eq!(Record::from_bytes(&record.to_bytes()).unwrap(), record);
        }
    }
}
