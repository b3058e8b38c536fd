//! The protobuf envelope of dBFT 3.0. Protobuf itself has many encodings of a message; what is read must come
//! back from the one that this node writes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_consensus::v3::wire::{MAX_ENVELOPE, decode, encode};

fuzz_target!(|bytes: &[u8]| {
    let Ok((message, hints)) = decode(bytes) else {
        return;
    };
    let written = encode(&message, hints);
    assert!(written.len() <= MAX_ENVELOPE);
    assert_eq!(decode(&written), Ok((message, hints)));
});
