//! The commands, one file each.

use clap::{Parser, Subcommand};

use crate::exit::Exit;

mod audit;
mod byzantine;
mod catching_up;
mod checkpoint;
mod config;
mod consensus;
mod devnet;
mod doctor;
mod evidence;
mod init;
mod key_input;
mod migrate;
mod passwords;
mod restore;
mod run;
mod signer;
mod simulate;
mod transfer;
mod wallet;

/// dBFT 3.0 for Neo N3: validators, a development network, wallets and transfers.
#[derive(Debug, Parser)]
#[command(name = "neo-cli", version, after_help = Exit::table(), max_term_width = 120)]
pub(crate) struct Arguments {
    /// Print results as JSON on standard output; everything else goes to standard error.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the keys, wallets, genesis and configurations of a new network.
    Init(init::InitArguments),
    /// Run one node until it is told to stop.
    Run(run::RunArguments),
    /// Start a whole network of local processes, put load on it and measure it.
    Devnet(devnet::DevnetArguments),
    Byzantine(byzantine::ByzantineArguments),
    Simulate(Box<simulate::SimulateArguments>),
    /// Create, list and import accounts of NEP-6 wallets.
    #[command(subcommand)]
    Wallet(wallet::WalletCommand),
    /// Send NEO or GAS and wait for the receipt.
    Transfer(transfer::TransferArguments),
    /// Look at the consensus of running nodes.
    #[command(subcommand)]
    Consensus(consensus::ConsensusCommand),
    /// Look at the audit log of a node.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Look at proofs that validators broke the protocol.
    #[command(subcommand)]
    Evidence(evidence::EvidenceCommand),
    /// Checkpoints of a node's chain.
    #[command(subcommand)]
    Checkpoint(checkpoint::CheckpointCommand),
    Restore(restore::RestoreArguments),
    /// Come from other Neo nodes.
    #[command(subcommand)]
    Migrate(migrate::MigrateCommand),
    /// Keep a validator's key in a process of its own, which signs nothing twice.
    #[command(subcommand)]
    Signer(signer::SignerCommand),
    Doctor(doctor::DoctorArguments),
    /// About configuration files.
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// Runs the command.
///
/// # Errors
/// What went wrong; [`Exit::of`] gives its exit code.
pub(crate) fn dispatch(arguments: Arguments) -> anyhow::Result<Exit> {
    let json = arguments.json;
    match arguments.command {
        Command::Init(arguments) => init::init(&arguments, json),
        Command::Run(arguments) => run::run(&arguments),
        Command::Devnet(arguments) => devnet::devnet(arguments, json),
        Command::Byzantine(arguments) => byzantine::byzantine(&arguments),
        Command::Simulate(arguments) => simulate::simulate(&arguments, json),
        Command::Wallet(command) => wallet::wallet(&command, json),
        Command::Transfer(arguments) => {
            client_runtime()?.block_on(transfer::transfer(&arguments, json))
        }
        Command::Consensus(command) => {
            client_runtime()?.block_on(consensus::consensus(&command, json))
        }
        Command::Audit(command) => audit::audit(&command, json),
        Command::Evidence(command) => {
            client_runtime()?.block_on(evidence::evidence(&command, json))
        }
        Command::Checkpoint(command) => checkpoint::checkpoint(&command, json),
        Command::Restore(arguments) => restore::restore(&arguments, json),
        Command::Migrate(command) => migrate::migrate(&command, json),
        Command::Signer(command) => signer::signer(&command, json),
        Command::Doctor(arguments) => client_runtime()?.block_on(doctor::doctor(arguments, json)),
        Command::Config(command) => config::config(&command),
    }
}

/// One thread is enough to wait for answers.
fn client_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }
}
