//! Prints the named scenarios of a folder as a Markdown table: `cargo run -p neo-simulator --example scenario_table`.

use std::path::PathBuf;
use std::process::ExitCode;

use neo_simulator::scenario;

fn main() -> ExitCode {
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = given.unwrap_or_else(|| PathBuf::from("tests/consensus/scenarios"));
    match rows(&folder) {
        Ok(rows) => {
            println!("| scenario | validators | what must happen |");
            println!("|---|---|---|");
            rows.iter().for_each(|row| println!("{row}"));
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("scenario_table: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// A row for each scenario, in the order of their names.
fn rows(folder: &PathBuf) -> Result<Vec<String>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut rows = Vec::new();
    for file in std::fs::read_dir(folder).map_err(told)? {
        let path = file.map_err(told)?.path();
        let text = std::fs::read_to_string(&path).map_err(told)?;
        let plan =
            scenario::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        rows.push(format!(
            "| `{}` | {} | {} |",
            plan.name, plan.validators, plan.must
        ));
    }
    rows.sort();
    Ok(rows)
}
