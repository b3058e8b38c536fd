//! Validators beside neo-go nodes that keep their chain: nodes that fail, one that joins, and whether all hold the same.

mod figures;
mod join;
mod trials;

pub(crate) use figures::{AttachedEvidence, AttachedFigures};
pub(crate) use join::{JoinFigures, Joiner};
pub(crate) use trials::{NeoFault, NeoStage, NeoTrial, moments};

use crate::exit::Exit;

/// Validators that a network needs for a Neo node to fail: fewer decide nothing without one of them.
const TRIAL_VALIDATORS: usize = 4;

/// What is asked of a network on attached ledgers besides agreeing.
#[derive(Clone, Debug, Default)]
pub(crate) struct AttachedPlan {
    /// How Neo nodes fail, one after the other.
    pub(crate) trials: Vec<NeoFault>,
    /// Whether each validator has the Neo node of the next one as its second one.
    pub(crate) spare: bool,
    /// Whether a further neo-go node fetches the chain at the end.
    pub(crate) join: bool,
}

impl AttachedPlan {
    /// Whose Neo node fails in the trial with this number: the last one's first, never that of validator 0.
    pub(crate) fn victim(number: usize, validators: usize) -> usize {
        let spare = validators.saturating_sub(1).max(1);
        validators.saturating_sub(1 + number % spare)
    }

    /// Whether the Neo node of a validator fails in some trial.
    pub(crate) fn fails(&self, validator: usize, validators: usize) -> bool {
        (0..self.trials.len()).any(|number| Self::victim(number, validators) == validator)
    }

    /// Whether a network is large enough.
    ///
    /// # Errors
    /// With [`Exit::Usage`] if blocks would stop with the first Neo node that fails.
    pub(crate) fn check(&self, validators: usize) -> anyhow::Result<()> {
        if !self.trials.is_empty() && validators < TRIAL_VALIDATORS {
            return Err(Exit::Usage.error(format!(
                "--neo-trials: {validators} validators decide nothing without one of them, \
                 {TRIAL_VALIDATORS} are needed"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_fail_first_and_the_first_one_never() {
        let victims: Vec<_> = (0..5)
            .map(|number| AttachedPlan::victim(number, 4))
            .collect();
        assert_eq!(victims, [3, 2, 1, 3, 2]);
        let plan = AttachedPlan {
            trials: vec![NeoFault::Kill, NeoFault::Freeze],
            ..AttachedPlan::default()
        };
        let fails: Vec<_> = (0..4).map(|index| plan.fails(index, 4)).collect();
        assert_eq!(fails, [false, false, true, true]);
        assert!(plan.check(4).is_ok());
        assert_eq!(Exit::of(&plan.check(3).unwrap_err()), Exit::Usage);
    }
}
