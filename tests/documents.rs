//! docs/requirements.md says what is in the tree: its rows name files and tests that exist, and its sum is right.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// A row of the tables: part, section, status, code, test.
struct Row {
    line: usize,
    cells: Vec<String>,
}

impl Row {
    fn is_done(&self) -> bool {
        let status = &self.cells[2];
        status == "done"
            || ["done:", "done,", "done "]
                .iter()
                .any(|word| status.starts_with(word))
    }

    /// What stands between backticks under code and test.
    fn references(&self) -> impl Iterator<Item = &str> {
        let cells = self.cells[3..].iter();
        cells.flat_map(|cell| cell.split('`').skip(1).step_by(2))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(root().join("docs/requirements.md")).unwrap()
}

fn rows(page: &str) -> Vec<Row> {
    let lines = page.lines().enumerate();
    let lines = lines.filter(|(_, line)| line.starts_with('|') && !line.starts_with("|-"));
    let rows = lines.map(|(line, text)| {
        let cells = text.trim_matches('|').split('|');
        let cells: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
        assert_eq!(cells.len(), 5, "line {}: {text}", line + 1);
        Row {
            line: line + 1,
            cells,
        }
    });
    rows.filter(|row| row.cells[0] != "part").collect()
}

/// The files of a folder and below, or the file itself.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap();
    entries
        .flat_map(|entry| files(&entry.unwrap().path()))
        .collect()
}

#[test]
fn each_row_is_done_or_open_and_the_sum_is_right() {
    let page = page();
    let rows = rows(&page);
    for row in &rows {
        let status = &row.cells[2];
        assert!(
            row.is_done() || status.starts_with("open"),
            "line {}: {status}",
            row.line
        );
        let answered = !row.cells[3].is_empty() && !row.cells[4].is_empty();
        assert!(
            !row.is_done() || answered,
            "line {}: done, without code or test",
            row.line
        );
    }
    let done = rows.iter().filter(|row| row.is_done()).count();
    let sum = format!("{done} of {} rows are done.", rows.len());
    assert!(page.contains(&sum), "the page must say: {sum}");
}

#[test]
fn each_file_and_test_that_a_row_names_is_there() {
    for row in rows(&page()) {
        for reference in row.references() {
            let (path, test) = reference.split_once("::").unwrap_or((reference, ""));
            // A command: its program is what must exist, if it is one of ours.
            let path = path.split(' ').next().unwrap();
            if path == "cargo" {
                continue;
            }
            let place = root().join(path);
            assert!(place.exists(), "line {}: there is no {path}", row.line);
            let name = format!("fn {}(", test.rsplit("::").next().unwrap());
            let has =
                |file: PathBuf| fs::read_to_string(file).is_ok_and(|text| text.contains(&name));
            let found = test.is_empty() || files(&place).into_iter().any(has);
            assert!(found, "line {}: {path} has no test {test}", row.line);
        }
    }
}
