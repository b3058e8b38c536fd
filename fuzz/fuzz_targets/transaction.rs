//! Transactions and what they are made of.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_fuzz::one_encoding;
use neo_primitives::{
    Attribute, Signer, Transaction, UnsignedTransaction, Witness, WitnessCondition, WitnessRule,
    recognise_calls, recognise_transfers,
};

fuzz_target!(|bytes: &[u8]| {
    if let Some(transaction) = one_encoding::<Transaction>(bytes) {
        assert_eq!(transaction.size(), bytes.len());
        let again: Vec<u8> = bytes.to_vec();
        let read = neo_primitives::Decode::from_bytes(&again);
        assert_eq!(read.as_ref(), Ok(&transaction));
        let _ = recognise_transfers(transaction.script());
        let _ = recognise_calls(transaction.script());
    }
    one_encoding::<UnsignedTransaction>(bytes);
    one_encoding::<Signer>(bytes);
    one_encoding::<Attribute>(bytes);
    one_encoding::<Witness>(bytes);
    one_encoding::<WitnessCondition>(bytes);
    one_encoding::<WitnessRule>(bytes);
});
