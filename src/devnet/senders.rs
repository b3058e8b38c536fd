//! The load's accounts and their signed transfers.

use std::collections::VecDeque;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use neo_ledger::GenesisConfig;
use neo_primitives::{
    Datoshi, Encode as _, Height, Magic, PrivateKey, Signer, Token, UInt160, UInt256,
    UnsignedTransaction, WitnessScope, transfer_script,
};
use rayon::prelude::*;
use tokio::sync::mpsc;

use super::funding::Grant;
use super::observations::Observations;
use super::pacing::TxRate;
use crate::payment::{Balances, SigningAccount, system_fee};

/// Number of accounts that send.
pub(crate) const SENDERS: usize = 128;

/// Most NEO and datoshi that one sender is funded with.
const NEO_EACH: i64 = 100_000;
const GAS_EACH: i64 = 100_000 * 100_000_000;

/// Transactions that are signed at once.
const CHUNK: usize = 1_000;

/// Transactions that are signed before the load begins, at most; further ones follow while it runs.
const SIGNED_AHEAD: u64 = 100_000;
/// Where it is not known how many there will be, the load of so many seconds is signed before it begins.
const SECONDS_AHEAD: u64 = 60;

/// How much the signing threads stand back behind the validators (Unix niceness).
const NICENESS: i32 = 10;

/// What the load transfers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TxToken {
    /// NEO and GAS in turn.
    #[default]
    Both,
    /// Only NEO; each transfer also pays out the GAS that both accounts have earned.
    Neo,
    /// Only GAS.
    Gas,
}

impl TxToken {
    /// The token of the round with this number.
    fn of(self, round: u64) -> Token {
        match self {
            Self::Both if round.is_multiple_of(2) => Token::Gas,
            Self::Gas => Token::Gas,
            Self::Both | Self::Neo => Token::Neo,
        }
    }
}

/// A signed transfer, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// Id of the call.
    pub(crate) id: u64,
    /// The transaction.
    pub(crate) hash: UInt256,
    /// The call of `sendrawtransaction`.
    pub(crate) body: Bytes,
}

/// Accounts that send to each other in a ring, so that balances stay level.
#[derive(Debug)]
pub(crate) struct Senders {
    accounts: Vec<(SigningAccount, UInt160)>,
    token: TxToken,
    magic: Magic,
    system_fee: Datoshi,
    expiry: u32,
    first_nonce: u32,
}

impl Senders {
    /// New accounts for this network.
    pub(crate) fn generate(genesis: &GenesisConfig, token: TxToken) -> Self {
        let account = |_| {
            let account = SigningAccount::Single(PrivateKey::generate());
            let address = account.address();
            (account, address)
        };
        let example = transfer_script(Token::Gas, &UInt160::ZERO, &UInt160::ZERO, 1, true);
        Self {
            system_fee: system_fee(&example),
            accounts: (0..SENDERS).map(account).collect(),
            token,
            magic: genesis.magic,
            expiry: genesis.max_valid_until_block_increment / 2,
            first_nonce: rand::random(),
        }
    }

    /// The accounts.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = UInt160> + '_ {
        self.accounts.iter().map(|(_, address)| *address)
    }

    /// What they get when the validators' account has this much: at most a quarter of it.
    pub(crate) fn grants(&self, funds: Balances) -> Vec<Grant> {
        let count = i64::try_from(self.accounts.len()).unwrap_or(i64::MAX);
        let share = |has: i64| has / count.saturating_mul(4).max(1);
        let grant = |(_, account): &(SigningAccount, UInt160)| Grant {
            account: *account,
            neo: NEO_EACH.min(share(funds.neo)),
            gas: GAS_EACH.min(share(funds.gas)),
        };
        self.accounts.iter().map(grant).collect()
    }

    /// The transfer with this number, of one piece of NEO or one datoshi.
    fn transfer(&self, number: u64, tip: Height) -> Option<Prepared> {
        let count = u64::try_from(self.accounts.len()).ok()?;
        let at = |number: u64| self.accounts.get(usize::try_from(number % count).ok()?);
        let (account, from) = at(number)?;
        let (_, to) = at(number.wrapping_add(1))?;
        let token = self.token.of(number / count);
        let script = transfer_script(token, from, to, 1, true);
        let mut transaction = UnsignedTransaction {
            nonce: self
                .first_nonce
                .wrapping_add(u32::try_from(number & u64::from(u32::MAX)).ok()?),
            system_fee: self.system_fee,
            network_fee: Datoshi::ZERO,
            valid_until: tip.checked_add(self.expiry)?,
            signers: vec![Signer::new(*from, WitnessScope::CALLED_BY_ENTRY)],
            attributes: Vec::new(),
            script,
        };
        transaction.network_fee = account.network_fee(&transaction);
        let witness = account.sign(self.magic, &transaction);
        let signed = transaction.into_signed(vec![witness]).ok()?;
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{number},"method":"sendrawtransaction","params":["{}"]}}"#,
            STANDARD.encode(signed.to_bytes())
        );
        Some(Prepared {
            id: number,
            hash: signed.hash(),
            body: body.into(),
        })
    }
}

/// Signed transfers in order, signed by threads of their own a bounded number ahead.
#[derive(Debug)]
pub(crate) struct Supply {
    chunks: mpsc::Receiver<Vec<Prepared>>,
    ready: VecDeque<Prepared>,
    ahead: usize,
}

impl Supply {
    /// Starts signing `total` transfers, or without end for load of this rate.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn start(
        senders: Arc<Senders>,
        total: Option<u64>,
        rate: TxRate,
        seen: Arc<Observations>,
    ) -> anyhow::Result<Self> {
        let ahead = match (total, rate) {
            (Some(total), _) => total,
            (None, TxRate::PerSecond(rate)) => u64::from(rate).saturating_mul(SECONDS_AHEAD),
            (None, TxRate::Max) => SIGNED_AHEAD,
        };
        let ahead = usize::try_from(ahead.min(SIGNED_AHEAD))?;
        let (chunk, chunks) = mpsc::channel((ahead / CHUNK).clamp(1, 16));
        let pool = rayon::ThreadPoolBuilder::new()
            .thread_name(|index| format!("sign-{index}"))
            // Where it is not allowed, the threads run as all others.
            .start_handler(|_| {
                let _ = rustix::process::nice(NICENESS);
            })
            .build()?;
        std::thread::Builder::new()
            .name("supply".to_owned())
            .spawn(move || {
                let total = total.unwrap_or(u64::MAX);
                let mut next = 0;
                while next < total {
                    let end = next.saturating_add(CHUNK as u64).min(total);
                    let tip = seen.greatest_height();
                    let sign = || {
                        (next..end)
                            .into_par_iter()
                            .filter_map(|number| senders.transfer(number, tip))
                            .collect()
                    };
                    if chunk.blocking_send(pool.install(sign)).is_err() {
                        break;
                    }
                    next = end;
                }
            })?;
        Ok(Self {
            chunks,
            ready: VecDeque::with_capacity(ahead),
            ahead,
        })
    }

    /// Waits until as many are signed as shall be before the load begins.
    pub(crate) async fn fill(&mut self) {
        while self.ready.len() < self.ahead {
            match self.chunks.recv().await {
                Some(chunk) => self.ready.extend(chunk),
                None => break,
            }
        }
    }

    /// The next one, if it is signed already.
    pub(crate) fn next(&mut self) -> Option<Prepared> {
        if self.ready.len() < self.ahead
            && let Ok(chunk) = self.chunks.try_recv()
        {
            self.ready.extend(chunk);
        }
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::cast::Cast;
    use neo_primitives::{Decode as _, Transaction, recognise_transfers, verify_witness};
    use std::collections::HashSet;

    fn senders() -> Arc<Senders> {
        let key = PrivateKey::generate().public_key().clone();
        Arc::new(Senders::generate(
            &GenesisConfig::new(Magic(7), vec![key]),
            TxToken::Both,
        ))
    }

    fn transaction(prepared: &Prepared) -> Transaction {
        let call: serde_json::Value = serde_json::from_slice(&prepared.body).unwrap();
        assert_eq!(call["method"], "sendrawtransaction");
        let bytes = STANDARD
            .decode(call["params"][0].as_str().unwrap())
            .unwrap();
        Transaction::from_bytes(&bytes).unwrap()
    }

    #[tokio::test]
    async fn transfers_are_valid_distinct_and_of_both_tokens() {
        let total = 3 * SENDERS as u64;
        let mut supply = Supply::start(
            senders(),
            Some(total),
            TxRate::PerSecond(1),
            Arc::new(Observations::new(&Cast::lasting_only(1))),
        )
        .unwrap();
        supply.fill().await;
        let (mut hashes, mut tokens, mut from) = (HashSet::new(), HashSet::new(), HashSet::new());
        while let Some(prepared) = supply.next() {
            let transaction = transaction(&prepared);
            assert_eq!(transaction.hash(), prepared.hash);
            let sender = transaction.sender();
            let witness = &transaction.witnesses()[0];
            assert_eq!(
                verify_witness(&sender, witness, Magic(7), &prepared.hash),
                Ok(())
            );
            let size = i64::try_from(transaction.size()).unwrap();
            assert_eq!(transaction.network_fee().0, size * 1_000 + 983_520);
            assert_eq!(transaction.valid_until(), Height(2_880));
            let transfers = recognise_transfers(transaction.script()).unwrap();
            assert_eq!(transfers[0].from, sender);
            assert_ne!(transfers[0].to, sender);
            hashes.insert(prepared.hash);
            tokens.insert(transfers[0].token);
            from.insert(sender);
        }
        assert_eq!(
            (hashes.len() as u64, tokens.len(), from.len()),
            (total, 2, SENDERS)
        );
    }

    #[tokio::test]
    async fn an_endless_supply_stays_a_bounded_number_ahead() {
        let mut supply = Supply::start(
            senders(),
            None,
            TxRate::PerSecond(10),
            Arc::new(Observations::new(&Cast::lasting_only(1))),
        )
        .unwrap();
        assert_eq!(supply.ahead, 600);
        supply.ahead = CHUNK;
        supply.fill().await;
        for _ in 0..CHUNK {
            assert!(supply.next().is_some());
            assert!(supply.ready.len() <= 2 * CHUNK);
        }
    }

    #[test]
    fn the_load_can_be_of_one_token() {
        let rounds = |token: TxToken| [0, 1, 2].map(|round| token.of(round));
        assert_eq!(rounds(TxToken::Neo), [Token::Neo; 3]);
        assert_eq!(rounds(TxToken::Gas), [Token::Gas; 3]);
        let both = [Token::Gas, Token::Neo, Token::Gas];
        assert_eq!(rounds(TxToken::Both), both);
    }

    #[test]
    fn grants_never_take_more_than_a_quarter() {
        let senders = senders();
        let all = |neo, gas| {
            let grants = senders.grants(Balances { neo, gas });
            let sum = |of: fn(&Grant) -> i64| grants.iter().map(of).sum::<i64>();
            (sum(|grant| grant.neo), sum(|grant| grant.gas))
        };
        let (neo, gas) = all(100_000_000, 5_200_000_000_000_000);
        assert_eq!(neo, 128 * NEO_EACH);
        assert_eq!(gas, 128 * GAS_EACH);
        let (neo, gas) = all(1_000, 1_000_000);
        assert!(neo <= 250 && gas <= 250_000 && gas > 200_000);
    }
}
