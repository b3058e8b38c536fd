//! Files of the node: who may read and change them, who holds them, what the vote log says.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use neo_consensus::vote_log::{Condition, LogError};
use neo_consensus::{v2, v3};
use neo_node::config::NodeConfig;
use neo_node::{log_identity, vote_log_file};
use neo_primitives::PublicKey;

use super::finding::Finding;
use crate::exit::Exit;

const SECRETS: &str = "permissions";
const LOCK: &str = "data-folder";
const VOTES: &str = "vote-log";

/// Checks that secrets are their owner's only, and that nobody else writes what the node believes.
pub(super) fn permissions(config: &NodeConfig, file: &Path) -> Vec<Finding> {
    /// Group and others: nothing.
    const CLOSED: u32 = 0o077;
    /// Group and others: no writing.
    const NOT_WRITABLE: u32 = 0o022;
    let mut all = vec![(file.to_owned(), NOT_WRITABLE, "644 or less")];
    if let Some(wallet) = &config.wallet {
        all.push((wallet.path.clone(), CLOSED, "600"));
        let password = wallet.password_file.clone();
        all.extend(password.map(|path| (path, CLOSED, "600")));
    }
    all.push((config.data_dir.join("node.key"), CLOSED, "600"));
    all.push((config.data_dir.clone(), NOT_WRITABLE, "755 or less"));
    let votes = config.data_dir.join(vote_log_file::FOLDER);
    all.push((votes, NOT_WRITABLE, "755 or less"));
    all.into_iter()
        .filter_map(|(path, closed, limit)| mode(path, closed, limit))
        .collect()
}

/// What the mode of a file says; nothing of one that is not there, which another check says or `run` makes.
fn mode(path: PathBuf, closed: u32, limit: &'static str) -> Option<Finding> {
    let metadata = path.metadata().ok()?;
    let mode = metadata.permissions().mode() & 0o7777;
    let value = format!("mode {mode:04o}");
    let place = path.display();
    let finding = if mode & closed == 0 {
        Finding::ok(SECRETS, &place, value)
    } else {
        let rights = if metadata.is_dir() { "go-w" } else { "go-rwx" };
        let mend = format!("chmod {rights} {place}");
        Finding::fail(SECRETS, Exit::Refused, &place, value, mend)
    };
    Some(finding.limit(limit))
}

/// Who has the store of the data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody.
    Nobody,
    /// A process that is not this program.
    Other,
    /// It cannot be told.
    Unknown,
}

/// Asks for the lock of the store, and gives it back at once. Shared, so that two examinations do not meet.
pub(super) fn holder(config: &NodeConfig) -> Holder {
    let file = match File::open(config.store_file()) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Holder::Nobody,
        Err(_) => return Holder::Unknown,
    };
    match file.try_lock_shared() {
        // Dropping the file gives the lock back.
        Ok(()) => Holder::Nobody,
        Err(TryLockError::WouldBlock) => Holder::Other,
        Err(TryLockError::Error(_)) => Holder::Unknown,
    }
}

/// Whether another process has the data folder; `runs` if this node was seen to run.
pub(super) fn lock(config: &NodeConfig, holder: Holder, runs: bool) -> Finding {
    let place = config.data_dir.display();
    let found = match (holder, runs) {
        (Holder::Nobody, _) => Finding::ok(LOCK, place, "no process holds it"),
        (Holder::Other, true) => Finding::ok(LOCK, place, "this node runs and holds it"),
        (Holder::Other, false) if config.rpc.is_none() => {
            let value = "another process holds it: this node, if it runs";
            let mend = "with the section `rpc` this can tell whether it is this node; else see what runs there";
            Finding::warn(LOCK, place, value, mend)
        }
        (Holder::Other, false) => {
            let value = "another process holds it";
            let mend =
                "stop the node that runs on this folder, or give this one a data_dir of its own";
            Finding::fail(LOCK, Exit::Busy, place, value, mend)
        }
        (Holder::Unknown, _) => {
            let value = format!(
                "{} cannot be opened by this user",
                config.store_file().display()
            );
            let mend = "run this as the user that the node runs as, or give that user the folder";
            Finding::warn(LOCK, place, value, mend)
        }
    };
    found.limit("this node alone")
}

/// Looks at the vote log without changing it.
pub(super) fn vote_log(config: &NodeConfig, key: Option<&PublicKey>) -> Finding {
    let place = config.data_dir.join(vote_log_file::FOLDER);
    let place = place.display();
    let Some(key) = key else {
        return Finding::not_checked(
            VOTES,
            place,
            "there is no validator's key that it could be of",
        );
    };
    let identity = || log_identity(config, key.clone());
    let data = &config.data_dir;
    let read = |version_2: bool| match version_2 {
        true => vote_log_file::inspect::<v2::Record>(data, identity()),
        false => vote_log_file::inspect::<v3::Record>(data, identity()),
    };
    let version_2 = config.protocol.is_dbft_2();
    let silent = "the validator follows the chain and votes by itself three blocks after the others' height, if M \
                  others answer";
    let found = match read(version_2) {
        Ok(Condition::Intact { torn: 0 }) => Finding::ok(VOTES, place, "intact"),
        Ok(Condition::Intact { torn }) => Finding::ok(
            VOTES,
            place,
            format!("intact; {torn} bytes of an unfinished write will be cut off"),
        ),
        Ok(Condition::Missing) => {
            let mend = format!(
                "{silent}; if this key never voted, see --trust-vote-log in docs/operations.md"
            );
            Finding::warn(VOTES, place, "missing", mend)
        }
        Ok(Condition::Copied) => {
            let mend = format!("{silent}; never start the original again");
            Finding::warn(
                VOTES,
                place,
                "a copy of another one, which may be old",
                mend,
            )
        }
        Ok(Condition::Damaged { segment, offset }) => {
            let other = matches!(read(!version_2), Ok(Condition::Intact { .. }));
            let value = match other {
                true => "of the other version of dBFT: it counts as lost".to_owned(),
                false => format!("damaged: segment {segment}, byte {offset}"),
            };
            Finding::warn(VOTES, place, value, silent)
        }
        Err(error @ LogError::Foreign { .. }) => {
            let mend = "data_dir belongs to another validator or network: give this one a folder of its own";
            Finding::fail(VOTES, Exit::Busy, place, error, mend)
        }
        Err(error) => {
            let mend = "run this as the user that the node runs as; the files must be readable";
            Finding::fail(VOTES, Exit::Failure, place, error, mend)
        }
    };
    found.limit("intact, of this validator")
}
