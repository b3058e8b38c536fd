//! The engine: any events from any senders. See `neo_fuzz::engine`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| neo_fuzz::engine::play(bytes));
