//! What travels between nodes.

use std::rc::Rc;
use std::sync::Arc;

use neo_consensus::engine::Fetch;
use neo_primitives::{Block, BlockBody, Height, Transaction, UInt160, UInt256};

use super::protocol::Simulated;
use crate::plan::Part;
use crate::trace::{Kind, Transmission};

/// Bytes of a question besides what it lists.
const QUESTION_BYTES: usize = 64;

/// One message from one node to another.
pub(super) struct Parcel<P: Simulated> {
    pub(super) id: u64,
    pub(super) from: usize,
    pub(super) to: usize,
    /// Who passed it on, when its own way was dead.
    pub(super) via: Option<usize>,
    /// It repeats an earlier one.
    pub(super) again: bool,
    pub(super) wire: Wire<P>,
}

impl<P: Simulated> Clone for Parcel<P> {
    fn clone(&self) -> Self {
        Self {
            wire: Rc::clone(&self.wire),
            ..*self
        }
    }
}

/// What is the same for all receivers of a message.
pub(super) type Wire<P> = Rc<Freight<P>>;

/// The content of a message, with what filters and traces look at.
pub(super) struct Freight<P: Simulated> {
    pub(super) kind: Kind,
    pub(super) height: u32,
    pub(super) view: u32,
    pub(super) block: Option<UInt256>,
    pub(super) bytes: usize,
    pub(super) content: Content<P>,
}

/// What is inside.
pub(super) enum Content<P: Simulated> {
    /// A message of consensus, decoded from its bytes.
    Message(P::Message),
    /// Bytes that are none.
    Garbage,
    /// A question.
    Question { number: u64, question: Question },
    /// The answer to the question with this number.
    Answer { number: u64, answer: Answer },
}

/// What a node asks another for.
#[derive(Clone)]
pub(super) enum Question {
    Body(UInt256),
    Hashes(UInt256),
    Transactions(UInt256, Vec<u32>),
    /// Transactions by their own hashes, of a block whose hash no peer may know: what dBFT 2.0 asks.
    Listed(UInt256, Vec<(u32, UInt256)>),
    Blocks(Height),
}

/// What it gets.
pub(super) enum Answer {
    Body(Option<Arc<BlockBody>>),
    Hashes(Option<Vec<UInt256>>),
    Transactions(Vec<Option<Arc<Transaction>>>),
    Blocks(Vec<Arc<Block>>),
}

impl Question {
    /// What is asked of each peer of a fetch.
    pub(super) fn of(fetch: &Fetch) -> Self {
        match fetch {
            Fetch::Body { hash, .. } => Self::Body(*hash),
            Fetch::Hashes { hash, .. } => Self::Hashes(*hash),
            Fetch::Transactions {
                hash, positions, ..
            } => Self::Transactions(*hash, positions.clone()),
            Fetch::Blocks { start, .. } => Self::Blocks(*start),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Body(_) => "body",
            Self::Hashes(_) => "hashes",
            Self::Transactions(..) | Self::Listed(..) => "transactions",
            Self::Blocks(_) => "blocks",
        }
    }

    pub(super) fn block(&self) -> Option<UInt256> {
        match self {
            Self::Body(hash)
            | Self::Hashes(hash)
            | Self::Transactions(hash, _)
            | Self::Listed(hash, _) => Some(*hash),
            Self::Blocks(_) => None,
        }
    }
}

impl<P: Simulated> Freight<P> {
    /// A message of consensus, through its bytes. None when they do not decode to the same message.
    pub(super) fn message(
        message: &P::Message,
        timestamp_ns: u64,
        next_consensus: &UInt160,
    ) -> Option<Self> {
        let bytes = P::write(message, timestamp_ns);
        Some(Self::decoded(P::read(&bytes)?, bytes.len(), next_consensus))
    }

    /// Bytes that may be a message.
    pub(super) fn bytes(bytes: &[u8], next_consensus: &UInt160) -> Self {
        match P::read(bytes) {
            Some(message) => Self::decoded(message, bytes.len(), next_consensus),
            None => Self {
                kind: Kind::Garbage,
                height: 0,
                view: 0,
                block: None,
                bytes: bytes.len(),
                content: Content::Garbage,
            },
        }
    }

    fn decoded(message: P::Message, bytes: usize, next_consensus: &UInt160) -> Self {
        let label = P::label(&message, next_consensus);
        Self {
            kind: label.kind,
            height: label.height,
            view: label.view,
            block: label.block,
            bytes,
            content: Content::Message(message),
        }
    }

    pub(super) fn question(number: u64, question: Question) -> Self {
        let (kind, height) = match &question {
            Question::Blocks(start) => (Kind::Sync, start.0),
            _ => (Kind::Fetch, 0),
        };
        let listed = match &question {
            Question::Transactions(_, positions) => positions.len().saturating_mul(4),
            Question::Listed(_, wanted) => wanted.len().saturating_mul(32),
            _ => 0,
        };
        Self {
            kind,
            height,
            view: 0,
            block: question.block(),
            bytes: QUESTION_BYTES.saturating_add(listed),
            content: Content::Question { number, question },
        }
    }

    pub(super) fn answer(number: u64, answer: Answer) -> Self {
        let (kind, height, block) = match &answer {
            Answer::Blocks(blocks) => {
                let first = blocks.first().map_or(0, |block| block.header.index.0);
                (Kind::SyncAnswer, first, None)
            }
            Answer::Body(body) => {
                let hash = body.as_ref().map(|body| body.hash());
                (Kind::FetchAnswer, 0, hash)
            }
            _ => (Kind::FetchAnswer, 0, None),
        };
        let transactions = |list: &[Arc<Transaction>]| -> usize {
            list.iter().map(|transaction| transaction.size()).sum()
        };
        let length = match &answer {
            Answer::Blocks(blocks) => blocks
                .iter()
                .map(|block| {
                    let witness = block.witness.invocation.len() + block.witness.verification.len();
                    120 + witness + transactions(&block.transactions)
                })
                .sum(),
            Answer::Body(body) => body
                .as_ref()
                .map_or(0, |body| 112 + transactions(&body.transactions)),
            Answer::Hashes(hashes) => hashes.as_ref().map_or(0, |hashes| 32 * hashes.len()),
            Answer::Transactions(found) => found
                .iter()
                .flatten()
                .map(|transaction| transaction.size())
                .sum(),
        };
        Self {
            kind,
            height,
            view: 0,
            block,
            bytes: QUESTION_BYTES.saturating_add(length),
            content: Content::Answer { number, answer },
        }
    }

    /// Whether it carries a part.
    pub(super) fn carries(&self, part: Part) -> bool {
        match &self.content {
            Content::Message(message) => P::carries(message, part),
            _ => false,
        }
    }
}

impl<P: Simulated> Parcel<P> {
    /// Over whose connection it comes.
    pub(super) fn bearer(&self) -> usize {
        self.via.unwrap_or(self.from)
    }

    /// As traces show it.
    pub(super) fn transmission(&self) -> Transmission {
        Transmission {
            id: self.id,
            from: u16::try_from(self.from).unwrap_or(u16::MAX),
            to: u16::try_from(self.to).unwrap_or(u16::MAX),
            kind: self.wire.kind,
            height: self.wire.height,
            view: self.wire.view,
            block: self.wire.block,
            bytes: u32::try_from(self.wire.bytes).unwrap_or(u32::MAX),
            again: self.again,
        }
    }
}
