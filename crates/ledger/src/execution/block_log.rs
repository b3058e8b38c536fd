//! What a block executes besides its transactions, told from the block alone.

use std::sync::Arc;

use neo_primitives::{Datoshi, Header, Token, Transaction};

use super::{
    block::{committee_member, fees, network_fees, primary_account},
    outcome::{Execution, Notification, Trigger, VmState},
};
use crate::{config::GenesisConfig, policy};

/// What a stored block executed besides its transactions. It follows from the block alone.
pub(crate) fn block_log(
    config: &GenesisConfig,
    header: &Header,
    transactions: &[Arc<Transaction>],
) -> Vec<Execution> {
    let mint = |token, to, amount| Notification {
        token,
        from: None,
        to: Some(to),
        amount,
    };
    let mut on_persist: Vec<Notification> = Vec::new();
    if header.index.0 == 0 {
        let holder = config.next_consensus();
        on_persist.push(mint(Token::Neo, holder, policy::NEO_TOTAL));
        on_persist.push(mint(
            Token::Gas,
            holder,
            config.initial_gas.0.unsigned_abs(),
        ));
    }
    for transaction in transactions {
        on_persist.push(Notification {
            token: Token::Gas,
            from: Some(transaction.sender()),
            to: None,
            amount: fees(transaction),
        });
    }
    on_persist.push(mint(
        Token::Gas,
        primary_account(config, header),
        network_fees(transactions),
    ));
    on_persist.retain(|event| event.amount > 0);
    let member = committee_member(config, header.index.0);
    let post_persist = vec![mint(Token::Gas, member, policy::committee_reward())];
    vec![
        system_execution(Trigger::OnPersist, on_persist),
        system_execution(Trigger::PostPersist, post_persist),
    ]
}

fn system_execution(trigger: Trigger, notifications: Vec<Notification>) -> Execution {
    Execution {
        trigger,
        vm_state: VmState::Halt,
        exception: None,
        gas_consumed: Datoshi(0),
        stack: Vec::new(),
        notifications,
    }
}
