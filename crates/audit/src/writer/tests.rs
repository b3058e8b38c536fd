use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::segment::read_lines;
use crate::verify::verify;

fn entry(number: u64) -> (u64, Entry) {
    (number, Entry::new(Kind::Offence).with("number", number))
}

fn open(folder: &Path) -> (Writer, Found) {
    let limits = Limits {
        segment_bytes: 1_000,
        segments: 3,
    };
    Writer::open(folder, limits, 7).unwrap()
}

fn lines(folder: &Path) -> Vec<Line> {
    let mut lines = Vec::new();
    read_lines(folder, |_, _, line| {
        lines.push(line.unwrap());
        true
    })
    .unwrap();
    lines
}

fn last_segment(folder: &Path) -> PathBuf {
    segment::path(folder, *segment::list(folder).unwrap().last().unwrap())
}

#[test]
fn the_chain_goes_on_over_restarts_and_segments_and_old_ones_go() {
    let folder = tempfile::tempdir().unwrap();
    for life in 0..4 {
        let (mut writer, found) = open(folder.path());
        assert_eq!(found, Found::default(), "life {life}");
        for number in 0..10 {
            writer.append(&[entry(number), entry(number)]).unwrap();
        }
    }
    let report = verify(folder.path(), &[]).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.segments, 3);
    assert!(report.begins.unwrap() > 0);
    let removed = lines(folder.path())
        .into_iter()
        .rfind(|line| line.kind == "removed")
        .unwrap();
    let gone = removed.fields["last_line"].as_u64().unwrap();
    assert_eq!(report.begins, Some(gone + 1));
}

#[test]
fn only_its_owner_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("audit");
    let (mut writer, _) = open(&inner);
    writer.append(&[entry(1)]).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    assert_eq!(mode(&last_segment(&inner)), 0o600);
}

#[test]
fn a_torn_last_line_is_set_aside_and_taken_down() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path());
    writer.append(&[entry(1), entry(2)]).unwrap();
    drop(writer);
    let path = last_segment(folder.path());
    let whole = std::fs::read(&path).unwrap();
    // Every length at which a crash may have cut the last line.
    let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in [second + 1, second + 40, whole.len() - 1] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let (mut writer, found) = open(folder.path());
        let torn = (cut - second) as u64;
        let name = "torn-000000000001.part".to_owned();
        assert_eq!(found.torn, Some((torn, name.clone())));
        assert_eq!(found.damage, None);
        let kept = std::fs::read(folder.path().join(name)).unwrap();
        assert_eq!(kept, whole[second..cut]);
        writer.append(&[entry(3)]).unwrap();
        let lines = lines(folder.path());
        let kinds: Vec<_> = lines.iter().map(|line| line.kind.as_str()).collect();
        assert_eq!(kinds, ["offence", "torn", "offence"]);
        assert_eq!(lines[1].fields["bytes"], torn);
        assert_eq!(lines[1].time_ms, 7);
        assert!(verify(folder.path(), &[]).unwrap().is_whole());
    }
}

#[test]
fn a_damaged_line_stays_is_taken_down_and_found_ever_after() {
    for line in 1..=3_u64 {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _) = open(folder.path());
        writer.append(&[entry(1), entry(2), entry(3)]).unwrap();
        drop(writer);
        let path = last_segment(folder.path());
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = text.replace(&format!("\"number\":{line}"), "\"number\":9");
        std::fs::write(&path, &changed).unwrap();
        for life in 0..2 {
            let (mut writer, found) = open(folder.path());
            assert_eq!(found.torn, None);
            let place = found.damage.map(|problem| problem.line);
            assert_eq!(place, (life == 0).then_some(line));
            writer.append(&[entry(4)]).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), changed);
        let report = verify(folder.path(), &[]).unwrap();
        assert_eq!(report.problems.len(), 1, "{report:?}");
        assert_eq!(report.problems[0].line, line);
        assert_eq!(report.head.unwrap().seq, 5);
        let mut kinds = Vec::new();
        read_lines(folder.path(), |_, _, line| {
            kinds.extend(line.map(|line| line.kind));
            true
        })
        .unwrap();
        assert_eq!(
            kinds,
            ["offence", "offence", "damaged", "offence", "offence"]
        );
    }
}

#[test]
fn an_empty_segment_after_a_crash_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path());
    writer.append(&[entry(1)]).unwrap();
    drop(writer);
    // The process died between making the next segment and its first line.
    std::fs::write(segment::path(folder.path(), 1), b"").unwrap();
    let (mut writer, found) = open(folder.path());
    assert_eq!(found, Found::default());
    writer.append(&[entry(2)]).unwrap();
    let report = verify(folder.path(), &[]).unwrap();
    assert!(report.is_whole(), "{report:?}");
}

#[test]
fn a_failed_write_leaves_the_log_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path());
    writer.append(&[entry(1)]).unwrap();
    let before = std::fs::read(last_segment(folder.path())).unwrap();
    let file = std::mem::replace(
        &mut writer.file,
        File::open(last_segment(folder.path())).unwrap(),
    );
    let error = writer.append(&[entry(2)]).unwrap_err();
    assert!(error.to_string().contains("audit-"), "{error}");
    assert_eq!(std::fs::read(last_segment(folder.path())).unwrap(), before);
    writer.file = file;
    writer.append(&[entry(2)]).unwrap();
    assert!(verify(folder.path(), &[]).unwrap().is_whole());
    assert_eq!(writer.next_seq(), 2);
}
