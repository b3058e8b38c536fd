//! How long the parts of a height took, for timers and tuning.

use std::time::Duration;

use super::HeightState;
use crate::engine::Now;
use crate::performance::{BlockTimes, PhaseDurations};
use crate::v3::blocks::Check;
use crate::v3::certificate::Decision;
use crate::v3::phase::Phase;

/// What a height taught about the length of views; the engine takes it after each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::v3) enum Lesson {
    /// A view was decided this long after its block was due.
    Decided(Duration),
    /// The timer of a view ran out after this time.
    Failed(Duration),
    /// The own ledger built a block in this time.
    Built(Duration),
}

/// The first moment of each part of the current view, and of what follows its decision.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(super) struct Stamps {
    build_asked: Option<Duration>,
    built: Option<Duration>,
    proposed: Option<Duration>,
    body: Option<Duration>,
    asked: Option<Duration>,
    checked: Option<Duration>,
    prepared: Option<Duration>,
    decided: Option<Duration>,
    witnessed: Option<Duration>,
}

fn between(from: Option<Duration>, to: Option<Duration>) -> Option<Duration> {
    Some(to?.saturating_sub(from?))
}

impl HeightState {
    /// Notes what is there now for the first time.
    pub(super) fn stamp(&mut self, now: Now) {
        let at = Some(now.monotonic);
        let decided = self.decision.as_ref().map(Decision::hash);
        let proposed = self.proposal().and_then(|message| message.block());
        let block = decided.or(proposed).and_then(|hash| self.blocks.get(&hash));
        let (body, asked, passed) = block.map_or((false, false, false), |block| {
            let asked = block.check != Check::Unasked;
            (block.body.is_some(), asked, block.check == Check::Passed)
        });
        let certified = self
            .safety
            .highest()
            .is_some_and(|held| held.view == self.view());
        let witnessed = self.phase == Phase::BlockPersistence;
        let stamps = &mut self.stamps;
        for (stamp, holds) in [
            (&mut stamps.proposed, proposed.is_some()),
            (&mut stamps.body, body),
            (&mut stamps.asked, asked),
            (&mut stamps.checked, passed),
            (&mut stamps.prepared, certified),
            (&mut stamps.decided, decided.is_some()),
            (&mut stamps.witnessed, witnessed),
        ] {
            if holds && stamp.is_none() {
                *stamp = at;
            }
        }
    }

    /// A new view: what the one before it took no longer counts.
    pub(super) fn stamp_view(&mut self) {
        self.stamps = Stamps::default();
    }

    /// The own ledger is asked for a block.
    pub(super) fn stamp_build_asked(&mut self, now: Now) {
        self.stamps.build_asked = Some(now.monotonic);
        self.stamps.built = None;
    }

    /// The own ledger built it.
    pub(super) fn stamp_built(&mut self, now: Now) {
        if self.stamps.built.is_none() {
            self.stamps.built = Some(now.monotonic);
            let took = between(self.stamps.build_asked, self.stamps.built);
            self.lessons.extend(took.map(Lesson::Built));
        }
    }

    /// A view was decided by votes that were counted here: how long that took from when its block was
    /// due. What others decided and only told teaches nothing.
    pub(super) fn learn_decision(&mut self, now: Now) {
        if self.started.is_some() {
            let took = now.monotonic.saturating_sub(self.pace.origin());
            self.lessons.push(Lesson::Decided(took));
        }
    }

    /// Takes what was learned since the last time.
    pub(in crate::v3) fn take_lessons(&mut self) -> Vec<Lesson> {
        std::mem::take(&mut self.lessons)
    }

    /// What the height took, once its block is stored; `None` when consensus here had no part in it.
    pub(in crate::v3) fn times(&self, now: Now) -> Option<BlockTimes> {
        let stamps = &self.stamps;
        let decision = self.decision.as_ref()?;
        let decided = stamps.decided?;
        let proposed = stamps.proposed?;
        let some = |length: Option<Duration>| length.unwrap_or_default();
        let transactions = self
            .blocks
            .body(&decision.hash())
            .map_or(0, |body| body.transactions.len());
        Some(BlockTimes {
            height: self.info.height,
            decided,
            views: self.view().0,
            transactions: u32::try_from(transactions).unwrap_or(u32::MAX),
            phases: PhaseDurations {
                build: some(between(stamps.build_asked, stamps.built)),
                proposal: proposed.saturating_sub(self.pace.origin()),
                dissemination: some(between(Some(proposed), stamps.body)),
                execution: some(between(stamps.asked, stamps.checked)),
                prepare: some(between(Some(proposed), stamps.prepared)),
                pre_commit: some(between(stamps.prepared, Some(decided))),
                commit: some(between(Some(decided), stamps.witnessed)),
                storage: some(between(stamps.witnessed, Some(now.monotonic))),
            },
        })
    }
}
