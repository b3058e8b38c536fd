//! Compressed payloads: arbitrary packed bytes with a true or false length, and payloads that compress well.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_consensus::v3::wire::{MAX_PAYLOAD, decode, encode};
use neo_fuzz::seeds::{Envelope, long_proposal};

#[derive(arbitrary::Arbitrary, Debug)]
enum Input {
    /// A declared length and packed bytes.
    Packed {
        kind: u8,
        length: u32,
        packed: Vec<u8>,
    },
    /// A payload, packed as the sender would.
    Plain { kind: u8, payload: Vec<u8> },
    /// A proposal of so many transactions whose short ids repeat.
    Proposal { transactions: u16, period: u8 },
}

fuzz_target!(|input: Input| match input {
    Input::Packed {
        kind,
        length,
        packed,
    } => {
        let compressed = [length.to_le_bytes().as_slice(), &packed].concat();
        let envelope = Envelope {
            kind,
            compressed,
            ..Envelope::default()
        };
        if decode(&envelope.to_bytes()).is_ok() {
            assert!(length as usize <= MAX_PAYLOAD);
            assert!(length as usize <= packed.len().saturating_mul(255));
        }
    }
    Input::Plain { kind, payload } => {
        let plain = Envelope {
            kind,
            payload: payload.clone(),
            ..Envelope::default()
        };
        let compressed = Envelope {
            kind,
            compressed: Envelope::pack(&payload),
            ..Envelope::default()
        };
        // Compression changes nothing but the length.
        let (plain, packed) = (decode(&plain.to_bytes()), decode(&compressed.to_bytes()));
        if !payload.is_empty() {
            assert_eq!(plain, packed);
        }
    }
    Input::Proposal {
        transactions,
        period,
    } => {
        let message = long_proposal(transactions, period);
        let written = encode(&message, Default::default());
        assert_eq!(decode(&written).map(|(read, _)| read), Ok(message));
    }
});
