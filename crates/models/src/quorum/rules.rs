//! The two decisions that tell the protocols apart, and the bounds of a run.

use serde::Serialize;

use super::state::{MAX_HONEST, MAX_VIEWS};

/// At what moment a validator lets its header signature out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Release {
    /// With a prepared certificate; from then on it supports nothing else at this height (dBFT 2.0).
    PreparedLocked,
    /// With a prepared certificate of its current view; it may leave that view all the same.
    Prepared,
    /// With M PreCommits of one view (dBFT 3.0).
    PreCommits,
}

impl Release {
    /// In the words of the table in docs/protocol.md, section 1.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::PreparedLocked => "a prepared certificate; locked for ever (dBFT 2.0)",
            Self::Prepared => "a prepared certificate; the view may be left",
            Self::PreCommits => "M PreCommits of one view",
        }
    }
}

/// Which block a later view must carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Carry {
    /// A new one or any earlier one.
    Anything,
    /// A new one.
    Fresh,
    /// The block of the highest prepared certificate that the view-change certificate claims.
    Highest,
}

impl Carry {
    /// In the words of the table in docs/protocol.md, section 1.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Anything => "anything",
            Self::Fresh => "a fresh block",
            Self::Highest => "the block of the highest prepared certificate",
        }
    }
}

/// How many of the adversary's choices are enumerated one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// Only those that can matter, and states that differ by the names of honest validators are one.
    Full,
    /// All of them, with named validators: the check of the reductions.
    None,
}

/// One run of the quorum-level model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// When header signatures leave.
    pub release: Release,
    /// What later views carry.
    pub carry: Carry,
    /// Validators, n.
    pub validators: u8,
    /// Views that are played, from view 0 on.
    pub views: u8,
    /// What is enumerated.
    pub reduction: Reduction,
}

/// A run that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// Too few for a Byzantine one, or too many for the masks.
    #[error("validators is {0}, the limits are 4 and 10")]
    Validators(u8),
    /// None, or too many.
    #[error("views is {0}, the limits are 1 and {MAX_VIEWS}")]
    Views(u8),
}

impl Setting {
    /// Checks the bounds.
    ///
    /// # Errors
    /// Fewer than 4 or more than 10 validators; no view or more than 8.
    pub fn check(&self) -> Result<(), SettingError> {
        if !(4..=10).contains(&self.validators) || usize::from(self.honest()) > MAX_HONEST {
            return Err(SettingError::Validators(self.validators));
        }
        if self.views == 0 || usize::from(self.views) > MAX_VIEWS {
            return Err(SettingError::Views(self.views));
        }
        Ok(())
    }

    /// Byzantine validators, `f = ⌊(n−1)/3⌋`: all that the protocol tolerates.
    #[must_use]
    pub const fn faulty(&self) -> u8 {
        self.validators.saturating_sub(1) / 3
    }

    /// Honest validators, `n − f`.
    #[must_use]
    pub const fn honest(&self) -> u8 {
        self.validators - self.faulty()
    }

    /// The quorum, `M = n − f`.
    #[must_use]
    pub const fn quorum(&self) -> u8 {
        self.validators - self.faulty()
    }

    /// Honest members that a quorum needs when every Byzantine validator joins it, `M − f`.
    #[must_use]
    pub const fn honest_part(&self) -> u8 {
        self.quorum() - self.faulty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_named() {
        let setting = |validators, views| Setting {
            release: Release::PreCommits,
            carry: Carry::Highest,
            validators,
            views,
            reduction: Reduction::Full,
        };
        assert_eq!(setting(3, 2).check(), Err(SettingError::Validators(3)));
        assert_eq!(setting(11, 2).check(), Err(SettingError::Validators(11)));
        assert_eq!(setting(4, 0).check(), Err(SettingError::Views(0)));
        assert_eq!(setting(4, 9).check(), Err(SettingError::Views(9)));
        for (validators, faulty, quorum, honest_part) in
            [(4, 1, 3, 2), (5, 1, 4, 3), (7, 2, 5, 3), (10, 3, 7, 4)]
        {
            let setting = setting(validators, 3);
            assert_eq!(setting.check(), Ok(()));
            assert_eq!(
                (setting.faulty(), setting.quorum(), setting.honest_part()),
                (faulty, quorum, honest_part)
            );
        }
    }
}
