//! Own votes on their way into the vote log, and crashes in the act.

use neo_consensus::vote_log::{LogMedium, MemoryMedium};
use neo_driver::Ballot;
use neo_invariants::Observation;

use super::World;
use super::node::Armed;
use super::protocol::Simulated;
use crate::trace::CrashCause;

impl<P: Simulated> World<'_, P> {
    /// Whether the driver of an honest node breaks rule 8, because the run is told so.
    #[cfg(feature = "mutation")]
    pub(super) fn sends_first(&self, node: usize) -> bool {
        P::sends_first(&self.options) && self.nodes[node].honest
    }

    #[cfg(not(feature = "mutation"))]
    pub(super) fn sends_first(&self, _node: usize) -> bool {
        false
    }

    /// What of a ballot a driver writes: all of it, unless the run breaks that rule.
    #[cfg(feature = "mutation")]
    fn written(&self, node: usize, ballot: &Ballot<P>) -> Vec<P::Record> {
        let forgets =
            |record: &&P::Record| self.nodes[node].honest && P::forgets(&self.options, record);
        let records = ballot.records().iter();
        records.filter(|record| !forgets(record)).cloned().collect()
    }

    /// Makes the records of a ballot durable. False when the node crashed in the act.
    pub(super) fn record(&mut self, node: usize, ballot: &Ballot<P>) -> bool {
        #[cfg(feature = "mutation")]
        let records = &self.written(node, ballot)[..];
        #[cfg(not(feature = "mutation"))]
        let records = ballot.records();
        if records.is_empty() {
            return true;
        }
        let votes = records.iter().any(|record| P::vote(record).is_some());
        let armed = self.nodes[node].armed;
        let Some(running) = self.nodes[node].running.as_mut() else {
            return false;
        };
        if armed == Some(Armed::Torn) {
            self.tear(node, records);
            return false;
        }
        if let Err(error) = running.log.append(records) {
            self.trouble(node, 0, error.to_string());
            self.crash(node, CrashCause::TornWrite);
            return false;
        }
        self.spend(node, self.plan.compute.sync_ns);
        self.observe(node, Observation::Durable { records });
        self.durable(node, records);
        if armed == Some(Armed::BeforeSend) && votes {
            self.book.crashed_before_send();
            self.crash(node, CrashCause::BeforeSend);
            return false;
        }
        true
    }

    /// A part of a write reaches the disk, and the node stops.
    fn tear(&mut self, node: usize, records: &[P::Record]) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        let last = |medium: &MemoryMedium| {
            let segment = medium.segments().ok()?.last().copied()?;
            Some((segment, medium.length(segment) as u64))
        };
        let before = last(running.log.medium());
        let written = running.log.append(records).is_ok();
        let after = last(running.log.medium()).filter(|_| written);
        self.crash(node, CrashCause::TornWrite);
        if let Some((segment, length)) = after {
            let kept = before
                .filter(|(same, _)| *same == segment)
                .map_or(0, |(_, length)| length);
            let torn = self.troubles.random.below(length.saturating_sub(kept));
            // A medium in memory does not fail.
            let _ = self.nodes[node].medium.reopen(segment, kept + torn);
        }
    }
}
