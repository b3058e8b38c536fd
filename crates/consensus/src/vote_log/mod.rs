//! The vote log: an append-only sequence of records in segments, behind a small trait.
//!
//! Its rules (framing, identity, what a torn or damaged tail means, pruning) are the same for files
//! and for the in-memory medium of tests and simulation.
//!
//! A segment begins with a header frame that names network and validator. Every frame is `length u32 ‖
//! CRC-32 u32 ‖ body`, little-endian; the CRC covers length and body. A batch of records is one
//! append and one sync. An incomplete or garbled tail of the last segment, with nothing valid behind
//! it, is a write that power loss cut short: it was never synced, so nothing of it was sent, and it is
//! cut off. Anything else that does not read is damage, and the node must be silent (protocol section
//! 5, rule 8).

mod frame;
mod medium;

use std::io;

use neo_primitives::{Decode, Encode, Height};

pub use frame::Identity;
use frame::{Stop, frame, frame_at, header, read_header, stop_kind};
pub use medium::{LogMedium, MemoryMedium};

use crate::v3::Record;

/// Size at which a new segment begins, in bytes.
pub const SEGMENT_SIZE: u64 = 64 << 20;
/// Full segments kept behind the current one, for evidence and audits.
pub const KEPT_SEGMENTS: usize = 4;
/// Greatest length of one record, in bytes: a block body and a little more.
pub const MAX_RECORD: usize = 48 << 20;

/// Why a log cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The medium failed.
    #[error("vote log: {0}")]
    Io(#[from] io::Error),
    /// It belongs to another network or validator.
    #[error("vote log is of {what} {found}, this node is of {expected}")]
    Foreign {
        /// What differs.
        what: &'static str,
        /// What the log says.
        found: String,
        /// What the node says.
        expected: String,
    },
    /// A log is there already.
    #[error("a vote log exists already; it is never overwritten")]
    Exists,
    /// A record is longer than any can be.
    #[error("vote log record of {length} bytes, the limit is {MAX_RECORD}")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// An earlier append failed; what is on disk is unknown, so nothing more may be voted.
    #[error("vote log failed before and takes no more records")]
    Failed,
}

/// What an opened log turned out to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Everything that was ever synced.
    Intact {
        /// Bytes of a torn last write that were cut off.
        torn: u64,
    },
    /// There is none.
    Missing,
    /// Something in the middle does not read.
    Damaged {
        /// Segment.
        segment: u64,
        /// Offset of the first bad frame.
        offset: u64,
    },
    /// It is a copy of another one and may be old.
    Copied,
}

/// An open vote log.
#[derive(Debug)]
pub struct VoteLog<M> {
    medium: M,
    identity: Identity,
    current: u64,
    length: u64,
    /// Greatest height that each closed segment says anything about.
    closed: Vec<(u64, Option<Height>)>,
    greatest: Option<Height>,
    /// The last word on it is that the validator is silent.
    silent: bool,
    /// The segment to begin with the next append.
    pending: Option<Pending>,
    segment_bytes: u64,
    failed: bool,
}

/// A segment that begins with the next append: its header and the first records become durable together,
/// so that a log which lost its past never looks like one that is merely empty.
#[derive(Clone, Copy, Debug)]
struct Pending {
    segment: u64,
    /// The file is there, without a header.
    exists: bool,
    /// What came before is lost; the records of this segment say what follows from that.
    after_loss: bool,
}

/// What [`VoteLog::open`] gives.
#[derive(Debug)]
pub struct Opened<M, R> {
    /// The log, ready to append.
    pub log: VoteLog<M>,
    /// Its records, oldest first.
    pub records: Vec<R>,
    /// Whether they are all.
    pub condition: Condition,
    /// How many of them are older than the last loss that an earlier run met, if there was one.
    pub lost: Option<usize>,
}

/// What a record says to the log itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The validator is silent until it says that it votes again.
    Silenced,
    /// It votes again.
    Resumed,
    /// Older records are dropped; they say nothing about heights above this one.
    Forgotten {
        /// That height.
        through: Height,
    },
}

/// A record knows how far it reaches, and whether it is a mark.
pub trait LogRecord: Encode + Decode {
    /// Greatest height that it says anything about, if there is one.
    fn reach(&self) -> Option<Height>;

    /// The mark that it is.
    fn mark(&self) -> Option<Mark>;

    /// The record of silence.
    fn silenced() -> Self;

    /// The record of what is dropped.
    fn forgotten(through: Height) -> Self;

    /// The record of the end of silence: votes from this height on.
    fn resumed(from: Height) -> Self;
}

impl LogRecord for Record {
    fn reach(&self) -> Option<Height> {
        Record::reach(self)
    }

    fn mark(&self) -> Option<Mark> {
        match self {
            Record::Silenced => Some(Mark::Silenced),
            Record::Resumed { .. } => Some(Mark::Resumed),
            Record::Forgotten { through } => Some(Mark::Forgotten { through: *through }),
            _ => None,
        }
    }

    fn silenced() -> Self {
        Record::Silenced
    }

    fn forgotten(through: Height) -> Self {
        Record::Forgotten { through }
    }

    fn resumed(from: Height) -> Self {
        Record::Resumed { from }
    }
}

impl<M: LogMedium> VoteLog<M> {
    /// Makes the log of a validator that never voted.
    ///
    /// # Errors
    /// There is one already, or the medium fails.
    pub fn initialise(mut medium: M, identity: Identity) -> Result<Self, LogError> {
        if !medium.segments()?.is_empty() {
            return Err(LogError::Exists);
        }
        medium.create(0)?;
        let head = header(&identity, medium.instance(0)?, false)?;
        medium.append(&head)?;
        medium.sync()?;
        let length = head.len() as u64;
        Ok(Self {
            length,
            ..Self::at(medium, identity, 0)
        })
    }

    fn at(medium: M, identity: Identity, current: u64) -> Self {
        Self {
            medium,
            identity,
            current,
            length: 0,
            closed: Vec::new(),
            greatest: None,
            silent: false,
            pending: None,
            segment_bytes: SEGMENT_SIZE,
            failed: false,
        }
    }

    /// The log with segments of another size than [`SEGMENT_SIZE`] from now on, for records much smaller than a
    /// node's.
    #[must_use]
    pub fn with_segments_of(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// Opens the log and reads all of it. When something is lost, a new segment begins behind what is
    /// there with the next append, and the condition says that the node must be silent. A loss that an
    /// earlier run met is no condition any more: the records after it say what followed.
    ///
    /// # Errors
    /// A log of another network or validator, or the medium fails.
    pub fn open<R: LogRecord>(medium: M, identity: Identity) -> Result<Opened<M, R>, LogError> {
        let segments = medium.segments()?;
        let Some(last) = segments.last().copied() else {
            let mut log = Self::at(medium, identity, 0);
            log.pending = Some(Pending {
                segment: 0,
                exists: false,
                after_loss: true,
            });
            return Ok(Opened {
                log,
                records: Vec::new(),
                condition: Condition::Missing,
                lost: None,
            });
        };
        let mut log = Self::at(medium, identity, last);
        let mut records = Vec::new();
        let mut condition = Condition::Intact { torn: 0 };
        let mut lost = None;
        for (position, segment) in segments.iter().copied().enumerate() {
            let bytes = log.medium.read(segment)?;
            let gap = position > 0 && segments[position - 1].checked_add(1) != Some(segment);
            let before = records.len();
            let scan = log.scan(segment, &bytes, &mut records)?;
            let damage = |offset| Condition::Damaged { segment, offset };
            if scan.after_loss {
                // Only records say that the loss was dealt with.
                condition = if records.len() > before {
                    lost = Some(before);
                    Condition::Intact { torn: 0 }
                } else {
                    Condition::Missing
                };
            }
            let found = match scan.stop {
                _ if gap && !scan.after_loss => damage(0),
                Stop::End | Stop::Torn if scan.copied => Condition::Copied,
                Stop::End => Condition::Intact { torn: 0 },
                Stop::Torn if segment == last && scan.valid > 0 => Condition::Intact {
                    torn: (bytes.len() as u64).saturating_sub(scan.valid),
                },
                // A new segment whose header was cut short: nothing was ever voted in it.
                Stop::Torn if segment == last && position > 0 => Condition::Intact {
                    torn: bytes.len() as u64,
                },
                Stop::Torn | Stop::Bad => damage(scan.valid),
            };
            if matches!(condition, Condition::Intact { .. }) {
                condition = found;
            }
            if segment == last {
                log.length = scan.valid;
            } else {
                log.closed.push((segment, log.greatest.take()));
            }
        }
        // The log itself drops segments only behind a mark that says so.
        let forgot = |record: &R| matches!(record.mark(), Some(Mark::Forgotten { .. }));
        let first = segments.first().copied().unwrap_or_default();
        let explained = first == 0 || lost.is_some() || records.iter().any(forgot);
        if matches!(condition, Condition::Intact { .. }) && !explained {
            condition = Condition::Damaged {
                segment: first,
                offset: 0,
            };
        }
        let intact = matches!(condition, Condition::Intact { .. });
        if intact && log.length > 0 {
            log.medium.reopen(last, log.length)?;
        } else {
            log.pending = Some(Pending {
                segment: if intact { last } else { last.saturating_add(1) },
                exists: intact,
                after_loss: !intact,
            });
        }
        Ok(Opened {
            log,
            records,
            condition,
            lost,
        })
    }

    fn scan<R: LogRecord>(
        &mut self,
        segment: u64,
        bytes: &[u8],
        records: &mut Vec<R>,
    ) -> Result<Scan, LogError> {
        let mut scan = Scan {
            stop: Stop::End,
            valid: 0,
            copied: false,
            after_loss: false,
        };
        let Some((head, mut at)) = frame_at(bytes, 0) else {
            scan.stop = stop_kind(bytes, 0);
            return Ok(scan);
        };
        match read_header(head) {
            Ok(header) => {
                self.identity.require(&header)?;
                let instance = self.medium.instance(segment)?;
                scan.copied = instance.is_some_and(|instance| instance != header.instance);
                scan.after_loss = header.after_loss;
            }
            Err(_) => {
                scan.stop = Stop::Bad;
                return Ok(scan);
            }
        }
        scan.valid = at as u64;
        while at < bytes.len() {
            let Some((body, end)) = frame_at(bytes, at) else {
                scan.stop = stop_kind(bytes, at);
                return Ok(scan);
            };
            let Ok(record) = R::from_bytes(body) else {
                scan.stop = Stop::Bad;
                return Ok(scan);
            };
            self.note(&record);
            records.push(record);
            at = end;
            scan.valid = at as u64;
        }
        Ok(scan)
    }

    fn note<R: LogRecord>(&mut self, record: &R) {
        self.greatest = self.greatest.max(record.reach());
        match record.mark() {
            Some(Mark::Silenced) => self.silent = true,
            Some(Mark::Resumed) => self.silent = false,
            Some(Mark::Forgotten { .. }) | None => {}
        }
    }

    /// Begins the segment that is due, and gives its header for the front of the next append.
    fn begin_segment(&mut self, begins: Pending) -> Result<Vec<u8>, LogError> {
        if self.length > 0 {
            self.closed.push((self.current, self.greatest.take()));
        }
        if begins.exists {
            self.medium.reopen(begins.segment, 0)?;
        } else {
            self.medium.create(begins.segment)?;
        }
        self.current = begins.segment;
        self.length = 0;
        let instance = self.medium.instance(begins.segment)?;
        header(&self.identity, instance, begins.after_loss)
    }

    /// Appends records and makes them durable. After an error the log takes nothing more: what is
    /// on the medium is unknown.
    ///
    /// # Errors
    /// The medium fails (a full disk), or failed before.
    pub fn append<R: LogRecord>(&mut self, records: &[R]) -> Result<(), LogError> {
        if self.failed {
            return Err(LogError::Failed);
        }
        if records.is_empty() {
            return Ok(());
        }
        let result = self.try_append(records);
        self.failed = result.is_err();
        result
    }

    fn try_append<R: LogRecord>(&mut self, records: &[R]) -> Result<(), LogError> {
        if self.length >= self.segment_bytes {
            self.pending = Some(Pending {
                segment: self.current.saturating_add(1),
                exists: false,
                after_loss: false,
            });
        }
        let mut bytes = match self.pending.take() {
            Some(begins) => self.begin_segment(begins)?,
            None => Vec::new(),
        };
        for record in records {
            frame(&record.to_bytes(), &mut bytes)?;
            self.note(record);
        }
        self.medium.append(&bytes)?;
        self.medium.sync()?;
        self.length = self.length.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Removes old segments that say nothing about heights above the stored one. How far the removed ones reached, and
    /// that the validator is silent if it is, is durable in a later segment before the first of them goes: a store that
    /// is put back below that height later would have the validator vote there again, without a memory.
    ///
    /// # Errors
    /// The medium fails.
    pub fn prune<R: LogRecord>(&mut self, stored: Height) -> Result<(), LogError> {
        let spare = self.closed.len().saturating_sub(KEPT_SEGMENTS);
        let old: Vec<_> = self
            .closed
            .iter()
            .take(spare)
            .take_while(|(_, greatest)| *greatest <= Some(stored))
            .copied()
            .collect();
        if old.is_empty() {
            return Ok(());
        }
        let through = old.iter().filter_map(|(_, greatest)| *greatest).max();
        let mut marks = vec![R::forgotten(through.unwrap_or_default())];
        if self.silent {
            marks.push(R::silenced());
        }
        self.append(&marks)?;
        for (segment, _) in old {
            self.medium.remove(segment)?;
            self.closed.remove(0);
        }
        Ok(())
    }

    /// The medium, for tests that look at it.
    #[must_use]
    pub fn medium(&self) -> &M {
        &self.medium
    }

    /// Gives the medium back.
    #[must_use]
    pub fn into_medium(self) -> M {
        self.medium
    }
}

struct Scan {
    stop: Stop,
    valid: u64,
    copied: bool,
    after_loss: bool,
}

#[cfg(test)]
mod tests;
