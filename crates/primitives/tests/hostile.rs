//! Hostile bytes: whatever comes in, decoders answer with an error or a value that encodes to the same bytes, and
//! take memory in proportion to the input.

use neo_primitives::{
    Block, BlockBody, Decode, DecodeError, Encode, ExtensiblePayload, SignedHeader, Transaction,
    UInt256, Witness, recognise_calls,
};
use proptest::prelude::*;

/// Bytes of memory that a byte of input may cost. The dearest input byte is a condition of one byte, which becomes
/// an element of a list; the rest is far below.
const PER_BYTE: u64 = 64;

/// Memory that may be taken besides: error texts, and the first growth of lists.
const BASE: u64 = 4096;

/// Decodes within the allowance and compares what comes back.
fn decode<T: Decode + Encode>(input: &[u8]) -> Option<T> {
    let mut read: Option<Result<T, DecodeError>> = None;
    let memory = allocation_counter::measure(|| read = Some(T::from_bytes(input)));
    let allowed = PER_BYTE * input.len() as u64 + BASE;
    assert!(
        memory.bytes_max <= allowed,
        "{} bytes for {}",
        memory.bytes_max,
        input.len()
    );
    let value = read?.ok()?;
    assert_eq!(value.to_bytes(), input);
    Some(value)
}

fn decode_as_everything(input: &[u8]) {
    decode::<Transaction>(input);
    decode::<Block>(input);
    decode::<BlockBody>(input);
    decode::<SignedHeader>(input);
    decode::<ExtensiblePayload>(input);
    decode::<Witness>(input);
    decode::<UInt256>(input);
    let memory = allocation_counter::measure(|| {
        let _ = recognise_calls(input);
    });
    assert!(memory.bytes_max <= 4 * PER_BYTE * input.len() as u64 + BASE);
}

/// A transaction whose one signer has as many conditions as fit: 16 rules of Or of 16 Ands of 16 CalledByEntry.
fn conditions() -> Vec<u8> {
    let operands = |kind: u8, operand: &[u8]| [&[kind, 16], operand.repeat(16).as_slice()].concat();
    let rule = [&[1], operands(3, &operands(2, &[0x20])).as_slice()].concat();
    let mut bytes = vec![0; 25];
    bytes.push(1);
    bytes.extend([7; 20]);
    bytes.extend([0x40, 16]);
    bytes.extend(rule.repeat(16));
    bytes.extend([0, 1, 0x11, 1, 0, 0]);
    bytes
}

#[test]
fn the_dearest_transaction_stays_within_the_allowance() {
    let bytes = conditions();
    assert!(bytes.len() > 4096);
    let transaction = decode::<Transaction>(&bytes).expect("a valid transaction");
    assert_eq!(transaction.signers()[0].rules.len(), 16);
}

#[test]
fn lengths_that_promise_too_much() {
    let header = [0u8; 109];
    for count in [
        &[0xfd, 0xff, 0xff][..],
        &[0xfe, 0xff, 0xff, 0xff, 0xff],
        &[0xff; 9],
    ] {
        decode_as_everything(&[&header[..], count].concat());
        decode_as_everything(&[&header[..], &[1, 0, 0], count].concat());
        decode_as_everything(&[&[0; 25][..], count].concat());
        decode_as_everything(count);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes(input in proptest::collection::vec(any::<u8>(), 0..400)) {
        decode_as_everything(&input);
    }

    /// Bytes that often mean something: small numbers, lengths, tags.
    #[test]
    fn likely_bytes(input in proptest::collection::vec(prop_oneof![
        4 => 0u8..4, 1 => Just(0x20), 1 => Just(0x40), 1 => Just(0xfd), 1 => any::<u8>(),
    ], 0..400)) {
        decode_as_everything(&input);
    }

    /// A valid transaction with some bytes changed.
    #[test]
    fn changed_conditions(changes in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..64), 1..4)) {
        let mut bytes = conditions();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        decode_as_everything(&bytes);
    }
}
