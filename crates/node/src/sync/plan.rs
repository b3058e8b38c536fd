//! Which blocks are asked for, which are here, and which come next: the window above the stored tip.

use std::collections::BTreeMap;
use std::time::Duration;

use neo_ledger::VerifiedBlock;
use neo_network::PeerId;
use neo_primitives::Height;

use super::sources::Sources;

/// Blocks in one question: with small blocks some hundred kilobytes, and enough to keep a question's way worth it.
const RANGE: u32 = 250;
/// Blocks above the stored tip that are asked for or kept.
const WINDOW: u32 = 4_000;
/// Bytes of blocks that are kept before they can be stored. When there are more, only the lowest range is asked for.
const KEPT_BYTES: usize = 64 << 20;
/// Questions under way at a time. Each answer may have 16 MiB.
const UNDER_WAY: usize = 6;
/// After so long without an answer another peer is asked, too: the question may be lost, or its peer slow.
const SECOND_OPINION: Duration = Duration::from_millis(300);
/// The same range is asked for at most this often at a time.
const OPINIONS: usize = 3;
/// Blocks that are stored in one commit.
const RUN_BLOCKS: usize = 500;
/// Bytes of blocks that are stored in one commit, unless a single range has more.
const RUN_BYTES: usize = 8 << 20;

/// A question for blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) peer: PeerId,
    pub(super) start: Height,
    pub(super) count: u16,
}

/// A peer that was asked for a range.
#[derive(Clone, Copy, Debug)]
struct Opinion {
    peer: PeerId,
    at: Duration,
    /// Its answer is here and is being verified.
    arrived: bool,
}

#[derive(Debug)]
enum State {
    /// Nobody is asked.
    Wanted,
    /// These are asked.
    Asked(Vec<Opinion>),
    /// Verified, in order, without a gap.
    Here {
        blocks: Vec<VerifiedBlock>,
        bytes: usize,
        from: PeerId,
    },
}

#[derive(Debug)]
struct Range {
    count: u32,
    state: State,
}

/// The window above the stored tip. It decides; it asks nobody and has no clock.
#[derive(Debug)]
pub(super) struct Plan {
    /// Lowest height that is neither stored nor handed out to be.
    next: Height,
    /// Lowest height without a range.
    end: Height,
    ranges: BTreeMap<Height, Range>,
}

impl Plan {
    /// A plan above a stored height.
    pub(super) fn above(stored: Height) -> Self {
        Self {
            next: stored.next(),
            end: stored.next(),
            ranges: BTreeMap::new(),
        }
    }

    /// The chain is stored up to here, whoever stored it.
    pub(super) fn stored(&mut self, stored: Height) {
        let next = stored.next();
        if next <= self.next {
            return;
        }
        self.next = next;
        self.end = self.end.max(next);
        // A range that reaches above is asked for again from there: that happens once, where consensus took over.
        let cut: Vec<_> = self.ranges.range(..next).map(|(start, _)| *start).collect();
        for start in cut {
            if let Some(range) = self.ranges.remove(&start) {
                let end = start.0.saturating_add(range.count);
                if end > next.0 {
                    let rest = Range {
                        count: end - next.0,
                        state: State::Wanted,
                    };
                    self.ranges.insert(next, rest);
                }
            }
        }
    }

    /// Something went wrong with what was handed out: it is wanted again.
    pub(super) fn restart(&mut self, stored: Height) {
        *self = Self::above(stored);
    }

    /// Questions to ask now. Somebody has to be `lead` blocks ahead at least for the window to grow.
    pub(super) fn questions(
        &mut self,
        sources: &mut Sources,
        lead: u32,
        now: Duration,
    ) -> Vec<Question> {
        if let Some(best) = sources.best(now)
            && best.next().0 >= self.next.0.saturating_add(lead)
        {
            self.extend(best);
        }
        let mut questions = Vec::new();
        let mut under_way = self.under_way();
        let full = self.kept_bytes() >= KEPT_BYTES;
        for (position, (start, range)) in self.ranges.iter_mut().enumerate() {
            if under_way >= UNDER_WAY || (full && position > 0) {
                break;
            }
            let asked = match &mut range.state {
                State::Here { .. } => continue,
                State::Wanted => Vec::new(),
                State::Asked(asked) => {
                    let waits = |it: &Opinion| it.arrived || now < it.at + SECOND_OPINION;
                    if asked.len() >= OPINIONS || asked.iter().any(waits) {
                        continue;
                    }
                    std::mem::take(asked)
                }
            };
            let before: Vec<_> = asked.iter().map(|it| it.peer).collect();
            let chosen = sources.choose(*start, &before, now);
            let mut asked = asked;
            if let Some(peer) = chosen {
                sources.asked(peer);
                asked.push(Opinion {
                    peer,
                    at: now,
                    arrived: false,
                });
                under_way += 1;
                questions.push(Question {
                    peer,
                    start: *start,
                    count: u16::try_from(range.count).unwrap_or(u16::MAX),
                });
            }
            range.state = match asked.is_empty() {
                true => State::Wanted,
                false => State::Asked(asked),
            };
        }
        questions
    }

    fn extend(&mut self, best: Height) {
        let limit = Height(self.next.0.saturating_add(WINDOW)).min(best.next());
        while self.end < limit {
            let count = RANGE.min(limit.0 - self.end.0);
            let state = State::Wanted;
            self.ranges.insert(self.end, Range { count, state });
            self.end = Height(self.end.0.saturating_add(count));
        }
    }

    fn under_way(&self) -> usize {
        let asked = |range: &Range| match &range.state {
            State::Asked(asked) => asked.len(),
            _ => 0,
        };
        self.ranges.values().map(asked).sum()
    }

    fn kept_bytes(&self) -> usize {
        let kept = |range: &Range| match &range.state {
            State::Here { bytes, .. } => *bytes,
            _ => 0,
        };
        self.ranges.values().map(kept).sum()
    }

    /// An answer is here; returns whether it is worth being verified.
    pub(super) fn arrived(&mut self, peer: PeerId, start: Height) -> bool {
        let Some(range) = self.ranges.get_mut(&start) else {
            return false;
        };
        let State::Asked(asked) = &mut range.state else {
            return false;
        };
        let Some(opinion) = asked.iter_mut().find(|it| it.peer == peer) else {
            return false;
        };
        opinion.arrived = true;
        true
    }

    /// Whether anybody is asked for anything.
    pub(super) fn is_waiting(&self) -> bool {
        self.under_way() > 0
    }

    /// Blocks came from a peer, verified, in order and without a gap from `start` on.
    pub(super) fn came(
        &mut self,
        from: PeerId,
        start: Height,
        mut blocks: Vec<VerifiedBlock>,
        bytes: usize,
    ) {
        let Some(range) = self.ranges.get_mut(&start) else {
            return;
        };
        // The range may have become shorter since it was asked for.
        blocks.truncate(usize::try_from(range.count).unwrap_or(usize::MAX));
        let had = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
        // Somebody else was quicker, or nothing came.
        if matches!(range.state, State::Here { .. }) || had == 0 {
            return;
        }
        let missing = range.count - had;
        *range = Range {
            count: had,
            state: State::Here {
                blocks,
                bytes,
                from,
            },
        };
        if missing > 0 {
            let rest = Range {
                count: missing,
                state: State::Wanted,
            };
            self.ranges
                .insert(Height(start.0.saturating_add(had)), rest);
        }
    }

    /// Nothing came of a question.
    pub(super) fn failed(&mut self, peer: PeerId, start: Height) {
        if let Some(range) = self.ranges.get_mut(&start)
            && let State::Asked(asked) = &mut range.state
        {
            asked.retain(|it| it.peer != peer);
            if asked.is_empty() {
                range.state = State::Wanted;
            }
        }
    }

    /// The next blocks to be stored, with who sent each range of them.
    pub(super) fn take_run(&mut self) -> Option<Run> {
        let mut run = Run::default();
        let mut size = 0_usize;
        while let Some(range) = self.ranges.get_mut(&self.next) {
            let State::Here {
                blocks,
                bytes,
                from,
            } = &mut range.state
            else {
                break;
            };
            let full = run.blocks.len() + blocks.len() > RUN_BLOCKS
                || size.saturating_add(*bytes) > RUN_BYTES;
            if full && !run.blocks.is_empty() {
                break;
            }
            size = size.saturating_add(*bytes);
            run.from.push((self.next, *from));
            run.blocks.append(blocks);
            let count = range.count;
            self.ranges.remove(&self.next);
            self.next = Height(self.next.0.saturating_add(count));
        }
        (!run.blocks.is_empty()).then_some(run)
    }
}

/// Blocks to be stored in one commit.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) blocks: Vec<VerifiedBlock>,
    /// First heights of its ranges, ascending, and who sent each.
    pub(super) from: Vec<(Height, PeerId)>,
}

#[cfg(test)]
mod tests;
