//! Which blocks an account took part in, and what happened there.

use std::{
    collections::BTreeSet,
    ops::{ControlFlow, RangeInclusive},
};

use neo_primitives::{Block, Height, UInt160, UInt256};

use super::{EmbeddedLedger, record::height_key};
use crate::{
    error::LedgerError,
    execution::{Executed, Notification, TransactionOutcome, Trigger, block_log, decode_outcomes},
    reader::{ChainReader as _, StoredTransfer},
    state::StateKey,
    store::{Batch, Table},
};

/// Account in wire order, then the height, so that the blocks of an account stand together in their order.
fn history_key(account: &UInt160, height: Height) -> [u8; 24] {
    let mut key = [0; 24];
    let (head, tail) = key.split_at_mut(20);
    head.copy_from_slice(account.as_wire());
    tail.copy_from_slice(&height.0.to_be_bytes());
    key
}

/// Notes the block at each account that an event of it names. Fees and rewards always write the account.
pub(super) fn write_history(batch: &mut Batch, height: Height, executed: &Executed) {
    let written = executed.layer.writes.keys().filter_map(|key| match key {
        StateKey::Account(_, account) => Some(*account),
        _ => None,
    });
    let events = executed
        .outcomes
        .iter()
        .flat_map(|outcome| &outcome.notifications);
    let named = events.flat_map(|event| [event.from, event.to]).flatten();
    let accounts: BTreeSet<UInt160> = written.chain(named).collect();
    for account in accounts {
        batch.put(Table::History, history_key(&account, height), []);
    }
}

impl EmbeddedLedger {
    /// See [`crate::ChainReader::transfers`].
    pub(super) fn transfers_of(
        &self,
        account: &UInt160,
        times: &RangeInclusive<u64>,
        mut skip: usize,
        most: usize,
    ) -> Result<Vec<StoredTransfer>, LedgerError> {
        let mut found = Vec::new();
        let mut below = Some(self.height());
        while let Some(last) = below {
            let Some(height) = self.last_block_of(account, last)? else {
                break;
            };
            let Some(header) = self.header(height)? else {
                break;
            };
            let timestamp = header.header.timestamp;
            if timestamp < *times.start() || found.len() >= most {
                break;
            }
            if timestamp <= *times.end() {
                let mut events = self.events_of(account, height)?;
                events.reverse();
                let skipped = skip.min(events.len());
                skip = skip.saturating_sub(skipped);
                found.extend(events.into_iter().skip(skipped));
            }
            below = height.0.checked_sub(1).map(Height);
        }
        found.truncate(most);
        Ok(found)
    }

    /// The last height up to `last` at which the account took part in a block.
    fn last_block_of(
        &self,
        account: &UInt160,
        last: Height,
    ) -> Result<Option<Height>, LedgerError> {
        let (first, last) = (
            history_key(account, self.lowest()),
            history_key(account, last),
        );
        let mut height = None;
        let mut visit = |key: &[u8], _: &[u8]| {
            let tail = key.get(20..).and_then(|tail| tail.try_into().ok());
            height = tail.map(|bytes| Height(u32::from_be_bytes(bytes)));
            ControlFlow::Break(())
        };
        self.store
            .reader()?
            .backwards(Table::History, &first, &last, &mut visit)?;
        Ok(height)
    }

    /// The account's events of a block, in order.
    fn events_of(
        &self,
        account: &UInt160,
        height: Height,
    ) -> Result<Vec<StoredTransfer>, LedgerError> {
        let Some(block) = self.block(height)? else {
            return Ok(Vec::new());
        };
        let hash = block.hash();
        let mut events = Vec::new();
        let mut add = |container: UInt256, emitted: &[Notification]| {
            for (event, position) in emitted.iter().zip(0..) {
                for (side, received) in [(event.from, false), (event.to, true)] {
                    if side == Some(*account) {
                        events.push(StoredTransfer {
                            event: *event,
                            received,
                            height,
                            timestamp: block.header.timestamp,
                            container,
                            position,
                        });
                    }
                }
            }
        };
        let logs = block_log(&self.config, &block.header, &block.transactions);
        let (after, before): (Vec<_>, Vec<_>) = logs
            .iter()
            .partition(|log| log.trigger == Trigger::PostPersist);
        before.iter().for_each(|log| add(hash, &log.notifications));
        for (transaction, outcome) in block.transactions.iter().zip(self.outcomes_of(&block)?) {
            // A log shows what a script emitted before it faulted, but nothing of it happened.
            if outcome.fault.is_none() {
                add(transaction.hash(), &outcome.notifications);
            }
        }
        after.iter().for_each(|log| add(hash, &log.notifications));
        Ok(events)
    }

    fn outcomes_of(&self, block: &Block) -> Result<Vec<TransactionOutcome>, LedgerError> {
        let mut outcomes = None;
        let key = height_key(block.header.index);
        let mut read = |bytes: &[u8]| {
            outcomes = Some(decode_outcomes(bytes, block.transactions.len()));
        };
        self.store
            .reader()?
            .read(Table::Outcomes, &key, &mut read)?;
        let damaged = |source| LedgerError::Damaged {
            what: "outcomes of a block",
            source,
        };
        outcomes
            .ok_or_else(|| {
                LedgerError::Inconsistent(format!("block {} has no outcomes", block.header.index))
            })?
            .map_err(damaged)
    }
}
