//! Whether a log is whole.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::error::AuditError;
use crate::line::{Line, LineError, digest};
use crate::segment::{self, Piece, Pieces};

/// Most problems that a report names one by one.
pub const MAX_PROBLEMS: usize = 100;

/// What does not fit at a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The line itself is not sound.
    #[error(transparent)]
    Line(#[from] LineError),
    /// Lines are missing before it.
    #[error("line {got} where line {expected} was expected: {} missing", .got - .expected)]
    Missing {
        /// The number that would follow.
        expected: u64,
        /// The number found.
        got: u64,
    },
    /// It belongs further up, or was put in.
    #[error(
        "line {got} where line {expected} was expected: put in, repeated or in the wrong order"
    )]
    OutOfOrder {
        /// The number that would follow.
        expected: u64,
        /// The number found.
        got: u64,
    },
    /// It does not name the hash of the line before.
    #[error(
        "it follows a line with hash {named}, the line before has {found}: one of the two was replaced"
    )]
    Unlinked {
        /// The hash it names.
        named: String,
        /// The hash of the line before.
        found: String,
    },
    /// The name of a segment is not the number of its first line.
    #[error("the file begins with line {got}, its name says {named}")]
    Misnamed {
        /// The number in the name.
        named: u64,
        /// The number of the first line.
        got: u64,
    },
    /// A segment that is not the last ends in the middle of a line.
    #[error("{bytes} bytes of an unfinished line where another segment follows")]
    Unfinished {
        /// How many.
        bytes: u64,
    },
    /// The line noted elsewhere is not in the log.
    #[error("line {seq} is not in the log, which ends before it")]
    Ended {
        /// Its number.
        seq: u64,
    },
    /// The line noted elsewhere has another hash here.
    #[error("line {seq} had hash {noted} when it was noted, it has {found} now")]
    Replaced {
        /// Its number.
        seq: u64,
        /// Its hash then.
        noted: String,
        /// Its hash now.
        found: String,
    },
}

/// One place that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// Which line of the file, from 1.
    pub line: u64,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.fault)
    }
}

/// Number and hash of a line, as text `NUMBER:HASH`. Noted elsewhere, it shows later that nothing up to this line
/// was changed or cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number.
    pub seq: u64,
    /// The hash.
    pub hash: [u8; 32],
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, hex::encode(self.hash))
    }
}

/// A text that is no [`Head`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not NUMBER:HASH with a hash of 64 lowercase hexadecimal digits")]
pub struct HeadError(pub String);

impl FromStr for Head {
    type Err = HeadError;

    fn from_str(text: &str) -> Result<Self, HeadError> {
        let parse = || {
            let (seq, hash) = text.split_once(':')?;
            Some(Self {
                seq: seq.parse().ok()?,
                hash: digest(hash)?,
            })
        };
        parse().ok_or_else(|| HeadError(text.to_owned()))
    }
}

/// An unfinished write at the very end: the process was killed, or is writing at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The file.
    pub file: String,
    /// Bytes after the last line end.
    pub bytes: u64,
}

/// What a log holds, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files.
    pub segments: u64,
    /// Sound lines.
    pub lines: u64,
    /// Number of the first line; all before it were in segments that are gone.
    pub begins: Option<u64>,
    /// The last sound line.
    pub head: Option<Head>,
    /// An unfinished write at the end, which is no problem: the next start sets it aside.
    pub unfinished: Option<Unfinished>,
    /// What is wrong, in the order of the log, at most [`MAX_PROBLEMS`].
    pub problems: Vec<Problem>,
    /// Further problems.
    pub further: u64,
}

impl Report {
    /// Whether nothing was changed, removed, put in or reordered.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, file: &str, line: u64, fault: Fault) {
        if self.problems.len() >= MAX_PROBLEMS {
            self.further = self.further.saturating_add(1);
            return;
        }
        self.problems.push(Problem {
            file: file.to_owned(),
            line,
            fault,
        });
    }
}

/// The next line as the chain so far demands it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) seq: u64,
    /// Hash of the line before; `None` before the first line that is there.
    pub(crate) prev: Option<[u8; 32]>,
}

impl Expected {
    /// Before the first line of a log that begins with this number.
    pub(crate) fn first(seq: u64) -> Self {
        Self {
            seq,
            // The first line of all follows nothing, and says so with zeros.
            prev: (seq == 0).then_some([0; 32]),
        }
    }

    /// Takes a sound line; says what does not fit, and what comes next.
    pub(crate) fn take(&mut self, line: &Line) -> Result<(), Fault> {
        let fault = match line.seq.cmp(&self.seq) {
            std::cmp::Ordering::Less => {
                // It does not belong here: what follows is compared with the line before it.
                return Err(Fault::OutOfOrder {
                    expected: self.seq,
                    got: line.seq,
                });
            }
            std::cmp::Ordering::Greater => Some(Fault::Missing {
                expected: self.seq,
                got: line.seq,
            }),
            std::cmp::Ordering::Equal => {
                self.prev
                    .filter(|prev| *prev != line.prev)
                    .map(|prev| Fault::Unlinked {
                        named: hex::encode(line.prev),
                        found: hex::encode(prev),
                    })
            }
        };
        self.seq = line.seq.saturating_add(1);
        self.prev = Some(line.hash);
        fault.map_or(Ok(()), Err)
    }

    /// Skips a line that cannot be read: what follows names its hash, which nobody knows.
    pub(crate) fn skip(&mut self) {
        self.seq = self.seq.saturating_add(1);
        self.prev = None;
    }
}

/// Reads a whole log and tells every place that does not fit. `noted` are numbers and hashes of lines that were
/// noted elsewhere; those before the first line that is still there are not compared.
///
/// # Errors
/// There is no log, or it cannot be read.
pub fn verify(folder: &Path, noted: &[Head]) -> Result<Report, AuditError> {
    let segments = segment::list(folder)?;
    let mut report = Report::default();
    let Some(begins) = segments.first().copied() else {
        return Err(AuditError::Missing {
            path: folder.to_owned(),
        });
    };
    let mut expected = Expected::first(begins);
    let mut last_name = String::new();
    for (at, first) in segments.iter().enumerate() {
        let path = segment::path(folder, *first);
        let name = segment::file_name(&path);
        let length = std::fs::metadata(&path)
            .map_err(AuditError::at(&path))?
            .len();
        let mut pieces = Pieces::open(path)?;
        let mut number = 0;
        report.segments += 1;
        while let Some(piece) = pieces.next()? {
            number += 1;
            match piece {
                Piece::Line(Ok(line)) => {
                    if number == 1 && line.seq != *first {
                        let (named, got) = (*first, line.seq);
                        report.problem(&name, number, Fault::Misnamed { named, got });
                    }
                    if let Err(fault) = expected.take(&line) {
                        report.problem(&name, number, fault);
                    }
                    compare(&mut report, &name, number, noted, &line);
                    report.lines += 1;
                    report.begins.get_or_insert(line.seq);
                    report.head = Some(Head {
                        seq: line.seq,
                        hash: line.hash,
                    });
                }
                Piece::Line(Err(error)) => {
                    expected.skip();
                    report.problem(&name, number, error.into());
                }
                Piece::Torn => {
                    let bytes = length.saturating_sub(pieces.whole);
                    if at + 1 == segments.len() {
                        let file = name.clone();
                        report.unfinished = Some(Unfinished { file, bytes });
                    } else {
                        report.problem(&name, number, Fault::Unfinished { bytes });
                    }
                }
            }
        }
        last_name = name;
    }
    let end = expected.seq;
    for head in noted.iter().filter(|head| head.seq >= end) {
        report.problem(&last_name, 0, Fault::Ended { seq: head.seq });
    }
    Ok(report)
}

fn compare(report: &mut Report, name: &str, number: u64, noted: &[Head], line: &Line) {
    let differs = |head: &&Head| head.seq == line.seq && head.hash != line.hash;
    for head in noted.iter().filter(differs) {
        let fault = Fault::Replaced {
            seq: head.seq,
            noted: hex::encode(head.hash),
            found: hex::encode(line.hash),
        };
        report.problem(name, number, fault);
    }
}

#[cfg(test)]
mod tests;
