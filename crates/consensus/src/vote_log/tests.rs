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
    let before = opened.records.len();
    assert_eq!((opened.lost, again.lost), (None, Some(before)));
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
