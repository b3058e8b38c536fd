//! From what was seen to verdicts and findings.

use std::time::Duration;

use super::fault::{BEGIN, Counted, END, FAILED_LEADS, Fault};
use super::watched::Verdict;
use super::{BUSY, Conduct, GRACE, MANY_TIMES, PERIOD, Seen};

/// A header signature that comes so soon after the decision is never late.
const LATE: Duration = Duration::from_millis(400);
/// How far a count or a delay has to stand out from the median of the others.
const STANDS_OUT: u32 = 4;

/// The lower median; 0 of nothing.
fn median<T: Ord + Copy + Default>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or_default()
}

impl Conduct {
    /// Judges the heights whose votes have had their time.
    pub(super) fn judge_heights(&mut self, now: Duration) {
        let due = |seen: &Seen| {
            seen.stored
                .is_some_and(|at| now.saturating_sub(at) >= GRACE)
        };
        let judged: Vec<_> = self.heights.extract_if(.., |_, seen| due(seen)).collect();
        for (height, seen) in judged {
            // What synchronisation brought was not voted on here.
            let Some(decided) = seen.decided else {
                continue;
            };
            let delay = |at: usize| {
                let commit = seen.commits.get(&at)?;
                Some(commit.saturating_sub(decided))
            };
            let delays: Vec<_> = self.others().map(delay).collect();
            for (place, at) in self.others().collect::<Vec<_>>().into_iter().enumerate() {
                let rest = delays.iter().enumerate();
                let rest: Vec<_> = rest
                    .filter(|(other, _)| *other != place)
                    .filter_map(|(_, delay)| *delay)
                    .collect();
                let usual = median(rest);
                let Some(watched) = self.watched.get_mut(at) else {
                    continue;
                };
                let limit = LATE
                    .max(watched.round_trip.saturating_mul(3))
                    .max(usual.saturating_mul(STANDS_OUT));
                let connected = watched.connected.is_some_and(|since| since <= seen.opened);
                let voted = seen.voted.contains(&at);
                let verdict = match delays.get(place).copied().flatten() {
                    Some(delay) if delay > limit && connected => Verdict::Late,
                    Some(_) => Verdict::Good,
                    None if !connected && voted => Verdict::Good,
                    None if !connected => Verdict::Away,
                    None if watched.stored() < height => Verdict::Behind,
                    None if voted => Verdict::NoCommit,
                    None => Verdict::Nothing,
                };
                watched.judge(verdict);
            }
        }
    }

    /// Once a period: who sent many times what the others sent.
    pub(super) fn compare_rates(&mut self, now: Duration) {
        if now.saturating_sub(self.period) < PERIOD {
            return;
        }
        self.period = now;
        let rates: Vec<_> = self
            .watched
            .iter_mut()
            .map(|watched| std::mem::take(&mut watched.recent))
            .collect();
        for at in self.others().collect::<Vec<_>>() {
            let rest = self.others().filter(|other| *other != at);
            let usual = median(rest.filter_map(|other| rates.get(other).copied()).collect());
            let rate = rates.get(at).copied().unwrap_or(0);
            if rate > BUSY.max(usual.saturating_mul(MANY_TIMES))
                && let Some(watched) = self.watched.get_mut(at)
            {
                watched.count(now, Counted::Excess);
            }
        }
    }

    /// Everything that speaks for a finding now.
    pub(super) fn find(&mut self, now: Duration) -> Vec<(usize, Fault, String)> {
        let mut found = Vec::new();
        for at in self.others().collect::<Vec<_>>() {
            for (verdict, fault) in VERDICTS {
                let bad = self.verdicts(at, verdict);
                if bad >= BEGIN {
                    let judged = self
                        .watched
                        .get(at)
                        .map_or(0, |watched| watched.verdicts.len());
                    found.push((at, fault, format!("{bad} of the last {judged} heights")));
                }
            }
            if let Some((failed, led)) = self.leads_badly(at) {
                let detail = format!("{failed} of the last {led} views that it led");
                found.push((at, Fault::FailsToLead, detail));
            }
            for what in Counted::ALL {
                let counts: Vec<_> = self
                    .others()
                    .collect::<Vec<_>>()
                    .into_iter()
                    .filter(|other| *other != at)
                    .filter_map(|other| Some(self.watched.get_mut(other)?.counted(now, what)))
                    .collect();
                let Some(watched) = self.watched.get_mut(at) else {
                    continue;
                };
                let count = watched.counted(now, what);
                let usual = match what {
                    // Proofs accuse nobody honest, however many they accuse.
                    Counted::Proofs => 0,
                    _ => median(counts),
                };
                if count >= what.begin().max(usual.saturating_mul(STANDS_OUT.into())) {
                    found.push((at, what.fault(), format!("{count} counted lately")));
                }
            }
        }
        found
    }

    /// Whether what a finding rests on is gone.
    pub(super) fn is_over(&self, now: Duration, at: usize, fault: Fault) -> bool {
        if let Some((verdict, _)) = VERDICTS.into_iter().find(|(_, of)| *of == fault) {
            return self.verdicts(at, verdict) <= END;
        }
        if fault == Fault::FailsToLead {
            return self
                .watched
                .get(at)
                .is_none_or(|watched| watched.failed_leads() * 4 < watched.leads.len());
        }
        let Some(what) = Counted::ALL.into_iter().find(|what| what.fault() == fault) else {
            return true;
        };
        let mut watched = self.watched.get(at).cloned().unwrap_or_default();
        watched.counted(now, what) <= what.begin() / 2
    }

    /// The other validators.
    pub(super) fn others(&self) -> impl Iterator<Item = usize> + use<> {
        let own = self.own;
        (0..self.keys.len()).filter(move |at| Some(*at) != own)
    }

    fn verdicts(&self, at: usize, verdict: Verdict) -> usize {
        self.watched
            .get(at)
            .map_or(0, |watched| watched.verdicts_of(verdict))
    }

    /// Failed and all views led, where they are too many and twice what the others' failures would explain.
    fn leads_badly(&self, at: usize) -> Option<(usize, usize)> {
        let watched = self.watched.get(at)?;
        let (failed, led) = (watched.failed_leads(), watched.leads.len());
        if failed < FAILED_LEADS || failed * 2 < led {
            return None;
        }
        let rest = self.others().filter(|other| *other != at);
        let rest: Vec<_> = rest.filter_map(|other| self.watched.get(other)).collect();
        let rest_failed: usize = rest.iter().map(|watched| watched.failed_leads()).sum();
        let rest_led: usize = rest.iter().map(|watched| watched.leads.len()).sum();
        (failed * rest_led >= 2 * rest_failed * led).then_some((failed, led))
    }
}

const VERDICTS: [(Verdict, Fault); 5] = [
    (Verdict::Away, Fault::Unresponsive),
    (Verdict::Behind, Fault::FallsBehind),
    (Verdict::Nothing, Fault::WithholdsVotes),
    (Verdict::NoCommit, Fault::WithholdsCommits),
    (Verdict::Late, Fault::VotesLate),
];
