//! The block of the current view on its way from hashes to a checked body.

use std::sync::Arc;

use neo_primitives::{BlockBody, Header, Transaction, UInt256};

use crate::engine::BlockLimits;
use crate::v2::message::Message;

/// What the ledger thinks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// It was not asked.
    Unasked,
    /// It was asked; `fresh` as in the request.
    Asked { fresh: bool },
    /// It may be stored, and voted for if every rule for fresh blocks was applied.
    Passed { fresh: bool },
    /// It is not to be voted for. Without the rules for fresh blocks it may still be stored, unless those
    /// were left out already.
    Refused { fresh: bool },
}

/// A PrepareRequest and what is here of its block.
#[derive(Clone, Debug)]
pub(super) struct Proposal {
    pub(super) message: Message,
    pub(super) header: Header,
    /// Hash of the header.
    pub(super) hash: UInt256,
    pub(super) hashes: Vec<UInt256>,
    transactions: Vec<Option<Arc<Transaction>>>,
    body: Option<Arc<BlockBody>>,
    pub(super) check: Check,
    /// The body is in the vote log.
    pub(super) durable: bool,
}

impl Proposal {
    pub(super) fn new(message: Message, header: Header, hashes: Vec<UInt256>) -> Self {
        let mut proposal = Self {
            message,
            hash: header.hash(),
            header,
            transactions: vec![None; hashes.len()],
            hashes,
            body: None,
            check: Check::Unasked,
            durable: false,
        };
        proposal.complete();
        proposal
    }

    /// With a body that was here before.
    pub(super) fn with_body(mut self, body: Arc<BlockBody>) -> Self {
        if body.hash() == self.hash && body.fits_merkle_root() {
            self.body = Some(body);
            self.transactions = Vec::new();
        }
        self
    }

    pub(super) fn body(&self) -> Option<&Arc<BlockBody>> {
        self.body.as_ref()
    }

    /// Whether transactions are missing.
    pub(super) fn is_missing(&self) -> bool {
        self.body.is_none()
    }

    /// Positions of the missing transactions.
    pub(super) fn missing(&self) -> Vec<u32> {
        let numbered = (0_u32..).zip(&self.transactions);
        numbered
            .filter(|(_, held)| held.is_none())
            .map(|(position, _)| position)
            .collect()
    }

    /// Takes a transaction that may be the one at this position.
    pub(super) fn insert(&mut self, position: usize, transaction: Arc<Transaction>) {
        let fits = self.hashes.get(position) == Some(&transaction.hash());
        if let Some(place) = self.transactions.get_mut(position).filter(|_| fits) {
            *place = Some(transaction);
        }
    }

    /// Makes the body when nothing is missing any more.
    pub(super) fn complete(&mut self) {
        if self.body.is_some() || self.transactions.iter().any(Option::is_none) {
            return;
        }
        let transactions = std::mem::take(&mut self.transactions);
        self.body = Some(Arc::new(BlockBody {
            header: self.header,
            transactions: transactions.into_iter().flatten().collect(),
        }));
    }

    /// Whether size and fees are within the limits of the network.
    pub(super) fn fits(&self, limits: &BlockLimits) -> bool {
        let Some(body) = &self.body else { return false };
        let sizes = body
            .transactions
            .iter()
            .map(|transaction| transaction.size());
        let size = sizes.fold(Header::SIZE, usize::saturating_add);
        let fees = body.transactions.iter();
        let fees = fees.map(|transaction| i128::from(transaction.system_fee().0));
        let fees: i128 = fees.sum();
        u32::try_from(size).is_ok_and(|size| size <= limits.max_block_size)
            && fees <= i128::from(limits.max_block_system_fee.0)
    }
}
