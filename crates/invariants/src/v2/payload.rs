//! Signatures and headers of dBFT 2.0, from what Neo's documents say of their bytes.

use neo_consensus::v2::{Body, Content, Message, PrepareRequest};
use neo_primitives::{
    Encode as _, ExtensiblePayload, Header, Height, PublicKey, Signature, UInt160, UInt256,
    ValidatorIndex, Witness, merkle_root, parse_signatures, sign_data, signature_script,
};

use crate::ideal::IdealCheck;
use crate::observation::Setup;

/// The primary of a view: `(height − view) mod n`.
pub(super) fn primary(height: Height, view: u8, setup: &Setup) -> ValidatorIndex {
    let count = setup.validators.len().max(1) as u64;
    let turns = u64::from(u8::MAX).div_ceil(count) * count;
    let turn = (u64::from(height.0) + turns - u64::from(view)) % count;
    ValidatorIndex(u8::try_from(turn).unwrap_or(0))
}

/// Whether a message is in the envelope of the validator that it names, with that one's signature.
pub(super) fn is_signed(message: &Message, setup: &Setup) -> bool {
    let Some(key) = setup.validators.key(message.validator()) else {
        return false;
    };
    let payload = message.payload();
    payload.category == "dBFT"
        && payload.sender == key.script_hash()
        && payload.valid_block_end == message.height()
        && payload.witness.verification == signature_script(key)
        && signs(key, &payload.witness.invocation, payload.hash(), setup)
}

fn signs(key: &PublicKey, invocation: &[u8], hash: UInt256, setup: &Setup) -> bool {
    let signatures = parse_signatures(invocation).unwrap_or_default();
    match signatures[..] {
        [signature] => IdealCheck::valid(key, &sign_data(setup.magic, &hash), &signature),
        _ => false,
    }
}

/// Whether a validator has signed a message with this content: `invocation` is what is left of its envelope
/// inside a RecoveryMessage.
pub(super) fn is_part_signed(content: &Content, invocation: &[u8], setup: &Setup) -> bool {
    let Some(key) = setup.validators.key(content.validator) else {
        return false;
    };
    let payload = ExtensiblePayload {
        category: "dBFT".to_owned(),
        valid_block_start: Height(0),
        valid_block_end: content.height,
        sender: key.script_hash(),
        data: content.to_bytes(),
        witness: Witness::default(),
    };
    signs(key, invocation, payload.hash(), setup)
}

/// Whether a validator's signature is of this header.
pub(super) fn signs_header(
    validator: ValidatorIndex,
    signature: &Signature,
    header: &UInt256,
    setup: &Setup,
) -> bool {
    let key = setup.validators.key(validator);
    key.is_some_and(|key| IdealCheck::valid(key, &sign_data(setup.magic, header), signature))
}

/// The header that a PrepareRequest makes.
pub(super) fn header(
    request: &PrepareRequest,
    height: Height,
    primary: ValidatorIndex,
    next_consensus: UInt160,
) -> Header {
    Header {
        version: request.version,
        prev_hash: request.prev_hash,
        merkle_root: merkle_root(&request.hashes),
        timestamp: request.timestamp,
        nonce: request.nonce,
        index: height,
        primary_index: primary,
        next_consensus,
    }
}

/// The PrepareRequest in a message.
pub(super) fn request(message: &Message) -> Option<&PrepareRequest> {
    match &message.content().body {
        Body::PrepareRequest(request) => Some(request),
        _ => None,
    }
}

/// Whether a header may stand on its parent.
pub(super) fn fits(header: &Header, parent: &Header, setup: &Setup) -> Result<(), String> {
    let problem = if header.version != 0 {
        format!("version {}", header.version)
    } else if header.index != parent.index.next() {
        format!("height {} on {}", header.index, parent.index)
    } else if header.timestamp <= parent.timestamp {
        format!("timestamp {} on {}", header.timestamp, parent.timestamp)
    } else if !setup.validators.contains(header.primary_index) {
        format!("primary {}", header.primary_index)
    } else if header.next_consensus != parent.next_consensus {
        format!("next consensus {}", header.next_consensus)
    } else {
        return Ok(());
    };
    Err(format!("a block with {problem}"))
}
