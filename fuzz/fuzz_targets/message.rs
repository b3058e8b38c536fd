//! Payloads of dBFT 3.0: the first byte is the kind, the rest the payload.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_consensus::v3::Payload;
use neo_consensus::v3::context::MessageKind;
use neo_primitives::{Encode, Height, Reader};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, payload)) = bytes.split_first() else {
        return;
    };
    let Some(kind) = MessageKind::from_number(*kind) else {
        return;
    };
    let mut reader = Reader::new(payload);
    let Ok(read) = Payload::decode(&mut reader, kind, Height(7)) else {
        return;
    };
    let length = reader.position();
    assert_eq!(read.kind(), kind);
    assert_eq!(
        read.to_bytes(),
        &payload[..length],
        "another encoding of the value"
    );
});
