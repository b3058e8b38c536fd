//! Records of the vote log.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_consensus::v3::Record;
use neo_fuzz::one_encoding;

fuzz_target!(|bytes: &[u8]| {
    one_encoding::<Record>(bytes);
});
