//! What waits to be sent to one Neo N3 peer.
//!
//! Everything leaves by one TCP stream, so what matters most goes first: consensus, then control, announcements and
//! bulk. Each class is bounded. Where consensus messages or announcements are too many the oldest are dropped;
//! bulk waits for room; control messages that pile up mean that the peer does not read.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// How urgent a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Consensus payloads, their announcements and questions for a proposal's transactions.
    Urgent,
    /// Pings, addresses, questions.
    Control,
    /// Announcements of blocks and transactions, and single transactions.
    Relay,
    /// Answers with headers and blocks.
    Bulk,
}

const CLASSES: usize = 4;
/// Frames of each class that may wait.
const ITEMS: [usize; CLASSES] = [1024, 256, 1024, 32];
/// After so many frames the least urgent one gets its turn.
const FAIR_AFTER: u32 = 32;

#[derive(Debug, Default)]
struct Waiting {
    classes: [VecDeque<Bytes>; CLASSES],
    bytes: [usize; CLASSES],
    streak: u32,
}

/// The queue of one peer.
#[derive(Debug)]
pub(crate) struct SendQueue {
    waiting: Mutex<Waiting>,
    /// There is something to send.
    filled: Notify,
    /// There is room for bulk.
    drained: Notify,
    max_bytes: usize,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits.
    Queued,
    /// It waits, and this many older ones do not any more.
    Dropped(usize),
    /// There is no room for it.
    Full,
}

impl SendQueue {
    /// At most `max_bytes` wait in each class, or one frame that is longer.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            filled: Notify::new(),
            drained: Notify::new(),
            max_bytes,
        }
    }

    /// Adds a frame without waiting.
    pub(crate) fn push(&self, class: Class, frame: Bytes) -> Pushed {
        let at = class as usize;
        let mut waiting = self.waiting.lock();
        let Waiting { classes, bytes, .. } = &mut *waiting;
        let (Some(queue), Some(held), Some(&most)) =
            (classes.get_mut(at), bytes.get_mut(at), ITEMS.get(at))
        else {
            return Pushed::Full;
        };
        let full = |queue: &VecDeque<Bytes>, held: usize| {
            !queue.is_empty()
                && (queue.len() >= most || held.saturating_add(frame.len()) > self.max_bytes)
        };
        let mut dropped = 0;
        while full(queue, *held) {
            if matches!(class, Class::Control | Class::Bulk) {
                return Pushed::Full;
            }
            if let Some(oldest) = queue.pop_front() {
                *held = held.saturating_sub(oldest.len());
                dropped += 1;
            }
        }
        *held = held.saturating_add(frame.len());
        queue.push_back(frame);
        drop(waiting);
        self.filled.notify_one();
        match dropped {
            0 => Pushed::Queued,
            dropped => Pushed::Dropped(dropped),
        }
    }

    /// Adds a bulk frame once there is room. Used by one task for each peer.
    pub(crate) async fn push_bulk(&self, frame: Bytes) {
        while self.push(Class::Bulk, frame.clone()) == Pushed::Full {
            self.drained.notified().await;
        }
    }

    /// The next frame. Used by one task; safe to cancel.
    pub(crate) async fn next(&self) -> Bytes {
        loop {
            if let Some(frame) = self.take() {
                return frame;
            }
            self.filled.notified().await;
        }
    }

    fn take(&self) -> Option<Bytes> {
        let mut waiting = self.waiting.lock();
        let Waiting {
            classes,
            bytes,
            streak,
        } = &mut *waiting;
        let filled = |(_, queue): &(usize, &VecDeque<Bytes>)| !queue.is_empty();
        let at = if *streak >= FAIR_AFTER {
            *streak = 0;
            classes.iter().enumerate().rev().find(filled)?.0
        } else {
            *streak += 1;
            classes.iter().enumerate().find(filled)?.0
        };
        let frame = classes.get_mut(at)?.pop_front()?;
        if let Some(held) = bytes.get_mut(at) {
            *held = held.saturating_sub(frame.len());
        }
        drop(waiting);
        if at == Class::Bulk as usize {
            self.drained.notify_one();
        }
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn frame(byte: u8, length: usize) -> Bytes {
        Bytes::from(vec![byte; length])
    }

    #[tokio::test]
    async fn consensus_overtakes_blocks_and_does_not_starve_them() {
        let queue = SendQueue::new(1 << 20);
        queue.push(Class::Bulk, frame(9, 10));
        for _ in 0..100 {
            queue.push(Class::Urgent, frame(1, 1));
        }
        assert_eq!(queue.next().await[0], 1);
        let mut until = 1;
        while queue.next().await[0] == 1 {
            until += 1;
        }
        assert!(until <= FAIR_AFTER, "the block went after {until}");
    }

    #[tokio::test]
    async fn each_class_is_bounded_in_its_way() {
        let queue = SendQueue::new(100);
        assert_eq!(queue.push(Class::Urgent, frame(1, 60)), Pushed::Queued);
        assert_eq!(queue.push(Class::Urgent, frame(2, 60)), Pushed::Dropped(1));
        assert_eq!(queue.push(Class::Control, frame(3, 60)), Pushed::Queued);
        assert_eq!(queue.push(Class::Control, frame(3, 60)), Pushed::Full);
        assert_eq!(
            queue.push(Class::Relay, frame(4, 500)),
            Pushed::Queued,
            "one is always taken"
        );
        let order = [
            queue.next().await[0],
            queue.next().await[0],
            queue.next().await[0],
        ];
        assert_eq!(order, [2, 3, 4]);
    }

    #[tokio::test]
    async fn bulk_waits_for_room() {
        let queue = SendQueue::new(100);
        queue.push_bulk(frame(1, 80)).await;
        let mut second = std::pin::pin!(queue.push_bulk(frame(2, 80)));
        assert!(
            timeout(Duration::from_millis(1), &mut second)
                .await
                .is_err()
        );
        assert_eq!(queue.next().await[0], 1);
        second.await;
        assert_eq!(queue.next().await[0], 2);
    }
}
