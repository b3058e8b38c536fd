//! The files of a log.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use crate::error::AuditError;
use crate::line::{Line, LineError, MAX_LINE};

/// Name of the folder inside a node's data directory, unless its configuration names another.
pub const FOLDER: &str = "audit";

const PREFIX: &str = "audit-";
const SUFFIX: &str = ".jsonl";

/// The file that begins with line `first`.
pub(crate) fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{PREFIX}{first:012}{SUFFIX}"))
}

/// Numbers of the first lines of all segments, ascending.
pub(crate) fn list(folder: &Path) -> Result<Vec<u64>, AuditError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(AuditError::Missing {
                path: folder.to_owned(),
            });
        }
        entries => entries.map_err(AuditError::at(folder))?,
    };
    let mut segments = Vec::new();
    for entry in entries {
        let name = entry.map_err(AuditError::at(folder))?.file_name();
        let number: Option<u64> = name.to_str().and_then(|name| {
            let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
            digits.parse().ok()
        });
        // Another spelling of the same number would be a second file of one place.
        segments.extend(
            number.filter(|number| path(folder, *number).file_name() == Some(name.as_os_str())),
        );
    }
    segments.sort_unstable();
    Ok(segments)
}

/// What stands at one place of a segment.
#[derive(Debug)]
pub(crate) enum Piece {
    /// A line, good or bad, with its end.
    Line(Result<Line, LineError>),
    /// What follows the last line end: a write that was cut short.
    Torn,
}

/// Reads a segment piece by piece, in memory bounded by the longest line.
pub(crate) struct Pieces {
    path: PathBuf,
    file: BufReader<File>,
    /// Bytes up to the end of the last whole line.
    pub(crate) whole: u64,
}

impl Pieces {
    pub(crate) fn open(path: PathBuf) -> Result<Self, AuditError> {
        let file = File::open(&path).map_err(AuditError::at(&path))?;
        Ok(Self {
            path,
            file: BufReader::with_capacity(64 << 10, file),
            whole: 0,
        })
    }

    /// The next piece; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, AuditError> {
        let mut bytes = Vec::new();
        let limit = MAX_LINE as u64 + 2;
        let mut read = (&mut self.file)
            .take(limit)
            .read_until(b'\n', &mut bytes)
            .map_err(AuditError::at(&self.path))?;
        if read == 0 {
            return Ok(None);
        }
        if bytes.pop_if(|last| *last == b'\n').is_some() {
            self.whole += read as u64;
            return Ok(Some(Piece::Line(Line::parse(&bytes))));
        }
        let mut ended = false;
        if read as u64 == limit {
            let (skipped, end) = self.skip_line()?;
            read = read.saturating_add(skipped);
            ended = end;
        }
        if ended {
            self.whole += read as u64;
            return Ok(Some(Piece::Line(Err(LineError::TooLong {
                length: read,
                limit: MAX_LINE,
            }))));
        }
        Ok(Some(Piece::Torn))
    }

    /// Goes behind the next line end; how many bytes that took, and whether there was one.
    fn skip_line(&mut self) -> Result<(usize, bool), AuditError> {
        let mut skipped = 0_usize;
        loop {
            let buffer = self.file.fill_buf().map_err(AuditError::at(&self.path))?;
            if buffer.is_empty() {
                return Ok((skipped, false));
            }
            let found = buffer.iter().position(|byte| *byte == b'\n');
            let used = found.map_or(buffer.len(), |at| at + 1);
            self.file.consume(used);
            skipped = skipped.saturating_add(used);
            if found.is_some() {
                return Ok((skipped, true));
            }
        }
    }
}

/// Hands all lines of a log to `take`, oldest first, without judging their order; bad ones as errors with file name
/// and number in the file, from 1. `take` says whether to go on.
///
/// # Errors
/// The folder or a file cannot be read.
pub fn read_lines(
    folder: &Path,
    mut take: impl FnMut(&str, u64, Result<Line, LineError>) -> bool,
) -> Result<(), AuditError> {
    for first in list(folder)? {
        let path = path(folder, first);
        let name = file_name(&path);
        let mut pieces = Pieces::open(path)?;
        let mut number = 0;
        while let Some(piece) = pieces.next()? {
            number += 1;
            let Piece::Line(line) = piece else { continue };
            if !take(&name, number, line) {
                return Ok(());
            }
        }
    }
    Ok(())
}

pub(crate) fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
