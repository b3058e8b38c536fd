//! Neo N3 types and their bytes.
//!
//! Everything that two Neo nodes must agree on to the bit lives here: hashes, keys, the binary codec,
//! transactions, headers, blocks, scripts, witnesses, addresses, wallets and the genesis block. The crate
//! does no networking and keeps no state; only [`wallet`] touches the file system, to read and save a wallet.
//!
//! * Integers are little-endian, lengths are Neo's variable-length integers ([`codec`]).
//! * A hash is one SHA-256 of the unsigned bytes; what is signed is `magic ‖ hash` ([`sign_data`]).
//! * No decoder takes more memory than a small multiple of the bytes it is given, and none panics.
//!
//! A transfer, from key to bytes and back:
//!
//! ```
//! use neo_primitives::{
//!     Datoshi, Decode, Encode, Height, Magic, PrivateKey, Signer, Token, Transaction, UInt160,
//!     UnsignedTransaction, WitnessScope, recognise_transfers, single_signature_witness,
//!     transfer_script, verify_witness,
//! };
//!
//! let magic = Magic(42);
//! let key = PrivateKey::generate();
//! let from = key.public_key().script_hash();
//! let to = UInt160::from_address("NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq")?;
//! let unsigned = UnsignedTransaction {
//!     nonce: 7,
//!     system_fee: Datoshi(9_977_780),
//!     network_fee: Datoshi(1_230_520),
//!     valid_until: Height(100),
//!     signers: vec![Signer::new(from, WitnessScope::CALLED_BY_ENTRY)],
//!     attributes: vec![],
//!     script: transfer_script(Token::Gas, &from, &to, 100_000_000, true),
//! };
//! let signature = key.sign(&unsigned.sign_data(magic));
//! let witness = single_signature_witness(signature, key.public_key());
//! let bytes = unsigned.into_signed(vec![witness])?.to_bytes();
//!
//! let read = Transaction::from_bytes(&bytes)?;
//! verify_witness(&read.sender(), &read.witnesses()[0], magic, &read.hash())?;
//! assert_eq!(recognise_transfers(read.script())?[0].to, to);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod block;
pub mod codec;
mod extensible;
mod genesis;
mod hash;
mod keys;
mod number;
mod script;
mod transaction;
mod transfer;
pub mod wallet;
mod witness;

pub use address::{ADDRESS_VERSION, AddressError};
pub use block::{
    Block, BlockBody, Header, MAX_BLOCK_TRANSACTIONS, ShortId, SignedHeader, TransactionIds,
    has_duplicates, merkle_root, short_id,
};
pub use codec::{Decode, DecodeError, Encode, Reader};
pub use extensible::{ExtensiblePayload, MAX_CATEGORY, MAX_EXTENSIBLE_DATA};
pub use genesis::{GENESIS_NONCE, GENESIS_TIMESTAMP, bft_quorum, consensus_address, genesis_block};
pub use hash::{HashParseError, UInt160, UInt256, double_sha256, hash160, sha256};
pub use keys::{KeyError, PrivateKey, PublicKey, Signature, VerifyingKey};
pub use number::{Datoshi, Height, Magic, ValidatorIndex};
pub use script::{
    CallFlags, Instruction, InstructionError, Instructions, MAX_MULTISIG_KEYS, Opcode,
    ScriptBuilder, ScriptError, Syscall, multisig_script, parse_multisig_script,
    parse_signature_script, parse_signatures, signature_script,
};
pub use transaction::{
    Attribute, MAX_ATTRIBUTES_AND_SIGNERS, MAX_SCRIPT, MAX_TRANSACTION_SIZE, OracleCode,
    RuleAction, Signer, Transaction, TransactionError, UnsignedTransaction, WitnessCondition,
    WitnessRule, WitnessScope,
};
pub use transfer::{
    Call, Charge, NativeContract, NotTransfers, Query, Question, Read, ReadMethod, StackValue,
    Token, Transfer, recognise_calls, recognise_transfers, transfer_script,
};
pub use witness::{
    DEFAULT_WITNESS_LIMIT, Witness, WitnessError, multisig_witness, sign_data,
    single_signature_witness, verify_witness, verify_witness_with,
};
