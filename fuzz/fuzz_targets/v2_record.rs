//! Records of the vote log of dBFT 2.0.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_consensus::v2::Record;
use neo_fuzz::one_encoding;

fuzz_target!(|bytes: &[u8]| {
    one_encoding::<Record>(bytes);
});
