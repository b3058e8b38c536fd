//! Events on their way to the node: connectivity first, then consensus, then the rest.

use tokio::sync::mpsc;

/// After so many urgent events in a row one of the others gets its turn.
pub(crate) const FAIR_AFTER: u32 = 64;

/// The receiving end.
#[derive(Debug)]
pub(crate) struct EventQueue<E> {
    connectivity: mpsc::UnboundedReceiver<E>,
    consensus: mpsc::Receiver<E>,
    bulk: mpsc::Receiver<E>,
    /// Urgent events handed out since the last bulk one.
    streak: u32,
}

impl<E> EventQueue<E> {
    /// The next event; `None` once no sending end is left and no event waits. Safe to cancel.
    pub(crate) async fn recv(&mut self) -> Option<E> {
        if self.streak >= FAIR_AFTER {
            self.streak = 0;
            if let Ok(event) = self.bulk.try_recv() {
                return Some(event);
            }
        }
        tokio::select! {
            biased;
            Some(event) = self.connectivity.recv() => Some(event),
            Some(event) = self.consensus.recv() => {
                self.streak += 1;
                Some(event)
            }
            Some(event) = self.bulk.recv() => {
                self.streak = 0;
                Some(event)
            }
            else => None,
        }
    }

    /// The next event if one waits.
    pub(crate) fn try_recv(&mut self) -> Option<E> {
        self.connectivity
            .try_recv()
            .or_else(|_| self.consensus.try_recv())
            .or_else(|_| self.bulk.try_recv())
            .ok()
    }
}

/// The sending ends. Who fills a bounded one waits, so that a busy node slows its peers down instead of
/// filling its memory. Connectivity is not bounded by the channel but by the rate at which peers can connect.
#[derive(Debug)]
pub(crate) struct EventSenders<E> {
    pub(crate) connectivity: mpsc::UnboundedSender<E>,
    pub(crate) consensus: mpsc::Sender<E>,
    pub(crate) bulk: mpsc::Sender<E>,
}

/// Both ends, with room for so many events of consensus and of bulk.
pub(crate) fn event_queue<E>(consensus: usize, bulk: usize) -> (EventSenders<E>, EventQueue<E>) {
    let (connectivity_in, connectivity) = mpsc::unbounded_channel();
    let (consensus_in, consensus) = mpsc::channel(consensus.max(1));
    let (bulk_in, bulk) = mpsc::channel(bulk.max(1));
    let senders = EventSenders {
        connectivity: connectivity_in,
        consensus: consensus_in,
        bulk: bulk_in,
    };
    let queue = EventQueue {
        connectivity,
        consensus,
        bulk,
        streak: 0,
    };
    (senders, queue)
}
