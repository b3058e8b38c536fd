//! The figures of a network of dBFT 2.0.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::statistics::{millis, percentile};
use super::OrdealFigures;
use super::capture::Seen;
use super::equality::Equality;
use super::kills::KillFigures;
use super::lives::{Life, Software};
use super::migration::MigrationFigures;
use super::replacement::ReplacementFigures;
use super::share::{Participation, Window, participation, primaries};
use super::verdict::judge;

/// What a network of dBFT 2.0 did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MixedFigures {
    /// The version of the neo-go processes, if there were any.
    pub(crate) neo_go: Option<String>,
    /// Time between blocks as they came to the observer, in milliseconds.
    pub(crate) block_interval_ms: IntervalFigures,
    /// Heights whose consensus payloads were captured from their beginning to their end.
    pub(crate) captured_heights: usize,
    /// Payloads that came to the observer and were signed by no validator.
    pub(crate) unverified_payloads: u64,
    /// Captured heights that validators of each program led.
    pub(crate) primaries: BTreeMap<Software, usize>,
    /// The part of each validator.
    pub(crate) validators: Vec<Participation>,
    /// What was compared between all validators.
    pub(crate) equality: Equality,
    /// Heights of which two different blocks were seen, now or before.
    pub(crate) forks: Vec<String>,
    /// Validators that were killed and came back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) kills: Vec<KillFigures>,
    /// Validators that were replaced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) replacements: Vec<ReplacementFigures>,
    /// To dBFT 3.0 beside the same nodes, and back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) migration: Option<MigrationFigures>,
    /// What holds and what does not.
    pub(crate) verdicts: BTreeMap<&'static str, bool>,
}

/// Time between blocks, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct IntervalFigures {
    /// Half of them are at most this.
    pub(crate) p50: Option<f64>,
    /// 95 of 100 are at most this.
    pub(crate) p95: Option<f64>,
    /// The longest.
    pub(crate) longest: Option<f64>,
}

impl IntervalFigures {
    /// Of intervals in nanoseconds.
    pub(crate) fn of_nanos(mut all: Vec<u64>) -> Self {
        all.sort_unstable();
        Self {
            p50: percentile(&all, 50).map(millis),
            p95: percentile(&all, 95).map(millis),
            longest: all.last().copied().map(millis),
        }
    }
}

/// What the figures are made of.
pub(crate) struct Evidence<'a> {
    /// The version of neo-go.
    pub(crate) neo_go: Option<String>,
    /// What the observer saw.
    pub(crate) seen: &'a Seen,
    /// The processes.
    pub(crate) lives: &'a [Vec<Life>],
    /// When it was captured.
    pub(crate) window: Window,
    /// What was compared.
    pub(crate) equality: Equality,
    /// Heights of which two different blocks were seen.
    pub(crate) forks: Vec<String>,
    /// What was done to the validators.
    pub(crate) ordeal: Option<OrdealFigures>,
    /// Target time between blocks, in milliseconds.
    pub(crate) block_time_ms: f64,
}

impl MixedFigures {
    /// Works them out.
    pub(crate) fn of(evidence: Evidence<'_>) -> Self {
        let Evidence {
            seen,
            lives,
            window,
            ..
        } = evidence;
        let (captured_heights, validators) = participation(seen, lives, window);
        let (mut kills, mut replacements, mut migration) = (Vec::new(), Vec::new(), None);
        match evidence.ordeal {
            Some(OrdealFigures::Kills(done)) => kills = done,
            Some(OrdealFigures::Replacements(done)) => replacements = done,
            Some(OrdealFigures::Migration(done)) => migration = Some(*done),
            None => {}
        }
        let mut figures = Self {
            neo_go: evidence.neo_go,
            block_interval_ms: intervals(seen, window),
            captured_heights,
            unverified_payloads: seen.unverified,
            primaries: primaries(seen, lives, window),
            validators,
            equality: evidence.equality,
            forks: evidence.forks,
            kills,
            replacements,
            migration,
            verdicts: BTreeMap::new(),
        };
        figures.verdicts = judge(&figures, lives, evidence.block_time_ms);
        figures
    }

    /// Lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let ms =
            |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"));
        let intervals = self.block_interval_ms;
        let led: Vec<_> = self
            .primaries
            .iter()
            .map(|(kind, count)| format!("{count} by {}", kind.name()))
            .collect();
        let mut lines = vec![
            format!(
                "  dBFT 2.0: {} heights captured, led {}; interval p50 {}, p95 {}, longest {}",
                self.captured_heights,
                led.join(", "),
                ms(intervals.p50),
                ms(intervals.p95),
                ms(intervals.longest)
            ),
            format!("{}, {} forks", self.equality.line(), self.forks.len()),
        ];
        lines.extend(
            self.equality
                .differences
                .iter()
                .chain(&self.forks)
                .map(|what| format!("    {what}")),
        );
        lines.extend(self.migration.iter().map(MigrationFigures::line));
        lines.extend(self.validators.iter().map(|one| {
            format!(
                "    validator {} ({}): prepared {} and committed {} of {} heights ({} Commits as payloads), led {}",
                one.validator,
                one.software.name(),
                one.prepared,
                one.committed,
                one.alive,
                one.commit_payloads,
                one.led
            )
        }));
        lines.extend(
            self.verdicts.iter().map(|(what, holds)| {
                format!("    {:<32}{}", what, if *holds { "yes" } else { "NO" })
            }),
        );
        lines
    }
}

/// Intervals that ended in the window.
fn intervals(seen: &Seen, window: Window) -> IntervalFigures {
    let blocks: Vec<_> = seen.blocks.iter().collect();
    let inside = |t_ns: u64| (window.from_ns..=window.until_ns).contains(&t_ns);
    let all = blocks
        .array_windows()
        .filter(|[before, after]| before.0.next() == *after.0 && inside(after.1.t_ns))
        .map(|[before, after]| after.1.t_ns.saturating_sub(before.1.t_ns));
    IntervalFigures::of_nanos(all.collect())
}
