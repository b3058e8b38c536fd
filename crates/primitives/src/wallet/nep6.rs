//! NEP-6 wallets.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use super::reading::{each, null_is_default, respell, with_field};
use super::{Nep2Error, Nep6Account, OpenAccount, ScryptParams, ScryptRefused, WalletError, nep2};
use crate::hash::{UInt160, hash160};
use crate::keys::PrivateKey;
use crate::script::{parse_multisig_script, parse_signature_script, signature_script};

/// A wallet: accounts, and how their keys are encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Nep6Wallet {
    /// A name for people.
    pub name: Option<String>,
    /// Version of the format: 1.0, or 3.0 as some programs write.
    pub version: String,
    /// How passwords become keys.
    pub scrypt: ScryptParams,
    /// The accounts.
    pub accounts: Vec<Nep6Account>,
    /// What other programs keep here.
    pub extra: Value,
    /// Fields that are not NEP-6's, kept as they are.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Nep6Wallet {
    /// A wallet without accounts.
    pub fn new(name: Option<&str>, scrypt: ScryptParams) -> Self {
        Self {
            name: name.map(str::to_owned),
            version: "1.0".to_owned(),
            scrypt,
            accounts: Vec::new(),
            extra: Value::Null,
            other: Map::new(),
        }
    }

    /// The account to use where none is named: the one marked so, or the first.
    pub fn default_account(&self) -> Option<&Nep6Account> {
        self.accounts
            .iter()
            .find(|account| account.is_default)
            .or(self.accounts.first())
    }

    /// The account with this script hash.
    pub fn account(&self, address: &UInt160) -> Option<&Nep6Account> {
        self.accounts
            .iter()
            .find(|account| account.address == *address)
    }

    /// Adds an account, in place of one with the same address. The first account of a wallet is its default.
    pub fn add(&mut self, mut account: Nep6Account) {
        self.accounts
            .retain(|other| other.address != account.address);
        account.is_default |= self.accounts.is_empty();
        self.accounts.push(account);
    }

    /// Encrypts a key and adds its single-signature account.
    ///
    /// # Errors
    /// [`ScryptRefused`] if the wallet's parameters are out of bounds.
    pub fn import(
        &mut self,
        key: &PrivateKey,
        password: &str,
        label: Option<&str>,
    ) -> Result<UInt160, ScryptRefused> {
        let nep2 = nep2::encrypt(key, password, self.scrypt)?;
        let mut account = Nep6Account::single_signature(key.public_key(), nep2);
        account.label = label.map(str::to_owned);
        let address = account.address;
        self.add(account);
        Ok(address)
    }

    /// Makes a new key and adds its single-signature account.
    ///
    /// # Errors
    /// As [`Nep6Wallet::import`].
    pub fn create(
        &mut self,
        password: &str,
        label: Option<&str>,
    ) -> Result<PrivateKey, ScryptRefused> {
        let key = PrivateKey::generate();
        self.import(&key, password, label)?;
        Ok(key)
    }

    /// Decrypts every account that has a key, in the order of the file. A key that several accounts share is
    /// decrypted once.
    ///
    /// # Errors
    /// [`WalletError::WrongPassword`], [`WalletError::Key`], and [`WalletError::OtherAccount`] if a key or script does
    /// not belong to its account.
    pub fn open(&self, password: &str) -> Result<Vec<OpenAccount>, WalletError> {
        let mut keys: HashMap<&str, PrivateKey> = HashMap::new();
        let mut opened = Vec::new();
        for account in &self.accounts {
            let Some(text) = account.key.as_deref() else {
                continue;
            };
            let key = match keys.get(text) {
                Some(key) => key.clone(),
                None => self.decrypt(account.address, text, password)?,
            };
            keys.insert(text, key.clone());
            opened.push(OpenAccount {
                address: account.address,
                script: script_of(account, &key)?,
                key,
                label: account.label.clone(),
                is_default: account.is_default,
            });
        }
        Ok(opened)
    }

    fn decrypt(
        &self,
        account: UInt160,
        text: &str,
        password: &str,
    ) -> Result<PrivateKey, WalletError> {
        nep2::decrypt(text, password, self.scrypt).map_err(|error| match error {
            Nep2Error::WrongPassword => WalletError::WrongPassword { account },
            error => WalletError::Key { account, error },
        })
    }
}

/// The verification script of an account, checked to be its own and to name its key.
fn script_of(account: &Nep6Account, key: &PrivateKey) -> Result<Vec<u8>, WalletError> {
    let public = key.public_key();
    let of_key = || WalletError::OtherAccount {
        account: account.address,
        what: "key",
        found: public.script_hash(),
    };
    let Some(script) = account.script() else {
        let script = signature_script(public);
        return if hash160(&script) == account.address {
            Ok(script)
        } else {
            Err(of_key())
        };
    };
    let found = hash160(script);
    if found != account.address {
        return Err(WalletError::OtherAccount {
            account: account.address,
            what: "script",
            found,
        });
    }
    let named = match (
        parse_signature_script(script),
        parse_multisig_script(script),
    ) {
        (Some(single), _) => single == *public.as_bytes(),
        (None, Some((_, keys))) => keys.contains(public.as_bytes()),
        (None, None) => true,
    };
    if named {
        Ok(script.to_vec())
    } else {
        Err(of_key())
    }
}

const WALLET_FIELDS: [&str; 5] = ["name", "version", "scrypt", "accounts", "extra"];
const ACCOUNT_FIELDS: [&str; 7] = [
    "address",
    "label",
    "isDefault",
    "lock",
    "key",
    "contract",
    "extra",
];
const CONTRACT_FIELDS: [&str; 3] = ["script", "parameters", "deployed"];

impl<'de> Deserialize<'de> for Nep6Wallet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        respell(&mut value, &WALLET_FIELDS);
        with_field(&mut value, "scrypt", |scrypt| {
            respell(scrypt, &["n", "r", "p"])
        });
        with_field(&mut value, "accounts", |accounts| {
            each(accounts, |account| {
                respell(account, &ACCOUNT_FIELDS);
                with_field(account, "contract", |contract| {
                    respell(contract, &CONTRACT_FIELDS);
                    with_field(contract, "parameters", |parameters| {
                        each(parameters, |parameter| {
                            respell(parameter, &["name", "type"])
                        });
                    });
                });
            });
        });
        let read: Fields = serde_json::from_value(value).map_err(de::Error::custom)?;
        let mut wallet = Self::new(read.name.as_deref(), read.scrypt);
        wallet.version = read.version.unwrap_or(wallet.version);
        wallet.accounts = read.accounts;
        wallet.extra = read.extra;
        wallet.other = read.other;
        Ok(wallet)
    }
}

/// The fields in Neo's spelling.
#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    scrypt: ScryptParams,
    accounts: Vec<Nep6Account>,
    #[serde(default)]
    extra: Value,
    #[serde(flatten)]
    other: Map<String, Value>,
}

#[cfg(test)]
mod tests;
