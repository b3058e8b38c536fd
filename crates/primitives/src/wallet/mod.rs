//! Wallets: keys under a password (NEP-2) and the files that hold them (NEP-6).
//!
//! Files are read tolerantly, as they come from many programs: names of fields in any case, fields missing or too
//! many, accounts without a key. They are written in Neo's form, at once and readable by their owner only.

mod account;
mod error;
mod file;
mod kdf;
pub mod nep2;
mod nep6;
mod reading;

pub use account::{Nep6Account, Nep6Contract, Nep6Parameter, OpenAccount};
pub use error::WalletError;
pub use kdf::{MAX_SCRYPT_MEMORY, MAX_SCRYPT_WORK, ScryptParams, ScryptRefused};
pub use nep2::Nep2Error;
pub use nep6::Nep6Wallet;
