//! How fast the simulator is: `cargo run --release -p neo-simulator --example pace [validators] [seconds]`.
//!
//! A faultless run of empty blocks without pacing, oracles on, on one core: heights in a second of real
//! time.

use std::time::Instant;

use neo_simulator::{NoTrace, Plan, run};

fn argument(at: usize, otherwise: u64) -> u64 {
    std::env::args()
        .nth(at)
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

fn main() -> Result<(), neo_simulator::PlanError> {
    let validators = u16::try_from(argument(1, 4)).unwrap_or(u16::MAX);
    let plan = Plan::new(validators, argument(2, 10).saturating_mul(1_000));
    let began = Instant::now();
    let report = run(&plan, argument(3, 1), &mut NoTrace)?;
    let took = began.elapsed().as_secs_f64();
    println!(
        "n={validators}: {} heights in {took:.2} s: {:.0} heights/s, {} events, {} violations, trace {}",
        report.heights,
        f64::from(report.heights) / took,
        report.events,
        report.violations.len(),
        report.trace_hash_hex(),
    );
    println!(
        "decision p50 {:?} us, witness p50 {:?} us, messages {}, average {} bytes",
        report.decision.percentile(50),
        report.witness.percentile(50),
        report.messages,
        report.message_bytes / report.messages.max(1),
    );
    for problem in report.violations.iter().take(5) {
        println!("{problem}");
    }
    Ok(())
}
