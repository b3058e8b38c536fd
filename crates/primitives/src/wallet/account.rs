//! Accounts of a NEP-6 wallet.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use super::reading::null_is_default;
use crate::hash::{UInt160, hash160};
use crate::keys::{PrivateKey, PublicKey};
use crate::script::{ScriptError, multisig_script, signature_script};

/// An account as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nep6Account {
    /// The account; its address in the file.
    #[serde(with = "address")]
    pub address: UInt160,
    /// A name for people.
    #[serde(default)]
    pub label: Option<String>,
    /// Whether to use it where none is named.
    #[serde(default, rename = "isDefault", deserialize_with = "null_is_default")]
    pub is_default: bool,
    /// Whether programs shall not spend from it.
    #[serde(default, deserialize_with = "null_is_default")]
    pub lock: bool,
    /// The private key as NEP-2 text; none for an account that is only watched.
    #[serde(default)]
    pub key: Option<String>,
    /// The verification script; none means that of the key alone.
    #[serde(default)]
    pub contract: Option<Nep6Contract>,
    /// What other programs keep here.
    #[serde(default)]
    pub extra: Value,
    /// Fields that are not NEP-6's, kept as they are.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The contract of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nep6Contract {
    /// The verification script, Base64 in the file; none for a deployed contract.
    #[serde(default, with = "script_text")]
    pub script: Option<Vec<u8>>,
    /// What the script takes.
    #[serde(default, deserialize_with = "null_is_default")]
    pub parameters: Vec<Nep6Parameter>,
    /// Whether the contract is on the chain.
    #[serde(default, deserialize_with = "null_is_default")]
    pub deployed: bool,
}

/// A parameter of a verification script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nep6Parameter {
    /// Its name.
    #[serde(default, deserialize_with = "null_is_default")]
    pub name: String,
    /// Its type.
    #[serde(default, rename = "type", deserialize_with = "null_is_default")]
    pub kind: String,
}

/// An account whose key was decrypted.
#[derive(Clone, Debug)]
pub struct OpenAccount {
    /// The account.
    pub address: UInt160,
    /// Its key; of an m-of-n account, one of the n.
    pub key: PrivateKey,
    /// Its verification script.
    pub script: Vec<u8>,
    /// Its name.
    pub label: Option<String>,
    /// Whether it is the default.
    pub is_default: bool,
}

impl Nep6Account {
    /// The account of one key, given as NEP-2 text.
    pub fn single_signature(key: &PublicKey, nep2: String) -> Self {
        Self::of_script(signature_script(key), &["signature".to_owned()], nep2)
    }

    /// The account of m of these keys, with one of the keys as NEP-2 text.
    ///
    /// # Errors
    /// [`ScriptError`] for a threshold out of range or a repeated key.
    pub fn multisig(m: usize, keys: &[PublicKey], nep2: String) -> Result<Self, ScriptError> {
        let names: Vec<_> = (0..m).map(|index| format!("parameter{index}")).collect();
        Ok(Self::of_script(multisig_script(m, keys)?, &names, nep2))
    }

    fn of_script(script: Vec<u8>, signatures: &[String], nep2: String) -> Self {
        let parameter = |name: &String| Nep6Parameter {
            name: name.clone(),
            kind: "Signature".to_owned(),
        };
        Self {
            address: hash160(&script),
            label: None,
            is_default: false,
            lock: false,
            key: Some(nep2),
            contract: Some(Nep6Contract {
                script: Some(script),
                parameters: signatures.iter().map(parameter).collect(),
                deployed: false,
            }),
            extra: Value::Null,
            other: Map::new(),
        }
    }

    /// The verification script, if the file has it.
    pub fn script(&self) -> Option<&[u8]> {
        self.contract.as_ref()?.script.as_deref()
    }
}

/// Accounts as addresses.
mod address {
    use super::*;

    pub(super) fn serialize<S: Serializer>(hash: &UInt160, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hash.to_address())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<UInt160, D::Error> {
        UInt160::from_address(&String::deserialize(d)?).map_err(de::Error::custom)
    }
}

/// Scripts as Base64.
mod script_text {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        script: &Option<Vec<u8>>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        script
            .as_ref()
            .map(|script| STANDARD.encode(script))
            .serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        Option::<String>::deserialize(d)?
            .map(|text| STANDARD.decode(text).map_err(de::Error::custom))
            .transpose()
    }
}
