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
            failed: false,
        }
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
            });
        };
        let mut log = Self::at(medium, identity, last);
        let mut records = Vec::new();
        let mut condition = Condition::Intact { torn: 0 };
        let mut loss_is_known = false;
        for (position, segment) in segments.iter().copied().enumerate() {
            let bytes = log.medium.read(segment)?;
            let gap = position > 0 && segments[position - 1].checked_add(1) != Some(segment);
            let before = records.len();
            let scan = log.scan(segment, &bytes, &mut records)?;
            let damage = |offset| Condition::Damaged { segment, offset };
            if scan.after_loss {
                // Only records say that the loss was dealt with.
                condition = if records.len() > before {
                    loss_is_known = true;
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
        let explained = first == 0 || loss_is_known || records.iter().any(forgot);
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
        if self.length >= SEGMENT_SIZE {
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
mod tests {
    use super::*;
    use crate::v3::testing::{hash, keys};
    use neo_primitives::Magic;
    use proptest::prelude::*;

    fn identity() -> Identity {
        Identity {
            magic: Magic(42),
            genesis: hash(1),
            validator: keys(1)[0].public_key().clone(),
        }
    }

    fn record(height: u32) -> Record {
        Record::Resumed {
            from: Height(height),
        }
    }

    fn with(records: &[Record]) -> MemoryMedium {
        let mut log = VoteLog::initialise(MemoryMedium::default(), identity()).unwrap();
        for record in records {
            log.append(std::slice::from_ref(record)).unwrap();
        }
        log.into_medium()
    }

    fn open(medium: MemoryMedium) -> Opened<MemoryMedium, Record> {
        VoteLog::open(medium, identity()).unwrap()
    }

    #[test]
    fn reads_back_what_was_appended_and_goes_on() {
        let records = [record(1), record(2), record(3)];
        let mut opened = open(with(&records));
        assert_eq!(opened.condition, Condition::Intact { torn: 0 });
        assert_eq!(opened.records, records);
        opened.log.append(&[record(4)]).unwrap();
        assert_eq!(open(opened.log.into_medium()).records.len(), 4);
    }

    #[test]
    fn a_missing_log_is_not_an_empty_one() {
        assert_eq!(open(MemoryMedium::default()).condition, Condition::Missing);
        assert_eq!(open(with(&[])).condition, Condition::Intact { torn: 0 });
    }

    #[test]
    fn a_log_is_never_overwritten() {
        assert!(matches!(
            VoteLog::initialise(with(&[]), identity()),
            Err(LogError::Exists)
        ));
    }

    proptest! {
        #[test]
        fn a_torn_last_write_loses_only_itself(kept in 0_usize..60) {
            let mut opened = open(with(&[record(1), record(2)]));
            let mut bytes = Vec::new();
            frame(&record(3).to_bytes(), &mut bytes).unwrap();
            let kept = kept.min(bytes.len() - 1);
            opened.log.medium.append(&bytes).unwrap();
            let mut medium = opened.log.into_medium();
            medium.crash(kept);
            let again = open(medium);
            prop_assert_eq!(again.condition, Condition::Intact { torn: kept as u64 });
            prop_assert_eq!(again.records, vec![record(1), record(2)]);
        }

        #[test]
        fn a_flipped_bit_before_the_last_record_is_damage(at in 0_usize..80) {
            let medium = with(&[record(1), record(2), record(3)]);
            let mut last = Vec::new();
            frame(&record(3).to_bytes(), &mut last).unwrap();
            let at = at.min(medium.length(0) - last.len() - 1);
            let mut medium = medium;
            medium.corrupt(0, at);
            let damaged = matches!(
                VoteLog::<MemoryMedium>::open::<Record>(medium, identity()),
                Ok(Opened { condition: Condition::Damaged { .. }, .. })
            );
            prop_assert!(damaged);
        }
    }

    #[test]
    fn a_zero_filled_tail_is_torn() {
        let mut opened = open(with(&[record(1)]));
        opened.log.medium.append(&[0; 200]).unwrap();
        let again = open(opened.log.into_medium());
        assert_eq!(again.condition, Condition::Intact { torn: 200 });
        assert_eq!(again.records, [record(1)]);
    }

    #[test]
    fn a_copy_is_recognised() {
        assert_eq!(open(with(&[record(1)]).copy()).condition, Condition::Copied);
    }

    #[test]
    fn damage_does_not_stop_appending_behind_it() {
        let mut medium = with(&[record(1), record(2)]);
        let middle = medium.length(0) - 20;
        medium.corrupt(0, middle);
        let mut opened = open(medium);
        assert!(matches!(
            opened.condition,
            Condition::Damaged { segment: 0, .. }
        ));
        opened.log.append(&[Record::Silenced]).unwrap();
        let again = open(opened.log.into_medium());
        // The loss is on record now: what the records say counts, not the damage before them.
        assert!(again.records.contains(&Record::Silenced));
        assert_eq!(again.condition, Condition::Intact { torn: 0 });
        let copy = open(again.log.into_medium().copy());
        assert_eq!(copy.condition, Condition::Copied);
    }

    #[test]
    fn a_crash_before_the_first_append_leaves_a_lost_log_lost() {
        let missing = open(MemoryMedium::default());
        assert_eq!(missing.condition, Condition::Missing);
        assert_eq!(
            open(missing.log.into_medium()).condition,
            Condition::Missing
        );
        let mut medium = with(&[record(1), record(2)]);
        let middle = medium.length(0) - 20;
        medium.corrupt(0, middle);
        let damaged = open(medium).log.into_medium();
        assert!(matches!(open(damaged).condition, Condition::Damaged { .. }));
        // Nor does a torn first append make it look whole.
        for kept in 0..120 {
            let mut opened = open(MemoryMedium::default());
            opened.log.append(&[Record::Silenced]).unwrap();
            let mut medium = opened.log.into_medium();
            let torn: Vec<u8> = medium.read(0).unwrap()[..kept.min(medium.length(0) - 1)].to_vec();
            medium.reopen(0, 0).unwrap();
            medium.append(&torn).unwrap();
            let again = open(medium);
            let silenced = again.records.contains(&Record::Silenced);
            let intact = matches!(again.condition, Condition::Intact { .. });
            assert!(silenced || !intact, "{kept} bytes kept");
        }
    }

    #[test]
    fn a_new_segment_with_a_torn_header_is_begun_again() {
        let mut opened = open(with(&[record(1)]));
        opened.log.length = SEGMENT_SIZE;
        opened.log.append(&[record(2)]).unwrap();
        let mut medium = opened.log.into_medium();
        medium.reopen(1, 10).unwrap();
        let mut again = open(medium);
        assert_eq!(again.condition, Condition::Intact { torn: 10 });
        assert_eq!(again.records, [record(1)]);
        again.log.append(&[record(3)]).unwrap();
        let last = open(again.log.into_medium());
        assert_eq!(last.condition, Condition::Intact { torn: 0 });
        assert_eq!(last.records, [record(1), record(3)]);
    }

    #[test]
    fn a_foreign_log_is_refused_by_name() {
        let other = Identity {
            magic: Magic(43),
            ..identity()
        };
        let error = VoteLog::open::<Record>(with(&[]), other).unwrap_err();
        assert_eq!(
            error.to_string(),
            "vote log is of network 42, this node is of 43"
        );
        let other = Identity {
            genesis: hash(2),
            ..identity()
        };
        assert!(VoteLog::open::<Record>(with(&[]), other).is_err());
        let mine = identity().validator;
        let stranger = keys(2)
            .into_iter()
            .find(|key| *key.public_key() != mine)
            .unwrap();
        let other = Identity {
            validator: stranger.public_key().clone(),
            ..identity()
        };
        assert!(VoteLog::open::<Record>(with(&[]), other).is_err());
    }

    #[test]
    fn segments_rotate_and_old_ones_go_when_their_heights_are_stored() {
        let mut log = VoteLog::initialise(MemoryMedium::default(), identity()).unwrap();
        for height in 1..=8 {
            begin_segment(&mut log);
            log.append(&[record(height)]).unwrap();
        }
        assert_eq!(log.medium().segments().unwrap().len(), 8);
        // The records reach to the heights 0 to 7, and four full segments stay.
        log.prune::<Record>(Height(1)).unwrap();
        assert_eq!(log.medium().segments().unwrap().first(), Some(&2));
        log.prune::<Record>(Height(100)).unwrap();
        assert_eq!(log.medium().segments().unwrap().len(), 1 + KEPT_SEGMENTS);
        let opened = open(log.into_medium());
        assert_eq!(opened.condition, Condition::Intact { torn: 0 });
        let forgotten = |through| Record::Forgotten {
            through: Height(through),
        };
        let marks = opened.records[opened.records.len() - 2..].to_vec();
        assert_eq!(marks, [forgotten(1), forgotten(2)]);
    }

    /// Makes the next append begin a segment, if there is one already that holds something.
    fn begin_segment(log: &mut VoteLog<MemoryMedium>) {
        if log.medium.length(0) > header(&log.identity, None, false).unwrap().len() {
            log.length = SEGMENT_SIZE;
        }
    }

    #[test]
    fn how_far_the_log_forgot_and_that_it_is_silent_outlive_every_segment() {
        let mut log = VoteLog::initialise(MemoryMedium::default(), identity()).unwrap();
        log.append(&[record(90), Record::Silenced]).unwrap();
        for height in 1..40 {
            begin_segment(&mut log);
            log.append(&[Record::Forgotten {
                through: Height(height),
            }])
            .unwrap();
            log.prune::<Record>(Height(1_000)).unwrap();
        }
        let opened = open(log.into_medium());
        assert_eq!(opened.condition, Condition::Intact { torn: 0 });
        assert!(opened.log.silent);
        assert!(opened.records.contains(&Record::Silenced));
        let reach = opened.records.iter().filter_map(Record::reach).max();
        assert_eq!(reach, Some(Height(89)), "the first record was about 89");
    }

    #[test]
    fn segments_that_went_without_a_word_are_a_loss() {
        let mut log = VoteLog::initialise(MemoryMedium::default(), identity()).unwrap();
        for height in 1..=3 {
            begin_segment(&mut log);
            log.append(&[record(height)]).unwrap();
        }
        let mut medium = log.into_medium();
        medium.remove(0).unwrap();
        let offset = 0;
        let mut opened = open(medium);
        assert_eq!(opened.condition, Condition::Damaged { segment: 1, offset });
        // Once it is dealt with, it is a thing of the past.
        opened.log.append(&[Record::Silenced]).unwrap();
        let again = open(opened.log.into_medium());
        assert_eq!(again.condition, Condition::Intact { torn: 0 });
    }

    /// A medium with these frames in its first segment.
    fn with_frames(bodies: &[&[u8]]) -> MemoryMedium {
        let mut bytes = Vec::new();
        for body in bodies {
            frame(body, &mut bytes).unwrap();
        }
        let mut medium = MemoryMedium::default();
        medium.create(0).unwrap();
        medium.append(&bytes).unwrap();
        medium.sync().unwrap();
        medium
    }

    #[test]
    fn a_whole_frame_that_is_no_header_is_damage() {
        let future = [b"dbft3 votes".as_slice(), &2_u32.to_le_bytes(), &[0; 78]].concat();
        for head in [b"something else".as_slice(), &[], &future] {
            let opened = open(with_frames(&[head, &record(1).to_bytes()]));
            let offset = 0;
            assert_eq!(opened.condition, Condition::Damaged { segment: 0, offset });
            assert!(opened.records.is_empty());
        }
    }

    #[test]
    fn a_whole_frame_that_is_no_record_is_damage_at_its_place() {
        let mut opened = open(with(&[record(1)]));
        let offset = opened.log.length;
        let mut bytes = Vec::new();
        frame(&[99, 1, 2, 3], &mut bytes).unwrap();
        opened.log.medium.append(&bytes).unwrap();
        opened.log.medium.sync().unwrap();
        let again = open(opened.log.into_medium());
        assert_eq!(again.condition, Condition::Damaged { segment: 0, offset });
        assert_eq!(again.records, [record(1)]);
    }

    #[test]
    fn nothing_to_append_is_no_write() {
        let mut log = VoteLog::initialise(MemoryMedium::default(), identity()).unwrap();
        let before = log.medium().length(0);
        log.append::<Record>(&[]).unwrap();
        assert_eq!(log.medium().length(0), before);
    }

    #[derive(Default)]
    struct FullDisk(MemoryMedium, bool);

    impl LogMedium for FullDisk {
        fn segments(&self) -> io::Result<Vec<u64>> {
            self.0.segments()
        }
        fn read(&self, segment: u64) -> io::Result<Vec<u8>> {
            self.0.read(segment)
        }
        fn create(&mut self, segment: u64) -> io::Result<()> {
            self.0.create(segment)
        }
        fn reopen(&mut self, segment: u64, length: u64) -> io::Result<()> {
            self.0.reopen(segment, length)
        }
        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            if self.1 {
                self.0.append(&bytes[..bytes.len() / 2])?;
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            self.0.append(bytes)
        }
        fn sync(&mut self) -> io::Result<()> {
            self.0.sync()
        }
        fn remove(&mut self, segment: u64) -> io::Result<()> {
            self.0.remove(segment)
        }
        fn instance(&self, segment: u64) -> io::Result<Option<u64>> {
            self.0.instance(segment)
        }
    }

    #[test]
    fn a_full_disk_ends_voting_and_leaves_a_torn_tail() {
        let mut log = VoteLog::initialise(FullDisk::default(), identity()).unwrap();
        log.append(&[record(1)]).unwrap();
        log.medium.1 = true;
        assert!(matches!(log.append(&[record(2)]), Err(LogError::Io(_))));
        log.medium.1 = false;
        assert!(matches!(log.append(&[record(3)]), Err(LogError::Failed)));
        let again = open(log.into_medium().0);
        assert!(matches!(again.condition, Condition::Intact { torn } if torn > 0));
        assert_eq!(again.records, [record(1)]);
    }
}
