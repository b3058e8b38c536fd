//! The progress bar of a node that catches up, for the person who started it.

use std::io::{self, IsTerminal as _, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use neo_node::{CatchUp, CatchUpSender};
use tokio::sync::watch;

const TEMPLATE: &str = "{bar:40} {pos}/{len} blocks, {msg}";

/// A bar on standard error that is there while the node is behind.
#[derive(Clone, Debug)]
pub(crate) struct CatchUpBar {
    bar: ProgressBar,
    news: CatchUpSender,
}

impl CatchUpBar {
    /// A bar where standard error is a terminal and no program listens.
    pub(crate) fn for_a_person(by_a_program: bool) -> Option<Self> {
        (io::stderr().is_terminal() && !by_a_program)
            .then(|| Self::on(ProgressDrawTarget::stderr()))
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        bar.set_draw_target(target);
        Self {
            bar,
            news: watch::Sender::new(None),
        }
    }

    /// Where the node tells how far it is.
    pub(crate) fn sender(&self) -> CatchUpSender {
        self.news.clone()
    }

    /// Draws what the node tells, until it is gone.
    pub(crate) async fn follow(self) {
        let mut news = self.news.subscribe();
        while news.changed().await.is_ok() {
            let state = *news.borrow_and_update();
            self.show(state);
        }
    }

    fn show(&self, state: Option<CatchUp>) {
        let Some(state) = state else {
            // The bar goes; it is there again when the node is behind again.
            self.bar.set_length(0);
            self.bar.finish_and_clear();
            return;
        };
        if self.bar.is_finished() {
            self.bar.reset();
        }
        let begin = state.from.0;
        self.bar
            .set_length(u64::from(state.target.0.saturating_sub(begin)));
        self.bar
            .set_position(u64::from(state.at.0.saturating_sub(begin)));
        self.bar.set_message(rest(&state));
    }
}

fn rest(state: &CatchUp) -> String {
    let left = state
        .time_left()
        .map_or_else(|| "-".to_owned(), |left| format!("{} s", left.as_secs()));
    let peers = state.peers;
    format!("{:.0} blocks/s from {peers} peers, {left} left", state.rate)
}

/// Writes log lines to standard error, above the bar if there is one.
#[derive(Debug)]
pub(crate) struct AboveBar(pub(crate) Option<CatchUpBar>);

impl Write for AboveBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let write = || io::stderr().lock().write(bytes);
        match &self.0 {
            Some(bar) => bar.bar.suspend(write),
            None => write(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::Height;

    fn state(at: u32, rate: f64) -> CatchUp {
        CatchUp {
            from: Height(100),
            at: Height(at),
            target: Height(1_100),
            rate,
            peers: 3,
        }
    }

    #[test]
    fn the_bar_counts_from_where_the_node_began_and_says_what_is_left() {
        let bar = CatchUpBar::on(ProgressDrawTarget::hidden());
        bar.show(Some(state(600, 250.0)));
        assert_eq!((bar.bar.position(), bar.bar.length()), (500, Some(1_000)));
        assert_eq!(
            rest(&state(600, 250.0)),
            "250 blocks/s from 3 peers, 2 s left"
        );
        assert_eq!(rest(&state(100, 0.0)), "0 blocks/s from 3 peers, - left");
        bar.show(None);
        assert!(bar.bar.is_finished());
        bar.show(Some(state(700, 1.0)));
        assert!(!bar.bar.is_finished());
        assert_eq!(bar.bar.position(), 600);
    }
}
