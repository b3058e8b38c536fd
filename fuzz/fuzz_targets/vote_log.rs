//! Opening a vote log: any media at all, and good ones that were cut, flipped and copied.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_consensus::v3::Record;
use neo_consensus::vote_log::{Condition, LogMedium, MemoryMedium, Opened, VoteLog};
use neo_fuzz::seeds::{identity, records};

#[derive(arbitrary::Arbitrary, Debug)]
struct Input {
    /// Batches of records that were appended, by what they begin with.
    batches: Vec<u8>,
    /// What was done to the medium then.
    damage: Vec<Damage>,
    /// A segment of arbitrary bytes behind the others, at this distance.
    foreign: Option<(u8, Vec<u8>)>,
}

#[derive(arbitrary::Arbitrary, Debug)]
enum Damage {
    Cut { length: u16 },
    Flip { at: u16 },
    Append { bytes: Vec<u8> },
    Copy,
    Remove,
}

fn open(medium: MemoryMedium) -> Opened<MemoryMedium, Record> {
    VoteLog::open(medium, identity()).expect("a log of this validator in memory")
}

fuzz_target!(|input: Input| {
    let mut log =
        VoteLog::initialise(MemoryMedium::default(), identity()).expect("an empty medium");
    let mut written: Vec<Record> = Vec::new();
    for batch in input.batches.iter().take(20) {
        let batch = records(*batch);
        log.append(&batch).expect("room in memory");
        written.extend(batch);
    }
    let mut medium = log.into_medium();
    // A whole log reads back whole.
    let whole = open(medium.clone());
    assert_eq!(whole.condition, Condition::Intact { torn: 0 });
    assert_eq!(whole.records, written);

    let mut touched = false;
    for damage in input.damage {
        touched = true;
        match damage {
            Damage::Cut { length } => {
                if medium.segments().expect("memory").contains(&0) {
                    medium.reopen(0, u64::from(length)).expect("segment 0");
                }
            }
            Damage::Flip { at } => medium.corrupt(0, usize::from(at)),
            Damage::Append { bytes } => {
                if medium.segments().expect("memory").contains(&0) {
                    medium.append(&bytes).expect("segment 0");
                    medium.sync().expect("memory");
                }
            }
            Damage::Copy => medium = medium.copy(),
            Damage::Remove => {
                medium.remove(0).expect("memory");
                medium = MemoryMedium::default();
            }
        }
    }
    if let Some((distance, bytes)) = &input.foreign {
        touched = true;
        medium
            .create(u64::from(*distance).saturating_add(1))
            .expect("memory");
        medium.append(bytes).expect("the segment just made");
        medium.sync().expect("memory");
    }
    // Only a header of another network or validator is refused; a bit of it may have been flipped by chance.
    let Ok(opened) = VoteLog::<MemoryMedium>::open::<Record>(medium, identity()) else {
        assert!(touched);
        return;
    };
    // What cannot be read is either behind everything that counts, or reported.
    if matches!(opened.condition, Condition::Intact { .. }) && input.foreign.is_none() {
        let shorter = opened.records.len().min(written.len());
        assert_eq!(opened.records[..shorter], written[..shorter]);
    }
    // Whatever it was, it takes records, and they are there the next time, with the loss on record.
    let Opened {
        mut log, condition, ..
    } = opened;
    let mark = [Record::Silenced];
    log.append(&mark).expect("room in memory");
    let again = open(log.into_medium());
    assert_eq!(again.records.last(), Some(&Record::Silenced));
    assert!(
        matches!(
            again.condition,
            Condition::Intact { torn: 0 } | Condition::Copied
        ),
        "{condition:?}, and after an append {:?}",
        again.condition
    );
});
