//! The timers of the engines, by the clocks of their nodes.

use neo_consensus::engine::{Event, TimerChange};

use super::World;
use super::node::Inside;
use super::protocol::Simulated;
use super::queue::Item;

impl<P: Simulated> World<'_, P> {
    pub(super) fn fire(&mut self, node: usize) {
        let now = self.nodes[node].clock.monotonic(self.now);
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        let due: Vec<_> = running
            .timers
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            let Some(running) = self.nodes[node].running.as_mut() else {
                return;
            };
            // An earlier one may have stopped or moved it.
            if running.timers.get(&id).is_some_and(|at| *at <= now) {
                running.timers.remove(&id);
                self.handle(node, Event::Timer(id));
            }
        }
        self.plan_wake(node);
    }

    /// A timer of a node may be due.
    pub(super) fn wake(&mut self, node: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        if running.wake_at != Some(self.now) {
            return;
        }
        running.wake_at = None;
        let now = self.nodes[node].clock.monotonic(self.now);
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        if running.timers.values().any(|at| *at <= now) {
            running.inside.push_back(Inside::Timers);
            self.plan_work(node);
        } else {
            self.plan_wake(node);
        }
    }

    /// Plans to wake a node when its next timer is due, unless that is planned for earlier.
    pub(super) fn plan_wake(&mut self, node: usize) {
        let one = &mut self.nodes[node];
        let life = one.life;
        let Some(running) = one.running.as_mut() else {
            return;
        };
        let Some(next) = running.timers.values().min() else {
            return;
        };
        let at = one.clock.when(*next).max(self.now);
        if running.wake_at.is_none_or(|planned| at < planned) {
            running.wake_at = Some(at);
            self.queue.push(at, Item::Wake { node, life });
        }
    }

    pub(super) fn change_timers(&mut self, node: usize, changes: &[TimerChange]) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        for change in changes {
            match change.at {
                Some(at) => running.timers.insert(change.id, at),
                None => running.timers.remove(&change.id),
            };
        }
        if !changes.is_empty() {
            self.plan_wake(node);
        }
    }
}
