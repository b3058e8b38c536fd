//! Neo N3's extensible payload, which carries consensus messages of dBFT 2.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_fuzz::one_encoding;
use neo_primitives::ExtensiblePayload;

fuzz_target!(|bytes: &[u8]| {
    one_encoding::<ExtensiblePayload>(bytes);
});
