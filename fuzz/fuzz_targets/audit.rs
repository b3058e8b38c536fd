//! Audit logs: lines of any bytes, and good logs that were changed, cut, repeated and reordered.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use neo_audit::{Entry, Kind, Limits, Line, MAX_LINE, MAX_PROBLEMS, Writer, verify};
use neo_fuzz::folder::Folder;

#[derive(arbitrary::Arbitrary, Debug)]
enum Change {
    Flip { at: u16, bit: u8 },
    Cut { length: u16 },
    Remove { line: u8 },
    Repeat { line: u8 },
    Swap { line: u8 },
    Insert { line: u8, bytes: Vec<u8> },
}

impl Change {
    /// Does it to the text of a log.
    fn on(&self, text: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> = text
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        let count = lines.len().max(1);
        match self {
            Self::Flip { at, bit } => {
                let at = usize::from(*at) % text.len().max(1);
                if let Some(byte) = text.get_mut(at) {
                    *byte ^= 1 << (bit % 8);
                }
                return;
            }
            Self::Cut { length } => return text.truncate(usize::from(*length)),
            Self::Remove { line } if !lines.is_empty() => {
                lines.remove(usize::from(*line) % count);
            }
            Self::Repeat { line } if !lines.is_empty() => {
                let line = lines[usize::from(*line) % count].clone();
                lines.push(line);
            }
            Self::Swap { line } if count > 1 => {
                lines.swap(usize::from(*line) % (count - 1), count - 1)
            }
            Self::Insert { line, bytes } => {
                let mut bytes = bytes.clone();
                bytes.push(b'\n');
                lines.insert(usize::from(*line) % count, bytes);
            }
            _ => return,
        }
        *text = lines.concat();
    }
}

fuzz_target!(|input: (Vec<(u8, String)>, Vec<Change>, &[u8])| {
    let (entries, changes, bytes) = input;
    if let Ok(line) = Line::parse(bytes) {
        assert!(bytes.len() <= MAX_LINE && !line.time().is_empty());
    }
    let folder = Folder::new("audit");
    let limits = Limits::default();
    let (mut writer, _) = Writer::open(folder.path(), limits, 0).expect("an empty folder");
    let entries: Vec<_> = (0..)
        .zip(entries.into_iter().take(8))
        .map(|(at, (number, text))| {
            (
                at,
                Entry::new(Kind::Offence)
                    .with(&text, number)
                    .text("text", &text),
            )
        })
        .collect();
    writer.append(&entries).expect("room for a few lines");
    drop(writer);
    let whole = verify(folder.path(), &[]).expect("a log");
    assert!(whole.is_whole(), "{:?}", whole.problems);
    assert!(whole.lines >= entries.len() as u64 && whole.unfinished.is_none());

    let path = fs::read_dir(folder.path())
        .expect("the folder")
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .expect("a segment");
    let before = fs::read(&path).expect("the segment");
    let mut text = before.clone();
    for change in changes.iter().take(8) {
        change.on(&mut text);
    }
    fs::write(&path, &text).expect("the segment");
    let noted: Vec<_> = whole.head.into_iter().collect();
    let report = verify(folder.path(), &noted).expect("a log");
    assert!(report.problems.len() <= MAX_PROBLEMS);
    // With its last line noted elsewhere, a log is whole only if it is what it was; behind its end something may be
    // on its way.
    if report.is_whole() {
        assert!(text.starts_with(&before), "a change was not noticed");
        if report.unfinished.is_none() && report.lines == whole.lines {
            assert_eq!(text, before);
        }
    }
    // A writer goes on behind whatever it finds, and what it writes is sound.
    let (mut writer, _) = Writer::open(folder.path(), limits, 1).expect("a folder with a log");
    let next = writer.next_seq();
    writer
        .append(&[(2, Entry::new(Kind::Stop))])
        .expect("room for a line");
    drop(writer);
    let after = verify(folder.path(), &[]).expect("a log");
    assert_eq!(after.head.map(|head| head.seq), Some(next), "{after:?}");
});
