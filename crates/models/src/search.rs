//! What both models need around stateright's search: the first failure is the one that counts, and a search
//! can be watched and stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stateright::{Checker, Model};

/// When nothing is enumerated any more. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Halt {
    halted: Arc<AtomicBool>,
    failed: Arc<AtomicBool>,
}

impl Halt {
    pub(crate) fn is_set(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    /// Passes on whether a property holds. The first failure stops the search; later ones are not reported,
    /// since stateright would let them replace the first, which has the shortest path.
    pub(crate) fn judge(&self, holds: bool) -> bool {
        let first = !holds && !self.failed.swap(true, Ordering::Relaxed);
        if first {
            self.set();
        }
        !first
    }

    /// Waits for the end of a search. `stop` ends it early; `progress` is told states and depth now and then.
    /// Afterwards states can be enumerated again, which is how the path to a failure is found.
    pub(crate) fn follow<M: Model>(
        &self,
        checker: &mut impl Checker<M>,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(usize, usize),
    ) {
        for handle in checker.handles() {
            while !handle.is_finished() {
                std::thread::sleep(Duration::from_millis(5));
                if stop.load(Ordering::Relaxed) {
                    self.set();
                }
                progress(checker.unique_state_count(), checker.max_depth());
            }
            if let Err(panic) = handle.join() {
                std::panic::resume_unwind(panic);
            }
        }
        self.halted.store(false, Ordering::Relaxed);
    }
}
