//! The command line of dBFT 3.0 for Neo N3: networks, nodes, wallets, transfers, and a development network.

use std::process::ExitCode;

use clap::Parser as _;

mod amount;
mod byzantine;
mod commands;
mod devnet;
mod doctor;
mod duration;
mod exit;
mod interrupt;
mod migrate;
mod network_files;
mod output;
mod payment;
mod rpc;

use exit::Exit;

fn main() -> ExitCode {
    let arguments = commands::Arguments::parse();
    match commands::dispatch(arguments) {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("neo-cli: {error:#}");
            Exit::of(&error).into()
        }
    }
}
