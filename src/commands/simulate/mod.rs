//! `neo-cli simulate`: runs of the real engine in virtual time, under faults and attacks.

mod arguments;
mod bar;
mod campaign;
mod faults;
mod files;
mod plan;
mod replay;
mod report;
mod seeds;
mod totals;
mod values;

use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::output::{print_json, print_text};

pub(crate) use arguments::SimulateArguments;

/// Runs every seed and says what came of it.
///
/// # Errors
/// Arguments or a scenario that cannot be used; a file that cannot be written.
pub(crate) fn simulate(arguments: &SimulateArguments, json: bool) -> anyhow::Result<Exit> {
    let source = plan::Source::of(arguments)?;
    let seeds = arguments.seeds();
    source.check(seeds.first())?;
    let files = files::Wanted::of(arguments)?;
    // The signals are taken by a runtime of one thread; the runs have threads of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let interrupt = {
        let _entered = runtime.enter();
        Interrupt::listen()?
    };
    let bar = bar::Bar::new(seeds.count());
    let totals = match files {
        Some(files) => files.run(&source, seeds.first(), &interrupt)?,
        None => campaign::run(&source, &seeds, arguments.threads(), &interrupt, &bar),
    };
    bar.clear();
    runtime.shutdown_background();
    let report = report::Summary::new(&totals, arguments, seeds.count());
    if json {
        print_json(&report.json())?;
    } else {
        print_text(&report.text())?;
    }
    Ok(totals.exit(seeds.count()))
}
