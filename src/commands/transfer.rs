//! `neo-cli transfer`: NEO and GAS from one account to another.

use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use neo_node::config::WalletConfig;
use neo_primitives::{Datoshi, Encode as _, Token, UInt160, UInt256};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::amount::{format_amount, parse_amount};
use crate::exit::{Exit, OrExit as _};
use crate::network_files::NetworkFolder;
use crate::output::{print_json, print_text};
use crate::payment::{
    Chain, Keys, Receipt, SigningAccount, TransferRun, check_balance, quote, wait_for_receipt,
};
use crate::rpc::{Endpoint, RpcClient, RpcError, RpcExit as _};

/// Send NEO or GAS and wait for the receipt.
#[derive(Debug, Args)]
pub(crate) struct TransferArguments {
    /// Wallet to pay from; several for the keys of a multi-signature account.
    #[arg(long, value_name = "FILE", required_unless_present = "from_validators")]
    wallet: Vec<PathBuf>,
    /// Password file of each --wallet, in their order; without any, passwords are asked for.
    #[arg(long, value_name = "FILE", conflicts_with = "password_env")]
    password_file: Vec<PathBuf>,
    /// Environment variable with the password of each --wallet, in their order.
    #[arg(long, value_name = "NAME")]
    password_env: Vec<String>,
    /// Pay from the validators' account of the network in this folder, which holds what genesis gave.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["wallet", "password_file", "password_env", "from"])]
    from_validators: Option<PathBuf>,
    /// Account to pay from; the default account of the first wallet if left out.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_account)]
    from: Option<UInt160>,
    /// What to send.
    #[arg(long, value_enum, ignore_case = true)]
    token: TokenName,
    /// Who gets it: an address, or a script hash with 0x.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_account)]
    to: UInt160,
    /// How much, such as 10 or 0.5.
    #[arg(long)]
    amount: String,
    /// Where the node's RPC server listens, such as http://127.0.0.1:20331.
    #[arg(long, value_name = "URL")]
    rpc: Endpoint,
    /// Do not wait until the transaction is in a block.
    #[arg(long)]
    no_wait: bool,
}

/// A token on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum TokenName {
    /// NEO, in whole pieces.
    Neo,
    /// GAS, with up to 8 decimals.
    Gas,
}

/// Reads an address or a script hash.
fn parse_account(text: &str) -> Result<UInt160, String> {
    if text.starts_with("0x") {
        return UInt160::from_str(text).map_err(|error| error.to_string());
    }
    UInt160::from_address(text).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
struct Sent {
    hash: UInt256,
}

/// Makes, signs and sends the transaction, and waits for its outcome.
///
/// # Errors
/// With [`Exit::Transaction`] if it is refused, faults or expires.
pub(crate) async fn transfer(arguments: &TransferArguments, json: bool) -> anyhow::Result<Exit> {
    let token = match arguments.token {
        TokenName::Neo => Token::Neo,
        TokenName::Gas => Token::Gas,
    };
    let amount = parse_amount(token, &arguments.amount).or_exit(Exit::Usage)?;
    let account = paying_account(arguments)?;
    let unreachable = |error: RpcError| error.exit(Exit::Unreachable);
    let mut client = RpcClient::new(arguments.rpc.clone()).map_err(unreachable)?;
    let chain = Chain::of(&mut client).await.map_err(unreachable)?;

    let mut run = TransferRun::new(account.address());
    run.add(token, &arguments.to, amount);
    let mut transaction = run.into_transaction(chain.expiry());
    let fees = quote(&mut client, &transaction, &account).await?;
    (transaction.system_fee, transaction.network_fee) = fees;
    let from = account.address().to_address();
    let to = arguments.to.to_address();
    if !json {
        eprintln!(
            "{} {token} from {from} to {to}",
            format_amount(token, amount.into())
        );
        eprintln!("system fee {}, network fee {}", gas(fees.0), gas(fees.1));
    }

    check_balance(&mut client, &account.address(), token, amount, fees).await?;

    let valid_until = transaction.valid_until;
    let witness = account.sign(chain.magic(), &transaction);
    let signed = transaction
        .into_signed(vec![witness])
        .or_exit(Exit::Transaction)?;
    let sent: Sent = client
        .call(
            "sendrawtransaction",
            json!([STANDARD.encode(signed.to_bytes())]),
        )
        .await
        .map_err(|error| error.exit(Exit::Transaction))?;
    if sent.hash != signed.hash() {
        return Err(Exit::Unreachable.error(format!(
            "{} calls the transaction {}, it is {}",
            arguments.rpc,
            sent.hash,
            signed.hash()
        )));
    }
    let receipt = match arguments.no_wait {
        true => None,
        false => {
            if !json {
                eprintln!(
                    "{} sent, waiting for its block (valid until block {valid_until})",
                    sent.hash
                );
            }
            Some(wait_for_receipt(&mut client, &sent.hash, valid_until).await?)
        }
    };
    let result = json!({
        "hash": sent.hash,
        "token": token.symbol(),
        "from": from,
        "to": to,
        "amount": format_amount(token, amount.into()),
        "system_fee": format_amount(Token::Gas, fees.0.0.into()),
        "network_fee": format_amount(Token::Gas, fees.1.0.into()),
        "valid_until": valid_until,
        "block": receipt.as_ref().map(|receipt| receipt.height),
        "vm_state": receipt.as_ref().map(|receipt| &receipt.vm_state),
        "exception": receipt.as_ref().and_then(|receipt| receipt.exception.as_ref()),
    });
    report(&result, &sent.hash, receipt.as_ref(), json)
}

fn report(
    result: &Value,
    hash: &UInt256,
    receipt: Option<&Receipt>,
    json: bool,
) -> anyhow::Result<Exit> {
    if json {
        print_json(result)?;
    }
    match receipt {
        None if json => {}
        None => print_text(&format!("{hash} sent"))?,
        Some(receipt) if receipt.halted() => {
            if !json {
                print_text(&format!("{hash} is final in block {}", receipt.height))?;
            }
        }
        Some(receipt) => {
            let exception = receipt.exception.as_deref().unwrap_or("no reason given");
            return Err(Exit::Transaction.error(format!(
                "{hash} is in block {} and ended {}: {exception}",
                receipt.height, receipt.vm_state
            )));
        }
    }
    Ok(Exit::Success)
}

fn paying_account(arguments: &TransferArguments) -> anyhow::Result<SigningAccount> {
    if let Some(folder) = &arguments.from_validators {
        return Keys::of_validators(&NetworkFolder::open(folder)?)?.account(None);
    }
    let wallets = arguments.wallet.len();
    for (option, count) in [
        ("--password-file", arguments.password_file.len()),
        ("--password-env", arguments.password_env.len()),
    ] {
        if count > 0 && count != wallets {
            return Err(Exit::Usage.error(format!(
                "{count} times {option} for {wallets} times --wallet"
            )));
        }
    }
    let mut keys = Keys::default();
    for (index, wallet) in arguments.wallet.iter().enumerate() {
        keys.open(&WalletConfig {
            path: wallet.clone(),
            password_file: arguments.password_file.get(index).cloned(),
            password_env: arguments.password_env.get(index).cloned(),
        })?;
    }
    keys.account(arguments.from.as_ref())
}

fn gas(amount: Datoshi) -> String {
    format!("{} GAS", format_amount(Token::Gas, amount.0.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_addresses_or_hashes() {
        let account = UInt160::from_wire([9; 20]);
        assert_eq!(parse_account(&account.to_address()), Ok(account));
        assert_eq!(parse_account(&account.to_string()), Ok(account));
        for text in [
            "",
            "0x12",
            "NotAnAddress",
            "NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVr",
        ] {
            assert!(parse_account(text).is_err(), "{text}");
        }
    }
}
