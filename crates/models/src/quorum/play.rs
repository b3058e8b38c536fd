//! A counter-example with names: which validator did what in which view.

use serde::Serialize;

use super::rules::{Reduction, Release, Setting};
use super::state::{Mask, QuorumState};
use super::step::{ViewStep, apply};

/// Views one after the other. Honest validators are 0 to n−f−1, Byzantine ones the others.
#[derive(Clone, Debug)]
pub struct Play {
    /// The setting it was played in.
    pub setting: Setting,
    /// Each view: the height before it, and what the adversary chose.
    pub views: Vec<(QuorumState, ViewStep)>,
    /// The height after the last view.
    pub end: QuorumState,
}

/// Gives validators their names back, which canonical states have lost.
pub(super) fn named(setting: &Setting, path: Vec<(QuorumState, Option<ViewStep>)>) -> Play {
    let count = setting.honest();
    // Who stands at each place of the canonical state.
    let mut names: Vec<u8> = (0..count).collect();
    let mut end = QuorumState::default();
    let mut views = Vec::new();
    for (state, step) in path {
        let Some(step) = step else { continue };
        let name = |place: u8| names.get(usize::from(place)).copied().unwrap_or(place);
        let rename = |mask: Mask| mask.iter().map(name).collect();
        let mut learned = step.learned;
        for (place, held) in (0..count).zip(step.learned) {
            if let Some(slot) = learned.get_mut(usize::from(name(place))) {
                *slot = held;
            }
        }
        let renamed = ViewStep {
            learned,
            members: rename(step.members),
            asked: rename(step.asked),
            holders: rename(step.holders),
            voters: rename(step.voters),
            ..step
        };
        views.push((end, renamed));
        end = apply(setting, &end, &renamed);
        if setting.reduction == Reduction::Full {
            let (_, order) = apply(setting, &state, &step).canonical(count);
            names = order.into_iter().map(name).collect();
        }
    }
    Play {
        setting: *setting,
        views,
        end,
    }
}

/// One view of a play in plain words.
#[derive(Clone, Debug, Serialize)]
pub struct ViewStory {
    /// The view.
    pub view: u8,
    /// Its leader, in round robin.
    pub leader: u8,
    /// Members of the view-change certificate with the view each claims; none at view 0.
    pub certificate: Vec<(u8, Option<u8>)>,
    /// Honest validators that left the view before.
    pub left: Vec<u8>,
    /// The block proposed, by letter; nothing when no block came to be prepared.
    pub proposal: Option<char>,
    /// Whether the certificate's greatest claim prescribed it.
    pub prescribed_by: Option<u8>,
    /// Who prepared it.
    pub prepared: Vec<u8>,
    /// Honest validators that hold its prepared certificate in this view.
    pub holders: Vec<u8>,
    /// Honest validators that sign its header, or PreCommit it, in this view.
    pub voters: Vec<u8>,
    /// Blocks that are decided after this view, with who makes it so.
    pub decided: Vec<(char, Vec<u8>)>,
}

/// The letter of a block.
#[must_use]
pub fn letter(block: u8) -> char {
    char::from(b'A'.saturating_add(block))
}

impl Play {
    /// Byzantine validators.
    #[must_use]
    pub fn byzantine(&self) -> Vec<u8> {
        (self.setting.honest()..self.setting.validators).collect()
    }

    /// Number of views.
    #[must_use]
    pub fn len(&self) -> usize {
        self.views.len()
    }

    /// Whether nothing was played.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// Each view in plain words.
    #[must_use]
    pub fn story(&self) -> Vec<ViewStory> {
        (0..self.views.len())
            .filter_map(|at| self.tell(at))
            .collect()
    }

    fn tell(&self, at: usize) -> Option<ViewStory> {
        let (before, step) = self.views.get(at)?;
        let after = self.views.get(at + 1).map_or(&self.end, |(state, _)| state);
        let setting = &self.setting;
        let mut certificate: Vec<_> = step
            .members
            .iter()
            .map(|member| {
                let alone = ViewStep {
                    members: Mask::default().with(member),
                    byzantine_claim: None,
                    ..*step
                };
                (member, alone.greatest_claim(before))
            })
            .collect();
        let mut claim = step.byzantine_claim;
        let helpers = self.byzantine().into_iter();
        for helper in helpers.take(usize::from(step.byzantine_members)) {
            certificate.push((helper, claim.take()));
        }
        let proposed = step.block.is_some();
        let able = before.unlocked(setting.honest());
        let everybody = able.iter().chain(self.byzantine());
        let of_block = |block: u8| {
            let signers = if setting.release == Release::PreCommits {
                let views = self.views.iter();
                let commits = views.filter(|(_, step)| step.committed && step.block == Some(block));
                commits.fold(Mask::default(), |all, (_, step)| all.or(step.voters))
            } else {
                after.signers(setting.honest(), block)
            };
            (
                letter(block),
                signers.iter().chain(self.byzantine()).collect(),
            )
        };
        let left = after.of(setting.honest()).iter().zip(0..);
        let left = left.filter(|(honest, _)| before.view > 0 && honest.asked == before.view);
        Some(ViewStory {
            view: before.view,
            leader: before.view % setting.validators,
            certificate,
            left: left.map(|(_, number)| number).collect(),
            proposal: step.block.map(letter),
            prescribed_by: step.greatest_claim(before).filter(|_| proposed),
            prepared: everybody.filter(|_| proposed).collect(),
            holders: step.holders.iter().collect(),
            voters: step.voters.iter().collect(),
            decided: after.decided.iter().map(of_block).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quorum::rules::Carry;

    #[test]
    fn names_survive_the_canonical_order() {
        let setting = Setting {
            release: Release::Prepared,
            carry: Carry::Highest,
            validators: 4,
            views: 3,
            reduction: Reduction::Full,
        };
        let first = ViewStep {
            block: Some(0),
            holders: Mask(1),
            voters: Mask(1),
            ..ViewStep::default()
        };
        let start = QuorumState::default();
        let one = apply(&setting, &start, &first).canonical(3).0;
        // The one that signed stands last now, and signs again.
        let second = ViewStep {
            members: Mask(0b011),
            byzantine_members: 1,
            block: Some(1),
            holders: Mask(0b100),
            voters: Mask(0b100),
            ..ViewStep::default()
        };
        let two = apply(&setting, &one, &second).canonical(3).0;
        let path = vec![(start, Some(first)), (one, Some(second)), (two, None)];
        let play = named(&setting, path);
        let story = play.story();
        assert_eq!(story[0].voters, story[1].voters);
        assert_eq!(story[1].certificate, [(1, None), (2, None), (3, None)]);
        assert_eq!(play.end.canonical(3).0, two);
    }
}
