//! `neo-models`: runs the models of this crate and prints what they find.
//!
//! Exit codes: 0 the run says what docs/protocol.md says; 1 it found something else, or a counter-example;
//! 2 the parameters are impossible; 130 interrupted.

mod commands;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;

use commands::{Command, End};

/// Models of dBFT 3.0 and of its rivals.
#[derive(Debug, Parser)]
#[command(name = "neo-models", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // Without the handler Ctrl-C still ends the program, only without the figures so far.
    if let Err(error) = ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)) {
        eprintln!("Ctrl-C will not print the figures so far: {error}");
    }
    match arguments.command.run(&stop, arguments.json) {
        Ok(End::AsExpected) => ExitCode::SUCCESS,
        Ok(End::Found) => ExitCode::from(1),
        Ok(End::Interrupted) => ExitCode::from(130),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
