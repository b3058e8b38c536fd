//! Messages of dBFT 2.0 without their envelope. Bytes behind one are passed over.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_consensus::v2::Content;
use neo_primitives::{Decode, Encode, Reader};

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::new(bytes);
    let Ok(content) = Content::decode(&mut reader) else {
        assert!(Content::from_data(bytes).is_err());
        return;
    };
    let length = reader.position();
    let written = content.to_bytes();
    assert_eq!(written, &bytes[..length], "another encoding of the value");
    assert_eq!(content.encoded_len(), length, "a wrong length");
    assert_eq!(Content::from_data(bytes).ok(), Some(content));
});
