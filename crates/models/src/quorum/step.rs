//! One view: what the adversary chooses, and what comes of it.

use super::rules::{Carry, Reduction, Release, Setting};
use super::state::{MAX_HONEST, Mask, QuorumState};

/// The adversary's choices for one view. Every honest validator that may vote in the view prepares its
/// block: a Prepare binds nobody in later views, so withholding one never helps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ViewStep {
    /// Certificates that honest validators came to know after they had left the view and before they ask
    /// for this one: per validator the view of the certificate.
    pub learned: [Option<u8>; MAX_HONEST],
    /// Honest members of the view-change certificate; empty at view 0.
    pub members: Mask,
    /// Byzantine members of it.
    pub byzantine_members: u8,
    /// The greatest claim of a Byzantine member.
    pub byzantine_claim: Option<u8>,
    /// Honest validators that asked for this view, members or not. Kept only where signatures lock.
    pub asked: Mask,
    /// The block that is prepared, if any.
    pub block: Option<u8>,
    /// Honest validators that hold its prepared certificate while they are in the view.
    pub holders: Mask,
    /// Those of them that vote on it: sign the header, or PreCommit.
    pub voters: Mask,
    /// Whether somebody puts M PreCommits together.
    pub committed: bool,
}

impl ViewStep {
    /// The view whose certificate prescribes the block, by the greatest claim.
    #[must_use]
    pub fn greatest_claim(&self, before: &QuorumState) -> Option<u8> {
        let honest = self.members.iter().filter_map(|member| {
            let held = before.honest.get(usize::from(member))?.claim;
            held.max(self.learned.get(usize::from(member)).copied().flatten())
        });
        honest.max().max(self.byzantine_claim)
    }
}

/// All that the adversary can do in the next view.
pub(super) fn choices(setting: &Setting, state: &QuorumState, out: &mut Vec<ViewStep>) {
    if state.view >= setting.views {
        return;
    }
    let first = ViewStep::default();
    if state.view == 0 {
        return play(setting, state, first, out);
    }
    for learned in late_learning(setting, state) {
        for step in view_changes(setting, state, ViewStep { learned, ..first }) {
            play(setting, state, step, out);
        }
    }
}

/// Who learned what after leaving earlier views. With reductions nobody: a Byzantine member of the
/// view-change certificate can claim the same certificate.
fn late_learning(setting: &Setting, state: &QuorumState) -> Vec<[Option<u8>; MAX_HONEST]> {
    let mut all = vec![[None; MAX_HONEST]];
    if setting.reduction == Reduction::Full || setting.carry != Carry::Highest {
        return all;
    }
    for (place, honest) in state.of(setting.honest()).iter().enumerate() {
        let news: Vec<u8> = state
            .certified()
            .filter(|view| Some(*view) > honest.claim)
            .collect();
        let more: Vec<_> = all
            .iter()
            .flat_map(|base| {
                news.iter().map(move |view| {
                    let mut learned = *base;
                    if let Some(slot) = learned.get_mut(place) {
                        *slot = Some(*view);
                    }
                    learned
                })
            })
            .collect();
        all.extend(more);
    }
    all
}

/// The view-change certificates that can begin the view.
fn view_changes(setting: &Setting, state: &QuorumState, base: ViewStep) -> Vec<ViewStep> {
    let free = state.unlocked(setting.honest());
    let helpers = match setting.reduction {
        // More honest members than necessary only add claims.
        Reduction::Full => setting.faulty()..=setting.faulty(),
        Reduction::None => 0..=setting.faulty(),
    };
    let mut steps = Vec::new();
    for byzantine_members in helpers {
        let needed = setting.quorum() - byzantine_members;
        for members in free.subsets().filter(|members| members.len() == needed) {
            let base = ViewStep {
                members,
                byzantine_members,
                ..base
            };
            let honest = base.greatest_claim(state);
            let claims = state.certified().filter(|view| {
                let counts = setting.reduction == Reduction::None || Some(*view) > honest;
                byzantine_members > 0 && setting.carry == Carry::Highest && counts
            });
            for byzantine_claim in std::iter::once(None).chain(claims.map(Some)) {
                for asked in askers(setting, free, members) {
                    steps.push(ViewStep {
                        byzantine_claim,
                        asked,
                        ..base
                    });
                }
            }
        }
    }
    steps
}

/// Who left the view before; the members did.
fn askers(setting: &Setting, free: Mask, members: Mask) -> Vec<Mask> {
    if setting.release == Release::PreparedLocked {
        let others = free.without(members);
        others.subsets().map(|more| members.or(more)).collect()
    } else {
        vec![Mask::default()]
    }
}

/// The proposal and who sees what of the votes on it.
fn play(setting: &Setting, state: &QuorumState, base: ViewStep, out: &mut Vec<ViewStep>) {
    let able = state.unlocked(setting.honest());
    if able.len() >= setting.honest_part() {
        for block in proposals(setting, state, &base) {
            // Few holders first: a counter-example is easier to read.
            let mut all: Vec<Mask> = able.subsets().collect();
            all.sort_by_key(|holders| match holders.len() {
                size if size == setting.faulty() => 0,
                size if size == setting.honest_part() => 1,
                size => size.saturating_add(2),
            });
            for holders in all {
                let step = ViewStep {
                    block: Some(block),
                    holders,
                    ..base
                };
                votes(setting, step, out);
            }
        }
    }
    // Nothing is prepared in this view.
    out.push(base);
}

fn votes(setting: &Setting, step: ViewStep, out: &mut Vec<ViewStep>) {
    let explicit = setting.reduction == Reduction::None;
    for voters in step.holders.subsets() {
        if !explicit && voters != step.holders {
            continue;
        }
        let enough = voters.len() >= setting.honest_part();
        let forms = setting.release == Release::PreCommits && enough;
        let step = ViewStep { voters, ..step };
        if forms {
            out.push(ViewStep {
                committed: true,
                ..step
            });
        }
        if explicit || !forms {
            out.push(step);
        }
    }
}

/// The blocks that an honest validator accepts in this view: the leader is the adversary's.
pub(super) fn proposals(setting: &Setting, state: &QuorumState, step: &ViewStep) -> Vec<u8> {
    let fresh = state.blocks;
    match setting.carry {
        Carry::Fresh => vec![fresh],
        Carry::Anything => (0..=fresh).rev().collect(),
        Carry::Highest => match step.greatest_claim(state) {
            Some(view) => state.prepared_in(view).into_iter().collect(),
            // Rule 4: without a claim the header names the leader of this view, so an earlier block comes
            // back only when its leader does.
            None => {
                let n = setting.validators;
                let own = |block: &u8| {
                    let origin = state.origin.get(usize::from(*block));
                    origin.is_some_and(|origin| origin % n == state.view % n)
                };
                std::iter::once(fresh)
                    .chain((0..fresh).filter(own))
                    .collect()
            }
        },
    }
}

/// The height after the view; validators keep their places.
pub(super) fn apply(setting: &Setting, state: &QuorumState, step: &ViewStep) -> QuorumState {
    let mut next = *state;
    next.view = state.view.saturating_add(1);
    for (honest, learned) in next.honest.iter_mut().zip(step.learned) {
        honest.claim = honest.claim.max(learned);
    }
    for (number, honest) in (0..).zip(&mut next.honest) {
        if step.asked.has(number) {
            honest.asked = state.view;
        }
    }
    let Some(block) = step.block else {
        return next;
    };
    if block == state.blocks {
        next.blocks = block.saturating_add(1);
        if let Some(origin) = next.origin.get_mut(usize::from(block)) {
            *origin = state.view;
        }
    }
    // Without claims nobody asks for the certificate of an earlier view.
    let asked_for = setting.carry == Carry::Highest || setting.release == Release::PreparedLocked;
    if asked_for && let Some(prepared) = next.prepared.get_mut(usize::from(state.view)) {
        *prepared = Some(block);
    }
    for (number, honest) in (0..).zip(&mut next.honest) {
        if setting.carry == Carry::Highest && step.holders.has(number) {
            honest.claim = Some(state.view);
        }
        if setting.release != Release::PreCommits && step.voters.has(number) {
            honest.signed = honest.signed.with(block);
            honest.locked = setting.release == Release::PreparedLocked;
        }
    }
    let witnessed = setting.release != Release::PreCommits
        && next.signers(setting.honest(), block).len() >= setting.honest_part();
    if witnessed || step.committed {
        next.decided = next.decided.with(block);
    }
    next
}
