//! The audit log of a node: append-only JSON lines, each with the hash of the one before.
//!
//! A line is one JSON object with these members in this order:
//!
//! | member   | what it holds                                                              |
//! |----------|----------------------------------------------------------------------------|
//! | `seq`    | its number in the log, from 0, over all segments                           |
//! | `time`   | when it was taken down, UTC, RFC 3339 with milliseconds                    |
//! | `kind`   | what happened, a name of [`Kind`]                                          |
//! | `fields` | the particulars, an object                                                 |
//! | `prev`   | hash of the line before in hexadecimal, zeros in the first one             |
//! | `hash`   | SHA-256 of this line's bytes up to the comma before this member            |
//!
//! `hash` names the line in which a byte changed; `prev` makes it impossible to take a line out, put one in or
//! change the order without writing all later lines anew. What a chain cannot show is that its end is missing:
//! [`verify`] therefore tells number and hash of the last line, and compares one that was noted elsewhere.
//!
//! The log is a folder of segments `audit-NNNNNNNNNNNN.jsonl`, named by the number of their first line. A segment
//! that has grown to its limit is followed by the next, and the chain goes on through both. The oldest may be
//! removed, by the writer or by hand: what remains verifies, and says with which number it begins.
//!
//! Durability: entries that wait together are one append and one `fdatasync`, so a crash can cost what happened in
//! the last moments and tears at most the last line. A torn line is set aside on the next start, and that is
//! itself a line of the log ([`Kind::Torn`]).
//!
//! A flood of events cannot fill the disk: equal ones are counted and summed up, the rate of lines is bounded, and
//! only so many segments are kept ([`Limits`]).

mod entry;
mod error;
mod kind;
mod line;
mod log;
mod segment;
mod summing;
mod time;
mod verify;
mod writer;

pub use entry::{Entry, MAX_FIELDS, MAX_TEXT};
pub use error::AuditError;
pub use kind::Kind;
pub use line::{Line, LineError, MAX_LINE};
pub use log::{AuditLog, AuditThread, Progress, start};
pub use segment::{FOLDER, read_lines};
pub use verify::{Fault, Head, HeadError, MAX_PROBLEMS, Problem, Report, Unfinished, verify};
pub use writer::{Found, Limits, Writer};
