//! Opening and leaving heights with the ledger.

use std::collections::BTreeSet;

use neo_primitives::{Height, UInt256};

use super::{SILENT_TIMES, V2Actions, V2Engine};
use crate::engine::{HeightInfo, LedgerAction, LedgerEvent, Notice, Now};
use crate::v2::height::{HeightState, Opening};
use crate::v2::record::Record;
use crate::v2::timing;

impl V2Engine {
    pub(super) fn open_at(&mut self, height: Height) -> Option<&mut HeightState> {
        self.open.as_mut().filter(|open| open.height() == height)
    }

    pub(super) fn ledger(&mut self, now: Now, event: LedgerEvent, actions: &mut V2Actions) {
        match event {
            LedgerEvent::Opened(info) => return self.opened(now, info, actions),
            LedgerEvent::Stored { height, hash } => return self.stored(height, hash, actions),
            LedgerEvent::Pool { transactions: 0 } | LedgerEvent::Promoted { .. } => return,
            LedgerEvent::Pool { .. } => self.pool_filled = true,
            _ => {}
        }
        let Some(open) = &mut self.open else { return };
        match event {
            LedgerEvent::Built(body) => open.take_built(now, body, actions),
            LedgerEvent::Found { hash, transactions } => {
                open.take_found(&hash, transactions, actions);
                open.look_again_if_missing(now, actions);
            }
            LedgerEvent::Checked { hash, result } => {
                open.take_checked(now, &hash, result, actions);
            }
            LedgerEvent::Pool { .. } => open.pool_filled(now, actions),
            LedgerEvent::Opened(_) | LedgerEvent::Promoted { .. } | LedgerEvent::Stored { .. } => {}
        }
        open.advance(now, actions);
    }

    fn opened(&mut self, now: Now, info: HeightInfo, actions: &mut V2Actions) {
        self.opening = None;
        let height = info.height;
        if height != self.stored.next() || info.parent_hash != self.tip || self.open.is_some() {
            return;
        }
        self.end_silence(&info, actions);
        let own = self.settings.own.clone();
        let own = own.filter(|_| !self.silent && height >= self.votes_from);
        let voice = own.and_then(|key| Some((info.validators.index_of(&key)?, key)));
        let previous = self.previous.filter(|(of, _)| of.next() == height);
        let opening = Opening {
            filled: info.pool > 0 || self.pool_filled,
            info,
            voice,
            previous: previous.map(|(_, at)| at),
            max_block_time: self.settings.max_block_time,
            last_seen: std::mem::take(&mut self.last_seen),
            #[cfg(feature = "mutation")]
            mutation: self.settings.mutation,
        };
        actions.notices.push(Notice::Opened { height });
        let Some(mut open) = HeightState::open(now, opening, actions) else {
            return;
        };
        let own: Vec<_> = self
            .records
            .iter()
            .filter(|record| record.height() == Some(height))
            .cloned()
            .collect();
        self.records
            .retain(|record| record.height().is_some_and(|at| at > height));
        if !own.is_empty() {
            open.restore(now, own, actions);
        }
        let members: BTreeSet<_> = open.info.validators.keys().iter().collect();
        self.connected.retain(|key| members.contains(key));
        self.context = Some(std::sync::Arc::clone(&open.context));
        if std::mem::take(&mut self.fresh) {
            open.request_recovery(now, actions);
        }
        open.advance(now, actions);
        self.ahead = self.ahead.take().filter(|(at, _)| *at > height);
        if self.ahead.is_some() {
            open.look_again(now, actions);
        }
        self.open = Some(open);
        self.release(height, actions);
    }

    /// A block that is certainly younger than the loss of the vote log ends the silence.
    fn end_silence(&mut self, info: &HeightInfo, actions: &mut V2Actions) {
        let times = timing::unit(info.block_time).saturating_mul(SILENT_TIMES);
        let times = u64::try_from(times.as_millis()).unwrap_or(u64::MAX);
        if self.silent && info.parent.timestamp > self.began.saturating_add(times) {
            self.silent = false;
            self.records.clear();
            self.votes_from = self.votes_from.max(info.height);
            if self.settings.own.is_some() {
                let from = info.height;
                actions.persist.push(Record::Resumed { from });
                actions.notices.push(Notice::Voting { from });
            }
        }
    }

    fn stored(&mut self, height: Height, hash: UInt256, actions: &mut V2Actions) {
        if height <= self.stored {
            return;
        }
        self.stored = height;
        self.tip = hash;
        self.opening = None;
        if let Some(mut open) = self.open.take() {
            open.stop_timers(actions);
            self.last_seen = std::mem::take(&mut open.last_seen);
            self.previous = open.prepared_at.map(|at| (open.height(), at));
        }
        self.records
            .retain(|record| record.height().is_some_and(|at| at > height));
        self.buffered.retain(|(at, _, _), _| *at > height);
        actions.notices.push(Notice::Stored { height, hash });
    }

    /// Asks the ledger for the next height when none is open.
    pub(super) fn settle(&mut self, actions: &mut V2Actions) {
        if self.started && self.open.is_none() && self.opening.is_none() {
            self.opening = Some(self.tip);
            self.pool_filled = false;
            actions.ledger.push(LedgerAction::Open { parent: self.tip });
        }
    }
}
