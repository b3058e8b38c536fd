//! Setup of a run: NEO and GAS for the accounts that will spend them, from the validators' account.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use neo_primitives::{
    Encode as _, Height, Token, Transaction, UInt160, UInt256, UnsignedTransaction,
};
use serde::Deserialize;
use serde_json::json;

use crate::exit::{Exit, OrExit as _};
use crate::network_files::NetworkFolder;
use crate::payment::{Keys, SigningAccount, TransferRun, system_fee, wait_for_receipt};
use crate::rpc::{Endpoint, RpcClient, RpcError, RpcExit as _};

/// Longest script of one setup transaction, in bytes. A transaction may have 65,535, and must leave room in a block.
const MAX_SCRIPT: usize = 40_000;

/// Neo's error numbers for a transaction that is in the pool or on the chain already.
const ALREADY_THERE: [i64; 2] = [-503, -501];

/// What one account gets, in the tokens' smallest units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    /// Who gets it.
    pub(crate) account: UInt160,
    /// Pieces of NEO.
    pub(crate) neo: i64,
    /// Datoshi.
    pub(crate) gas: i64,
}

/// Pays the grants and waits until all are final.
///
/// # Errors
/// If the validators' wallets cannot be opened, or a transaction is refused or faults.
pub(crate) async fn fund(
    network: &NetworkFolder,
    endpoints: &[Endpoint],
    grants: &[Grant],
    tip: Height,
) -> anyhow::Result<Height> {
    let account = Keys::of_validators(network)?.account(None)?;
    let genesis = network.genesis();
    let valid_until = tip
        .checked_add(genesis.max_valid_until_block_increment / 2)
        .unwrap_or(Height(u32::MAX));
    let mut sent = Vec::new();
    for run in runs(account.address(), grants, genesis.max_block_system_fee.0) {
        let transaction = run.into_transaction(valid_until);
        let transaction = signed(transaction, &account, network)?;
        send(&transaction, endpoints).await?;
        sent.push(transaction.hash());
    }
    let unreachable = |error: RpcError| error.exit(Exit::Unreachable);
    let first = endpoints
        .first()
        .ok_or_else(|| Exit::Failure.error("a network without nodes"))?;
    let mut client = RpcClient::new(first.clone()).map_err(unreachable)?;
    let mut last = tip;
    for hash in sent {
        let receipt = wait_for_receipt(&mut client, &hash, valid_until).await?;
        if !receipt.halted() {
            let exception = receipt.exception.unwrap_or_default();
            return Err(
                Exit::Transaction.error(format!("setup transaction {hash} faulted: {exception}"))
            );
        }
        last = last.max(receipt.height);
    }
    Ok(last)
}

/// The grants as runs of transfers, each within the limits of a transaction and with half of a block's system fee.
fn runs(from: UInt160, grants: &[Grant], max_block_system_fee: i64) -> Vec<TransferRun> {
    let transfers = grants.iter().flat_map(|grant| {
        let both = [(Token::Neo, grant.neo), (Token::Gas, grant.gas)];
        both.into_iter()
            .filter(|(_, amount)| *amount > 0)
            .map(|(token, amount)| (token, grant.account, amount))
    });
    let mut runs: Vec<(TransferRun, i64)> = Vec::new();
    for (token, to, amount) in transfers {
        let mut alone = TransferRun::new(from);
        alone.add(token, &to, amount);
        let fee = system_fee(alone.script()).0;
        match runs.last_mut() {
            Some((run, fees))
                if run.script().len() + alone.script().len() <= MAX_SCRIPT
                    && fees.saturating_add(fee) <= max_block_system_fee / 2 =>
            {
                run.add(token, &to, amount);
                *fees = fees.saturating_add(fee);
            }
            _ => runs.push((alone, fee)),
        }
    }
    runs.into_iter().map(|(run, _)| run).collect()
}

fn signed(
    mut transaction: UnsignedTransaction,
    account: &SigningAccount,
    network: &NetworkFolder,
) -> anyhow::Result<Transaction> {
    transaction.network_fee = account.network_fee(&transaction);
    let witness = account.sign(network.genesis().magic, &transaction);
    transaction
        .into_signed(vec![witness])
        .or_exit(Exit::Failure)
}

/// Sends to every node, so that the next leader has it whoever that is.
async fn send(transaction: &Transaction, endpoints: &[Endpoint]) -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct Sent {
        #[serde(rename = "hash")]
        _hash: UInt256,
    }
    let text = STANDARD.encode(transaction.to_bytes());
    for endpoint in endpoints {
        let client = RpcClient::new(endpoint.clone());
        let mut client = client.map_err(|error| error.exit(Exit::Unreachable))?;
        match client
            .call::<Sent>("sendrawtransaction", json!([text]))
            .await
        {
            Ok(_) => {}
            Err(error)
                if error
                    .code()
                    .is_some_and(|code| ALREADY_THERE.contains(&code)) => {}
            Err(error) => return Err(error.exit(Exit::Transaction).context("setup transaction")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::{Transfer, recognise_transfers};

    fn grants(count: u8) -> Vec<Grant> {
        (0..count)
            .map(|index| Grant {
                account: UInt160::from_wire([index; 20]),
                neo: 100_000,
                gas: if index == 0 { 0 } else { 1_000_000_000_000 },
            })
            .collect()
    }

    #[test]
    fn grants_of_a_run_fit_one_transaction() {
        let runs = runs(UInt160::ZERO, &grants(129), 150_000_000_000);
        assert_eq!(runs.len(), 1);
        let transfers = recognise_transfers(runs[0].script()).unwrap();
        assert_eq!(transfers.len(), 257);
        assert!(transfers.iter().all(|transfer| transfer.has_assert));
    }

    #[test]
    fn limits_split_the_grants_and_none_is_lost() {
        let of = |runs: &[TransferRun]| -> Vec<Transfer> {
            runs.iter()
                .flat_map(|run| recognise_transfers(run.script()).unwrap())
                .collect()
        };
        let whole = runs(UInt160::ZERO, &grants(250), i64::MAX);
        assert!(whole.len() > 1 && whole.iter().all(|run| run.script().len() <= MAX_SCRIPT));
        let split = runs(UInt160::ZERO, &grants(250), 2 * 10 * 9_977_780);
        assert_eq!(split.len(), 50);
        let key = |transfer: &Transfer| (transfer.token, transfer.to, transfer.amount.clone());
        let keys = |list: Vec<Transfer>| list.iter().map(key).collect::<Vec<_>>();
        assert_eq!(keys(of(&whole)), keys(of(&split)));
    }
}
