//! Wallet files.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use super::{Nep6Wallet, WalletError};

/// Most bytes of a wallet file.
const MAX_FILE: u64 = 16 << 20;

impl Nep6Wallet {
    /// Reads a wallet file.
    ///
    /// # Errors
    /// [`WalletError::Io`], [`WalletError::TooLarge`], [`WalletError::Json`].
    pub fn load(path: &Path) -> Result<Self, WalletError> {
        let mut text = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut text))
            .map_err(|source| WalletError::Io {
                path: path.to_owned(),
                source,
            })?;
        if text.len() as u64 > MAX_FILE {
            return Err(WalletError::TooLarge {
                path: path.to_owned(),
                limit: MAX_FILE,
            });
        }
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        serde_json::from_slice(text).map_err(|source| WalletError::Json {
            path: path.to_owned(),
            source,
        })
    }

    /// Writes the wallet, in place of a file that is there: whole or not at all, durably, and readable by its owner
    /// only.
    ///
    /// # Errors
    /// [`WalletError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), WalletError> {
        self.write(path, |file| file.persist(path).map_err(|error| error.error))
    }

    /// As [`Nep6Wallet::save`], but never in place of a file that is there.
    ///
    /// # Errors
    /// [`WalletError::Io`], with [`io::ErrorKind::AlreadyExists`] if there is one.
    pub fn save_new(&self, path: &Path) -> Result<(), WalletError> {
        self.write(path, |file| {
            file.persist_noclobber(path).map_err(|error| error.error)
        })
    }

    fn write(
        &self,
        path: &Path,
        persist: impl FnOnce(NamedTempFile) -> io::Result<File>,
    ) -> Result<(), WalletError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let write = || {
            let mut file = NamedTempFile::new_in(folder)?;
            only_for_the_owner(file.as_file())?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            persist(file)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|source| WalletError::Io {
            path: path.to_owned(),
            source,
        })
    }
}

#[cfg(unix)]
fn only_for_the_owner(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn only_for_the_owner(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wallet::ScryptParams;

    fn wallet(password: &str) -> Nep6Wallet {
        let mut wallet = Nep6Wallet::new(None, ScryptParams { n: 2, r: 1, p: 1 });
        wallet.create(password, None).unwrap();
        wallet
    }

    #[test]
    fn a_saved_wallet_comes_back_and_belongs_to_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wallet.json");
        let first = wallet("a");
        first.save_new(&path).unwrap();
        assert_eq!(Nep6Wallet::load(&path).unwrap(), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        // Never over another wallet, unless asked to.
        let second = wallet("b");
        assert!(matches!(
            second.save_new(&path),
            Err(WalletError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists
        ));
        assert_eq!(Nep6Wallet::load(&path).unwrap(), first);
        second.save(&path).unwrap();
        assert_eq!(Nep6Wallet::load(&path).unwrap(), second);
        // Nothing else is left in the folder.
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.json");
        assert!(matches!(
            Nep6Wallet::load(&path),
            Err(WalletError::Io { .. })
        ));
        std::fs::write(&path, "{\"accounts\": [").unwrap();
        let error = Nep6Wallet::load(&path).unwrap_err();
        assert!(error.to_string().contains("none.json"), "{error}");
        let nowhere = folder.path().join("missing").join("wallet.json");
        assert!(matches!(
            wallet("a").save(&nowhere),
            Err(WalletError::Io { .. })
        ));
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wallet.json");
        std::fs::write(&path, "\u{feff}{\"accounts\": []}").unwrap();
        assert!(Nep6Wallet::load(&path).unwrap().accounts.is_empty());
    }
}
