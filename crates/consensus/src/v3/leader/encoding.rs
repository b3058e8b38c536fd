//! The bytes of a leader state, as checkpoints keep it.
//!
//! `version u8 = 1 ‖ height u32 ‖ n u8 ‖ n × (score u8 ‖ credit i32)`, little-endian, nothing behind it.
//! The order is not among them: it follows.

use neo_primitives::Height;

use super::state::{LeaderState, MAX_SCORE, MIN_SCORE, Standing};

const VERSION: u8 = 1;
/// Version, height and number of validators.
const HEAD: usize = 6;
/// Score and credit of one validator.
const ENTRY: usize = 5;

/// Why bytes are no leader state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaderStateError {
    /// Another number of bytes than the state announces.
    #[error("a leader state of {validators} validators has {expected} bytes, not {actual}")]
    Length {
        /// Validators announced; 0 where the bytes end before their number.
        validators: u8,
        /// Bytes of such a state.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// A format that this version does not know.
    #[error("leader state of version {0}, this program reads version {VERSION}")]
    Version(u8),
    /// A set has members.
    #[error("a leader state without validators")]
    Empty,
    /// A score outside its limits.
    #[error("validator {validator} has score {score}, the limits are {MIN_SCORE} and {MAX_SCORE}")]
    Score {
        /// Index of the validator.
        validator: u8,
        /// What the bytes say.
        score: u8,
    },
    /// A credit that no sequence of blocks leads to.
    #[error("validator {validator} has credit {credit}, the limit is ±{limit}")]
    Credit {
        /// Index of the validator.
        validator: u8,
        /// What the bytes say.
        credit: i32,
        /// Greatest amount: 100·n².
        limit: i32,
    },
    /// What one leader pays is what all gain, so before the payment the credits add up to the scores.
    #[error("the credits add up to {credits}, the scores to {scores}")]
    Sum {
        /// Sum of the credits.
        credits: i64,
        /// Sum of the scores.
        scores: i64,
    },
}

impl LeaderState {
    /// The state as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let count = u8::try_from(self.standings().len()).unwrap_or(u8::MAX);
        let mut bytes = Vec::with_capacity(HEAD + ENTRY * usize::from(count));
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.height().0.to_le_bytes());
        bytes.push(count);
        for one in self.standings() {
            bytes.push(one.score);
            bytes.extend_from_slice(&one.credit.to_le_bytes());
        }
        bytes
    }

    /// The state that these bytes stand for: of any bytes at most one reading, and of any state one form.
    ///
    /// # Errors
    /// Another length or version, no validators, or numbers that no sequence of blocks leads to.
    pub fn decode(bytes: &[u8]) -> Result<Self, LeaderStateError> {
        let length = |validators: u8| LeaderStateError::Length {
            validators,
            expected: HEAD + ENTRY * usize::from(validators),
            actual: bytes.len(),
        };
        if let Some(version) = bytes.first().filter(|version| **version != VERSION) {
            return Err(LeaderStateError::Version(*version));
        }
        let (head, entries) = bytes.split_first_chunk::<HEAD>().ok_or(length(0))?;
        let [_, height @ .., count] = *head;
        if count == 0 {
            return Err(LeaderStateError::Empty);
        }
        let (entries, rest) = entries.as_chunks::<ENTRY>();
        if entries.len() != usize::from(count) || !rest.is_empty() {
            return Err(length(count));
        }
        let mut standings = Vec::with_capacity(entries.len());
        for (validator, [score, credit @ ..]) in (0..count).zip(entries) {
            let one = Standing {
                score: *score,
                credit: i32::from_le_bytes(*credit),
            };
            check(one, validator, count)?;
            standings.push(one);
        }
        let sum = |value: fn(&Standing) -> i64| standings.iter().map(value).sum::<i64>();
        let credits = sum(|one| i64::from(one.credit));
        let scores = sum(|one| i64::from(one.score));
        if credits != scores {
            return Err(LeaderStateError::Sum { credits, scores });
        }
        Ok(Self::new(Height(u32::from_le_bytes(height)), standings))
    }
}

fn check(one: Standing, validator: u8, count: u8) -> Result<(), LeaderStateError> {
    let Standing { score, credit } = one;
    if !(MIN_SCORE..=MAX_SCORE).contains(&score) {
        return Err(LeaderStateError::Score { validator, score });
    }
    let limit = i32::from(MAX_SCORE) * i32::from(count) * i32::from(count);
    if credit.unsigned_abs() > limit.unsigned_abs() {
        return Err(LeaderStateError::Credit {
            validator,
            credit,
            limit,
        });
    }
    Ok(())
}
