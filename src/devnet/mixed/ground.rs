//! What kills and replacements work with.

use std::collections::BTreeSet;
use std::time::Duration;

use neo_consensus::v2::Kind;

use super::super::display::Display;
use super::super::observations::Observations;
use super::super::patience::within;
use super::super::processes::Processes;
use super::super::statistics::millis;
use super::capture::{Capture, Sighting};
use super::lives::Software;
use crate::network_files::NetworkFolder;

/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running network of dBFT 2.0.
pub(crate) struct Ground<'a> {
    /// The validators.
    pub(crate) processes: &'a Processes<'a>,
    /// Their files.
    pub(crate) network: &'a NetworkFolder,
    /// What they report.
    pub(crate) seen: &'a Observations,
    /// What passes between them.
    pub(crate) capture: &'a Capture,
    /// What people see.
    pub(crate) display: &'a Display,
}

impl Ground<'_> {
    /// Number of validators.
    pub(super) fn validators(&self) -> usize {
        self.network.nodes().len()
    }

    /// The program that a validator is, or was last.
    pub(super) fn software(&self, validator: usize) -> Software {
        let lives = self.processes.lives();
        lives.software(validator).unwrap_or(Software::NeoDbft)
    }

    /// Waits for something that shall happen.
    ///
    /// # Errors
    /// If it does not within the time of a step.
    pub(super) async fn within<T>(
        &self,
        what: &str,
        happens: impl Future<Output = T>,
    ) -> anyhow::Result<T> {
        within(PATIENCE, what, happens).await
    }

    /// Waits until all validators have so many blocks more.
    ///
    /// # Errors
    /// If they do not in time.
    pub(super) async fn blocks(&self, count: u32) -> anyhow::Result<()> {
        let tip = self.seen.greatest_height();
        let goal = tip.checked_add(count).unwrap_or(tip);
        self.within(
            "all validators have more blocks",
            self.seen.until_height(goal),
        )
        .await
    }

    /// Waits until a validator that was started listens.
    ///
    /// # Errors
    /// If it does not in time.
    pub(super) async fn until_ready(&self, validator: usize) -> anyhow::Result<()> {
        let ready = self.seen.until(|nodes| {
            let node = nodes.get(validator)?;
            node.ready.then_some(())
        });
        self.within("it listens", ready).await
    }

    /// How many RecoveryRequests a validator has sent since a moment, and the programs of the others that sent
    /// RecoveryMessages of the same height within so many block times.
    pub(super) fn recovery(
        &self,
        validator: usize,
        from_ns: u64,
        block_times: u32,
    ) -> (usize, Vec<Software>) {
        let within = self.network.genesis().block_time() * block_times;
        let within = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
        self.capture.read(|seen| {
            let of_kind = |kind| seen.payloads.iter().filter(move |seen| seen.kind == kind);
            let requests: Vec<_> = of_kind(Kind::RecoveryRequest)
                .filter(|request| request.validator == validator && request.t_ns >= from_ns)
                .collect();
            let answers_one = |answer: &&Sighting| {
                answer.validator != validator
                    && requests.iter().any(|request| {
                        let after = answer.t_ns.checked_sub(request.t_ns);
                        answer.height == request.height && after.is_some_and(|ns| ns <= within)
                    })
            };
            let answers = of_kind(Kind::RecoveryMessage).filter(answers_one);
            let by: BTreeSet<Software> = answers.map(|by| self.software(by.validator)).collect();
            (requests.len(), by.into_iter().collect())
        })
    }
}

/// The longest time between blocks that ended after `from_ns` and began before `until_ns`, in milliseconds, as they came
/// to the observer.
pub(super) fn longest_gap_ms(capture: &Capture, from_ns: u64, until_ns: u64) -> f64 {
    capture.read(|seen| {
        let times: Vec<u64> = seen.blocks.values().map(|block| block.t_ns).collect();
        let gaps = times
            .array_windows()
            .filter(|[before, after]| *after > from_ns && *before < until_ns);
        let longest = gaps
            .map(|[before, after]| after.saturating_sub(*before))
            .max();
        longest.map_or(0.0, millis)
    })
}
