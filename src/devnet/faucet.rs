//! The wallet of a devnet from which people can pay.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use neo_primitives::UInt160;
use neo_primitives::wallet::Nep6Wallet;

use super::folder::SCRYPT;
use super::funding::Grant;
use crate::exit::{Exit, OrExit as _};
use crate::network_files::{create_private_folder, random_password, write_private_file};

/// What the faucet gets, in NEO and in datoshi: one million of both.
const NEO: i64 = 1_000_000;
const GAS: i64 = 1_000_000 * 100_000_000;

/// The funded wallet of a devnet.
#[derive(Debug)]
pub(crate) struct Faucet {
    /// Its account.
    pub(crate) account: UInt160,
    /// The wallet file.
    pub(crate) wallet: PathBuf,
    /// The file with its password.
    pub(crate) password_file: PathBuf,
    /// Whether it was made just now and has nothing yet.
    new: bool,
}

impl Faucet {
    /// The faucet of the network in `root`; made if there is none.
    ///
    /// # Errors
    /// If its wallet cannot be read or written.
    pub(crate) fn open_or_create(root: &Path) -> anyhow::Result<Self> {
        let folder = root.join("faucet");
        let (file, password_file) = (folder.join("wallet.json"), folder.join("password"));
        let new = !file.exists();
        if new {
            let place = || format!("writing {}", folder.display());
            create_private_folder(&folder).with_context(place)?;
            let password = random_password();
            write_private_file(&password_file, format!("{}\n", *password).as_bytes())
                .with_context(place)?;
            let mut wallet = Nep6Wallet::new(Some("devnet faucet"), SCRYPT);
            wallet
                .create(&password, Some("faucet"))
                .or_exit(Exit::Failure)?;
            wallet.save_new(&file).or_exit(Exit::Failure)?;
        }
        let wallet = Nep6Wallet::load(&file).or_exit(Exit::Refused)?;
        let account = wallet.default_account().map(|account| account.address);
        let account = account
            .ok_or_else(|| Exit::Refused.error(format!("{} has no account", file.display())))?;
        Ok(Self {
            account,
            wallet: file,
            password_file,
            new,
        })
    }

    /// What it shall get: something once, when it is new.
    pub(crate) fn grant(&self) -> Option<Grant> {
        self.new.then_some(Grant {
            account: self.account,
            neo: NEO,
            gas: GAS,
        })
    }
}
