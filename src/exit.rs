//! Exit codes. This is the one place where they are defined; `neo-cli help exit` prints them.

use std::fmt;
use std::process::ExitCode;

/// How a command ended, as the calling shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything was done.
    Success = 0,
    /// Something failed that no other code names.
    Failure = 1,
    /// Bad arguments, or input that cannot be used: nothing was started or written.
    Usage = 2,
    /// A configuration, wallet or password was refused.
    Refused = 3,
    /// A port, data directory or file is in use, or belongs to another network.
    Busy = 4,
    /// An RPC endpoint cannot be reached or does not answer as it should.
    Unreachable = 5,
    /// A transaction was refused, faulted or expired.
    Transaction = 6,
    /// The validators of a devnet disagree about the chain.
    Disagreement = 7,
    /// A validator of a devnet ended before it was told to.
    Died = 8,
    /// A devnet run committed nothing.
    NothingCommitted = 9,
    /// A simulated run broke an invariant or an expectation.
    Violation = 10,
    /// Interrupted before the work was done.
    Interrupted = 130,
}

impl Exit {
    /// Every code with its meaning, in ascending order.
    pub(crate) const ALL: [(Self, &'static str); 12] = [
        (
            Self::Success,
            "done; for `run`, stopped by a signal or by its parent",
        ),
        (Self::Failure, "failed in a way that no other code names"),
        (
            Self::Usage,
            "bad arguments or unusable input; nothing was started or written",
        ),
        (Self::Refused, "configuration, wallet or password refused"),
        (
            Self::Busy,
            "port, data directory or file in use, or of another network",
        ),
        (
            Self::Unreachable,
            "RPC endpoint not reachable, or its answer makes no sense",
        ),
        (Self::Transaction, "transaction refused, faulted or expired"),
        (Self::Disagreement, "devnet: the validators' tips differ"),
        (
            Self::Died,
            "devnet: a validator ended before it was told to",
        ),
        (Self::NothingCommitted, "devnet: nothing was committed"),
        (
            Self::Violation,
            "simulate: an invariant was violated, or an expectation not met",
        ),
        (Self::Interrupted, "interrupted before the work was done"),
    ];

    /// The table of codes for `--help`.
    pub(crate) fn table() -> String {
        let mut text = String::from("Exit codes:");
        for (code, meaning) in Self::ALL {
            text.push_str(&format!("\n  {:>3}  {meaning}", code as u8));
        }
        text
    }

    /// An error that ends the program with this code.
    pub(crate) fn error(self, message: impl fmt::Display) -> anyhow::Error {
        anyhow::Error::new(Failed {
            exit: self,
            message: message.to_string(),
        })
    }

    /// The code that an error carries; [`Exit::Failure`] for one without.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        error
            .chain()
            .find_map(|cause| cause.downcast_ref::<Failed>())
            .map_or(Self::Failure, |failed| failed.exit)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error with its exit code.
#[derive(Debug)]
struct Failed {
    exit: Exit,
    message: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failed {}

/// Gives an error its exit code.
pub(crate) trait OrExit<T> {
    /// Ends the program with `exit` if this is an error.
    fn or_exit(self, exit: Exit) -> anyhow::Result<T>;
}

impl<T, E: fmt::Display> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> anyhow::Result<T> {
        self.map_err(|error| exit.error(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_code_under_context() {
        let error = Exit::Busy.error("port 80 is taken").context("starting");
        assert_eq!(Exit::of(&error), Exit::Busy);
        assert_eq!(format!("{error:#}"), "starting: port 80 is taken");
        assert_eq!(Exit::of(&anyhow::anyhow!("other")), Exit::Failure);
    }

    #[test]
    fn codes_are_distinct_and_all_listed() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|(exit, _)| *exit as u8).collect();
        assert!(codes.array_windows().all(|[a, b]| a < b));
        let table = Exit::table();
        assert_eq!(table.lines().count(), codes.len() + 1);
    }
}
