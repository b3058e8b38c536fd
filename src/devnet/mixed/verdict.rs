//! Whether the figures of a network of dBFT 2.0 are what they must be.

use std::collections::{BTreeMap, BTreeSet};

use super::figures::MixedFigures;
use super::kills::KillFigures;
use super::lives::{Life, Software};
use super::share::Participation;

/// The smallest share of the heights through which a validator was alive that must have its payloads.
const SHARE: f64 = 0.95;
/// Longest time between blocks while a network is replaced, in milliseconds.
const REPLACEMENT_GAP_MS: f64 = 8_000.0;
/// Longest time without a block when validators go over to dBFT 3.0 or back, in milliseconds.
const SWITCH_STOP_MS: f64 = 10_000.0;
/// The median of the block intervals, in target block times, may be at most this.
const PACE: f64 = 1.15;

/// Everything that must hold of such a run.
pub(super) fn judge(
    figures: &MixedFigures,
    lives: &[Vec<Life>],
    block_time_ms: f64,
) -> BTreeMap<&'static str, bool> {
    let mut verdicts = BTreeMap::from([
        ("no_fork", figures.forks.is_empty()),
        ("hashes_equal", figures.equality.hashes_equal),
        ("balances_equal", figures.equality.balances_equal),
        ("logs_equal", figures.equality.logs_equal),
        ("all_payloads_signed", figures.unverified_payloads == 0),
    ]);
    if let Some(migration) = &figures.migration {
        let stops = [&migration.there, &migration.back];
        let short = stops.iter().all(|one| one.stop_ms <= SWITCH_STOP_MS);
        verdicts.insert("stop_within_10_s", short);
        verdicts.insert("same_chain", migration.same_chain);
        verdicts.insert("dbft_3_made_blocks", migration.blocks_between > 0);
        // Nobody takes part in dBFT 2.0 in between, and what is left of it is short.
        return verdicts;
    }
    let all_take_part = |one: &Participation| one.alive == 0 || one.share >= SHARE;
    verdicts.insert("share", figures.validators.iter().all(all_take_part));
    let kinds = lives.iter().flatten().map(|life| life.software);
    let all_led = kinds
        .clone()
        .all(|kind| figures.primaries.contains_key(&kind));
    verdicts.insert("primaries_of_all_kinds", all_led);
    if figures.kills.is_empty() && figures.replacements.is_empty() {
        let p50 = figures.block_interval_ms.p50;
        verdicts.insert("pace", p50.is_some_and(|p50| p50 < PACE * block_time_ms));
    }
    if !figures.kills.is_empty() {
        let next: Vec<_> = figures
            .kills
            .iter()
            .filter_map(|kill| kill.next_primary_software)
            .collect();
        let all_next = kinds.clone().all(|kind| next.contains(&kind));
        verdicts.insert("view_change_to_all_kinds", all_next);
        let several = kinds.collect::<BTreeSet<_>>().len() > 1;
        let recovered = |kill: &KillFigures| {
            kill.answered_by
                .iter()
                .any(|by| *by != kill.software || !several)
        };
        let of = |software: Software| {
            figures
                .kills
                .iter()
                .filter(move |kill| kill.software == software)
        };
        let each = [Software::NeoDbft, Software::NeoGo]
            .into_iter()
            .all(|software| of(software).next().is_none() || of(software).any(recovered));
        verdicts.insert("recovered_through_other_kind", each);
    }
    if !figures.replacements.is_empty() {
        let longest = figures.block_interval_ms.longest;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::mixed::OrdealFigures;
    use crate::devnet::mixed::capture::{BlockSighting, Seen, Sighting};
    use crate::devnet::mixed::equality::Equality;
    use crate::devnet::mixed::figures::Evidence;
    use crate::devnet::mixed::migration::{MigrationFigures, SwitchFigures};
    use crate::devnet::mixed::replacement::ReplacementFigures;
    use crate::devnet::mixed::share::Window;
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
    fn a_migration_has_short_stops_and_one_chain() {
        let switch = |stop_ms| SwitchFigures {
            height: Height(9),
            stop_ms,
            apart: Vec::new(),
        };
        let of = |stop_ms, same_chain, blocks_between| {
            let done = MigrationFigures {
                there: switch(3_000.0),
                back: switch(stop_ms),
                blocks_between,
                further_node: Height(30),
                same_chain,
            };
            let ordeal = Some(OrdealFigures::Migration(Box::new(done)));
            figures(&seen(2, 0), &[life(Software::NeoGo)], ordeal)
        };
        assert_eq!(failed(&of(10_000.0, true, 5)), Vec::<&str>::new());
        assert_eq!(
            failed(&of(10_000.1, false, 0)),
            ["dbft_3_made_blocks", "same_chain", "stop_within_10_s"]
        );
        let lines = of(2_000.0, true, 5).lines().join("\n");
        assert!(
            lines.contains("no block for 3000 ms and back for 2000 ms"),
            "{lines}"
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
