//! Where the wallet's password comes from: a file, an environment variable, or a prompt.
//!
//! Never from a command-line argument: those are visible to every user of the machine.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::WalletConfig;

/// Longest password that is read, in bytes.
const MAX_PASSWORD: usize = 1_024;

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file cannot be read.
    #[error("password file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Others than its owner may read or change the file.
    #[error(
        "password file {path} has mode {mode:04o}, it must not be open to group or others: chmod 600 {path}"
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Longer than any password.
    #[error("{from}: the password is longer than {MAX_PASSWORD} bytes")]
    TooLong {
        /// Where it came from.
        from: String,
    },
    /// Not UTF-8.
    #[error("{from}: the password is not UTF-8")]
    NotText {
        /// Where it came from.
        from: String,
    },
    /// Nothing there.
    #[error("{from}: the password is empty")]
    Empty {
        /// Where it should have come from.
        from: String,
    },
    /// The environment variable is not set.
    #[error("environment variable {name} with the password of {wallet} is not set")]
    NotSet {
        /// The variable.
        name: String,
        /// The wallet.
        wallet: PathBuf,
    },
    /// Nobody is there to ask.
    #[error(
        "no terminal to ask for the password of {wallet}: set wallet.password_file or wallet.password_env in the configuration"
    )]
    NoTerminal {
        /// The wallet.
        wallet: PathBuf,
    },
    /// The terminal failed.
    #[error("the terminal cannot be read: {0}")]
    Terminal(io::Error),
}

/// The password of the configured wallet.
///
/// # Errors
/// When the configured source has none, or its file is open to others than its owner.
pub fn read_password(wallet: &WalletConfig) -> Result<Zeroizing<String>, PasswordError> {
    match (&wallet.password_file, &wallet.password_env) {
        (Some(path), _) => from_file(path),
        (None, Some(name)) => from_environment(name, &wallet.path),
        (None, None) => from_terminal(&wallet.path),
    }
}

fn from_file(path: &Path) -> Result<Zeroizing<String>, PasswordError> {
    let failed = |source| PasswordError::File {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    check_permissions(path, &file.metadata().map_err(failed)?)?;
    let from = format!("password file {}", path.display());
    // Room for one byte too many and a line end, so that nothing is copied as it grows.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_PASSWORD + 3));
    let limit = MAX_PASSWORD as u64 + 3;
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text =
        std::str::from_utf8(line).map_err(|_| PasswordError::NotText { from: from.clone() })?;
    checked(Zeroizing::new(text.to_owned()), from)
}

#[cfg(unix)]
fn check_permissions(path: &Path, metadata: &std::fs::Metadata) -> Result<(), PasswordError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(PasswordError::OpenToOthers {
        path: path.to_owned(),
        mode,
    })
}

#[cfg(not(unix))]
fn check_permissions(_: &Path, _: &std::fs::Metadata) -> Result<(), PasswordError> {
    Ok(())
}

fn from_environment(name: &str, wallet: &Path) -> Result<Zeroizing<String>, PasswordError> {
    let from = format!("environment variable {name}");
    match std::env::var(name) {
        Ok(password) => checked(Zeroizing::new(password), from),
        Err(std::env::VarError::NotPresent) => Err(PasswordError::NotSet {
            name: name.to_owned(),
            wallet: wallet.to_owned(),
        }),
        Err(std::env::VarError::NotUnicode(_)) => Err(PasswordError::NotText { from }),
    }
}

fn from_terminal(wallet: &Path) -> Result<Zeroizing<String>, PasswordError> {
    if !io::stdin().is_terminal() {
        return Err(PasswordError::NoTerminal {
            wallet: wallet.to_owned(),
        });
    }
    let prompt = format!("Password of {}: ", wallet.display());
    let password = rpassword::prompt_password(prompt).map_err(PasswordError::Terminal)?;
    checked(Zeroizing::new(password), "prompt".to_owned())
}

fn checked(password: Zeroizing<String>, from: String) -> Result<Zeroizing<String>, PasswordError> {
    if password.is_empty() {
        return Err(PasswordError::Empty { from });
    }
    if password.len() > MAX_PASSWORD {
        return Err(PasswordError::TooLong { from });
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn wallet(file: Option<PathBuf>, env: Option<&str>) -> WalletConfig {
        WalletConfig {
            path: "wallet.json".into(),
            password_file: file,
            password_env: env.map(str::to_owned),
        }
    }

    #[cfg(unix)]
    fn set_mode(path: &Path, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_the_owner_gives_its_first_line_end_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for (content, expected) in [
            ("pass word", "pass word"),
            ("päss\n", "päss"),
            ("x \r\n", "x "),
        ] {
            fs::write(&path, content).unwrap();
            set_mode(&path, 0o600);
            let password = read_password(&wallet(Some(path.clone()), None)).unwrap();
            assert_eq!(password.as_str(), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn files_open_to_others_empty_long_or_missing_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let read = || read_password(&wallet(Some(path.clone()), None)).unwrap_err();
        assert!(matches!(read(), PasswordError::File { .. }));
        fs::write(&path, "secret").unwrap();
        for mode in [0o644, 0o640, 0o604, 0o602] {
            set_mode(&path, mode);
            let error = read();
            assert!(
                matches!(&error, PasswordError::OpenToOthers { mode: found, .. } if *found == mode)
            );
            let text = error.to_string();
            assert!(
                text.contains("chmod 600") && !text.contains("secret"),
                "{text}"
            );
        }
        set_mode(&path, 0o600);
        fs::write(&path, "\n").unwrap();
        assert!(matches!(read(), PasswordError::Empty { .. }));
        fs::write(&path, "x".repeat(MAX_PASSWORD + 1)).unwrap();
        assert!(matches!(read(), PasswordError::TooLong { .. }));
        fs::write(&path, "x".repeat(1 << 20)).unwrap();
        assert!(matches!(read(), PasswordError::TooLong { .. }));
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(read(), PasswordError::NotText { .. }));
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = read_password(&wallet(None, Some("NEO_NODE_TEST_NOT_SET"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "environment variable NEO_NODE_TEST_NOT_SET with the password of wallet.json is not set"
        );
        // Every process has this one.
        assert!(read_password(&wallet(None, Some("PATH"))).is_ok());
    }
}
