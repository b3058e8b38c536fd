//! Opening wallets of ours and of other programs.

use super::*;
use crate::keys::PublicKey;

/// Parameters that a test can afford.
const CHEAP: ScryptParams = ScryptParams { n: 2, r: 1, p: 1 };

/// A validator's wallet: two accounts of one key.
fn validator() -> (PrivateKey, Nep6Wallet) {
    let key = PrivateKey::generate();
    let mut keys: Vec<PublicKey> = (0..3)
        .map(|_| PrivateKey::generate().public_key().clone())
        .collect();
    keys.push(key.public_key().clone());
    let mut wallet = Nep6Wallet::new(Some("node"), CHEAP);
    let nep2 = nep2::encrypt(&key, "one", CHEAP).unwrap();
    wallet.add(Nep6Account::single_signature(
        key.public_key(),
        nep2.clone(),
    ));
    wallet.add(Nep6Account::multisig(3, &keys, nep2).unwrap());
    (key, wallet)
}

fn reread(wallet: &Nep6Wallet) -> Nep6Wallet {
    serde_json::from_str(&serde_json::to_string(wallet).unwrap()).unwrap()
}

#[test]
fn two_accounts_of_one_key_open() {
    let (key, wallet) = validator();
    assert_eq!(reread(&wallet), wallet);
    let opened = wallet.open("one").unwrap();
    assert_eq!(opened.len(), 2);
    assert!(opened.iter().all(|account| account.key == key));
    assert_eq!(opened[0].address, key.public_key().script_hash());
    assert_eq!(hash160(&opened[1].script), opened[1].address);
    assert!(opened[0].is_default && !opened[1].is_default);
    assert_eq!(
        wallet.default_account().map(|a| a.address),
        Some(opened[0].address)
    );
}

#[test]
fn a_wrong_password_names_the_account() {
    let (key, wallet) = validator();
    match wallet.open("two") {
        Err(WalletError::WrongPassword { account }) => {
            assert_eq!(account, key.public_key().script_hash());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_programs_spelling_and_gaps() {
    let (key, wallet) = validator();
    let nep2 = wallet.accounts[0].key.clone().unwrap();
    let address = wallet.accounts[0].address.to_address();
    let text = format!(
        r#"{{"Name": null, "VERSION": "3.0", "Scrypt": {{"N": 2, "R": 1, "P": 1}},
            "Accounts": [
                {{"Address": "{address}", "IsDefault": null, "KEY": "{nep2}", "Contract": null, "colour": "red"}},
                {{"address": "NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq", "key": null, "label": "watched",
                  "contract": {{"script": null, "parameters": null}}}}
            ],
            "extra": {{"Tokens": null}}, "Theme": 7}}"#
    );
    let read: Nep6Wallet = serde_json::from_str(&text).unwrap();
    assert_eq!((read.version.as_str(), read.name.as_deref()), ("3.0", None));
    let opened = read.open("one").unwrap();
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0].key, key);
    assert_eq!(opened[0].script, signature_script(key.public_key()));
    // What is not understood is kept, in its own spelling.
    let rewritten = serde_json::to_value(reread(&read)).unwrap();
    assert_eq!(rewritten["Theme"], 7);
    assert_eq!(rewritten["extra"]["Tokens"], Value::Null);
    assert!(rewritten["extra"].is_object());
    assert_eq!(rewritten["accounts"][0]["colour"], "red");
    assert_eq!(rewritten["accounts"][0]["isDefault"], false);
}

#[test]
fn missing_scrypt_is_neos_default() {
    let read: Nep6Wallet = serde_json::from_str(r#"{"accounts": []}"#).unwrap();
    assert_eq!(read.scrypt, ScryptParams::default());
    assert_eq!(read.version, "1.0");
    assert!(read.open("").unwrap().is_empty());
}

#[test]
fn hostile_scrypt_is_refused_before_work() {
    let (_, mut wallet) = validator();
    wallet.scrypt = ScryptParams {
        n: 1 << 60,
        r: 1 << 60,
        p: 1 << 60,
    };
    assert!(matches!(
        wallet.open("one"),
        Err(WalletError::Key {
            error: Nep2Error::Scrypt(ScryptRefused::Memory { .. }),
            ..
        })
    ));
    assert!(wallet.create("one", None).is_err());
}

#[test]
fn keys_and_scripts_of_others_are_refused() {
    let (_, wallet) = validator();
    let (_, stranger) = validator();
    let mut wrong_key = wallet.clone();
    wrong_key.accounts[1].key = stranger.accounts[1].key.clone();
    assert!(matches!(
        wrong_key.open("one"),
        Err(WalletError::OtherAccount { what: "key", .. })
    ));
    let mut wrong_script = wallet.clone();
    wrong_script.accounts[0].contract = stranger.accounts[0].contract.clone();
    assert!(matches!(
        wrong_script.open("one"),
        Err(WalletError::OtherAccount { what: "script", .. })
    ));
    let mut broken = wallet;
    broken.accounts[0].key = Some("6P".to_owned());
    assert!(matches!(
        broken.open("one"),
        Err(WalletError::Key {
            error: Nep2Error::Text(_),
            ..
        })
    ));
}

#[test]
fn what_is_no_wallet() {
    for text in [
        "[]",
        "{}",
        r#"{"accounts": 3}"#,
        r#"{"accounts": [{}]}"#,
        r#"{"accounts": [{"address": "x"}]}"#,
        r#"{"accounts": [], "scrypt": {"n": -1, "r": 8, "p": 8}}"#,
        r#"{"accounts": [], "scrypt": {"n": 16384}}"#,
    ] {
        assert!(serde_json::from_str::<Nep6Wallet>(text).is_err(), "{text}");
    }
}

#[test]
fn an_account_added_again_replaces_itself() {
    let key = PrivateKey::generate();
    let mut wallet = Nep6Wallet::new(None, CHEAP);
    let first = wallet.import(&key, "a", Some("old")).unwrap();
    let again = wallet.import(&key, "b", Some("new")).unwrap();
    assert_eq!((first, wallet.accounts.len()), (again, 1));
    assert_eq!(wallet.open("b").unwrap()[0].label.as_deref(), Some("new"));
    let made = wallet.create("b", None).unwrap();
    assert!(wallet.account(&made.public_key().script_hash()).is_some());
}

/// The wallet of a validator of neo-go's private network, in neo-go's spelling: `isdefault` is in lower case.
#[test]
fn a_wallet_of_neo_go() {
    use base64::Engine as _;
    let standby = [
        "02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2",
        "02103a7f7dd016558597f7960d27c516a4394fd968b9e65155eb4b013e4040406e",
        "03d90c07df63e690ce77912e10ab51acc944b66860237b608c4f8f8309e71ee699",
        "02a7bc55fe8684e0119768d104ba30795bdcc86619e864add26156723ed185cd62",
    ];
    let standby: Vec<PublicKey> = standby.iter().map(|key| key.parse().unwrap()).collect();
    let nep2 = "6PYM8VdX2BSm7BSXKzV4Fz6S3R9cDLLWNrD9nMjxW352jEv3fsC8N3wNLY";
    let account = |address: &str, script: Vec<u8>| {
        let script = base64::engine::general_purpose::STANDARD.encode(script);
        serde_json::json!({
            "address": address, "key": nep2, "label": "", "lock": false, "isdefault": false,
            "contract": {
                "script": script, "deployed": false,
                "parameters": [{"name": "parameter0", "type": "Signature"}],
            },
        })
    };
    let single = account(
        "Nhfg3TbpwogLvDGVvAvqyThbsHgoSUKwtn",
        signature_script(&standby[0]),
    );
    let shared = account(
        "NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq",
        crate::script::multisig_script(3, &standby).unwrap(),
    );
    let wallet = serde_json::json!({
        "version": "1.0", "accounts": [single, shared],
        "scrypt": {"n": 16384, "r": 8, "p": 8}, "extra": {"Tokens": null},
    });
    let wallet: Nep6Wallet = serde_json::from_value(wallet).unwrap();
    let opened = wallet.open("one").unwrap();
    assert_eq!(opened.len(), 2);
    for account in opened {
        assert_eq!(account.key.public_key(), &standby[0]);
        assert_eq!(
            hex::encode(account.key.to_bytes().as_slice()),
            "347bc2bd9eb7b9f41a217a26dc5a3d2a3c25ece1c8bff1d5a146aaf4156e3436"
        );
    }
    assert!(matches!(
        wallet.open("two"),
        Err(WalletError::WrongPassword { .. })
    ));
}

#[test]
fn numbers_of_other_programs_are_written_as_they_were_read() {
    let text = r#"{"limits":{"n":999999999000000000000000000000000000000000002630102182384369660},"accounts":[],"extra":null}"#;
    let wallet: Nep6Wallet = serde_json::from_str(text).unwrap();
    let written = serde_json::to_string(&wallet).unwrap();
    assert_eq!(serde_json::to_string(&reread(&wallet)).unwrap(), written);
}
