//! What waits to be sent to one peer.
//!
//! Messages wait by priority. There are two lanes out of the queue, each its own substream: *express* for
//! consensus messages up to [`EXPRESS_ITEM`] bytes, *bulk* for everything else, so that a vote never stands
//! behind a megabyte. A lane takes all that waits, highest priority first, up to one frame.
//! What exceeds the limits is dropped, lowest priority first, oldest first.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{frame::MESSAGE_HEAD, kind::Kind, priority::Priority};

/// Longest message on the express lane, in bytes.
pub(crate) const EXPRESS_ITEM: usize = 32 << 10;

/// The two substreams that messages leave by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Express,
    Bulk,
}

impl Exit {
    fn of(kind: Kind, priority: Priority, length: usize) -> Exit {
        // Strangers get evidence, too, and they have no express lane.
        let express = priority.is_consensus() && kind != Kind::Evidence && length <= EXPRESS_ITEM;
        match express {
            true => Exit::Express,
            false => Exit::Bulk,
        }
    }

    /// Bytes, heads of messages included, that a frame holds if it holds more than one message.
    fn frame_fill(self) -> usize {
        match self {
            Exit::Express => EXPRESS_ITEM,
            Exit::Bulk => 128 << 10,
        }
    }
}

/// Messages and bytes that were dropped, by priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) items: [u64; Priority::COUNT],
    pub(crate) bytes: [u64; Priority::COUNT],
}

#[derive(Debug)]
struct Waiting {
    /// Order of arrival over both exits, for dropping the oldest.
    number: u64,
    kind: Kind,
    payload: Bytes,
}

/// The queue itself, without any waiting or waking.
#[derive(Debug)]
pub(crate) struct OutboundQueue {
    express: [VecDeque<Waiting>; Priority::COUNT],
    bulk: [VecDeque<Waiting>; Priority::COUNT],
    bytes: usize,
    items: usize,
    max_bytes: usize,
    max_items: usize,
    next_number: u64,
}

impl OutboundQueue {
    pub(crate) fn new(max_bytes: usize, max_items: usize) -> Self {
        Self {
            express: Default::default(),
            bulk: Default::default(),
            bytes: 0,
            items: 0,
            max_bytes,
            max_items,
            next_number: 0,
        }
    }

    fn class(&mut self, exit: Exit, priority: Priority) -> &mut VecDeque<Waiting> {
        let classes = match exit {
            Exit::Express => &mut self.express,
            Exit::Bulk => &mut self.bulk,
        };
        &mut classes[priority.index()]
    }

    /// Adds a message, then drops what exceeds the limits; that can be the message itself.
    pub(crate) fn push(
        &mut self,
        kind: Kind,
        priority: Priority,
        payload: Bytes,
        dropped: &mut Dropped,
    ) -> Exit {
        let exit = Exit::of(kind, priority, payload.len());
        let number = self.next_number;
        self.next_number = self.next_number.wrapping_add(1);
        self.bytes = self.bytes.saturating_add(payload.len());
        self.items = self.items.saturating_add(1);
        self.class(exit, priority).push_back(Waiting {
            number,
            kind,
            payload,
        });
        while (self.bytes > self.max_bytes || self.items > self.max_items) && self.drop_one(dropped)
        {
        }
        exit
    }

    fn drop_one(&mut self, dropped: &mut Dropped) -> bool {
        for priority in Priority::ALL.into_iter().rev() {
            let express = self
                .class(Exit::Express, priority)
                .front()
                .map(|w| w.number);
            let bulk = self.class(Exit::Bulk, priority).front().map(|w| w.number);
            let exit = match (express, bulk) {
                (None, None) => continue,
                (Some(_), None) => Exit::Express,
                (None, Some(_)) => Exit::Bulk,
                (Some(e), Some(b)) if e < b => Exit::Express,
                (Some(_), Some(_)) => Exit::Bulk,
            };
            return self.remove_front(exit, priority, dropped);
        }
        false
    }

    fn remove_front(&mut self, exit: Exit, priority: Priority, dropped: &mut Dropped) -> bool {
        let Some(gone) = self.class(exit, priority).pop_front() else {
            return false;
        };
        self.bytes = self.bytes.saturating_sub(gone.payload.len());
        self.items = self.items.saturating_sub(1);
        dropped.items[priority.index()] += 1;
        dropped.bytes[priority.index()] += gone.payload.len() as u64;
        true
    }

    /// Moves the next frame's messages to `frame`, highest priority first. At least one message if any waits;
    /// more as long as they fit together.
    pub(crate) fn take(&mut self, exit: Exit, frame: &mut Vec<(Kind, Bytes)>) {
        let mut room = exit.frame_fill();
        for priority in Priority::ALL {
            while let Some(first) = self.class(exit, priority).front() {
                let length = first.payload.len();
                if MESSAGE_HEAD + length > room && !frame.is_empty() {
                    return;
                }
                let Some(waiting) = self.class(exit, priority).pop_front() else {
                    break;
                };
                room = room.saturating_sub(MESSAGE_HEAD + length);
                self.bytes = self.bytes.saturating_sub(length);
                self.items = self.items.saturating_sub(1);
                frame.push((waiting.kind, waiting.payload));
            }
        }
    }

    /// Drops all consensus messages, for a peer that is no validator any more.
    pub(crate) fn drop_consensus(&mut self, dropped: &mut Dropped) {
        for priority in Priority::ALL.into_iter().filter(|p| p.is_consensus()) {
            for exit in [Exit::Express, Exit::Bulk] {
                while self.remove_front(exit, priority, dropped) {}
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How full it is, in thousandths: of its bytes or of its messages, whichever is more.
    fn per_mille(&self) -> u64 {
        let share = |held: usize, most: usize| held.saturating_mul(1_000) / most.max(1);
        let fullest = share(self.bytes, self.max_bytes).max(share(self.items, self.max_items));
        u64::try_from(fullest).unwrap_or(u64::MAX).min(1_000)
    }
}

/// The queue shared by those who send and the two tasks that write.
#[derive(Debug)]
pub(crate) struct PeerQueue {
    queue: Mutex<OutboundQueue>,
    express: Notify,
    bulk: Notify,
}

impl PeerQueue {
    pub(crate) fn new(max_bytes: usize, max_items: usize) -> Self {
        Self {
            queue: Mutex::new(OutboundQueue::new(max_bytes, max_items)),
            express: Notify::new(),
            bulk: Notify::new(),
        }
    }

    /// Queues a message for the peer itself and wakes its writer. Returns what had to be dropped for it.
    pub(crate) fn push(&self, priority: Priority, payload: Bytes) -> Dropped {
        self.push_kind(Kind::Own(priority), priority, payload)
    }

    /// Queues a message of any kind, to leave as messages of `priority` do.
    pub(crate) fn push_kind(&self, kind: Kind, priority: Priority, payload: Bytes) -> Dropped {
        let mut dropped = Dropped::default();
        let exit = self
            .queue
            .lock()
            .push(kind, priority, payload, &mut dropped);
        self.bell(exit).notify_one();
        dropped
    }

    /// Waits until something is there for `exit`, then moves one frame of it to `frame`, which must be empty.
    pub(crate) async fn next(&self, exit: Exit, frame: &mut Vec<(Kind, Bytes)>) {
        loop {
            self.queue.lock().take(exit, frame);
            if !frame.is_empty() {
                return;
            }
            self.bell(exit).notified().await;
        }
    }

    pub(crate) fn drop_consensus(&self) -> Dropped {
        let mut dropped = Dropped::default();
        self.queue.lock().drop_consensus(&mut dropped);
        dropped
    }

    pub(crate) fn bytes(&self) -> usize {
        self.queue.lock().bytes()
    }

    pub(crate) fn per_mille(&self) -> u64 {
        self.queue.lock().per_mille()
    }

    fn bell(&self, exit: Exit) -> &Notify {
        match exit {
            Exit::Express => &self.express,
            Exit::Bulk => &self.bulk,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn message(tag: u8, length: usize) -> Bytes {
        Bytes::from(vec![tag; length])
    }

    fn taken(queue: &mut OutboundQueue, exit: Exit) -> Vec<(Priority, Bytes)> {
        let mut frame = Vec::new();
        queue.take(exit, &mut frame);
        frame
            .into_iter()
            .map(|(kind, payload)| match kind {
                Kind::Own(priority) => (priority, payload),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    impl OutboundQueue {
        fn push_own(&mut self, priority: Priority, payload: Bytes, dropped: &mut Dropped) -> Exit {
            self.push(Kind::Own(priority), priority, payload, dropped)
        }
    }

    #[test]
    fn it_is_as_full_as_the_fuller_of_its_two_limits() {
        let mut queue = OutboundQueue::new(1_000, 10);
        let mut dropped = Dropped::default();
        assert_eq!(queue.per_mille(), 0);
        queue.push_own(Priority::Commit, message(1, 10), &mut dropped);
        assert_eq!(queue.per_mille(), 100, "one of ten messages");
        queue.push_own(Priority::Commit, message(1, 890), &mut dropped);
        assert_eq!(queue.per_mille(), 900, "900 of 1,000 bytes");
    }

    #[test]
    fn a_frame_takes_what_waits_together_highest_priority_first() {
        let mut queue = OutboundQueue::new(1 << 20, 100);
        let mut dropped = Dropped::default();
        for priority in [
            Priority::Prepare,
            Priority::Commit,
            Priority::Recovery,
            Priority::Commit,
        ] {
            queue.push_own(priority, message(priority as u8, 200), &mut dropped);
        }
        queue.push_own(Priority::Transactions, message(6, 200), &mut dropped);
        let order: Vec<_> = taken(&mut queue, Exit::Express)
            .iter()
            .map(|(p, _)| *p)
            .collect();
        assert_eq!(
            order,
            [
                Priority::Commit,
                Priority::Commit,
                Priority::Prepare,
                Priority::Recovery
            ]
        );
        assert_eq!(taken(&mut queue, Exit::Bulk).len(), 1);
        assert_eq!((queue.bytes(), dropped), (0, Dropped::default()));
    }

    #[test]
    fn a_large_proposal_leaves_by_the_bulk_exit_before_transactions() {
        let mut queue = OutboundQueue::new(16 << 20, 100);
        let mut dropped = Dropped::default();
        queue.push_own(Priority::Transactions, message(6, 1000), &mut dropped);
        assert_eq!(
            queue.push_own(Priority::Proposal, message(4, 1 << 20), &mut dropped),
            Exit::Bulk
        );
        assert_eq!(
            queue.push_own(Priority::Commit, message(0, 200), &mut dropped),
            Exit::Express
        );
        assert_eq!(taken(&mut queue, Exit::Express)[0].0, Priority::Commit);
        let first = taken(&mut queue, Exit::Bulk);
        assert_eq!(
            first.iter().map(|(p, _)| *p).collect::<Vec<_>>(),
            [Priority::Proposal]
        );
    }

    #[test]
    fn the_lowest_priority_is_dropped_first_and_the_oldest_of_it() {
        let mut queue = OutboundQueue::new(1000, 100);
        let mut dropped = Dropped::default();
        queue.push_own(Priority::Transactions, message(1, 400), &mut dropped);
        queue.push_own(Priority::Transactions, message(2, 400), &mut dropped);
        queue.push_own(Priority::Commit, message(3, 400), &mut dropped);
        assert_eq!(dropped.items[Priority::Transactions.index()], 1);
        assert_eq!(dropped.bytes[Priority::Transactions.index()], 400);
        let left = taken(&mut queue, Exit::Bulk);
        assert_eq!(left[0].1[0], 2, "the older batch is the one that went");
        assert_eq!(taken(&mut queue, Exit::Express)[0].1[0], 3);
    }

    #[test]
    fn a_full_queue_of_votes_drops_the_transactions_that_come() {
        let mut queue = OutboundQueue::new(1 << 20, 3);
        let mut dropped = Dropped::default();
        for _ in 0..3 {
            queue.push_own(Priority::Commit, message(0, 10), &mut dropped);
        }
        queue.push_own(Priority::Sync, message(7, 10), &mut dropped);
        assert_eq!(dropped.items, [0, 0, 0, 0, 0, 0, 0, 1]);
        assert!(taken(&mut queue, Exit::Bulk).is_empty());
    }

    #[test]
    fn a_former_validator_keeps_only_what_strangers_get() {
        let mut queue = OutboundQueue::new(1 << 20, 100);
        let mut dropped = Dropped::default();
        for priority in Priority::ALL {
            queue.push_own(priority, message(0, 10), &mut dropped);
        }
        queue.drop_consensus(&mut dropped);
        assert_eq!(dropped.items, [1, 1, 1, 1, 1, 1, 0, 0]);
        assert!(taken(&mut queue, Exit::Express).is_empty());
        assert_eq!(taken(&mut queue, Exit::Bulk).len(), 2);
    }

    proptest! {
        /// Against a list that does the same in the plainest way.
        #[test]
        fn limits_hold_and_nothing_is_lost_unseen(
            messages in vec((0u8..8, 1usize..60_000), 0..60),
            max_bytes in 1usize..200_000,
            max_items in 1usize..40,
        ) {
            let mut queue = OutboundQueue::new(max_bytes, max_items);
            let mut dropped = Dropped::default();
            let mut model: Vec<(Priority, usize, u8)> = Vec::new();
            for (position, (byte, length)) in messages.into_iter().enumerate() {
                let priority = Priority::from_byte(byte).unwrap();
                queue.push_own(priority, message(position as u8, length), &mut dropped);
                model.push((priority, length, position as u8));
                while model.len() > max_items || model.iter().map(|m| m.1).sum::<usize>() > max_bytes {
                    let lowest = model.iter().map(|m| m.0).max().unwrap();
                    let oldest = model.iter().position(|m| m.0 == lowest).unwrap();
                    model.remove(oldest);
                }
                prop_assert_eq!(queue.bytes(), model.iter().map(|m| m.1).sum::<usize>());
            }
            for exit in [Exit::Express, Exit::Bulk] {
                let mut expected: Vec<_> = model.iter().filter(|m| Exit::of(Kind::Own(m.0), m.0, m.1) == exit).collect();
                expected.sort_by_key(|m| m.0);
                let mut left = Vec::new();
                loop {
                    let frame = taken(&mut queue, exit);
                    if frame.is_empty() {
                        break;
                    }
                    let size: usize = frame.iter().map(|(_, payload)| MESSAGE_HEAD + payload.len()).sum();
                    prop_assert!(size <= exit.frame_fill() || frame.len() == 1);
                    left.extend(frame);
                }
                let left: Vec<_> = left.iter().map(|(p, payload)| (*p, payload.len(), payload[0])).collect();
                prop_assert_eq!(left, expected.into_iter().copied().collect::<Vec<_>>());
            }
        }
    }

    #[tokio::test]
    async fn a_waiting_writer_wakes_for_its_own_exit() {
        let queue = PeerQueue::new(1 << 20, 100);
        let mut frame = Vec::new();
        {
            let mut next = std::pin::pin!(queue.next(Exit::Express, &mut frame));
            assert!(futures::poll!(next.as_mut()).is_pending());
            queue.push(Priority::Sync, message(7, 10));
            assert!(futures::poll!(next.as_mut()).is_pending());
            queue.push(Priority::Prepare, message(3, 10));
            next.await;
        }
        assert_eq!(frame.len(), 1);
    }
}
