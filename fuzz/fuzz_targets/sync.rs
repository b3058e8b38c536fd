//! Requests and answers of block synchronisation between nodes.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use neo_fuzz::one_encoding;
use neo_network::{SyncRequest, SyncResponse};
use neo_primitives::Encode;

fuzz_target!(|bytes: &[u8]| {
    if let Some(request) = one_encoding::<SyncRequest>(bytes) {
        assert!(!request.describe().is_empty());
    }
    if let Ok(response) = SyncResponse::decode_shared(&Bytes::copy_from_slice(bytes)) {
        assert_eq!(response.to_bytes(), bytes, "another encoding of the value");
        assert!(!response.describe().is_empty());
    }
});
