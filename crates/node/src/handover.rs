//! A validator that changes its program or its protocol: what its vote log has to say, and what becomes of it
//! (docs/decisions/0014-changing-the-protocol.md).
//!
//! The rule behind all of it: **a key signs one header a height, whatever the protocol**. Two blocks of a height would
//! need the signatures of f + 1 validators under both.

use std::path::PathBuf;

use neo_consensus::vote_log::{Condition, LogError, LogRecord, Mark, Opened};
use neo_consensus::{v2, v3};
use neo_ledger::store::{RedbStore, StoreError};
use neo_primitives::{Height, PublicKey};

use crate::config::NodeConfig;
use crate::node::{NodeError, log_identity, voting_key};
use crate::vote_log_file::{self, FileMedium};

/// Why a vote log cannot be read or written for this.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// The wallet or the signer.
    #[error(transparent)]
    Node(#[from] Box<NodeError>),
    /// The configuration is that of an observer.
    #[error(
        "the configuration is that of an observer: it has no wallet and no signer, or consensus.enabled is false"
    )]
    Observer,
    /// The node runs.
    #[error("{path} is in use: stop the node first")]
    Running {
        /// The store that it has locked.
        path: PathBuf,
    },
    /// The store cannot be looked at.
    #[error("{path}: {error}")]
    Store {
        /// The store.
        path: PathBuf,
        /// Why.
        error: StoreError,
    },
    /// The vote log belongs to something else, or the disk fails.
    #[error("data directory {path}: {error}")]
    Log {
        /// The directory.
        path: PathBuf,
        /// Why.
        error: LogError,
    },
    /// It does not hold all votes.
    #[error(
        "data directory {path}: the vote log is {condition}, so nobody knows all that this validator signed"
    )]
    Incomplete {
        /// The directory.
        path: PathBuf,
        /// What it is.
        condition: &'static str,
    },
}

/// What a vote log knows of its validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// There is no vote log: this program never voted here.
    None,
    /// All votes of the configured protocol.
    Own,
    /// All votes of the other protocol.
    OfOtherVersion,
}

/// A record that may be the signature of a header.
pub(crate) trait Signing: LogRecord {
    /// The height of the header that it signs.
    fn signs(&self) -> Option<Height>;
}

impl Signing for v3::Record {
    fn signs(&self) -> Option<Height> {
        match self {
            Self::Own(message) if matches!(message.payload, v3::Payload::Commit { .. }) => {
                Some(message.height)
            }
            _ => None,
        }
    }
}

impl Signing for v2::Record {
    fn signs(&self) -> Option<Height> {
        match self {
            Self::Own(message) if message.kind() == v2::Kind::Commit => Some(message.height()),
            _ => None,
        }
    }
}

/// A validator whose node is stopped, and stays so as long as this value is there.
pub struct StoppedValidator<'a> {
    config: &'a NodeConfig,
    key: PublicKey,
    memory: Memory,
    signed: Option<Height>,
    /// Nothing was to be voted through this height.
    abstained: Option<Height>,
    _lock: Option<RedbStore>,
}

impl<'a> StoppedValidator<'a> {
    /// Reads wallet and vote log of a node that does not run.
    ///
    /// # Errors
    /// [`HandoverError`]; nothing is written then.
    pub async fn open(config: &'a NodeConfig) -> Result<Self, HandoverError> {
        let key = voting_key(config).await.map_err(Box::new)?;
        let key = key.ok_or(HandoverError::Observer)?;
        let lock = lock(config)?;
        let mut stopped = Self {
            config,
            key: key.public_key().clone(),
            memory: Memory::None,
            signed: None,
            abstained: None,
            _lock: lock,
        };
        match config.protocol.version {
            2 => stopped.read::<v2::Record, v3::Record>()?,
            _ => stopped.read::<v3::Record, v2::Record>()?,
        }
        Ok(stopped)
    }

    /// Whose votes it is about.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What the vote log knows.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// The highest height of which it has signed a header, as far as the vote log goes.
    #[must_use]
    pub fn signed(&self) -> Option<Height> {
        self.signed
    }

    /// From now on it votes, from this height on and nowhere below.
    ///
    /// # Errors
    /// When the vote log cannot be written.
    pub fn take_over(&self, from: Height) -> Result<(), HandoverError> {
        match self.config.protocol.version {
            2 => self.append(&[v2::Record::resumed(from)]),
            _ => self.append(&[v3::Record::resumed(from)]),
        }
    }

    /// From now on it is silent, also if its node is started by mistake, until it takes over again. All that it signed is
    /// on a chain of this height: if it votes again with no word of an operator, then above that.
    ///
    /// # Errors
    /// When the vote log cannot be written.
    pub fn hand_back(&self, tip: Height) -> Result<(), HandoverError> {
        let through = self.abstained.max(Some(tip)).unwrap_or(tip);
        match self.config.protocol.version {
            2 => self.append(&handed_back::<v2::Record>(through)),
            _ => self.append(&handed_back::<v3::Record>(through)),
        }
    }

    fn open_log<R: LogRecord>(&self) -> Result<Opened<FileMedium, R>, HandoverError> {
        let data = &self.config.data_dir;
        let identity = log_identity(self.config, self.key.clone());
        vote_log_file::open(data, identity).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: LogError) -> HandoverError {
        HandoverError::Log {
            path: self.config.data_dir.clone(),
            error,
        }
    }

    fn append<R: LogRecord>(&self, records: &[R]) -> Result<(), HandoverError> {
        let mut log = self.open_log::<R>()?.log;
        log.append(records).map_err(|error| self.failed(error))
    }

    /// What the log knows. A log of the one protocol does not read as one of the other.
    fn read<Own: Signing, Other: Signing>(&mut self) -> Result<(), HandoverError> {
        let own = self.open_log::<Own>()?;
        let lost = match own.condition {
            Condition::Intact { .. } => return self.learn(&own, Memory::Own),
            Condition::Missing => None,
            Condition::Copied => Some("a copy of another one"),
            Condition::Damaged { .. } => Some("damaged"),
        };
        let other = self.open_log::<Other>()?;
        match (&other.condition, lost) {
            (Condition::Intact { .. }, _) => self.learn(&other, Memory::OfOtherVersion),
            (_, None) => Ok(()),
            (_, Some(condition)) => Err(self.incomplete(condition)),
        }
    }

    /// What an intact log says, unless votes are missing in front of what is intact.
    fn learn<M, R: Signing>(
        &mut self,
        log: &Opened<M, R>,
        memory: Memory,
    ) -> Result<(), HandoverError> {
        if !is_whole(&log.records, log.lost) {
            return Err(self.incomplete("silent, since votes were lost"));
        }
        let records = log.records.iter();
        self.memory = memory;
        self.signed = records.clone().filter_map(Signing::signs).max();
        let resumed = records.filter(|record| record.mark() == Some(Mark::Resumed));
        self.abstained = resumed.filter_map(LogRecord::reach).max();
        Ok(())
    }

    fn incomplete(&self, condition: &'static str) -> HandoverError {
        HandoverError::Incomplete {
            path: self.config.data_dir.clone(),
            condition,
        }
    }
}

/// What hand-back writes, in one append. Engines write none of it in this order, and the silence behind a loss has nothing
/// of it right before.
fn handed_back<R: LogRecord>(through: Height) -> [R; 3] {
    let from = through.next();
    [R::resumed(from), R::forgotten(through), R::silenced()]
}

/// Whether the silence behind these records is that of [`handed_back`].
fn hands_back<R: LogRecord>(records: &[R]) -> bool {
    let [.., resumed, forgotten] = records else {
        return false;
    };
    let through = resumed.reach().unwrap_or_default();
    resumed.mark() == Some(Mark::Resumed) && forgotten.mark() == Some(Mark::Forgotten { through })
}

/// Whether an intact log holds all votes above where it begins. Once a node was started behind a loss, all that still tells
/// of it is a silence that has not ended. Of the `lost` first records on, the log goes on behind the last loss.
fn is_whole<R: LogRecord>(records: &[R], lost: Option<usize>) -> bool {
    let (mut whole, mut handed_back) = (true, false);
    for (at, record) in records.iter().enumerate() {
        if lost == Some(at) {
            (whole, handed_back) = (false, false);
        }
        match record.mark() {
            // A node that is started by mistake repeats the silence it was handed back with.
            Some(Mark::Silenced) => {
                handed_back |= whole && records.get(..at).is_some_and(hands_back);
                whole &= handed_back;
            }
            Some(Mark::Resumed) => (whole, handed_back) = (true, false),
            Some(Mark::Forgotten { .. }) | None => {}
        }
    }
    whole
}

/// Keeps the node from running meanwhile, and sees that it does not run now.
fn lock(config: &NodeConfig) -> Result<Option<RedbStore>, HandoverError> {
    let path = config.store_file();
    if !path.exists() {
        return Ok(None);
    }
    match RedbStore::open(&path) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::Locked) => Err(HandoverError::Running { path }),
        Err(error) => Err(HandoverError::Store { path, error }),
    }
}

#[cfg(test)]
mod tests;
