//! How far the node is with catching up, for logs, metrics and people.

use std::sync::Arc;
use std::time::Duration;

use neo_primitives::Height;
use tokio::sync::watch;

use crate::metrics::Metrics;

/// A line in the log this often while the node catches up.
const LINE_EVERY: Duration = Duration::from_secs(2);
/// Catching up by fewer blocks than this is everyday business and not worth a line.
const WORTH_A_LINE: u32 = 20;

/// A node that is catching up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CatchUp {
    /// Stored height at which it began.
    pub from: Height,
    /// Stored height now.
    pub at: Height,
    /// Height that at least two peers say they have, or the only one.
    pub target: Height,
    /// Blocks per second since it began.
    pub rate: f64,
    /// Peers that can be asked.
    pub peers: usize,
}

impl CatchUp {
    /// Blocks that are missing.
    #[must_use]
    pub fn rest(&self) -> u32 {
        self.target.0.saturating_sub(self.at.0)
    }

    /// Time that the rest takes at this rate, if there is a rate.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(f64::from(self.rest()) / self.rate).ok()
    }
}

/// Where the progress of catching up is shown; `None` while the node is not behind.
pub type CatchUpSender = watch::Sender<Option<CatchUp>>;

/// Tells of one session.
pub(crate) struct Progress {
    metrics: Arc<Metrics>,
    shown: Option<CatchUpSender>,
    from: Height,
    began: Duration,
    line_at: Duration,
    last: Option<CatchUp>,
}

impl Progress {
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        shown: Option<CatchUpSender>,
        from: Height,
        now: Duration,
    ) -> Self {
        Self {
            metrics,
            shown,
            from,
            began: now,
            line_at: now + LINE_EVERY,
            last: None,
        }
    }

    /// The node stands here now.
    pub(crate) fn at(&mut self, at: Height, target: Height, peers: usize, now: Duration) {
        let seconds = now.saturating_sub(self.began).as_secs_f64();
        let done = at.0.saturating_sub(self.from.0);
        let state = CatchUp {
            from: self.from,
            at,
            target: target.max(at),
            rate: if seconds > 0.0 {
                f64::from(done) / seconds
            } else {
                0.0
            },
            peers,
        };
        self.metrics.behind(state.rest());
        self.last = Some(state);
        if state.target.0.saturating_sub(self.from.0) < WORTH_A_LINE {
            return;
        }
        if let Some(shown) = &self.shown {
            shown.send_replace(Some(state));
        }
        if now >= self.line_at {
            self.line_at = now + LINE_EVERY;
            tracing::info!(%at, target = %state.target, rest = state.rest(), blocks_per_second = state.rate.round(),
                seconds_left = ?state.time_left().map(|left| left.as_secs()), peers, "catching up");
        }
    }

    /// The session is over.
    pub(crate) fn end(self, at: Height, now: Duration) {
        let blocks = at.0.saturating_sub(self.from.0);
        if let Some(shown) = &self.shown {
            shown.send_replace(None);
        }
        if blocks >= WORTH_A_LINE {
            let took = now.saturating_sub(self.began);
            let rate = f64::from(blocks) / took.as_secs_f64().max(0.001);
            tracing::info!(from = %self.from, to = %at, blocks, ?took, blocks_per_second = rate.round(),
                "blocks fetched from other nodes");
        } else if blocks > 0 {
            tracing::debug!(from = %self.from, to = %at, "blocks fetched from other nodes");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_rest_and_time_left_follow_from_what_was_stored() {
        let (shown, look) = watch::channel(None);
        let metrics = Arc::new(Metrics::new());
        let second = Duration::from_secs(1);
        let mut progress = Progress::new(metrics, Some(shown), Height(100), second);
        progress.at(Height(100), Height(1_100), 3, second);
        assert_eq!(look.borrow().unwrap().rate, 0.0);
        assert_eq!(look.borrow().unwrap().time_left(), None);
        progress.at(Height(600), Height(1_100), 3, 3 * second);
        let state = look.borrow().unwrap();
        assert_eq!((state.rest(), state.rate), (500, 250.0));
        assert_eq!(state.time_left(), Some(2 * second));
        // A target that turns out to be too low is no reason to count backwards.
        progress.at(Height(1_200), Height(1_100), 3, 4 * second);
        assert_eq!(look.borrow().unwrap().rest(), 0);
        progress.end(Height(1_200), 4 * second);
        assert_eq!(*look.borrow(), None);
    }
}
