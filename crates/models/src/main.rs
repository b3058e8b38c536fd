//! Runs the models.
use neo_models::engine::model::*;
use std::sync::Arc;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let states: usize = a[2].parse().unwrap();
    let leave = a.len() > 3;
    let o = explore(Bounds{byzantine: neo_primitives::ValidatorIndex(a[1].parse().unwrap()), states, depth: 1000, leave, broken: Default::default()}, &Arc::default(), &mut |_,_|{}).unwrap();
    println!("{o:#?}");
    println!("{}", std::fs::read_to_string("/proc/self/status").unwrap().lines().filter(|l| l.starts_with("VmHWM")).collect::<String>());
}
