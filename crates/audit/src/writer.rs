//! Appending to a log.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::entry::Entry;
use crate::error::AuditError;
use crate::kind::Kind;
use crate::line::Line;
use crate::segment::{self, Piece, Pieces};
use crate::verify::{Expected, Fault, Head, Problem};

/// Longest unfinished line that is set aside whole, in bytes.
const MAX_TORN: u64 = 1 << 20;

/// How much of a log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes after which a segment is followed by the next.
    pub segment_bytes: u64,
    /// Segments that are kept; older ones are removed.
    pub segments: usize,
}

impl Default for Limits {
    /// 16 segments of 8 MiB.
    fn default() -> Self {
        Self {
            segment_bytes: 8 << 20,
            segments: 16,
        }
    }
}

/// What opening a log found in its last segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Bytes of an unfinished line that were set aside, and the file they are in now.
    pub torn: Option<(u64, String)>,
    /// A line that does not fit. It stays where it is, and the log goes on behind it in a new segment.
    pub damage: Option<Problem>,
}

/// Appends lines. Only one writer has a folder at a time.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    limits: Limits,
    file: File,
    path: PathBuf,
    length: u64,
    next: Head,
    /// Kept open: it holds the lock.
    _lock: File,
}

/// What reading the last segment tells.
struct Tail {
    /// The next line's number, and the hash it has to name.
    next: Head,
    /// Bytes up to the end of the last whole line.
    whole: u64,
    length: u64,
    damage: Option<Problem>,
}

impl Writer {
    /// Opens the log in a folder, which is made if it is not there, and takes down what a crash or somebody's
    /// hand has done to its last segment.
    ///
    /// # Errors
    /// Another process writes there, or the file system refuses.
    pub fn open(folder: &Path, limits: Limits, now_ms: u64) -> Result<(Self, Found), AuditError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(AuditError::at(folder))?;
        let lock = lock(folder)?;
        let mut found = Found::default();
        let mut notes = Vec::new();
        let segments = segment::list(folder)?;
        let (file, path, length, next) = match segments.last() {
            None => {
                let next = Head {
                    seq: 0,
                    hash: [0; 32],
                };
                let (file, path) = create(folder, 0)?;
                (file, path, 0, next)
            }
            Some(first) => {
                let path = segment::path(folder, *first);
                let mut tail = read_tail(&path, *first)?;
                if tail.whole == 0
                    && let Some(before) = segments.iter().nth_back(1)
                {
                    // Made and not written to when the process died: the line before is in the file before.
                    tail.next.hash = read_tail(&segment::path(folder, *before), *before)?
                        .next
                        .hash;
                }
                if tail.length > tail.whole {
                    let (bytes, kept) = set_aside(folder, &path, &tail)?;
                    notes.push(
                        Entry::new(Kind::Torn)
                            .with("bytes", bytes)
                            .text("file", segment::file_name(&path))
                            .text("kept_as", &kept),
                    );
                    found.torn = Some((bytes, kept));
                }
                match tail.damage {
                    None => {
                        let file = reopen(&path, tail.whole)?;
                        (file, path, tail.whole, tail.next)
                    }
                    Some(problem) => {
                        notes.push(
                            Entry::new(Kind::Damaged)
                                .text("file", &problem.file)
                                .with("line", problem.line)
                                .text("problem", &problem.fault),
                        );
                        found.damage = Some(problem);
                        let (file, path) = create(folder, tail.next.seq)?;
                        (file, path, 0, tail.next)
                    }
                }
            }
        };
        let mut writer = Self {
            folder: folder.to_owned(),
            limits,
            file,
            path,
            length,
            next,
            _lock: lock,
        };
        if !notes.is_empty() {
            let notes: Vec<_> = notes.into_iter().map(|note| (now_ms, note)).collect();
            writer.append(&notes)?;
        }
        Ok((writer, found))
    }

    /// Number of the next line.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next.seq
    }

    /// Appends entries with their times, all or none, and makes them durable.
    ///
    /// # Errors
    /// They could not be written; the log is as before.
    pub fn append(&mut self, entries: &[(u64, Entry)]) -> Result<(), AuditError> {
        let mut removal = None;
        if self.length >= self.limits.segment_bytes {
            let (file, path) = create(&self.folder, self.next.seq)?;
            (self.file, self.path, self.length) = (file, path, 0);
            let now = entries.first().map_or(0, |(at, _)| *at);
            removal = self.remove_oldest()?.map(|entry| (now, entry));
        }
        let mut next = self.next;
        let mut text = String::new();
        for (time_ms, entry) in removal.iter().chain(entries) {
            let (line, hash) = Line::write(
                next.seq,
                *time_ms,
                entry.kind.name(),
                &entry.fields,
                &next.hash,
            );
            text.push_str(&line);
            text.push('\n');
            next = Head {
                seq: next.seq.saturating_add(1),
                hash,
            };
        }
        let written = self
            .file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a line must not stay in front of the next one. If this fails as well, the next start finds it.
            let _ = self.file.set_len(self.length);
            return Err(AuditError::at(&self.path)(error));
        }
        self.length = self.length.saturating_add(text.len() as u64);
        self.next = next;
        Ok(())
    }

    /// Removes what is more than the limit; the entry that says so.
    fn remove_oldest(&self) -> Result<Option<Entry>, AuditError> {
        let segments = segment::list(&self.folder)?;
        let excess = segments.len().saturating_sub(self.limits.segments.max(1));
        let (gone, kept) = segments.split_at(excess);
        for first in gone {
            let path = segment::path(&self.folder, *first);
            std::fs::remove_file(&path).map_err(AuditError::at(&path))?;
        }
        let (Some(first), Some(begins)) = (gone.first(), kept.first()) else {
            return Ok(None);
        };
        sync_folder(&self.folder)?;
        Ok(Some(
            Entry::new(Kind::Removed)
                .with("segments", gone.len())
                .with("first_line", *first)
                .with("last_line", begins.saturating_sub(1)),
        ))
    }
}

fn lock(folder: &Path) -> Result<File, AuditError> {
    let path = folder.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(AuditError::at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(AuditError::Busy {
            path: folder.to_owned(),
        }),
        Err(std::fs::TryLockError::Error(error)) => Err(AuditError::at(&path)(error)),
    }
}

fn create(folder: &Path, first: u64) -> Result<(File, PathBuf), AuditError> {
    let path = segment::path(folder, first);
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .map_err(AuditError::at(&path))?;
    sync_folder(folder)?;
    Ok((file, path))
}

fn reopen(path: &Path, length: u64) -> Result<File, AuditError> {
    let open = || {
        let file = OpenOptions::new().append(true).open(path)?;
        if file.metadata()?.len() != length {
            file.set_len(length)?;
            file.sync_all()?;
        }
        Ok(file)
    };
    open().map_err(AuditError::at(path))
}

fn sync_folder(folder: &Path) -> Result<(), AuditError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(AuditError::at(folder))
}

fn read_tail(path: &Path, first: u64) -> Result<Tail, AuditError> {
    let name = segment::file_name(path);
    let length = std::fs::metadata(path).map_err(AuditError::at(path))?.len();
    let mut pieces = Pieces::open(path.to_owned())?;
    let mut expected = Expected::first(first);
    let mut last = [0; 32];
    let mut number = 0;
    let mut damage = None;
    let mut note = |number, fault: Fault| {
        damage.get_or_insert_with(|| Problem {
            file: name.clone(),
            line: number,
            fault,
        });
    };
    while let Some(piece) = pieces.next()? {
        number += 1;
        match piece {
            Piece::Line(Ok(line)) => {
                if let Err(fault) = expected.take(&line) {
                    note(number, fault);
                }
                last = line.hash;
            }
            Piece::Line(Err(error)) => {
                expected.skip();
                note(number, error.into());
            }
            Piece::Torn => {}
        }
    }
    Ok(Tail {
        next: Head {
            seq: expected.seq,
            hash: expected.prev.unwrap_or(last),
        },
        whole: pieces.whole,
        length,
        damage,
    })
}

/// Moves what follows the last whole line into a file of its own: its size and name. It is there durably before
/// anything is taken away.
fn set_aside(folder: &Path, path: &Path, tail: &Tail) -> Result<(u64, String), AuditError> {
    let bytes = tail.length.saturating_sub(tail.whole);
    let mut torn = Vec::new();
    let mut file = File::open(path).map_err(AuditError::at(path))?;
    file.seek(SeekFrom::Start(tail.whole))
        .and_then(|_| file.take(MAX_TORN).read_to_end(&mut torn))
        .map_err(AuditError::at(path))?;
    let name = format!("torn-{:012}.part", tail.next.seq);
    let kept = folder.join(&name);
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&kept)?;
        file.write_all(&torn)?;
        file.sync_all()
    };
    write().map_err(AuditError::at(&kept))?;
    sync_folder(folder)?;
    reopen(path, tail.whole)?;
    Ok((bytes, name))
}

#[cfg(test)]
mod tests;
