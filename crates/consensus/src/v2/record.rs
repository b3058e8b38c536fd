//! Records of the vote log: what must be durable before a message leaves.
//!
//! C# writes its context when it commits, neo-go writes nothing. Here every message that binds is written,
//! so a validator that starts again neither forgets nor contradicts one; and with a Commit all that led to it.
//! The numbers of the kinds are none of dBFT 3.0's: a log of one protocol does not read as one of the other.

use std::sync::Arc;

use neo_primitives::codec::write_var_int;
use neo_primitives::{BlockBody, Decode, DecodeError, Encode, Height, Reader};

use super::message::Message;
use crate::vote_log::{LogRecord, Mark};

/// The log is the node's own: it takes witness scripts of any length that a network may allow.
const WITNESS_LIMIT: u32 = 65_535;
/// Most messages of one context: preparations, ChangeViews and Commits of 255 validators.
const MAX_MESSAGES: u64 = 3 * 255;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// An own signed message.
    Own(Message),
    /// Header and transactions of a block that this node proposed, prepared or commits to.
    Body(Arc<BlockBody>),
    /// What this node holds: written before its Commit, and when it enters a view.
    Context {
        /// The height.
        height: Height,
        /// The view.
        view: u8,
        /// Verified messages: ChangeViews that led into the view, preparations of it, Commits.
        messages: Vec<Message>,
    },
    /// The log began without its past: silent until a [`Record::Resumed`] follows.
    Silenced,
    /// A block was made since that cannot be older than the loss; votes from this height on.
    Resumed {
        /// First height voted on.
        from: Height,
    },
    /// Older records were dropped: nothing is voted up to this height, should the store be put back.
    Forgotten {
        /// Greatest height that they were about.
        through: Height,
    },
}

impl Record {
    /// The height that it belongs to, if to one.
    #[must_use]
    pub fn height(&self) -> Option<Height> {
        match self {
            Self::Own(message) => Some(message.height()),
            Self::Body(body) => Some(body.header.index),
            Self::Context { height, .. } => Some(*height),
            Self::Silenced | Self::Resumed { .. } | Self::Forgotten { .. } => None,
        }
    }
}

impl LogRecord for Record {
    fn reach(&self) -> Option<Height> {
        match self {
            Self::Forgotten { through } => Some(*through),
            Self::Resumed { from } => from.previous(),
            _ => self.height(),
        }
    }

    fn mark(&self) -> Option<Mark> {
        match self {
            Self::Silenced => Some(Mark::Silenced),
            Self::Resumed { .. } => Some(Mark::Resumed),
            Self::Forgotten { through } => Some(Mark::Forgotten { through: *through }),
            Self::Own(_) | Self::Body(_) | Self::Context { .. } => None,
        }
    }

    fn silenced() -> Self {
        Self::Silenced
    }

    fn forgotten(through: Height) -> Self {
        Self::Forgotten { through }
    }

    fn resumed(from: Height) -> Self {
        Self::Resumed { from }
    }
}

impl Encode for Record {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Own(message) => {
                out.push(33);
                message.encode(out);
            }
            Self::Body(body) => {
                out.push(34);
                body.encode(out);
            }
            Self::Context {
                height,
                view,
                messages,
            } => {
                out.push(35);
                out.extend_from_slice(&height.0.to_le_bytes());
                out.push(*view);
                write_var_int(out, messages.len() as u64);
                messages.iter().for_each(|message| message.encode(out));
            }
            Self::Silenced => out.push(36),
            Self::Resumed { from } => {
                out.push(37);
                out.extend_from_slice(&from.0.to_le_bytes());
            }
            Self::Forgotten { through } => {
                out.push(38);
                out.extend_from_slice(&through.0.to_le_bytes());
            }
        }
    }
}

impl Decode for Record {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.field("kind of record").u8()? {
            33 => Self::Own(Message::decode(reader)?),
            34 => Self::Body(Arc::new(BlockBody::decode_with_limit(
                reader,
                WITNESS_LIMIT,
            )?)),
            35 => {
                let height = Height(reader.field("height").u32()?);
                let view = reader.field("view").u8()?;
                // The least payload: category, heights, sender, data, witness.
                let count = reader.field("messages").count(MAX_MESSAGES, 33)?;
                Self::Context {
                    height,
                    view,
                    messages: reader.list(count, Message::decode)?,
                }
            }
            36 => Self::Silenced,
            37 => Self::Resumed {
                from: Height(reader.field("height").u32()?),
            },
            38 => Self::Forgotten {
                through: Height(reader.field("height").u32()?),
            },
            other => return Err(reader.invalid(format!("{other} is no kind of record"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v2::testing::arbitrary;
    use crate::v2::testing::sealed;
    use crate::vote_log::{Condition, Identity, MemoryMedium, VoteLog};
    use neo_primitives::{Magic, UInt256};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn messages_survive_the_log(contents in proptest::collection::vec(arbitrary::content(), 1..4)) {
            let messages: Vec<_> = contents.into_iter().filter_map(sealed).collect();
            for message in &messages {
                let record = Record::Own(message.clone());
                prop_assert_eq!(Record::from_bytes(&record.to_bytes()).unwrap(), record);
            }
            let record = Record::Context { height: Height(7), view: 3, messages };
            prop_assert_eq!(Record::from_bytes(&record.to_bytes()).unwrap(), record);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Record::from_bytes(&bytes);
        }
    }

    #[test]
    fn marks_survive_the_log_and_say_how_far_they_reach() {
        let through = Height(8);
        for (record, mark, reach) in [
            (Record::silenced(), Mark::Silenced, None),
            (
                Record::Resumed { from: Height(9) },
                Mark::Resumed,
                Some(through),
            ),
            (
                Record::forgotten(through),
                Mark::Forgotten { through },
                Some(through),
            ),
        ] {
            assert_eq!(Record::from_bytes(&record.to_bytes()).unwrap(), record);
            assert_eq!((record.mark(), record.reach()), (Some(mark), reach));
            assert_eq!(record.height(), None);
        }
    }

    #[test]
    fn a_log_of_one_protocol_is_not_read_as_one_of_the_other() {
        let identity = || Identity {
            magic: Magic(1),
            genesis: UInt256::ZERO,
            validator: crate::v3::testing::keys(1)[0].public_key().clone(),
        };
        let mut log = VoteLog::initialise(MemoryMedium::default(), identity()).unwrap();
        log.append(&[Record::Resumed { from: Height(4) }]).unwrap();
        let medium = log.into_medium();
        let own = VoteLog::open::<Record>(medium.clone(), identity()).unwrap();
        assert_eq!(own.condition, Condition::Intact { torn: 0 });
        let other = VoteLog::open::<crate::v3::Record>(medium, identity()).unwrap();
        assert!(matches!(other.condition, Condition::Damaged { .. }));
        let mut log = VoteLog::initialise(MemoryMedium::default(), identity()).unwrap();
        log.append(&[crate::v3::Record::Silenced]).unwrap();
        let other = VoteLog::open::<Record>(log.into_medium(), identity()).unwrap();
        assert!(matches!(other.condition, Condition::Damaged { .. }));
    }
}
