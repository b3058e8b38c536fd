//! The validator's key: that it opens, that it is a validator's or may become one, that the signer answers with it.

use std::time::Duration;

use neo_node::config::{NodeConfig, SignerSection, WalletConfig, read_password};
use neo_primitives::PublicKey;
use neo_primitives::wallet::Nep6Wallet;
use neo_signer::RemoteSigner;

use super::finding::Finding;
use crate::exit::Exit;

const WALLET: &str = "wallet";
const KEY: &str = "key";
const SIGNER: &str = "signer";

/// Checks the key. Also gives the validator's key if there is one, which other checks need.
pub(super) async fn check(config: &NodeConfig) -> (Vec<Finding>, Option<PublicKey>) {
    if !config.consensus.enabled {
        let why = "consensus.enabled is false: an observer needs no key";
        return (
            vec![Finding::not_checked(KEY, "consensus.enabled", why)],
            None,
        );
    }
    match (&config.signer, &config.wallet) {
        (Some(signer), _) => of_signer(config, signer).await,
        (None, Some(wallet)) => of_wallet(config, wallet),
        (None, None) => {
            let mend = "a validator needs the section `wallet` or `signer`; for an observer, \
                        set consensus.enabled to false";
            let found = "neither `wallet` nor `signer`: this node only follows the chain";
            (vec![Finding::warn(KEY, "wallet", found, mend)], None)
        }
    }
}

fn of_wallet(config: &NodeConfig, wallet: &WalletConfig) -> (Vec<Finding>, Option<PublicKey>) {
    let path = wallet.path.display();
    let password = match read_password(wallet) {
        Ok(password) => password,
        Err(error) => {
            let mend = "give the password in wallet.password_file (mode 0600) or in the variable that \
                        wallet.password_env names";
            let place = "wallet.password_file, wallet.password_env";
            let finding = Finding::fail(WALLET, Exit::Refused, place, error, mend);
            return (vec![finding], None);
        }
    };
    let opened = Nep6Wallet::load(&wallet.path).and_then(|file| file.open(&password));
    let accounts = match opened {
        Ok(accounts) => accounts,
        Err(error) => {
            let mend = "wallet.path must name a NEP-6 wallet, and the password must be its own";
            let finding = Finding::fail(WALLET, Exit::Refused, path, error, mend);
            return (vec![finding], None);
        }
    };
    let opens = Finding::ok(WALLET, &path, format!("opens, {} accounts", accounts.len()));
    // A validator's wallet has its key twice or more: alone, and in the accounts of validators and committee.
    let mut keys: Vec<PublicKey> = accounts
        .iter()
        .map(|account| account.key.public_key().clone())
        .collect();
    keys.dedup();
    let validators = config.protocol.genesis.validators();
    // As the node chooses it.
    let only = (config.ledger.is_attached() && keys.len() == 1).then_some(0);
    let standby = keys.iter().position(|key| validators.contains(key));
    match standby.or(only) {
        Some(at) => {
            let key = keys.get(at).cloned();
            let finding = key.as_ref().map(|key| is_validator(config, key, &path));
            ([Some(opens), finding].into_iter().flatten().collect(), key)
        }
        None => {
            let names: Vec<String> = keys.iter().map(PublicKey::to_string).collect();
            (
                vec![opens, stranger(config, &names.join(", "), &path)],
                None,
            )
        }
    }
}

async fn of_signer(
    config: &NodeConfig,
    section: &SignerSection,
) -> (Vec<Finding>, Option<PublicKey>) {
    let key = &section.public_key;
    let elects = config.ledger.is_attached();
    if !elects && !config.protocol.genesis.validators().contains(key) {
        let finding = stranger(config, &key.to_string(), &"signer.public_key");
        return (vec![finding], None);
    }
    let known = is_validator(config, key, &"signer.public_key");
    let timeout = Duration::from_millis(section.timeout_ms);
    let magic = config.protocol.genesis.magic;
    let answer = match RemoteSigner::new(&section.endpoint, timeout, magic, key.clone()) {
        Ok(signer) => signer.check().await.map_err(|error| {
            let mend = if error.is_passing() {
                "start the signer, or mend signer.endpoint; its answer must come within signer.timeout_ms"
            } else {
                "the signer at this endpoint must hold the key signer.public_key, unlocked"
            };
            (error.to_string(), mend)
        }),
        Err(error) => Err((error.to_string(), "mend signer.endpoint: http://HOST:PORT")),
    };
    let answers = match answer {
        Ok(()) => Finding::ok(SIGNER, &section.endpoint, "answers, and has the key"),
        Err((error, mend)) => {
            Finding::fail(SIGNER, Exit::Unreachable, &section.endpoint, error, mend)
        }
    };
    (vec![known, answers], Some(key.clone()))
}

fn is_validator(config: &NodeConfig, key: &PublicKey, place: &dyn std::fmt::Display) -> Finding {
    let validators = config.protocol.genesis.validators();
    let of = format!("one of {} validators", validators.len());
    let value = match validators.iter().position(|other| other == key) {
        Some(index) => format!("validator {index}, {key}"),
        // On an attached ledger; whether it is in office is the nodes' to say.
        None => format!("{key}, which votes while it is elected"),
    };
    Finding::ok(KEY, place, value).limit(of)
}

fn stranger(config: &NodeConfig, keys: &str, place: &dyn std::fmt::Display) -> Finding {
    let validators = config.protocol.genesis.validators();
    let committee = config.protocol.genesis.committee();
    let standby = committee.iter().any(|key| keys.contains(&key.to_string()));
    let mend = if standby {
        "the key is of the standby committee, but not among its first members, which are the validators of the \
         genesis: take a validator's wallet, or set consensus.enabled to false"
    } else {
        "take the wallet of one of this network's validators, or mend protocol.genesis.standby_validators; for an \
         observer set consensus.enabled to false"
    };
    let found = format!("no validator: {keys}");
    let names: Vec<String> = validators.iter().map(PublicKey::to_string).collect();
    Finding::fail(KEY, Exit::Refused, place, found, mend)
        .limit(format!("one of {}", names.join(", ")))
}
