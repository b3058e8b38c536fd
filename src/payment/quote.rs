//! What a transaction costs on a chain, how long it may live there, and whether its account can pay for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use neo_primitives::{Datoshi, Encode as _, Height, Magic, Token, UInt160, UnsignedTransaction};
use serde::Deserialize;
use serde_json::json;

use super::{Balances, SigningAccount};
use crate::amount::format_amount;
use crate::exit::{Exit, OrExit as _};
use crate::rpc::{RpcClient, RpcError, RpcExit as _};

/// How long a transaction stays valid, in milliseconds of blocks.
const VALID_MILLIS: u64 = 300_000;
/// Fewest blocks for which it stays valid.
const VALID_BLOCKS: u32 = 100;
/// How many times Neo's default price a node may ask for. Prices are set by the committee; one far above the default
/// is more likely a node that wants fees burnt.
const MAX_PRICE: i64 = 10;
/// JSON-RPC's error number for an unknown method.
const METHOD_NOT_FOUND: i64 = -32601;

/// What a node says about its chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    protocol: Protocol,
    count: u32,
}

#[derive(Deserialize)]
struct Version {
    protocol: Protocol,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Protocol {
    network: Magic,
    msperblock: u64,
    maxvaliduntilblockincrement: u32,
}

impl Chain {
    /// The chain of a node.
    ///
    /// # Errors
    /// If the node does not answer.
    pub(crate) async fn of(client: &mut RpcClient) -> Result<Self, RpcError> {
        let version: Version = client.call("getversion", json!([])).await?;
        let count = client.call("getblockcount", json!([])).await?;
        Ok(Self {
            protocol: version.protocol,
            count,
        })
    }

    /// Its network magic.
    pub(crate) fn magic(&self) -> Magic {
        self.protocol.network
    }

    /// The last block for a transaction that is sent now.
    pub(crate) fn expiry(&self) -> Height {
        let blocks = VALID_MILLIS / self.protocol.msperblock.max(1);
        let blocks = u32::try_from(blocks).unwrap_or(u32::MAX).max(VALID_BLOCKS);
        let blocks = blocks.min(self.protocol.maxvaliduntilblockincrement).max(1);
        // Neo counts from the tip, which is one below the number of blocks.
        Height(self.count.saturating_sub(1).saturating_add(blocks))
    }
}

/// Asks the node for the system fee and the network fee of a transaction of transfers. A node that does not run
/// transfers ahead of time, as the embedded ledger, leaves Neo's default price of the script.
///
/// # Errors
/// With [`Exit::Transaction`] if the node refuses, or asks for far more than Neo's default.
pub(crate) async fn quote(
    client: &mut RpcClient,
    transaction: &UnsignedTransaction,
    account: &SigningAccount,
) -> anyhow::Result<(Datoshi, Datoshi)> {
    #[derive(Deserialize)]
    struct Invocation {
        state: String,
        gasconsumed: String,
    }
    #[derive(Deserialize)]
    struct NetworkFee {
        networkfee: String,
    }
    let script = STANDARD.encode(&transaction.script);
    let signers = json!([{"account": account.address(), "scopes": "CalledByEntry"}]);
    let invoked = client
        .call::<Invocation>("invokescript", json!([script, signers]))
        .await;
    let default = transaction.system_fee;
    let system_fee = match invoked {
        Ok(invocation) if invocation.state == "HALT" => {
            Datoshi(invocation.gasconsumed.parse().or_exit(Exit::Unreachable)?)
        }
        _ => default,
    };
    let system_fee = plausible("system", system_fee, default)?;

    let mut draft = transaction.clone();
    draft.system_fee = system_fee;
    let default = account.network_fee(&draft);
    let draft = draft
        .into_signed(vec![account.unsigned_witness()])
        .or_exit(Exit::Transaction)?;
    let fee: NetworkFee = client
        .call(
            "calculatenetworkfee",
            json!([STANDARD.encode(draft.to_bytes())]),
        )
        .await
        .map_err(|error| error.exit(Exit::Transaction))?;
    let network_fee = Datoshi(fee.networkfee.parse().or_exit(Exit::Unreachable)?);
    Ok((system_fee, plausible("network", network_fee, default)?))
}

fn plausible(what: &str, asked: Datoshi, default: Datoshi) -> anyhow::Result<Datoshi> {
    let limit = default.0.saturating_mul(MAX_PRICE);
    if (0..=limit).contains(&asked.0) {
        return Ok(asked);
    }
    let gas = |amount: Datoshi| format_amount(Token::Gas, amount.0.into());
    Err(Exit::Transaction.error(format!(
        "the node asks for a {what} fee of {} GAS, Neo's default is {}: at most {MAX_PRICE} times that is paid",
        gas(asked),
        gas(default)
    )))
}

/// Refuses what the account cannot pay: the transaction would fault, and its fees would be gone.
///
/// # Errors
/// With [`Exit::Transaction`] if a balance is too small.
pub(crate) async fn check_balance(
    client: &mut RpcClient,
    account: &UInt160,
    token: Token,
    amount: i64,
    (system_fee, network_fee): (Datoshi, Datoshi),
) -> anyhow::Result<()> {
    let has = match Balances::of(client, account).await {
        Ok(has) => has,
        // Not every Neo node keeps lists of balances.
        Err(error) if error.code() == Some(METHOD_NOT_FOUND) => return Ok(()),
        Err(error) => return Err(error.exit(Exit::Unreachable)),
    };
    let fees = system_fee.0.saturating_add(network_fee.0);
    let needs = match token {
        Token::Neo => [(Token::Neo, amount), (Token::Gas, fees)],
        Token::Gas => [(Token::Neo, 0), (Token::Gas, amount.saturating_add(fees))],
    };
    for (token, needs) in needs {
        let has = has.token(token);
        if needs > has {
            let with_fees = if token == Token::Gas {
                " with the fees"
            } else {
                ""
            };
            return Err(Exit::Transaction.error(format!(
                "{} has {} {token}, {} are needed{with_fees}",
                account.to_address(),
                format_amount(token, has.into()),
                format_amount(token, needs.into()),
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_lives_five_minutes_of_blocks_within_the_limit() {
        let expiry = |count, msperblock, maxvaliduntilblockincrement| {
            let network = Magic(1);
            let protocol = Protocol {
                network,
                msperblock,
                maxvaliduntilblockincrement,
            };
            Chain { protocol, count }.expiry()
        };
        assert_eq!(expiry(11, 1_000, 5_760), Height(310));
        assert_eq!(expiry(11, 15_000, 5_760), Height(110));
        assert_eq!(expiry(11, 15_000, 50), Height(60));
        assert_eq!(expiry(1, 0, 5_760), Height(5_760));
    }

    #[test]
    fn fees_far_above_neos_are_not_paid() {
        let default = Datoshi(9_977_780);
        assert_eq!(plausible("system", default, default).unwrap(), default);
        for asked in [-1, 99_777_801, i64::MAX] {
            let error = plausible("system", Datoshi(asked), default).unwrap_err();
            assert_eq!(Exit::of(&error), Exit::Transaction);
            assert!(error.to_string().contains("0.0997778"), "{error}");
        }
    }
}
