//! `neo-cli wallet`: NEP-6 wallets.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use neo_primitives::wallet::{Nep6Account, Nep6Wallet, ScryptParams, WalletError, nep2};
use neo_primitives::{PrivateKey, PublicKey, parse_multisig_script};
use serde_json::{Value, json};

use super::key_input::read_key;
use super::passwords::PasswordSource;
use crate::exit::{Exit, OrExit as _};
use crate::output::{print_json, print_text, table};

/// Create, list and import accounts of NEP-6 wallets.
#[derive(Debug, Subcommand)]
pub(crate) enum WalletCommand {
    /// Make a new wallet with one new account.
    Create {
        /// The wallet file; there must be none yet.
        file: PathBuf,
        /// Name of the account.
        #[arg(long)]
        label: Option<String>,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List the accounts of a wallet; no password is needed.
    List {
        /// The wallet file.
        file: PathBuf,
    },
    /// Add an account for a private key, to a wallet that is there or to a new one. The key (WIF or 64 hexadecimal
    /// digits) comes from a file, from standard input, or is asked for.
    Import(ImportArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The wallet file.
    file: PathBuf,
    /// File with the key; `-` or none for standard input or a prompt.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Name of the account.
    #[arg(long)]
    label: Option<String>,
    /// Add the account of M of the keys given with --public-keys, of which the imported one is one.
    #[arg(long, value_name = "M", requires = "public_keys")]
    multisig: Option<usize>,
    /// Public keys of the multi-signature account, with commas between them.
    #[arg(
        long,
        value_delimiter = ',',
        requires = "multisig",
        value_name = "KEY,KEY,…"
    )]
    public_keys: Vec<PublicKey>,
    #[command(flatten)]
    password: PasswordSource,
}

/// Runs the command.
///
/// # Errors
/// With [`Exit::Refused`] for a wallet or password, [`Exit::Busy`] for a file in the way, [`Exit::Usage`] for a key.
pub(crate) fn wallet(command: &WalletCommand, json: bool) -> anyhow::Result<Exit> {
    match command {
        WalletCommand::Create {
            file,
            label,
            password,
        } => create(file, label.as_deref(), password, json)?,
        WalletCommand::List { file } => list(file, json)?,
        WalletCommand::Import(arguments) => import(arguments, json)?,
    }
    Ok(Exit::Success)
}

fn create(
    file: &Path,
    label: Option<&str>,
    password: &PasswordSource,
    json: bool,
) -> anyhow::Result<()> {
    if file.try_exists().or_exit(Exit::Failure)? {
        return Err(in_the_way(file));
    }
    let password = password.new_password(file)?;
    let mut wallet = Nep6Wallet::new(None, ScryptParams::default());
    wallet.create(&password, label).or_exit(Exit::Failure)?;
    save_new(&wallet, file)?;
    show_added(&wallet, file, json)
}

fn import(arguments: &ImportArguments, json: bool) -> anyhow::Result<()> {
    let file = &arguments.file;
    let there = file.try_exists().or_exit(Exit::Failure)?;
    let mut wallet = match there {
        true => Nep6Wallet::load(file).or_exit(Exit::Refused)?,
        false => Nep6Wallet::new(None, ScryptParams::default()),
    };
    let key = read_key(arguments.key_file.as_deref())?;
    let password = match there {
        true => arguments.password.existing(file)?,
        false => arguments.password.new_password(file)?,
    };
    // One password opens a whole wallet: a key under a second one would lock it.
    wallet.open(&password).or_exit(Exit::Refused)?;
    let account = new_account(&wallet, &key, &password, arguments)?;
    if wallet.account(&account.address).is_some() {
        let address = account.address.to_address();
        return Err(Exit::Busy.error(format!("{} already has account {address}", file.display())));
    }
    wallet.add(account);
    match there {
        true => wallet.save(file).or_exit(Exit::Failure)?,
        false => save_new(&wallet, file)?,
    }
    show_added(&wallet, file, json)
}

fn new_account(
    wallet: &Nep6Wallet,
    key: &PrivateKey,
    password: &str,
    arguments: &ImportArguments,
) -> anyhow::Result<Nep6Account> {
    let nep2 = nep2::encrypt(key, password, wallet.scrypt).or_exit(Exit::Refused)?;
    let mut account = match arguments.multisig {
        None => Nep6Account::single_signature(key.public_key(), nep2),
        Some(m) => {
            if !arguments.public_keys.contains(key.public_key()) {
                let own = key.public_key();
                return Err(Exit::Usage.error(format!(
                    "--public-keys does not name {own}, the key that is imported"
                )));
            }
            Nep6Account::multisig(m, &arguments.public_keys, nep2)
                .or_exit(Exit::Usage)
                .context("--multisig")?
        }
    };
    account.label.clone_from(&arguments.label);
    Ok(account)
}

fn save_new(wallet: &Nep6Wallet, file: &Path) -> anyhow::Result<()> {
    wallet.save_new(file).map_err(|error| match error {
        WalletError::Io { ref source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
            in_the_way(file)
        }
        error => Exit::Failure.error(error),
    })
}

fn in_the_way(file: &Path) -> anyhow::Error {
    let file = file.display();
    Exit::Busy.error(format!(
        "{file} is there already: `neo-cli wallet import {file}` adds an account to it"
    ))
}

fn show_added(wallet: &Nep6Wallet, file: &Path, json: bool) -> anyhow::Result<()> {
    let Some(account) = wallet.accounts.last() else {
        return Ok(());
    };
    if json {
        let mut value = describe(account);
        value["wallet"] = json!(file);
        return print_json(&value);
    }
    print_text(&format!(
        "{} added to {}",
        account.address.to_address(),
        file.display()
    ))
}

fn list(file: &Path, json: bool) -> anyhow::Result<()> {
    let wallet = Nep6Wallet::load(file).or_exit(Exit::Refused)?;
    if json {
        let accounts: Vec<_> = wallet.accounts.iter().map(describe).collect();
        return print_json(&json!({"wallet": file, "name": wallet.name, "accounts": accounts}));
    }
    let mut rows = vec![
        ["address", "kind", "key", "default", "label"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for account in &wallet.accounts {
        rows.push(vec![
            account.address.to_address(),
            kind(account),
            if account.key.is_some() {
                "yes"
            } else {
                "watched"
            }
            .to_owned(),
            if account.is_default { "yes" } else { "" }.to_owned(),
            account.label.clone().unwrap_or_default(),
        ]);
    }
    print_text(&table(&rows))
}

fn describe(account: &Nep6Account) -> Value {
    json!({
        "address": account.address.to_address(),
        "script_hash": account.address,
        "kind": kind(account),
        "label": account.label,
        "default": account.is_default,
        "watch_only": account.key.is_none(),
        "locked": account.lock,
    })
}

/// What the account's witness needs.
fn kind(account: &Nep6Account) -> String {
    match account.script().map(parse_multisig_script) {
        Some(Some((m, keys))) => format!("{m} of {}", keys.len()),
        _ => "single".to_owned(),
    }
}
