use std::path::PathBuf;

use super::*;
use crate::entry::Entry;
use crate::kind::Kind;
use crate::writer::{Limits, Writer};

/// A log of `lines` lines in segments of at most some `segment_bytes`.
fn log(lines: u64, segment_bytes: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        segment_bytes,
        segments: 100,
    };
    let (mut writer, _) = Writer::open(folder.path(), limits, 0).unwrap();
    for number in 0..lines {
        let entry = Entry::new(Kind::Offence).with("number", number);
        writer.append(&[(number * 1_000, entry)]).unwrap();
    }
    folder
}

fn only(folder: &tempfile::TempDir) -> PathBuf {
    segment::path(folder.path(), 0)
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    std::fs::write(path, lines.join("\n") + "\n").unwrap();
}

fn faults(folder: &tempfile::TempDir) -> Vec<(u64, Fault)> {
    let report = verify(folder.path(), &[]).unwrap();
    report
        .problems
        .into_iter()
        .map(|problem| (problem.line, problem.fault))
        .collect()
}

#[test]
fn a_whole_log_says_where_it_begins_and_ends() {
    let folder = log(20, 1_000);
    let report = verify(folder.path(), &[]).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.lines, report.begins), (20, Some(0)));
    assert!(report.segments > 2, "{report:?}");
    let head = report.head.unwrap();
    assert_eq!(head.to_string().parse(), Ok(head));
    assert!(verify(folder.path(), &[head]).unwrap().is_whole());
}

#[test]
fn a_changed_line_is_named_with_both_hashes() {
    let folder = log(10, u64::MAX);
    edit(&only(&folder), |lines| {
        lines[4] = lines[4].replace("\"number\":4", "\"number\":5");
    });
    let faults = faults(&folder);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].0, 5);
    assert!(matches!(
        faults[0].1,
        Fault::Line(LineError::Changed { .. })
    ));
    let report = verify(folder.path(), &[]).unwrap();
    let text = report.problems[0].to_string();
    assert!(
        text.starts_with("audit-000000000000.jsonl:5: it was changed"),
        "{text}"
    );
}

#[test]
fn a_line_that_was_written_anew_does_not_fit_the_next_one() {
    let folder = log(10, u64::MAX);
    edit(&only(&folder), |lines| {
        let line = Line::parse(lines[4].as_bytes()).unwrap();
        lines[4] = Line::write(line.seq, line.time_ms, "stop", &line.fields, &line.prev).0;
    });
    let faults = faults(&folder);
    assert!(
        matches!(&faults[..], [(6, Fault::Unlinked { .. })]),
        "{faults:?}"
    );
}

#[test]
fn a_removed_line_leaves_a_gap() {
    let folder = log(10, u64::MAX);
    edit(&only(&folder), |lines| drop(lines.drain(3..6)));
    let gap = Fault::Missing {
        expected: 3,
        got: 6,
    };
    assert_eq!(
        gap.to_string(),
        "line 6 where line 3 was expected: 3 missing"
    );
    assert_eq!(faults(&folder), [(4, gap)]);
}

#[test]
fn reordered_repeated_and_foreign_lines_are_found() {
    let folder = log(10, u64::MAX);
    edit(&only(&folder), |lines| lines.swap(3, 4));
    let found = faults(&folder);
    let late = Fault::OutOfOrder {
        expected: 5,
        got: 3,
    };
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[1], (5, late));

    let folder = log(10, u64::MAX);
    edit(&only(&folder), |lines| lines.insert(7, lines[2].clone()));
    let again = Fault::OutOfOrder {
        expected: 7,
        got: 2,
    };
    assert_eq!(faults(&folder), [(8, again)]);

    let folder = log(10, u64::MAX);
    edit(&only(&folder), |lines| {
        let other = Line::write(4, 0, "ban", &serde_json::Map::new(), &[9; 32]).0;
        lines.insert(4, other);
    });
    let found = faults(&folder);
    assert!(
        matches!(
            &found[..],
            [
                (5, Fault::Unlinked { .. }),
                (6, Fault::OutOfOrder { .. }),
                (7, Fault::Unlinked { .. })
            ]
        ),
        "{found:?}"
    );
}

#[test]
fn the_oldest_segments_may_go_and_a_middle_one_may_not() {
    let folder = log(40, 1_000);
    let segments = segment::list(folder.path()).unwrap();
    for first in &segments[..2] {
        std::fs::remove_file(segment::path(folder.path(), *first)).unwrap();
    }
    let report = verify(folder.path(), &[]).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.begins, Some(segments[2]));
    std::fs::remove_file(segment::path(folder.path(), segments[4])).unwrap();
    let report = verify(folder.path(), &[]).unwrap();
    let gap = Fault::Missing {
        expected: segments[4],
        got: segments[5],
    };
    assert_eq!(report.problems.len(), 1);
    assert_eq!(report.problems[0].fault, gap);
    assert_eq!(report.problems[0].line, 1);
}

#[test]
fn a_first_line_that_claims_to_be_the_first_of_all_follows_nothing() {
    let folder = log(3, u64::MAX);
    edit(&only(&folder), |lines| {
        lines[0] = Line::write(0, 0, "start", &serde_json::Map::new(), &[1; 32]).0;
        lines.truncate(1);
    });
    let found = faults(&folder);
    assert!(
        matches!(&found[..], [(1, Fault::Unlinked { .. })]),
        "{found:?}"
    );
}

#[test]
fn a_renamed_segment_is_found() {
    let folder = log(3, u64::MAX);
    std::fs::rename(only(&folder), segment::path(folder.path(), 1)).unwrap();
    let found = faults(&folder);
    let misnamed = Fault::Misnamed { named: 1, got: 0 };
    assert!(found.contains(&(1, misnamed)), "{found:?}");
}

#[test]
fn what_was_noted_elsewhere_shows_a_missing_end_and_a_rewritten_log() {
    let folder = log(10, u64::MAX);
    let head = verify(folder.path(), &[]).unwrap().head.unwrap();
    edit(&only(&folder), |lines| lines.truncate(6));
    assert!(verify(folder.path(), &[]).unwrap().is_whole());
    let report = verify(folder.path(), &[head]).unwrap();
    assert_eq!(report.problems[0].fault, Fault::Ended { seq: 9 });
    let other = Head {
        seq: 2,
        hash: [3; 32],
    };
    let report = verify(folder.path(), &[other]).unwrap();
    assert!(matches!(
        report.problems[0].fault,
        Fault::Replaced { seq: 2, .. }
    ));
    assert_eq!(report.problems[0].line, 3);
}

#[test]
fn an_unfinished_end_is_told_and_one_in_the_middle_is_a_problem() {
    let folder = log(40, 1_000);
    let segments = segment::list(folder.path()).unwrap();
    let append = |first: u64| {
        let path = segment::path(folder.path(), first);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend(b"{\"seq\":");
        std::fs::write(&path, bytes).unwrap();
    };
    append(*segments.last().unwrap());
    let report = verify(folder.path(), &[]).unwrap();
    assert!(report.is_whole());
    assert_eq!(report.unfinished.unwrap().bytes, 7);
    append(segments[0]);
    let report = verify(folder.path(), &[]).unwrap();
    assert_eq!(report.problems[0].fault, Fault::Unfinished { bytes: 7 });
}

#[test]
fn garbage_is_bounded_in_memory_and_in_the_report() {
    let folder = log(1, u64::MAX);
    let mut bytes = vec![b'x'; 3 * crate::MAX_LINE];
    bytes.push(b'\n');
    bytes.extend(b"no\n".repeat(2 * MAX_PROBLEMS));
    std::fs::write(only(&folder), &bytes).unwrap();
    let report = verify(folder.path(), &[]).unwrap();
    assert_eq!(report.problems.len(), MAX_PROBLEMS);
    assert_eq!(report.further, MAX_PROBLEMS as u64 + 1);
    let too_long = LineError::TooLong {
        length: 3 * crate::MAX_LINE + 1,
        limit: crate::MAX_LINE,
    };
    assert_eq!(report.problems[0].fault, Fault::Line(too_long));
}

#[test]
fn no_log_is_no_whole_log() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("nothing")] {
        let error = verify(&path, &[]).unwrap_err();
        assert!(matches!(error, AuditError::Missing { .. }), "{error}");
    }
    assert!("5:00".parse::<Head>().is_err());
    assert!(format!("5:{}", "AB".repeat(32)).parse::<Head>().is_err());
}
