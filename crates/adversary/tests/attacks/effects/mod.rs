//! What each strategy does to what leaves its node.

mod claims;
mod forgeries;
mod timing;
mod votes;

use neo_adversary::{Attack, Content};
use neo_consensus::v3::certificate::PreparedCertificate;
use neo_consensus::v3::context::{HeightContext, MessageKind};
use neo_consensus::v3::{Message, Payload, SignatureCheck, Signer};
use neo_invariants::ideal::{IdealCheck, IdealSigner};
use neo_primitives::ValidatorIndex;

use crate::network::{Network, ms};

pub(super) const LIAR: usize = 1;

pub(super) fn run(attack: Attack, seed: u64, height: u32) -> Network {
    let mut network = Network::new(4, &[(LIAR, &[attack])], seed);
    network.until_stored(height, ms(60_000));
    network
}

/// PreCommits reach nobody for a while, so that views change while something is prepared.
pub(super) fn run_with_view_changes(attacks: &[Attack], seed: u64, height: u32) -> Network {
    let mut network = Network::new(4, &[(LIAR, attacks)], seed);
    network.filter = Box::new(|_, _, message| {
        message.view.0 >= 2
            || !matches!(
                message.kind(),
                MessageKind::PreCommit | MessageKind::RecoveryMessage
            )
    });
    network.until_stored(height, ms(120_000));
    network
}

pub(super) fn is_own(message: &Message) -> bool {
    message.sender == ValidatorIndex(LIAR as u8)
}

pub(super) fn genuine(context: &HeightContext, message: &Message) -> bool {
    let key = context.validators.key(message.sender).unwrap();
    IdealSigner::new(key.clone()).sign(&message.preimage(context)) == message.signature
}

pub(super) fn nested(message: &Message) -> Vec<&Message> {
    match &message.payload {
        Payload::RecoveryMessage(recovery) => recovery.messages.iter().collect(),
        _ => Vec::new(),
    }
}

pub(super) fn leaves(network: &Network, fits: impl Fn(&Message) -> bool) -> bool {
    network
        .let_out(|_| true)
        .any(|(_, message)| fits(message) || nested(message).into_iter().any(&fits))
}

pub(super) fn meant(network: &Network, fits: impl Fn(&Message) -> bool) -> bool {
    network
        .meant
        .iter()
        .any(|sent| match &sent.outgoing.content {
            Content::Message(message) => fits(message),
            Content::Bytes(_) => false,
        })
}

pub(super) fn is_certified(context: &HeightContext, certificate: &PreparedCertificate) -> bool {
    let mut obligations = Vec::new();
    context
        .prepared_obligations(certificate, &mut obligations)
        .is_ok()
        && IdealCheck.all_valid(context, &obligations)
}
