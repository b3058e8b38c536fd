//! What comes on the control lane: hellos, heartbeats, statuses, roles and reaches.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_network::fuzzing;

fuzz_target!(|input: (u64, u64, &[u8])| {
    let (first, second, bytes) = input;
    fuzzing::hello(bytes);
    fuzzing::control(bytes, [first, second]);
});
