//! What a diagram shows: lines, arrows, marks and notes, in microseconds of virtual time.

use std::fmt;

/// Everything that one diagram shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scene {
    /// Heading, such as `Height 3 with 4 validators`.
    pub title: String,
    /// One sentence under the heading.
    pub subtitle: String,
    /// The validators' lines, from left to right.
    pub lanes: Vec<Lane>,
    /// Messages.
    pub arrows: Vec<Arrow>,
    /// What happened at one validator.
    pub marks: Vec<Mark>,
    /// What happened to all, such as a partition.
    pub notes: Vec<Note>,
    /// The moment that the axis calls 0.
    pub zero_us: u64,
    /// Whether messages and stages have the names of dBFT 2.0.
    pub older: bool,
}

/// The line of a validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Name at the head of the line.
    pub name: String,
    /// A word under the name, such as `Byzantine`.
    pub role: String,
    /// What it waits for, from each moment on; the first entry begins the line.
    pub stages: Vec<(u64, Stage)>,
}

/// What a validator's line shows between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The height is not open here.
    Away,
    /// Waits for a proposal.
    Waiting,
    /// Has sent its Prepare.
    Prepared,
    /// Has sent its PreCommit.
    PreCommitted,
    /// Has decided.
    Decided,
    /// Has stored the block.
    Stored,
    /// Does not run.
    Down,
}

impl Stage {
    /// All that the legend explains.
    pub const ALL: [Self; 7] = [
        Self::Away,
        Self::Waiting,
        Self::Prepared,
        Self::PreCommitted,
        Self::Decided,
        Self::Stored,
        Self::Down,
    ];

    /// Words of the legend, with the names of dBFT 2.0 if `older`.
    #[must_use]
    pub const fn words(self, older: bool) -> &'static str {
        match self {
            Self::PreCommitted if older => "has committed, for ever",
            Self::Away => "not open",
            Self::Waiting => "waits for a proposal",
            Self::Prepared => "has prepared",
            Self::PreCommitted => "has pre-committed",
            Self::Decided => "has decided",
            Self::Stored => "has stored",
            Self::Down => "down",
        }
    }
}

/// Kind of a message, by which arrows are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ink {
    /// A leader's block.
    Proposal,
    /// Vote for a proposal.
    Prepare,
    /// Vote for a prepared block.
    PreCommit,
    /// Header signature of a decided block.
    Commit,
    /// Wish for a higher view.
    ChangeView,
    /// Suspicion of the leader.
    Suspect,
    /// Question what others have.
    RecoveryRequest,
    /// Forwarded certificates and votes.
    RecoveryMessage,
    /// Questions for blocks and bodies, and their answers.
    Fetch,
    /// Bytes that are no message.
    Garbage,
}

impl Ink {
    /// All, in the order of the legend.
    pub const ALL: [Self; 10] = [
        Self::Proposal,
        Self::Prepare,
        Self::PreCommit,
        Self::Commit,
        Self::ChangeView,
        Self::Suspect,
        Self::RecoveryRequest,
        Self::RecoveryMessage,
        Self::Fetch,
        Self::Garbage,
    ];
}

impl Ink {
    /// Its name, that of dBFT 2.0 if `older`.
    #[must_use]
    pub fn name(self, older: bool) -> String {
        match self {
            Self::Proposal if older => "PrepareRequest".to_owned(),
            Self::Prepare if older => "PrepareResponse".to_owned(),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Ink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A message from one line to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// Colour.
    pub ink: Ink,
    /// Position of the sender's line.
    pub from: usize,
    /// Position of the receiver's line.
    pub to: usize,
    /// When it left.
    pub sent_us: u64,
    /// When it arrived; when it was lost for a message that ends in a cross.
    pub end_us: u64,
    /// Whether it arrived.
    pub arrived: bool,
    /// Whether it was sent before: drawn thin.
    pub again: bool,
    /// Shown when the pointer rests on it.
    pub words: String,
}

/// Something that happened at one validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Position of the line.
    pub lane: usize,
    /// When.
    pub at_us: u64,
    /// What.
    pub sign: Sign,
    /// Label beside it.
    pub words: String,
}

/// Shape of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// A block is proposed.
    Proposes,
    /// A prepared certificate came together.
    Certificate,
    /// A block is decided.
    Decided,
    /// Its witness is complete.
    Witness,
    /// It is stored.
    Stored,
    /// A higher view is asked for.
    AsksView,
    /// A higher view is entered.
    EntersView,
    /// The node crashed.
    Crash,
    /// The node started again.
    Restart,
    /// It may not vote, or may again.
    Silence,
    /// It holds a proof of guilt, or refused a block.
    Alarm,
}

impl Sign {
    /// All, in the order of the legend.
    pub const ALL: [Self; 11] = [
        Self::Proposes,
        Self::Certificate,
        Self::Decided,
        Self::Witness,
        Self::Stored,
        Self::AsksView,
        Self::EntersView,
        Self::Crash,
        Self::Restart,
        Self::Silence,
        Self::Alarm,
    ];

    /// Words of the legend.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Proposes => "proposes",
            Self::Certificate => "prepared certificate",
            Self::Decided => "decides",
            Self::Witness => "witness complete",
            Self::Stored => "stores",
            Self::AsksView => "asks for a view",
            Self::EntersView => "enters a view",
            Self::Crash => "crashes",
            Self::Restart => "starts again",
            Self::Silence => "silence begins or ends",
            Self::Alarm => "evidence, or a refused block",
        }
    }
}

/// Something that happened to the whole network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at_us: u64,
    /// What.
    pub words: String,
}
