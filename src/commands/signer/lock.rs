//! One signer a record: two would each remember half of what the key signed.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use anyhow::Context as _;

use crate::exit::{Exit, OrExit as _};

/// The folder is this process's own as long as this lives, also through its abrupt end.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    /// Takes the folder.
    ///
    /// # Errors
    /// With [`Exit::Busy`] if another process has it.
    pub(super) fn take(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .or_exit(Exit::Failure)
            .with_context(|| path.display().to_string())?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(Exit::Busy.error(format!(
                "{}: another signer uses this folder",
                folder.display()
            ))),
            Err(TryLockError::Error(error)) => {
                Err(Exit::Failure.error(error)).with_context(|| path.display().to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_signer_and_is_free_again_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        let error = Lock::take(folder.path()).unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Busy);
        drop(lock);
        assert!(Lock::take(folder.path()).is_ok());
    }
}
