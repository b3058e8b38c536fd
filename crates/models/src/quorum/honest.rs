//! Whether the honest validators alone can still decide.

use super::rules::{Carry, Release, Setting};
use super::state::{Mask, QuorumState};
use super::step::{ViewStep, apply, proposals};

/// Whether some delivery of honest messages leads to a decision when the Byzantine validators say nothing
/// more. To be called stuck a state must be stuck against every doubt: header signatures that Byzantine
/// validators may have given count as given.
#[must_use]
pub(super) fn can_decide(setting: &Setting, state: &QuorumState) -> bool {
    !state.decided.is_empty() || by_what_is_there(setting, state) || in_a_new_view(setting, state)
}

/// Every honest validator that has not left a view learns its prepared certificate and signs.
fn by_what_is_there(setting: &Setting, state: &QuorumState) -> bool {
    if setting.release != Release::PreparedLocked {
        return false;
    }
    let count = setting.honest();
    let mut now = *state;
    for view in state.certified() {
        let Some(block) = state.prepared_in(view) else {
            continue;
        };
        for honest in now.honest.iter_mut().take(usize::from(count)) {
            if !honest.locked && honest.asked <= view {
                honest.signed = honest.signed.with(block);
                honest.locked = true;
            }
        }
        if now.signers(count, block).len() >= setting.honest_part() {
            return true;
        }
    }
    false
}

/// All honest validators that are free ask for the next view, and its leader is honest.
fn in_a_new_view(setting: &Setting, state: &QuorumState) -> bool {
    let members = state.unlocked(setting.honest());
    if members.len() < setting.quorum() {
        return false;
    }
    let step = ViewStep {
        members,
        asked: members,
        holders: members,
        voters: members,
        committed: setting.release == Release::PreCommits,
        ..ViewStep::default()
    };
    let proposed = match setting.carry {
        Carry::Anything | Carry::Fresh => Some(state.blocks),
        Carry::Highest => proposals(setting, state, &step).first().copied(),
    };
    let step = ViewStep {
        block: proposed,
        ..step
    };
    let after = apply(setting, state, &step);
    proposed.is_some_and(|block| after.decided.has(block))
        && members == Mask::first(setting.honest())
}
