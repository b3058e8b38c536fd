//! Runs the models.
use neo_models::quorum::{rules::*, model::*};
use std::sync::Arc;
fn main() {
    for validators in [4, 7] {
    for (release, carry) in [(Release::PreparedLocked, Carry::Anything),(Release::Prepared, Carry::Fresh),(Release::Prepared, Carry::Highest),(Release::PreCommits, Carry::Fresh),(Release::PreCommits, Carry::Highest)] {
        for reduction in [Reduction::Full, Reduction::None] {
        for views in [3, 5] {
            if reduction == Reduction::None && (views > 3 || validators > 4) { continue; }
        let o = explore(Setting{release, carry, validators, views, reduction}, &Arc::default(), &mut |_,_|{});
        let v = match &o.verdict { Verdict::Clean => "clean".to_string(), Verdict::Fork(p) => format!("fork {}", p.len()-1), Verdict::Lock(p) => format!("lock {}", p.len()-1), Verdict::Interrupted => "int".into() };
        println!("n={validators} views={views} {reduction:?} {release:?} {carry:?}: {v} states {} transitions {} depth {} {:?}", o.states, o.transitions, o.depth, o.took);
        }}
    }}
}
