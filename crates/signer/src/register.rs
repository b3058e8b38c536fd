//! The rules: what a key that has signed this must not sign any more.

use std::collections::BTreeMap;

use neo_primitives::{Height, Signature, UInt256};

use crate::statement::{Bond, Phase, Statement};

/// Heights whose statements are remembered one by one; at and below the highest forgotten one nothing is signed.
pub const WINDOW: usize = 256;
/// Statements of one height that are remembered; nothing more is signed at a height that has as many.
pub const PER_HEIGHT: usize = 4_096;

/// Why something is not signed. Nothing of these changes by asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The double-sign.
    #[error(
        "height {height} view {view}: this key signed {phase} {signed} and never signs {asked} there"
    )]
    Contradicts {
        /// The height.
        height: Height,
        /// The view.
        view: u32,
        /// The phase.
        phase: Phase,
        /// What it signed.
        signed: UInt256,
        /// What is asked for.
        asked: UInt256,
    },
    /// What was signed there is not remembered.
    #[error(
        "height {height} is not above {floor}, the greatest height whose statements are forgotten"
    )]
    Forgotten {
        /// The height.
        height: Height,
        /// The greatest forgotten one.
        floor: Height,
    },
    /// dBFT 3.0, rule 7.
    #[error(
        "height {height}: this key left all views below {left_for} and signs no {phase} of view {view}"
    )]
    LeftView {
        /// The height.
        height: Height,
        /// The view.
        view: u32,
        /// The phase.
        phase: Phase,
        /// Highest view that it asked for.
        left_for: u32,
    },
    /// dBFT 2.0: whoever signed a header stays in its view.
    #[error(
        "height {height}: this key signed block {block}, after which dBFT 2.0 allows no {what}"
    )]
    AfterBlock {
        /// The height.
        height: Height,
        /// The block.
        block: UInt256,
        /// What is asked for.
        what: &'static str,
    },
    /// A Commit without a header signature.
    #[error("height {height}: a Commit, but this key signed no block of that height")]
    NoBlock {
        /// The height.
        height: Height,
    },
    /// A Commit with another signature than the own header signature.
    #[error("height {height}: the Commit does not carry this key's signature of block {block}")]
    OtherBlock {
        /// The height.
        height: Height,
        /// The block that it signed.
        block: UInt256,
    },
    /// More statements than any view change needs.
    #[error("height {height}: {PER_HEIGHT} statements are signed, which is the limit")]
    TooMany {
        /// The height.
        height: Height,
    },
}

/// What the rules say to something that may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It binds and is new: it has to be durable before it is signed.
    New(Bond),
    /// It says what was signed before.
    Again,
    /// It binds to nothing new.
    Free,
}

/// Everything that a key is bound by.
#[derive(Clone, Debug, Default)]
pub struct Register {
    heights: BTreeMap<Height, BTreeMap<(Phase, u32), UInt256>>,
    floor: Option<Height>,
}

impl Register {
    /// The greatest height at which nothing is signed any more.
    #[must_use]
    pub fn floor(&self) -> Option<Height> {
        self.floor
    }

    /// The greatest height at which something was signed.
    #[must_use]
    pub fn highest(&self) -> Option<Height> {
        let last = self.heights.last_key_value().map(|(height, _)| *height);
        last.or(self.floor)
    }

    /// Statements remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heights.values().map(BTreeMap::len).sum()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heights.is_empty()
    }

    /// Whether it may be signed. `is_own` tells whether a signature is the key's own over the header of a block.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn judge(
        &self,
        statement: &Statement,
        is_own: impl FnOnce(&UInt256, &Signature) -> bool,
    ) -> Result<Verdict, Refusal> {
        match statement {
            Statement::Free => Ok(Verdict::Free),
            Statement::Leaves { height } => {
                self.remembers(*height)?;
                self.uncommitted(*height, "ChangeView")?;
                Ok(Verdict::Free)
            }
            Statement::Confirms { height, signature } => {
                let height = *height;
                self.remembers(height)?;
                let block = self.block(height).ok_or(Refusal::NoBlock { height })?;
                if is_own(&block, signature) {
                    Ok(Verdict::Free)
                } else {
                    Err(Refusal::OtherBlock { height, block })
                }
            }
            Statement::Binds(bond) => self.judge_bond(bond),
        }
    }

    fn judge_bond(&self, bond: &Bond) -> Result<Verdict, Refusal> {
        let Bond {
            height,
            phase,
            view,
            digest,
        } = *bond;
        self.remembers(height)?;
        let signed = self.heights.get(&height);
        match signed.and_then(|of_height| of_height.get(&(phase, view))) {
            Some(same) if *same == digest => return Ok(Verdict::Again),
            Some(signed) => {
                return Err(Refusal::Contradicts {
                    height,
                    view,
                    phase,
                    signed: *signed,
                    asked: digest,
                });
            }
            None => {}
        }
        match phase {
            Phase::Preparation2 => self.uncommitted(height, "preparation of another view")?,
            Phase::Preparation3 | Phase::PreCommit => {
                let left_for = self.left_for(height);
                if let Some(left_for) = left_for.filter(|left_for| *left_for > view) {
                    return Err(Refusal::LeftView {
                        height,
                        view,
                        phase,
                        left_for,
                    });
                }
            }
            Phase::Block | Phase::ChangeView => {}
        }
        if signed.is_some_and(|of_height| of_height.len() >= PER_HEIGHT) {
            return Err(Refusal::TooMany { height });
        }
        Ok(Verdict::New(*bond))
    }

    /// Takes over what was signed.
    pub fn record(&mut self, bond: &Bond) {
        if self.floor >= Some(bond.height) {
            return;
        }
        let of_height = self.heights.entry(bond.height).or_default();
        of_height
            .entry((bond.phase, bond.view))
            .or_insert(bond.digest);
        while self.heights.len() > WINDOW {
            if let Some((height, _)) = self.heights.pop_first() {
                self.floor = self.floor.max(Some(height));
            }
        }
    }

    /// Signs nothing at this height and below it any more.
    pub fn forget(&mut self, through: Height) {
        self.floor = self.floor.max(Some(through));
        self.heights.retain(|height, _| *height > through);
    }

    fn remembers(&self, height: Height) -> Result<(), Refusal> {
        match self.floor {
            Some(floor) if height <= floor => Err(Refusal::Forgotten { height, floor }),
            _ => Ok(()),
        }
    }

    fn block(&self, height: Height) -> Option<UInt256> {
        self.heights.get(&height)?.get(&(Phase::Block, 0)).copied()
    }

    fn uncommitted(&self, height: Height, what: &'static str) -> Result<(), Refusal> {
        match self.block(height) {
            Some(block) => Err(Refusal::AfterBlock {
                height,
                block,
                what,
            }),
            None => Ok(()),
        }
    }

    fn left_for(&self, height: Height) -> Option<u32> {
        let of_height = self.heights.get(&height)?;
        let all = (Phase::ChangeView, 0)..=(Phase::ChangeView, u32::MAX);
        let ((_, view), _) = of_height.range(all).next_back()?;
        Some(*view)
    }
}

#[cfg(test)]
mod tests;
