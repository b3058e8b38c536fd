//! The summary for people.

use super::attached::AttachedFigures;
use super::cast::Part;
use super::drill::DrillFigures;
use super::mixed::MixedFigures;
use super::statistics::Percentiles;
use super::summary::Summary;

/// The summary for people.
pub(super) fn text(summary: &Summary) -> String {
    let ms =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} ms"));
    let both =
        |name: &str, of: Percentiles| format!("  {name:<22}p50 {}, p99 {}", ms(of.p50), ms(of.p99));
    let mut lines = vec![
        format!(
            "{} validators, {} s of load",
            summary.validators, summary.duration_s
        ),
        format!(
            "  {:<22}{}",
            "first block after",
            ms(summary.time_to_first_block_ms)
        ),
        format!(
            "  {:<22}{} ({} per second under load)",
            "blocks", summary.blocks, summary.blocks_per_s
        ),
        format!(
            "  {:<22}{} submitted, {} committed, {} refused",
            "transactions", summary.tx_submitted, summary.tx_committed, summary.tx_refused
        ),
    ];
    let reasons = summary.refusals.iter().take(5);
    lines.extend(reasons.map(|(reason, count)| format!("    {count} × {reason}")));
    lines.extend([
        format!("  {:<22}{}", "TPS", summary.tps),
        both("block interval", summary.block_interval_ms),
        format!(
            "  {:<22}{} over 1.5 T, {} over 2.5 T, longest {}",
            "slow intervals",
            summary.pace.over_1_5,
            summary.pace.over_2_5,
            ms(summary.pace.longest_ms)
        ),
        both("proposal to decision", summary.decision_ms),
        both("proposal to witness", summary.witness_ms),
        both("latency", summary.latency_ms),
        format!("  {:<22}{}", "view changes", summary.view_changes),
        format!(
            "  {:<22}{} messages of {} bytes per block",
            "consensus", summary.consensus_messages_per_block, summary.message_bytes_avg
        ),
        format!(
            "  {:<22}{}",
            "tips agree",
            if summary.tips_agree { "yes" } else { "NO" }
        ),
    ]);
    if let Some(trials) = &summary.trials {
        lines.push(format!(
            "  {:<22}{}, longest gap {:.0} ms",
            "leader trials",
            trials.trials.len(),
            trials.longest_gap_ms
        ));
    }
    lines.extend(summary.drill.iter().flat_map(DrillFigures::lines));
    lines.extend(summary.mixed.iter().flat_map(MixedFigures::lines));
    lines.extend(summary.attached.iter().flat_map(AttachedFigures::lines));
    if let Some(attack) = &summary.byzantine {
        let kinds = |kinds: &std::collections::BTreeMap<String, u64>| {
            let each = kinds
                .iter()
                .map(|(kind, count)| format!("{count} × {kind}"));
            let all = each.collect::<Vec<_>>().join(", ");
            if all.is_empty() {
                "none".to_owned()
            } else {
                all
            }
        };
        lines.extend([
            format!(
                "  validator {} attacked ({}), named by {} of {} others",
                attack.validator, attack.mode, attack.named_by, attack.lasting
            ),
            format!("    {:<20}{}", "evidence", kinds(&attack.charges.evidence)),
            format!("    {:<20}{}", "findings", kinds(&attack.charges.findings)),
            format!("    {:<20}{}", "bans", kinds(&attack.charges.bans)),
            format!(
                "    {:<20}{}",
                "bans of strangers",
                kinds(&attack.strangers)
            ),
            format!("    {:<20}{:?}", "honest accused", attack.honest_accused),
        ]);
    }
    lines.extend(summary.nodes.iter().map(|node| {
        let of = |value: Option<f64>| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
        };
        let tip = node.tip.map(|tip| tip.to_string()).unwrap_or_default();
        format!(
            "  validator {}{}: height {}, tip {tip}, CPU {} s, peak memory {} MiB{}",
            node.index,
            match node.part {
                Part::Lasting => "",
                Part::Byzantine => " (Byzantine)",
                Part::Killed => " (killed)",
            },
            node.height,
            of(node.cpu_s),
            of(node.peak_rss_mb),
            node.memory.map_or_else(String::new, |memory| format!(
                ", {} → {} → {} MiB, {} MiB/min",
                memory.start_mb, memory.middle_mb, memory.end_mb, memory.slope_mb_per_min
            ))
        )
    }));
    lines.join("\n")
}
