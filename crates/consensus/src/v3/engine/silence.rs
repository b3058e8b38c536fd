//! Silence after a lost vote log (protocol section 5, rule 8).

use neo_primitives::{Height, PublicKey};

use super::{MAX_OPEN, NONCE_INTERVAL, SILENT_BLOCKS, Silence, V3Actions, V3Engine};
use crate::engine::{Notice, Now, Recipient};
use crate::v3::height::HeightState;
use crate::v3::record::Record;

impl V3Engine {
    /// Whether nothing may be voted at a height. What a silence was about is not over before the first
    /// height behind it, also when the node starts again below that.
    pub(super) fn is_silent_at(&self, height: Height) -> bool {
        let below = height < self.votes_from && !mutated!(self.settings, NeverSilent);
        self.silence.is_some() || below
    }

    /// Whether the stored height may be reported to one that lost its log, who concludes from it how far this validator
    /// voted. It may not where this log is lost, or where the store lies further below the own votes than it can without
    /// having been put back.
    pub(in crate::v3) fn vouches(&self) -> bool {
        let open = u32::try_from(MAX_OPEN).unwrap_or(u32::MAX);
        let behind = self.reach.0 > self.stored.0.saturating_add(open);
        self.silence.is_none() && !behind
    }

    pub(super) fn lose_voice(&mut self, now: Now, actions: &mut V3Actions) {
        if self.silence.is_some() || mutated!(self.settings, NeverSilent) {
            return;
        }
        self.silence = Some(Silence {
            nonce: now.entropy | 1,
            ..Silence::default()
        });
        for state in &mut self.open {
            state.silence();
        }
        actions.persist.push(Record::Silenced);
        actions.notices.push(Notice::Silent { until: None });
    }

    /// Others are in office: that M of the former ones have not stored more says nothing about what was voted with the
    /// new ones. They are asked.
    pub(super) fn reports_are_void(&mut self, actions: &mut V3Actions) {
        let Some(silence) = &mut self.silence else {
            return;
        };
        silence.reports.clear();
        silence.asked = None;
        if silence.until.take().is_some() {
            actions.notices.push(Notice::Silent { until: None });
        }
    }

    pub(super) fn take_report(
        &mut self,
        height: Height,
        validator: PublicKey,
        nonce: u64,
        stored: Height,
        actions: &mut V3Actions,
    ) {
        let Some(silence) = &mut self.silence else {
            return;
        };
        let Some(state) = self.open.front() else {
            return;
        };
        let own = self.settings.own.as_ref() == Some(&validator);
        if silence.nonce != nonce || own || !self.terms.lasts(height) {
            return;
        }
        // Any M reports do, also the lowest: a liar among more than M changes nothing.
        silence.reports.entry(validator).or_insert(stored);
        let mut heights: Vec<_> = silence.reports.values().copied().collect();
        heights.sort_unstable();
        let greatest = state
            .quorum()
            .checked_sub(1)
            .and_then(|last| heights.get(last));
        let short = u32::from(mutated!(self.settings, ShortSilence));
        let until = greatest.map(|height| Height(height.0.saturating_add(SILENT_BLOCKS - short)));
        if until != silence.until {
            silence.until = until;
            actions.notices.push(Notice::Silent { until });
        }
    }

    pub(super) fn end_silence(&mut self, actions: &mut V3Actions) {
        let until = self.silence.as_ref().and_then(|silence| silence.until);
        if until.is_some_and(|until| self.stored >= until) {
            self.silence = None;
            // Heights that were opened in silence stay silent.
            // What the log forgot stays so.
            let from = self.top().next().max(self.votes_from);
            self.votes_from = from;
            actions.persist.push(Record::Resumed { from });
            actions.notices.push(Notice::Voting { from });
        }
    }

    pub(super) fn ask_for_reports(&mut self, now: Now, height: Height, actions: &mut V3Actions) {
        let front = self.open.front().map(HeightState::height) == Some(height);
        let (Some(silence), Some(state)) = (&mut self.silence, self.open.front()) else {
            return;
        };
        let due = silence
            .asked
            .is_none_or(|at| now.monotonic >= at.saturating_add(NONCE_INTERVAL));
        if front
            && due
            && silence.until.is_none()
            && let Some(draft) = state.recovery_request(silence.nonce)
        {
            silence.asked = Some(now.monotonic);
            actions.send.push((Recipient::All, draft));
        }
    }
}
