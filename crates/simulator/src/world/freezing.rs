//! Processes that stand still and go on, as with `SIGSTOP` and `SIGCONT`.

use super::World;
use super::protocol::Simulated;
use crate::trace::Happening;

impl<P: Simulated> World<'_, P> {
    /// A process stands still. Its clocks run on, and what comes for it waits.
    pub(super) fn freeze(&mut self, node: usize) {
        let one = &mut self.nodes[node];
        if one.running.is_none() || one.is_frozen() {
            return;
        }
        one.frozen = Some(Vec::new());
        self.book.coverage.frozen += 1;
        self.emit(Some(node), Happening::Frozen);
        self.connect();
    }

    /// A process goes on, with what came due meanwhile, in its order.
    pub(super) fn thaw(&mut self, node: usize) {
        let Some(deferred) = self.nodes[node].frozen.take() else {
            return;
        };
        self.emit(Some(node), Happening::Thawed);
        for item in deferred {
            self.queue.push(self.now, item);
        }
        // Timers that are overdue by now.
        if let Some(running) = self.nodes[node].running.as_mut() {
            running.wake_at = None;
        }
        self.plan_wake(node);
        self.watch_anew(node);
        for other in 0..self.nodes.len() {
            // The others have closed the connections over which they heard nothing.
            if self.nodes[node].hears[other] && !self.nodes[other].hears[node] {
                self.hang_up(node, other);
            }
        }
        self.connect();
    }
}
