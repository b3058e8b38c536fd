//! `neo-cli signer`: a validator's key in a process of its own.

mod lines;
mod lock;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use neo_node::vote_log_file::FileMedium;
use neo_primitives::wallet::Nep6Wallet;
use neo_primitives::{Height, Magic, PrivateKey, UInt160};
use neo_signer::memory::Highest;
use neo_signer::{Desk, Memory, MemoryError};
use tokio::net::TcpListener;

use self::lines::Lines;
use self::lock::Lock;
use super::passwords::PasswordSource;
use crate::exit::{Exit, OrExit as _};
use crate::interrupt::Interrupt;
use crate::output::{print_json, print_text};

/// Keep a validator's key in a process of its own, which signs nothing twice.
#[derive(Debug, Subcommand)]
pub(crate) enum SignerCommand {
    /// Begin the record of what a key signs, without which nothing is signed.
    Init(InitArguments),
    /// Sign for a validator: votes of dBFT 3.0, and what Neo's C# node asks of its plugin SignClient.
    Serve(ServeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct KeyArguments {
    /// The NEP-6 wallet with the validator's key.
    #[arg(long, value_name = "FILE")]
    wallet: PathBuf,
    /// Address of the validator's account, if the wallet holds more than one key.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    account: Option<UInt160>,
    /// Magic number of the network that is signed for.
    #[arg(long)]
    magic: u32,
    /// Folder with the record of what was signed.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    password: PasswordSource,
}

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    #[command(flatten)]
    key: KeyArguments,
    /// The key has signed before, and that record is lost, damaged or a copy: nothing at this height or below it is
    /// ever signed. Give a height above everything that the key signed.
    #[arg(long, value_name = "HEIGHT")]
    above: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    key: KeyArguments,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:9991", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Listen on an address that other machines reach. Nothing is encrypted and nobody has to prove anything: whoever
    /// reaches it can have the key sign any block and any vote that does not contradict an earlier one.
    #[arg(long)]
    allow_remote: bool,
}

fn address(text: &str) -> Result<UInt160, String> {
    UInt160::from_address(text).map_err(|error| error.to_string())
}

/// Runs the command.
///
/// # Errors
/// With [`Exit::Refused`] for wallet, password or record, [`Exit::Busy`] for a folder or port in use, or the record of
/// another key or network, [`Exit::Usage`] for a listener that others reach.
pub(crate) fn signer(command: &SignerCommand, json: bool) -> anyhow::Result<Exit> {
    match command {
        SignerCommand::Init(arguments) => init(arguments, json),
        SignerCommand::Serve(arguments) => serve(arguments, json),
    }
}

fn init(arguments: &InitArguments, json: bool) -> anyhow::Result<Exit> {
    let InitArguments { key: of, above } = arguments;
    let key = of.open()?;
    let medium = FileMedium::new(&of.data).or_exit(Exit::Failure);
    let medium = medium.with_context(|| of.data.display().to_string())?;
    let _lock = Lock::take(&of.data)?;
    let above = above.map(Height);
    let memory = Memory::initialise(medium, Magic(of.magic), key.public_key(), above)
        .map_err(|error| exit_of(&error).error(error))
        .with_context(|| of.data.display().to_string())?;
    let floor = memory.register().floor();
    if json {
        let made = serde_json::json!({
            "data": of.data,
            "public_key": key.public_key(),
            "magic": of.magic,
            "floor": floor,
        });
        print_json(&made)?;
        return Ok(Exit::Success);
    }
    let from = match floor {
        Some(floor) => format!("nothing at height {floor} or below it is ever signed"),
        None => "this key must never have signed before".to_owned(),
    };
    let key = key.public_key();
    print_text(&format!(
        "{}: record of {key} on network {}; {from}",
        of.data.display(),
        of.magic
    ))?;
    Ok(Exit::Success)
}

fn serve(arguments: &ServeArguments, json: bool) -> anyhow::Result<Exit> {
    let ServeArguments {
        key: of,
        listen,
        allow_remote,
    } = arguments;
    if !listen.ip().is_loopback() && !allow_remote {
        return Err(Exit::Usage.error(format!(
            "--listen {listen} is no loopback address: whoever reaches it can have this key sign, unencrypted and \
             without a password; --allow-remote if a firewall or a tunnel keeps others away"
        )));
    }
    if *allow_remote && !listen.ip().is_loopback() {
        eprintln!(
            "neo-cli: --allow-remote: whoever reaches {listen} can have this key sign any block and any vote that does \
             not contradict an earlier one"
        );
    }
    let key = of.open()?;
    let place = || of.data.display().to_string();
    if !of.data.is_dir() {
        let error = MemoryError::Missing;
        return Err(Exit::Refused.error(error)).with_context(place);
    }
    let _lock = Lock::take(&of.data)?;
    let medium = FileMedium::new(&of.data).or_exit(Exit::Failure);
    let medium = medium.with_context(place)?;
    let magic = Magic(of.magic);
    let memory = Memory::open(medium, magic, key.public_key())
        .map_err(|error| exit_of(&error).error(error))
        .with_context(place)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let interrupt = Interrupt::listen().or_exit(Exit::Failure)?;
        let listener = TcpListener::bind(listen).await.or_exit(Exit::Busy);
        let listener = listener.with_context(|| format!("--listen {listen}"))?;
        let lines = Lines::new(json);
        let register = memory.register();
        lines.ready(
            listener.local_addr().or_exit(Exit::Failure)?,
            key.public_key(),
            magic,
            register.floor(),
            Highest(register.highest()),
        );
        let desk = Desk::new(key, magic, memory, lines.journal());
        let stop = async move { interrupt.wait().await };
        neo_signer::serve(listener, Arc::new(desk), stop)
            .await
            .or_exit(Exit::Failure)
    })?;
    Ok(Exit::Success)
}

/// The exit code of a record that cannot be used.
fn exit_of(error: &MemoryError) -> Exit {
    match error {
        MemoryError::Log(neo_consensus::vote_log::LogError::Foreign { .. })
        | MemoryError::InTheWay
        | MemoryError::Whole(_) => Exit::Busy,
        MemoryError::Missing | MemoryError::Incomplete { .. } => Exit::Refused,
        MemoryError::Log(_) => Exit::Failure,
    }
}

impl KeyArguments {
    fn open(&self) -> anyhow::Result<PrivateKey> {
        let password = self.password.existing(&self.wallet)?;
        let accounts = Nep6Wallet::load(&self.wallet)
            .and_then(|wallet| wallet.open(&password))
            .or_exit(Exit::Refused)?;
        let mut keys: Vec<PrivateKey> = Vec::new();
        for account in accounts {
            let wanted = self.account.is_none_or(|wanted| {
                wanted == account.address || wanted == account.key.public_key().script_hash()
            });
            if wanted && !keys.contains(&account.key) {
                keys.push(account.key);
            }
        }
        choose(keys, &self.wallet)
    }
}

fn choose(keys: Vec<PrivateKey>, wallet: &Path) -> anyhow::Result<PrivateKey> {
    let wallet = wallet.display();
    let mut all = keys.into_iter();
    match (all.next(), all.next()) {
        (Some(key), None) => Ok(key),
        (None, _) => Err(Exit::Refused.error(format!("{wallet} has no such account with a key"))),
        (Some(first), Some(second)) => {
            let keys = [first, second].into_iter().chain(all);
            let addresses: Vec<_> = keys
                .map(|key| key.public_key().script_hash().to_address())
                .collect();
            Err(Exit::Usage.error(format!(
                "{wallet} holds {} keys, --account names one of: {}",
                addresses.len(),
                addresses.join(", ")
            )))
        }
    }
}
