//! The progress bar over seeds.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::totals::Totals;

const TEMPLATE: &str = "{bar:40} {pos}/{len} seeds, {msg}, {eta} left";

/// A bar on standard error, at a terminal and for more than one seed only.
#[derive(Debug)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A bar for so many seeds.
    pub(crate) fn new(seeds: u64) -> Self {
        let target = if seeds > 1 && std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(seeds), target);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Draws how far the campaign is.
    pub(crate) fn show(&self, totals: &Totals) {
        self.0.set_position(totals.runs);
        let broken = match totals.broken_runs() {
            0 => "no violation".to_owned(),
            some => format!("{some} with violations"),
        };
        self.0
            .set_message(format!("{broken}, {} heights", totals.heights));
    }

    /// Removes it.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
