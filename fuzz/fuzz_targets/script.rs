//! Scripts: instructions, multi-signature and invocation scripts, transfers and calls.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_primitives::{
    Instructions, multisig_script, parse_multisig_script, parse_signature_script, parse_signatures,
    recognise_calls, recognise_transfers, signature_script,
};

fuzz_target!(|script: &[u8]| {
    for instruction in Instructions::new(script) {
        if instruction.is_err() {
            break;
        }
    }
    // A verification script that is understood is the one that its keys have.
    if let Some(key) = parse_signature_script(script)
        && let Ok(key) = neo_primitives::PublicKey::from_bytes(&key)
    {
        assert_eq!(signature_script(&key), script);
    }
    if let Some((quorum, keys)) = parse_multisig_script(script) {
        let keys: Result<Vec<_>, _> = keys
            .iter()
            .map(|key| neo_primitives::PublicKey::from_bytes(key))
            .collect();
        if let Ok(keys) = keys
            && keys.is_sorted()
            && let Ok(made) = multisig_script(quorum, &keys)
        {
            assert_eq!(made, script);
        }
    }
    let _ = parse_signatures(script);
    let _ = recognise_transfers(script);
    let _ = recognise_calls(script);
});
