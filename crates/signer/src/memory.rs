//! What a signer has signed, on disk before the signature leaves.

use std::fmt;

use neo_consensus::vote_log::{Condition, Identity, LogError, LogMedium, VoteLog};
use neo_primitives::{Height, Magic, PublicKey, Signature, UInt256};

use crate::record::Record;
use crate::register::{Refusal, Register, Verdict};
use crate::statement::Statement;

/// Size at which a new file begins: 20,000 statements, those of some five thousand heights. Files that are only about
/// forgotten heights are removed.
const SEGMENT_BYTES: u64 = 1 << 20;

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The log does not open, or does not take records.
    #[error("what was signed cannot be kept: {0}")]
    Log(#[from] LogError),
    /// There is none.
    #[error(
        "there is no record of what this key signed: `neo-cli signer init` makes one, with --above HEIGHT if the key \
         has ever signed"
    )]
    Missing,
    /// It has a gap.
    #[error(
        "the record of what this key signed is {condition}: nothing is signed before `neo-cli signer init --above \
         HEIGHT` with a height above all that it signed"
    )]
    Incomplete {
        /// In which way.
        condition: &'static str,
    },
    /// Something is there already.
    #[error("there is a record of what this key signed already; it is never overwritten")]
    InTheWay,
    /// It is there and whole.
    #[error("the record of what this key signed is whole, {0}; there is nothing to begin anew")]
    Whole(Highest),
}

/// How far a register goes, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Highest(pub Option<Height>);

impl fmt::Display for Highest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(height) => write!(f, "the greatest height in it is {height}"),
            None => f.write_str("it is empty"),
        }
    }
}

/// Why one thing is not signed.
#[derive(Debug, thiserror::Error)]
pub enum Declined {
    /// The rules forbid it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be made durable.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// The register of one key on one network, and the log behind it.
#[derive(Debug)]
pub struct Memory<M> {
    register: Register,
    log: VoteLog<M>,
}

/// Whose log it is. A signer does not know the chain, so there is no genesis block in it.
fn identity(magic: Magic, key: &PublicKey) -> Identity {
    Identity {
        magic,
        genesis: UInt256::ZERO,
        validator: key.clone(),
    }
}

impl<M: LogMedium> Memory<M> {
    /// Makes the memory of a key. Without `above` the key must never have signed; with it nothing at that height or
    /// below is ever signed, whatever was signed there, so a lost or copied log can be followed by a new one.
    ///
    /// # Errors
    /// There is a whole one already, one of another key or network, or the medium fails.
    pub fn initialise(
        medium: M,
        magic: Magic,
        key: &PublicKey,
        above: Option<Height>,
    ) -> Result<Self, MemoryError> {
        let Some(above) = above else {
            return match VoteLog::initialise(medium, identity(magic, key)) {
                Ok(log) => Ok(Self::with(Register::default(), log)),
                Err(LogError::Exists) => Err(MemoryError::InTheWay),
                Err(error) => Err(error.into()),
            };
        };
        let opened = VoteLog::open::<Record>(medium, identity(magic, key))?;
        let mut register = read(&opened.records);
        if let (Condition::Intact { .. }, false) = (&opened.condition, is_lost(&opened.records)) {
            return Err(MemoryError::Whole(Highest(register.highest())));
        }
        let mut log = opened.log;
        // What still reads is a lower bound, whatever the operator says.
        let through = register.highest().max(Some(above)).unwrap_or(above);
        log.append(&[Record::Forgotten { through }])?;
        register.forget(through);
        Ok(Self::with(register, log))
    }

    fn with(register: Register, log: VoteLog<M>) -> Self {
        Self {
            register,
            log: log.with_segments_of(SEGMENT_BYTES),
        }
    }

    /// Opens the memory of a key.
    ///
    /// # Errors
    /// It is missing, has a gap, or is a copy; it belongs to another key or network; or the medium fails.
    pub fn open(medium: M, magic: Magic, key: &PublicKey) -> Result<Self, MemoryError> {
        let opened = VoteLog::open::<Record>(medium, identity(magic, key))?;
        let condition = match opened.condition {
            Condition::Intact { .. } if !is_lost(&opened.records) => {
                return Ok(Self::with(read(&opened.records), opened.log));
            }
            Condition::Missing => return Err(MemoryError::Missing),
            Condition::Intact { .. } => "incomplete",
            Condition::Damaged { .. } => "damaged",
            Condition::Copied => "a copy that may be old",
        };
        Err(MemoryError::Incomplete { condition })
    }

    /// What is remembered.
    #[must_use]
    pub fn register(&self) -> &Register {
        &self.register
    }

    /// Whether a statement may be signed. If it may and binds, it is durable when this returns.
    ///
    /// # Errors
    /// [`Declined`]: it must not be signed.
    pub fn admit(
        &mut self,
        statement: &Statement,
        is_own: impl FnOnce(&UInt256, &Signature) -> bool,
    ) -> Result<Verdict, Declined> {
        let verdict = self.register.judge(statement, is_own)?;
        if let Verdict::New(bond) = verdict {
            let record = [Record::Signed(bond)];
            self.log.append(&record).map_err(MemoryError::from)?;
            self.register.record(&bond);
            if let Some(floor) = self.register.floor() {
                self.log.prune::<Record>(floor).map_err(MemoryError::from)?;
            }
        }
        Ok(verdict)
    }

    #[cfg(test)]
    pub(crate) fn into_medium(self) -> M {
        self.log.into_medium()
    }
}

fn is_lost(records: &[Record]) -> bool {
    let marks = records.iter().rev();
    let last = marks
        .copied()
        .find(|record| !matches!(record, Record::Signed(_)));
    last == Some(Record::Lost)
}

fn read(records: &[Record]) -> Register {
    let mut register = Register::default();
    for record in records {
        match record {
            Record::Signed(bond) => register.record(bond),
            Record::Forgotten { through } => register.forget(*through),
            Record::Lost => {}
        }
    }
    register
}

#[cfg(test)]
mod tests;
