//! Passwords of wallets that are being written.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::Args;
use neo_node::config::{WalletConfig, read_password};
use zeroize::Zeroizing;

use crate::exit::{Exit, OrExit as _};

/// Where a password comes from: a file, an environment variable, or else a prompt. Never the command line.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PasswordSource {
    /// File with the wallet's password, readable by its owner only; else the password is asked for.
    #[arg(long, value_name = "FILE", conflicts_with = "password_env")]
    pub(crate) password_file: Option<PathBuf>,
    /// Environment variable with the wallet's password.
    #[arg(long, value_name = "NAME")]
    pub(crate) password_env: Option<String>,
}

impl PasswordSource {
    /// The wallet at `path` with this password.
    pub(crate) fn of(&self, path: &Path) -> WalletConfig {
        WalletConfig {
            path: path.to_owned(),
            password_file: self.password_file.clone(),
            password_env: self.password_env.clone(),
        }
    }

    /// The password of an existing wallet.
    ///
    /// # Errors
    /// With [`Exit::Refused`] if there is none.
    pub(crate) fn existing(&self, path: &Path) -> anyhow::Result<Zeroizing<String>> {
        read_password(&self.of(path)).or_exit(Exit::Refused)
    }

    /// The password for a new wallet; at a terminal it is asked for twice.
    ///
    /// # Errors
    /// With [`Exit::Refused`] if there is none, or if the two differ.
    pub(crate) fn new_password(&self, path: &Path) -> anyhow::Result<Zeroizing<String>> {
        let password = self.existing(path)?;
        let asked = self.password_file.is_none() && self.password_env.is_none();
        if asked && io::stdin().is_terminal() {
            let again =
                rpassword::prompt_password("The same password again: ").or_exit(Exit::Refused)?;
            if *Zeroizing::new(again) != *password {
                return Err(Exit::Refused.error("the two passwords differ"));
            }
        }
        Ok(password)
    }
}
