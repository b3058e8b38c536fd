use neo_consensus::v2::{Body, Content};
use neo_primitives::{
    Encode as _, PrivateKey, ValidatorIndex, Witness, multisig_witness, sign_data,
    single_signature_witness,
};

use super::*;
use crate::rpc::testing::{keys, stranger};

const MAGIC: Magic = Magic(56_753);
const STORED: Height = Height(6);

fn gate(dbft_2: bool) -> Gate {
    let keys = keys().iter().map(|key| key.public_key().clone()).collect();
    Gate::of(&GenesisConfig::new(MAGIC, keys), dbft_2, false)
}

/// A RecoveryRequest of a validator at the open height.
fn content(validator: u8) -> Content {
    Content {
        height: STORED.next(),
        validator: ValidatorIndex(validator),
        view: 0,
        body: Body::RecoveryRequest { timestamp: 5 },
    }
}

fn sealed(
    key: &PrivateKey,
    data: Vec<u8>,
    change: impl FnOnce(&mut ExtensiblePayload),
) -> ExtensiblePayload {
    let mut payload = ExtensiblePayload {
        category: CATEGORY.to_owned(),
        valid_block_start: Height(0),
        valid_block_end: STORED.next(),
        sender: key.public_key().script_hash(),
        data,
        witness: Witness::default(),
    };
    change(&mut payload);
    let signature = key.sign(&sign_data(MAGIC, &payload.hash()));
    payload.witness = single_signature_witness(signature, key.public_key());
    payload
}

fn good() -> ExtensiblePayload {
    sealed(&keys()[2], content(2).to_bytes(), |_| {})
}

fn verdict(gate: &Gate, payload: ExtensiblePayload) -> Verdict {
    let hash = payload.hash();
    let first = gate.glance(&payload, STORED);
    first.unwrap_or_else(|| gate.judge(payload, &hash, &Verifier::default()))
}

#[test]
fn a_message_of_a_validator_is_let_in_and_travels_on() {
    let Verdict::Good(Some(message)) = verdict(&gate(true), good()) else {
        panic!("it is good");
    };
    assert_eq!(message.validator(), ValidatorIndex(2));
    assert_eq!(message.payload(), &good_like(&message));
    let other = sealed(&keys()[0], vec![1, 2], |payload| {
        payload.category = "StateService".to_owned();
    });
    assert!(matches!(verdict(&gate(true), other), Verdict::Good(None)));
    // The validators together may send, too.
    let mut keys = keys();
    let public: Vec<_> = keys.iter().map(|key| key.public_key().clone()).collect();
    let script = multisig_script(3, &public).unwrap();
    let mut payload = sealed(&keys[0], vec![1], |payload| {
        payload.category = "Oracle".to_owned();
        payload.sender = hash160(&script);
    });
    let data = sign_data(MAGIC, &payload.hash());
    keys.truncate(3);
    let signatures: Vec<_> = keys.iter().map(|key| key.sign(&data)).collect();
    payload.witness = multisig_witness(&signatures, script);
    assert!(matches!(verdict(&gate(true), payload), Verdict::Good(None)));
}

/// The payload of a message with the witness that it came with.
fn good_like(message: &Message) -> ExtensiblePayload {
    ExtensiblePayload {
        witness: message.payload().witness.clone(),
        ..good()
    }
}

#[test]
fn what_is_late_early_or_of_another_protocol_is_of_no_use_now() {
    let late = sealed(&keys()[2], content(2).to_bytes(), |payload| {
        payload.valid_block_end = STORED;
    });
    assert!(matches!(verdict(&gate(true), late), Verdict::Useless));
    for start in [7, 8] {
        let early = sealed(&keys()[2], vec![], |payload| {
            payload.category = "Oracle".to_owned();
            (payload.valid_block_start, payload.valid_block_end) = (Height(start), Height(99));
        });
        assert!(matches!(verdict(&gate(true), early), Verdict::Early));
    }
    let at = |end: u32| {
        let content = Content {
            height: Height(end),
            ..content(2)
        };
        let payload = sealed(&keys()[2], content.to_bytes(), |payload| {
            payload.valid_block_end = Height(end);
        });
        verdict(&gate(true), payload)
    };
    // The engine keeps messages of two heights above the open one.
    for end in 7..=9 {
        assert!(matches!(at(end), Verdict::Good(Some(_))), "{end}");
    }
    assert!(matches!(at(10), Verdict::Early));
    assert!(matches!(verdict(&gate(false), good()), Verdict::Useless));
}

#[test]
fn strangers_and_witnesses_that_do_not_hold_are_forged_and_the_field_is_named() {
    let forged = |payload| match verdict(&gate(true), payload) {
        Verdict::Forged(problem) => problem,
        other => panic!("{other:?}"),
    };
    let of_a_stranger = sealed(&stranger(), content(2).to_bytes(), |_| {});
    let problem = forged(of_a_stranger);
    assert!(problem.contains("its sender 0x"), "{problem}");
    let mut unsigned = good();
    unsigned.data.push(0);
    assert!(forged(unsigned).starts_with("extensible: witness: "));
    let mut of_another = good();
    of_another.witness = sealed(&keys()[1], vec![], |_| {}).witness;
    let problem = forged(of_another);
    assert!(problem.contains("the witness is of account"), "{problem}");
    let mut empty = good();
    empty.witness.invocation.clear();
    assert!(forged(empty).starts_with("extensible: witness: "));
}

#[test]
fn signed_nonsense_is_dropped_and_the_field_is_named() {
    let dropped = |payload| match verdict(&gate(true), payload) {
        Verdict::Dropped(problem) => problem,
        other => panic!("{other:?}"),
    };
    let key = &keys()[2];
    let beyond = sealed(key, content(7).to_bytes(), |_| {});
    assert_eq!(
        dropped(beyond),
        "RecoveryRequest: validator index 7, there are 4 validators"
    );
    let of_another = sealed(key, content(1).to_bytes(), |_| {});
    let problem = dropped(of_another);
    assert!(
        problem.starts_with("RecoveryRequest: validator index 1 is not that of the sender 0x"),
        "{problem}"
    );
    let elsewhere = sealed(key, content(2).to_bytes(), |payload| {
        payload.valid_block_end = Height(8);
    });
    assert_eq!(
        dropped(elsewhere),
        "RecoveryRequest: block index 7, its envelope is valid until 8"
    );
    let whole = content(2).to_bytes();
    for length in 0..whole.len() {
        let cut = sealed(key, whole[..length].to_vec(), |_| {});
        let problem = dropped(cut);
        assert!(problem.starts_with("consensus message: "), "{problem}");
    }
    let unknown = sealed(key, [&[0x77], &whole[1..]].concat(), |_| {});
    assert!(dropped(unknown).contains("77"));
}

/// A gate of a chain with elections, whose height 7 is open.
fn electing() -> Gate {
    let keys: Vec<_> = keys().iter().map(|key| key.public_key().clone()).collect();
    let gate = Gate::of(&GenesisConfig::new(MAGIC, keys.clone()), true, true);
    assert!(!gate.opened(STORED.next(), keys, gate_committee()));
    gate
}

fn gate_committee() -> Option<UInt160> {
    let keys = keys().iter().map(|key| key.public_key().clone()).collect();
    GenesisConfig::new(MAGIC, keys).committee_address()
}

/// A RecoveryRequest of a key at this height, with the index of a validator.
fn request(key: &PrivateKey, validator: u8, height: Height) -> ExtensiblePayload {
    let content = Content {
        height,
        ..content(validator)
    };
    sealed(key, content.to_bytes(), |payload| {
        payload.valid_block_end = height
    })
}

#[test]
fn who_is_elected_takes_over_at_its_height() {
    let gate = electing();
    let (elected, next) = (stranger(), STORED.next().next());
    let mut validators = gate.validators();
    validators[2] = elected.public_key().clone();
    // Another node is a block ahead, and its validators are not known here yet.
    let first = || request(&elected, 2, next);
    assert!(matches!(verdict(&gate, first()), Verdict::Early));
    assert!(matches!(
        verdict(&gate, request(&elected, 2, STORED.next())),
        Verdict::Forged(_)
    ));
    assert!(gate.opened(next, validators.clone(), gate_committee()));
    assert!(!gate.opened(next, validators.clone(), gate_committee()));
    assert_eq!(gate.validators(), validators);
    assert_eq!(gate.recent_validators().len(), validators.len() + 1);
    assert!(matches!(verdict(&gate, first()), Verdict::Good(Some(_))));
    // Whoever left may still speak of the heights before, and of no other.
    let late = request(&keys()[2], 2, STORED.next());
    assert!(matches!(verdict(&gate, late), Verdict::Good(Some(_))));
    let over = request(&keys()[2], 2, next);
    assert!(matches!(verdict(&gate, over), Verdict::Dropped(_)));
}

#[test]
fn whoever_has_a_role_that_only_contracts_know_is_no_forger() {
    let payload = || {
        sealed(&stranger(), vec![1], |payload| {
            payload.category = "StateService".to_owned();
        })
    };
    assert!(matches!(
        verdict(&electing(), payload()),
        Verdict::Dropped(_)
    ));
    assert!(matches!(
        verdict(&gate(true), payload()),
        Verdict::Forged(_)
    ));
}
