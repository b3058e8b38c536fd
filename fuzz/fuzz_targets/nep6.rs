//! NEP-6 wallets: a text that reads comes back from what is written, and opening one never computes
//! longer than its limits allow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_primitives::wallet::Nep6Wallet;

fuzz_target!(|text: &str| {
    let Ok(wallet) = serde_json::from_str::<Nep6Wallet>(text) else {
        return;
    };
    let written = serde_json::to_string(&wallet).expect("a wallet is JSON");
    let again: Nep6Wallet = serde_json::from_str(&written).expect("its own JSON");
    assert_eq!(
        serde_json::to_string(&again).expect("a wallet is JSON"),
        written
    );
    let _ = wallet.default_account();
    // Cheap parameters only: the derivation is meant to be slow, and its limits have tests of their own.
    let scrypt = wallet.scrypt;
    let work = scrypt.n.saturating_mul(scrypt.r).saturating_mul(scrypt.p);
    if work <= 64 && wallet.accounts.len() <= 4 {
        let _ = wallet.open("password");
    }
});
