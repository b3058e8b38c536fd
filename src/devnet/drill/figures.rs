//! What drills measure.

use neo_primitives::Height;
use serde::Serialize;

/// What a drill measured; times in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum DrillFigures {
    /// A validator that was behind.
    CatchUp {
        /// Which.
        validator: usize,
        /// Blocks that it lacked when it was started again.
        behind: u32,
        /// From the start of its process to its being up.
        start_ms: f64,
        /// From its being up to its having stored all of them.
        caught_up_ms: f64,
        /// Blocks in that time, a second.
        blocks_per_s: f64,
        /// From then to its first PreCommit or Commit.
        vote_ms: f64,
        /// From then to the next block, which there is only with its vote.
        next_block_ms: f64,
    },
    /// A validator that lost its disk.
    Restore {
        /// Which.
        validator: usize,
        /// Height of the checkpoint.
        checkpoint: Height,
        /// How long `neo-cli restore` took.
        restore_ms: f64,
        /// From the start of its process to its being up.
        start_ms: f64,
        /// From its being up to the end of its silence.
        silent_ms: f64,
        /// From the end of its silence to its first PreCommit or Commit.
        vote_ms: f64,
        /// Whether the chain went on with its vote when it was needed.
        counted: bool,
    },
    /// All validators killed at once.
    Blackout {
        /// Greatest time from the start of the first process to the next block.
        longest_ms: f64,
        /// That time, each time.
        rounds_ms: Vec<f64>,
        /// Bytes of torn writes behind the vote logs.
        torn_bytes: usize,
    },
}

impl DrillFigures {
    /// What people read.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |name: &str, value: String| format!("  {name:<22}{value}");
        match self {
            Self::CatchUp {
                validator,
                behind,
                start_ms,
                caught_up_ms,
                blocks_per_s,
                vote_ms,
                next_block_ms,
            } => vec![
                format!("  validator {validator} was {behind} blocks behind"),
                line("up after", format!("{start_ms:.0} ms")),
                line(
                    "caught up after",
                    format!("{caught_up_ms:.0} ms, {blocks_per_s:.0} blocks/s"),
                ),
                line("its first vote after", format!("{vote_ms:.0} ms")),
                line("a block with it after", format!("{next_block_ms:.0} ms")),
            ],
            Self::Restore {
                validator,
                checkpoint,
                restore_ms,
                start_ms,
                silent_ms,
                vote_ms,
                counted,
            } => vec![
                format!("  validator {validator} lost its store and its vote log"),
                line(
                    "restored in",
                    format!("{restore_ms:.0} ms, to height {checkpoint}"),
                ),
                line("up after", format!("{start_ms:.0} ms")),
                line("silent for", format!("{silent_ms:.0} ms")),
                line("its first vote after", format!("{vote_ms:.0} ms")),
                line(
                    "its vote counted",
                    if *counted { "yes" } else { "NO" }.to_owned(),
                ),
            ],
            Self::Blackout {
                longest_ms,
                rounds_ms,
                torn_bytes,
            } => {
                let rounds = rounds_ms.iter().map(|ms| format!("{ms:.0}"));
                let rounds = rounds.collect::<Vec<_>>().join(", ");
                vec![
                    format!("  {} blackouts, {torn_bytes} torn bytes", rounds_ms.len()),
                    line(
                        "next block after",
                        format!("{longest_ms:.0} ms at most; {rounds}"),
                    ),
                ]
            }
        }
    }
}

/// Blocks a second over so many milliseconds.
pub(super) fn rate(blocks: u32, ms: f64) -> f64 {
    match ms > 0.0 {
        true => (f64::from(blocks) / ms * 10_000.0).round() / 10.0,
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_by_the_second() {
        assert_eq!(rate(10_000, 4_000.0), 2_500.0);
        assert_eq!(rate(1, 3_000.0), 0.3);
        assert_eq!(rate(5, 0.0), 0.0);
    }

    #[test]
    fn a_program_finds_the_kind_and_a_person_the_figures() {
        let figures = DrillFigures::Blackout {
            longest_ms: 812.25,
            rounds_ms: vec![700.0, 812.25],
            torn_bytes: 48,
        };
        let json = serde_json::to_value(&figures).unwrap();
        assert_eq!(json["kind"], "blackout");
        assert_eq!(json["rounds_ms"][1], 812.25);
        let lines = figures.lines().join("\n");
        assert!(lines.contains("812 ms at most; 700, 812"), "{lines}");
    }
}
