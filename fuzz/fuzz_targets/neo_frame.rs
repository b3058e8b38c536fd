//! Frames of Neo N3's P2P protocol, and a payload of any command: the first byte names it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_network::neo::wire::{Command, FrameHead, Message, frame, read_frame};

/// What is read comes back from its frame, compressed or not.
fn comes_back(message: &Message) {
    assert!(message.payload().len() <= message.command().limit());
    for compress in [false, true] {
        let bytes = frame(message, compress);
        assert_eq!(read_frame(&bytes), Ok(Some((message.clone(), bytes.len()))));
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some((message, used))) = read_frame(bytes) {
        assert!(used <= bytes.len());
        comes_back(&message);
    }
    let Some((code, payload)) = bytes.split_first() else {
        return;
    };
    let head = FrameHead {
        compressed: false,
        command: Command::from_code(*code),
        length: payload.len(),
    };
    if payload.len() <= head.command.limit()
        && let Ok(message) = head.open(payload)
    {
        assert_eq!(
            message.payload(),
            payload,
            "another encoding of the message"
        );
        comes_back(&message);
    }
});
