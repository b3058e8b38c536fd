//! Making, signing and following transfers.

mod account;
mod balance;
mod keys;
mod quote;
mod receipt;
mod transfer;

pub(crate) use account::SigningAccount;
pub(crate) use balance::Balances;
pub(crate) use keys::Keys;
pub(crate) use quote::{Chain, check_balance, quote};
pub(crate) use receipt::{Receipt, wait_for_receipt};
pub(crate) use transfer::{TransferRun, system_fee};
