//! The figures of a network of dBFT 2.0, and whether they are what they must be.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::statistics::{millis, percentile};
use super::OrdealFigures;
use super::capture::Seen;
use super::equality::Equality;
use super::kills::KillFigures;
use super::lives::{Life, Software};
use super::replacement::ReplacementFigures;
use super::share::{Participation, Window, participation, primaries};

/// The smallest share of the heights through which a validator was alive that must have its payloads.
const SHARE: f64 = 0.95;
/// Longest time between blocks while a network is replaced, in milliseconds.
const REPLACEMENT_GAP_MS: f64 = 8_000.0;
/// The median of the block intervals, in target block times, may be at most this.
const PACE: f64 = 1.15;

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
        let (kills, replacements) = match evidence.ordeal {
            Some(OrdealFigures::Kills(kills)) => (kills, Vec::new()),
            Some(OrdealFigures::Replacements(replacements)) => (Vec::new(), replacements),
            None => (Vec::new(), Vec::new()),
        };
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
            verdicts: BTreeMap::new(),
        };
        figures.verdicts = figures.judge(lives, evidence.block_time_ms);
        figures
    }

    /// Everything that must hold of such a run.
    fn judge(&self, lives: &[Vec<Life>], block_time_ms: f64) -> BTreeMap<&'static str, bool> {
        let mut verdicts = BTreeMap::from([
            ("no_fork", self.forks.is_empty()),
            ("hashes_equal", self.equality.hashes_equal),
            ("balances_equal", self.equality.balances_equal),
            ("logs_equal", self.equality.logs_equal),
            ("all_payloads_signed", self.unverified_payloads == 0),
            (
                "share",
                self.validators
                    .iter()
                    .all(|one| one.alive == 0 || one.share >= SHARE),
            ),
        ]);
        let kinds = lives.iter().flatten().map(|life| life.software);
        let all_led = kinds.clone().all(|kind| self.primaries.contains_key(&kind));
        verdicts.insert("primaries_of_all_kinds", all_led);
        if self.kills.is_empty() && self.replacements.is_empty() {
            let p50 = self.block_interval_ms.p50;
            verdicts.insert("pace", p50.is_some_and(|p50| p50 < PACE * block_time_ms));
        }
        if !self.kills.is_empty() {
            let next: Vec<_> = self
                .kills
                .iter()
                .filter_map(|kill| kill.next_primary_software)
                .collect();
            let all_next = kinds.clone().all(|kind| next.contains(&kind));
            verdicts.insert("view_change_to_all_kinds", all_next);
            let several = kinds.collect::<std::collections::BTreeSet<_>>().len() > 1;
            let recovered = |kill: &KillFigures| {
                kill.answered_by
                    .iter()
                    .any(|by| *by != kill.software || !several)
            };
            let of = |software: Software| {
                self.kills
                    .iter()
                    .filter(move |kill| kill.software == software)
            };
            let each = [Software::NeoDbft, Software::NeoGo]
                .into_iter()
                .all(|software| of(software).next().is_none() || of(software).any(recovered));
            verdicts.insert("recovered_through_other_kind", each);
        }
        if !self.replacements.is_empty() {
            let longest = self.block_interval_ms.longest;
            let short = longest.is_some_and(|longest| longest <= REPLACEMENT_GAP_MS);
            verdicts.insert("no_gap_over_8_s", short);
            let ours = |lives: &Vec<Life>| {
                lives
                    .last()
                    .is_some_and(|life| life.software == Software::NeoDbft)
            };
            verdicts.insert("all_replaced", lives.iter().all(ours));
        }
        verdicts
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
            format!(
                "  compared: {} blocks, {} accounts, {} application logs; {} differences, {} forks",
                self.equality.blocks,
                self.equality.accounts,
                self.equality.logs,
                self.equality.difference_count,
                self.forks.len()
            ),
        ];
        lines.extend(
            self.equality
                .differences
                .iter()
                .chain(&self.forks)
                .map(|what| format!("    {what}")),
        );
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
    let mut all: Vec<u64> = blocks
        .array_windows()
        .filter(|[before, after]| before.0.next() == *after.0 && inside(after.1.t_ns))
        .map(|[before, after]| after.1.t_ns.saturating_sub(before.1.t_ns))
        .collect();
    all.sort_unstable();
    IntervalFigures {
        p50: percentile(&all, 50).map(millis),
        p95: percentile(&all, 95).map(millis),
        longest: all.last().copied().map(millis),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::mixed::capture::{BlockSighting, Sighting};
    use neo_consensus::v2::Kind;
    use neo_primitives::{Height, UInt256};

    const MS: u64 = 1_000_000;

    /// Blocks every second, led in turn by the validators; all take part. One block is late by so much.
    fn seen(validators: usize, late_ms: u64) -> Seen {
        let mut seen = Seen::default();
        for height in 0..=40u32 {
            let late = if height > 20 { late_ms } else { 0 };
            let t_ns = (u64::from(height) * 1_000 + late) * MS;
            for validator in 0..validators {
                for kind in [Kind::PrepareResponse, Kind::Commit] {
                    seen.payloads.push(Sighting {
                        t_ns: t_ns.saturating_sub(1),
                        height: Height(height),
                        view: 0,
                        validator,
                        kind,
                    });
                }
            }
            let block = BlockSighting {
                primary: height as usize % validators,
                hash: UInt256::ZERO,
                t_ns,
            };
            seen.blocks.insert(Height(height), block);
        }
        seen
    }

    fn life(software: Software) -> Vec<Life> {
        vec![Life {
            software,
            began_ns: 0,
            ended_ns: None,
            height: Height(0),
        }]
    }

    fn equality() -> Equality {
        Equality {
            hashes_equal: true,
            balances_equal: true,
            logs_equal: true,
            ..Equality::default()
        }
    }

    fn figures(seen: &Seen, lives: &[Vec<Life>], ordeal: Option<OrdealFigures>) -> MixedFigures {
        MixedFigures::of(Evidence {
            neo_go: None,
            seen,
            lives,
            window: Window {
                from_ns: 0,
                until_ns: 100_000 * MS,
            },
            equality: equality(),
            forks: Vec::new(),
            ordeal,
            block_time_ms: 1_000.0,
        })
    }

    fn failed(figures: &MixedFigures) -> Vec<&'static str> {
        let all = figures.verdicts.iter();
        all.filter(|(_, holds)| !**holds)
            .map(|(what, _)| *what)
            .collect()
    }

    #[test]
    fn a_network_in_which_all_take_part_holds() {
        let lives = [life(Software::NeoDbft), life(Software::NeoGo)];
        let good = figures(&seen(2, 0), &lives, None);
        assert_eq!(failed(&good), Vec::<&str>::new());
        assert_eq!(good.block_interval_ms.p50, Some(1_000.0));
        assert_eq!(good.primaries.values().sum::<usize>(), 40);
        let mut absent = seen(2, 0);
        absent.payloads.retain(|payload| payload.validator == 0);
        absent.unverified = 1;
        for block in absent.blocks.values_mut() {
            block.primary = 0;
        }
        let bad = figures(&absent, &lives, None);
        assert_eq!(
            failed(&bad),
            ["all_payloads_signed", "primaries_of_all_kinds", "share"]
        );
    }

    #[test]
    fn kills_need_both_kinds_as_next_primary_and_as_answers() {
        let lives = [life(Software::NeoDbft), life(Software::NeoGo)];
        let kill = |validator, software, next, answered_by| KillFigures {
            validator,
            software,
            missed_height: Height(4),
            view: 1,
            next_primary: usize::from(next == Software::NeoGo),
            next_primary_software: Some(next),
            longest_gap_ms: 6_000.0,
            alone_ms: 0.0,
            ready_ms: 1.0,
            first_preparation_ms: None,
            first_commit_ms: 2.0,
            recovery_requests: 1,
            answered_by,
        };
        use Software::{NeoDbft, NeoGo};
        let good = vec![
            kill(0, NeoDbft, NeoGo, vec![NeoDbft, NeoGo]),
            kill(1, NeoGo, NeoDbft, vec![NeoDbft]),
        ];
        let good = figures(&seen(2, 0), &lives, Some(OrdealFigures::Kills(good)));
        assert_eq!(failed(&good), Vec::<&str>::new());
        let bad = vec![
            kill(0, NeoDbft, NeoGo, vec![NeoDbft]),
            kill(1, NeoGo, NeoGo, vec![NeoDbft]),
        ];
        let bad = figures(&seen(2, 0), &lives, Some(OrdealFigures::Kills(bad)));
        assert_eq!(
            failed(&bad),
            ["recovered_through_other_kind", "view_change_to_all_kinds"]
        );
    }

    #[test]
    fn a_replacement_has_no_long_gap_and_ends_with_ours() {
        let replaced = ReplacementFigures {
            validator: 0,
            height: Height(9),
            stop_ms: 1.0,
            level_ms: 1.0,
            first_commit_ms: 9_000.0,
            longest_gap_ms: 6_000.0,
        };
        let ordeal = || Some(OrdealFigures::Replacements(vec![replaced.clone()]));
        let ours = [life(Software::NeoDbft), life(Software::NeoDbft)];
        let good = figures(&seen(2, 6_900), &ours, ordeal());
        assert_eq!(failed(&good), Vec::<&str>::new());
        let mixed = [life(Software::NeoDbft), life(Software::NeoGo)];
        let bad = figures(&seen(2, 7_100), &mixed, ordeal());
        assert_eq!(failed(&bad), ["all_replaced", "no_gap_over_8_s"]);
    }
}
