//! What is durable before a signature leaves.
//!
//! The numbers of the kinds are those of neither protocol's vote log, so the log of a node is not taken for a signer's.

use neo_consensus::vote_log::{LogRecord, Mark};
use neo_primitives::{Decode, DecodeError, Encode, Height, Reader, UInt256};

use crate::statement::{Bond, Phase};

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A statement that binds.
    Signed(Bond),
    /// Nothing is signed up to this height any more.
    Forgotten {
        /// The height.
        through: Height,
    },
    /// What was signed is not known: nothing is signed before a [`Record::Forgotten`] follows.
    Lost,
}

impl LogRecord for Record {
    fn reach(&self) -> Option<Height> {
        match self {
            Self::Signed(bond) => Some(bond.height),
            Self::Forgotten { through } => Some(*through),
            Self::Lost => None,
        }
    }

    fn mark(&self) -> Option<Mark> {
        match self {
            Self::Signed(_) => None,
            Self::Forgotten { through } => Some(Mark::Forgotten { through: *through }),
            Self::Lost => Some(Mark::Silenced),
        }
    }

    fn silenced() -> Self {
        Self::Lost
    }

    /// A signer does not find out by itself that it may sign again: this is an operator's word about the heights below.
    fn resumed(from: Height) -> Self {
        Self::Forgotten {
            through: from.previous().unwrap_or_default(),
        }
    }

    fn forgotten(through: Height) -> Self {
        Self::Forgotten { through }
    }
}

impl Encode for Record {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Signed(bond) => {
                out.extend_from_slice(&[65, bond.phase as u8]);
                out.extend_from_slice(&bond.height.0.to_le_bytes());
                out.extend_from_slice(&bond.view.to_le_bytes());
                bond.digest.encode(out);
            }
            Self::Forgotten { through } => {
                out.push(66);
                out.extend_from_slice(&through.0.to_le_bytes());
            }
            Self::Lost => out.push(67),
        }
    }
}

impl Decode for Record {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.field("kind of record").u8()? {
            65 => {
                let number = reader.field("phase").u8()?;
                let phase = Phase::from_number(number)
                    .ok_or_else(|| reader.invalid(format!("{number} is no phase")))?;
                Self::Signed(Bond {
                    phase,
                    height: Height(reader.field("height").u32()?),
                    view: reader.field("view").u32()?,
                    digest: UInt256::decode(reader.field("digest"))?,
                })
            }
            66 => Self::Forgotten {
                through: Height(reader.field("height").u32()?),
            },
            67 => Self::Lost,
            other => return Err(reader.invalid(format!("{other} is no kind of record"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_consensus::{v2, v3};
    use proptest::prelude::*;

    fn bond() -> impl Strategy<Value = Bond> {
        let phase = proptest::sample::select(Phase::ALL.to_vec());
        (phase, any::<u32>(), any::<u32>(), any::<[u8; 32]>()).prop_map(
            |(phase, height, view, digest)| Bond {
                height: Height(height),
                phase,
                view,
                digest: UInt256::from_wire(digest),
            },
        )
    }

    proptest! {
        #[test]
        fn records_come_back(bond in bond(), through: u32) {
            let through = Height(through);
            for record in [Record::Signed(bond), Record::Forgotten { through }, Record::Lost] {
                prop_assert_eq!(Record::from_bytes(&record.to_bytes()), Ok(record));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(record) = Record::from_bytes(&bytes) {
                prop_assert_eq!(record.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn no_log_of_a_node_reads_as_one_of_a_signer() {
        assert!(Record::from_bytes(&v2::Record::Silenced.to_bytes()).is_err());
        assert!(Record::from_bytes(&v3::Record::Silenced.to_bytes()).is_err());
        assert!(v2::Record::from_bytes(&Record::Lost.to_bytes()).is_err());
        assert!(v3::Record::from_bytes(&Record::Lost.to_bytes()).is_err());
    }
}
