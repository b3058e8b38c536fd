//! The lock of dBFT 2.0: M validators run, and no block of a height can come about any more.
//!
//! The predicate looks at what validators have said, never at what engines think, and takes every doubt for
//! progress: what was sent may arrive, Byzantine validators may help, a validator that is behind may catch
//! up. What it calls locked is locked until somebody who is down comes back. Only at the end of a run a
//! Byzantine validator that could have helped and did not is no excuse any more.

use neo_primitives::Height;

/// How far a validator is at a height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// It runs and votes.
    pub(super) runs: bool,
    /// The view in which it has committed.
    pub(super) committed: Option<u8>,
    /// The view it is in.
    pub(super) view: u8,
    /// The greatest view it has asked for.
    pub(super) asked: u8,
    /// The greatest height at which it has said anything.
    pub(super) spoke: Height,
}

/// Whether a height is locked. `None` stands for a Byzantine validator: who may do anything, or, if `helped` is
/// false, does not help.
pub(super) fn is_locked(
    all: &[Option<Standing>],
    height: Height,
    quorum: usize,
    faulty: usize,
    helped: bool,
) -> bool {
    let byzantine = all.iter().filter(|one| one.is_none()).count();
    let wild = if helped { byzantine } else { 0 };
    let honest: Vec<Standing> = all.iter().flatten().copied().collect();
    let count = |what: &dyn Fn(&Standing) -> bool| honest.iter().filter(|one| what(one)).count();
    let committed = count(&|one| one.committed.is_some());
    if committed == 0 || byzantine + count(&|one| one.runs) < quorum {
        return false;
    }
    let free = |one: &Standing| one.runs && one.committed.is_none();
    // Validators silent since before the block before the last one: those that run take them for lost.
    let lost = count(&|one| !one.runs && one.spoke.next().next() <= height);
    let released = committed + wild + lost > faulty;
    let commits_in = |view: u8| {
        let joins =
            |one: &Standing| free(one) && one.view <= view && (released || one.asked <= view);
        wild + count(&|one| one.committed == Some(view) || joins(one))
    };
    let greatest = honest.iter().map(|one| one.view.max(one.asked)).max();
    if (0..=greatest.unwrap_or_default()).any(|view| commits_in(view) >= quorum) {
        return false;
    }
    let lowest = honest.iter().filter(|one| free(one)).map(|one| one.view);
    let Some(lowest) = lowest.min() else {
        return true;
    };
    // Those that are free may ask for any view; of the others only what they have asked for counts.
    let asks = |one: &Standing| free(one) || one.asked > lowest;
    wild + count(&asks) < quorum
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Height = Height(5);

    fn runs(committed: Option<u8>, view: u8, asked: u8) -> Option<Standing> {
        Some(Standing {
            runs: true,
            committed,
            view,
            asked,
            spoke: AT,
        })
    }

    fn down(standing: Option<Standing>) -> Option<Standing> {
        standing.map(|standing| Standing {
            runs: false,
            ..standing
        })
    }

    fn four(all: [Option<Standing>; 4]) -> bool {
        is_locked(&all, AT, 3, 1, true)
    }

    #[test]
    fn one_commit_two_view_changes_and_one_crash_are_a_lock() {
        let asked = runs(None, 0, 1);
        let committed = runs(Some(0), 0, 0);
        assert!(four([committed, down(runs(None, 0, 0)), asked, asked]));
        // The primary had asked, too: the two enter view 1, and are stuck there.
        assert!(!four([committed, down(asked), asked, asked]));
        let entered = runs(None, 1, 1);
        assert!(four([committed, down(asked), entered, entered]));
        // With one of them still willing there are two Commits, and three are needed.
        assert!(four([
            committed,
            down(runs(None, 0, 0)),
            asked,
            runs(None, 0, 0)
        ]));
        assert!(!four([
            committed,
            down(runs(None, 0, 0)),
            runs(None, 0, 0),
            runs(None, 0, 0)
        ]));
    }

    #[test]
    fn what_somebody_can_still_help_is_no_lock() {
        let asked = runs(None, 0, 1);
        let committed = runs(Some(0), 0, 0);
        // All run.
        assert!(!four([committed, asked, asked, asked]));
        // A Byzantine validator may sign anything, if it wants to.
        let all = [committed, None, asked, asked];
        assert!(!four(all) && is_locked(&all, AT, 3, 1, false));
        // Two have committed: the others take preparations again.
        assert!(!four([committed, runs(Some(1), 1, 0), asked, asked]));
        // Nobody has, or too few run for a block in any case.
        assert!(!four([down(asked), asked, asked, runs(None, 0, 0)]));
        assert!(!four([committed, down(asked), down(asked), asked]));
        // Whoever is lost for long counts as if it had committed.
        let gone = Some(Standing {
            spoke: Height(3),
            ..Standing::default()
        });
        assert!(!four([committed, gone, asked, asked]));
    }

    #[test]
    fn commits_in_two_views_lock_without_any_crash_when_the_rest_is_beyond_both() {
        let beyond = runs(None, 2, 2);
        assert!(four([
            runs(Some(0), 0, 0),
            runs(Some(1), 1, 1),
            beyond,
            beyond
        ]));
        // The one of view 1 had asked for view 3: the other two reach it with its help.
        assert!(!four([
            runs(Some(0), 0, 0),
            runs(Some(1), 1, 3),
            beyond,
            beyond
        ]));
    }

    #[test]
    fn seven_validators_are_locked_by_two_commits_and_two_crashes() {
        let committed = runs(Some(0), 0, 0);
        let entered = runs(None, 1, 1);
        let gone = down(runs(None, 0, 1));
        let mut all = vec![committed, committed, entered, entered, entered, gone, gone];
        assert!(is_locked(&all, AT, 5, 2, true));
        all[5] = entered;
        assert!(is_locked(&all, AT, 5, 2, true));
        all[6] = entered;
        assert!(!is_locked(&all, AT, 5, 2, true));
    }
}
