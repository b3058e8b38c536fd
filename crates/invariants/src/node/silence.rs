//! Silence after a lost vote log (rule 8).

use neo_consensus::v3::Record;
use neo_primitives::{Height, ValidatorIndex};

/// Blocks above the reported height that end the silence.
const BLOCKS: u32 = 3;

/// Whether a node may vote, and what ends its silence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Silence {
    silent: bool,
    /// First height to vote on after the last silence that ended.
    from: Option<Height>,
    nonces: Vec<u64>,
    /// The lowest height that each other validator reported to one of the nonces.
    reports: Vec<(ValidatorIndex, Height)>,
}

impl Silence {
    /// How a life begins.
    pub(crate) fn at_start(log_intact: bool, records: &[Record]) -> Self {
        let mut silent = false;
        let mut from = None;
        for record in records {
            match record {
                Record::Silenced => silent = true,
                Record::Resumed { from: first } => {
                    silent = false;
                    from = Some(*first);
                }
                Record::Forgotten { through } => from = from.max(Some(through.next())),
                _ => {}
            }
        }
        Self {
            silent: silent || !log_intact,
            from,
            ..Self::default()
        }
    }

    pub(crate) fn begin(&mut self) {
        *self = Self {
            silent: true,
            ..Self::default()
        };
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }

    /// Why there is no vote at this height, if there is none.
    pub(crate) fn forbids(&self, height: Height) -> Option<String> {
        if self.silent {
            return Some("its vote log was lost".to_owned());
        }
        let from = self.from.filter(|from| height < *from)?;
        Some(format!("it votes from height {from} on"))
    }

    pub(crate) fn asked(&mut self, nonce: u64) {
        if nonce != 0 && !self.nonces.contains(&nonce) {
            self.nonces.push(nonce);
        }
    }

    pub(crate) fn awaits(&self, nonce: u64) -> bool {
        self.silent && nonce != 0 && self.nonces.contains(&nonce)
    }

    pub(crate) fn report(&mut self, validator: ValidatorIndex, stored: Height) {
        match self.reports.iter_mut().find(|(of, _)| *of == validator) {
            Some((_, lowest)) => *lowest = stored.min(*lowest),
            None => self.reports.push((validator, stored)),
        }
    }

    /// Ends it: three stored blocks above the greatest of the lowest M reports of others, from a height
    /// above the open ones, of which `opened` is the highest.
    ///
    /// # Errors
    /// Why it is too early.
    pub(crate) fn end(
        &mut self,
        from: Height,
        quorum: usize,
        stored: Height,
        opened: Option<Height>,
    ) -> Result<(), String> {
        if !self.silent {
            return Err("it was not silent".to_owned());
        }
        let mut heights: Vec<_> = self.reports.iter().map(|(_, height)| *height).collect();
        heights.sort_unstable();
        let (silent, reports) = (false, heights.len());
        *self = Self {
            silent,
            from: Some(from),
            ..Self::default()
        };
        let Some(greatest) = quorum.checked_sub(1).and_then(|last| heights.get(last)) else {
            return Err(format!("{reports} reports of others, {quorum} are needed"));
        };
        let until = greatest.0.saturating_add(BLOCKS);
        if stored.0 < until {
            return Err(format!("stored height {stored}, it must be {until}"));
        }
        match opened.filter(|opened| *opened >= from) {
            Some(opened) => Err(format!(
                "votes from {from} on, and {opened} was opened before"
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(reports: &[(u8, u32)]) -> Silence {
        let mut silence = Silence::at_start(false, &[]);
        silence.asked(7);
        for (validator, height) in reports {
            assert!(silence.awaits(7) && !silence.awaits(8) && !silence.awaits(0));
            silence.report(ValidatorIndex(*validator), Height(*height));
        }
        silence
    }

    #[test]
    fn silence_ends_three_blocks_above_the_lowest_quorum_of_reports() {
        let reports = [(0, 10), (1, 12), (2, 11), (3, 9999)];
        let end = |stored| silent(&reports).end(Height(20), 3, Height(stored), Some(Height(16)));
        assert!(end(14).is_err(), "two blocks");
        assert_eq!(end(15), Ok(()));
        assert!(
            silent(&reports[..2])
                .end(Height(20), 3, Height(15), None)
                .is_err()
        );
    }

    #[test]
    fn open_heights_stay_silent() {
        let reports = [(0, 1), (1, 1), (2, 1)];
        let mut silence = silent(&reports);
        assert!(silence.forbids(Height(5)).is_some());
        assert_eq!(
            silence.end(Height(5), 3, Height(4), Some(Height(4))),
            Ok(())
        );
        assert!(silence.forbids(Height(4)).is_some());
        assert_eq!(silence.forbids(Height(5)), None);
        assert!(
            silence.end(Height(5), 3, Height(4), None).is_err(),
            "it is over already"
        );
        let mut early = silent(&reports);
        assert!(early.end(Height(5), 3, Height(4), Some(Height(5))).is_err());
    }

    #[test]
    fn the_marks_survive_a_restart_and_a_new_loss_silences_again() {
        let resumed = [Record::Silenced, Record::Resumed { from: Height(9) }];
        let voting = Silence::at_start(true, &resumed);
        assert!(!voting.is_silent());
        assert!(voting.forbids(Height(8)).is_some() && voting.forbids(Height(9)).is_none());
        assert!(Silence::at_start(false, &resumed).is_silent());
        assert!(Silence::at_start(true, &resumed[..1]).is_silent());
        assert!(!Silence::at_start(true, &[]).is_silent());
        let forgot = [Record::Forgotten { through: Height(8) }];
        let voting = Silence::at_start(true, &forgot);
        assert!(!voting.is_silent());
        assert!(voting.forbids(Height(8)).is_some() && voting.forbids(Height(9)).is_none());
    }
}
