//! Messages that an honest engine would not make.

use neo_consensus::ValidatorSet;
use neo_consensus::engine::Now;
use neo_consensus::v2::recovery::{
    ChangeViewCompact, CommitCompact, InnerRequest, Preparation, PreparationCompact,
    RecoveryMessage,
};
use neo_consensus::v2::{Body, ChangeView, Content, Message, PrepareRequest, Reason};
use neo_primitives::{
    Encode as _, ExtensiblePayload, Height, Magic, Signature, ValidatorIndex, Witness, sign_data,
    single_signature_witness,
};

use crate::Surroundings;
use crate::random::Random;

/// The message with this content, in an envelope that the own key signed.
pub(super) fn sign(content: &Content, around: &Surroundings<'_>, magic: Magic) -> Option<Message> {
    let mut payload = ExtensiblePayload {
        category: "dBFT".to_owned(),
        valid_block_start: Height(0),
        valid_block_end: content.height,
        sender: around.own.script_hash(),
        data: content.to_bytes(),
        witness: Witness::default(),
    };
    let signature = around.signer.sign(&sign_data(magic, &payload.hash()));
    payload.witness = single_signature_witness(signature, around.own);
    Message::from_payload(payload).ok()
}

/// The PrepareRequest with another nonce: another block, as valid as the first.
pub(super) fn twin(message: &Message, around: &Surroundings<'_>, magic: Magic) -> Option<Message> {
    let content = message.content();
    let Body::PrepareRequest(request) = &content.body else {
        return None;
    };
    let twin = Content {
        body: Body::PrepareRequest(PrepareRequest {
            nonce: !request.nonce,
            ..request.clone()
        }),
        ..content.clone()
    };
    sign(&twin, around, magic)
}

/// A wish for the next view, without a reason.
pub(super) fn change_view((height, view): (Height, u8), own: ValidatorIndex, now: Now) -> Content {
    Content {
        height,
        validator: own,
        view,
        body: Body::ChangeView(ChangeView {
            timestamp: now.wall_ms,
            reason: Reason::Timeout,
            rejected: None,
        }),
    }
}

/// A RecoveryMessage that says what it likes of everybody: the signatures inside are inventions.
pub(super) fn recovery(
    (height, view): (Height, u8),
    (own, set): (ValidatorIndex, &ValidatorSet),
    request: Option<&Message>,
    random: &mut Random,
) -> Content {
    let signature = |bytes: &[u8]| {
        let mut signature = [0; 64];
        signature
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        Signature(signature)
    };
    let ends_view = random.below(2) == 0;
    // PUSHDATA1 and 64 bytes, the form of a true one.
    let mut invocation = || {
        let invented = (0..64).map(|_| u8::try_from(random.below(256)).unwrap_or(0));
        [0x0c, 64].into_iter().chain(invented).collect::<Vec<u8>>()
    };
    let preparation = match request.map(Message::content) {
        Some(content) if content.view == view => match &content.body {
            Body::PrepareRequest(request) => Preparation::Request(InnerRequest {
                height,
                validator: content.validator,
                view,
                request: request.clone(),
            }),
            _ => Preparation::Unknown,
        },
        _ => Preparation::Unknown,
    };
    // The proposal keeps its true signature: what names it would be passed over otherwise.
    let proposer = request.map(|message| {
        let invocation = message.payload().witness.invocation.clone();
        (message.validator(), invocation)
    });
    let mut preparations = Vec::new();
    let (mut commits, mut change_views) = (Vec::new(), Vec::new());
    for validator in set.indexes() {
        let known = proposer.as_ref().filter(|(who, _)| *who == validator);
        preparations.push(PreparationCompact {
            validator,
            invocation: known.map_or_else(&mut invocation, |(_, genuine)| genuine.clone()),
        });
        let script = invocation();
        commits.push(CommitCompact {
            view,
            validator,
            signature: signature(script.get(2..).unwrap_or_default()),
            invocation: script,
        });
        change_views.push(ChangeViewCompact {
            validator,
            view,
            timestamp: 1,
            invocation: invocation(),
        });
    }
    // Either what completes the view, or what ends it.
    if !ends_view {
        change_views.clear();
    }
    Content {
        height,
        validator: own,
        view,
        body: Body::RecoveryMessage(RecoveryMessage {
            change_views,
            preparation,
            preparations,
            commits,
        }),
    }
}
