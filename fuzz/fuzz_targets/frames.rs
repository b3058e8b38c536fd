//! Frames of the express and bulk lanes, with relays, proofs and batches of transactions in them.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use neo_network::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    fuzzing::frame(&Bytes::copy_from_slice(bytes));
});
