//! The engine's state as RPC shows it.

use std::time::{Duration, Instant};

use neo_consensus::engine::Status;
use neo_primitives::Height;
use parking_lot::RwLock;

/// After somebody looked, the status is renewed with every event for this long.
const INTEREST: Duration = Duration::from_secs(10);

/// The engine's state as RPC shows it. Making it costs a little, so it is only kept fresh while somebody looks.
#[derive(Debug, Default)]
pub(crate) struct StatusBoard {
    status: RwLock<Status>,
    looked: RwLock<Option<Instant>>,
}

impl StatusBoard {
    /// The status now.
    pub(crate) fn read(&self) -> Status {
        *self.looked.write() = Some(Instant::now());
        self.status.read().clone()
    }

    pub(crate) fn write(&self, status: Status) {
        *self.status.write() = status;
    }

    /// For an observer, which has only a height.
    pub(crate) fn set_stored(&self, height: Height) {
        self.status.write().stored = height;
    }

    pub(super) fn is_watched(&self) -> bool {
        self.looked.read().is_some_and(|at| at.elapsed() < INTEREST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_watched_once_somebody_has_looked() {
        let board = StatusBoard::default();
        board.set_stored(Height(7));
        assert!(!board.is_watched());
        assert_eq!(board.read().stored, Height(7));
        assert!(board.is_watched());
    }
}
