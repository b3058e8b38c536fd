//! The leader state of a height out of the chain below it (protocol section 7).

use std::collections::VecDeque;

use neo_consensus::v3::leader::{LeaderState, last_reset};
use neo_ledger::{ChainReader, HeightInfo, LedgerError};
use neo_primitives::{Header, Height, UInt256};

/// States that are remembered: those of the open heights and of the one before them.
const REMEMBERED: usize = 3;

/// Knows who leads, for a node or a simulated one: folds the headers of its chain.
///
/// Each height that opens costs one step. Only the first one after a start, or after blocks that
/// synchronisation brought, is counted from further below: from the state of a restored checkpoint, or
/// from the last height at which the state began anew, so over 10,000 headers at most. What comes out is
/// the same in each case.
#[derive(Clone, Debug, Default)]
pub struct Leaders {
    /// States by the hash of the block below their height, the newest last.
    known: VecDeque<(UInt256, LeaderState)>,
    #[cfg(feature = "mutation")]
    mutation: Option<neo_consensus::v3::mutation::Mutation>,
}

/// What of a chain the order follows from.
trait Headers {
    /// The header of a stored block.
    fn header(&self, height: Height) -> Result<Header, LedgerError>;

    /// Where a restored chain begins to count.
    fn base(&self) -> Option<(Height, Vec<u8>)>;
}

struct Stored<'a>(&'a dyn ChainReader);

impl Headers for Stored<'_> {
    fn header(&self, height: Height) -> Result<Header, LedgerError> {
        let signed = self.0.header(height)?.ok_or_else(|| {
            LedgerError::Inconsistent(format!(
                "the header of block {height} is missing, from which the leader order follows"
            ))
        })?;
        Ok(signed.header)
    }

    fn base(&self) -> Option<(Height, Vec<u8>)> {
        self.0.leader_base()
    }
}

impl Leaders {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts by a rule that is broken.
    #[cfg(feature = "mutation")]
    #[must_use]
    pub fn breaking(mutation: Option<neo_consensus::v3::mutation::Mutation>) -> Self {
        Self {
            mutation,
            ..Self::default()
        }
    }

    /// The state for the height that `info` opens. Its parent may be merely decided; all blocks below
    /// that are stored in `chain`.
    ///
    /// # Errors
    /// When the store cannot be read, when headers are missing that the order follows from, or when the
    /// state of a restored checkpoint is damaged.
    pub fn at(
        &mut self,
        chain: &dyn ChainReader,
        info: &HeightInfo,
    ) -> Result<LeaderState, LedgerError> {
        self.follow(&Stored(chain), info)
    }

    fn follow(
        &mut self,
        chain: &dyn Headers,
        info: &HeightInfo,
    ) -> Result<LeaderState, LedgerError> {
        let beginning = self.beginning(chain, info)?;
        #[cfg(feature = "mutation")]
        let beginning = beginning.breaking(self.mutation);
        let state = count(chain, info, beginning)?;
        self.known.retain(|(hash, _)| *hash != info.parent_hash);
        if self.known.len() >= REMEMBERED {
            self.known.pop_front();
        }
        self.known.push_back((info.parent_hash, state.clone()));
        Ok(state)
    }

    /// The highest state at or below the height that is certain to belong to its chain.
    fn beginning(
        &self,
        chain: &dyn Headers,
        info: &HeightInfo,
    ) -> Result<LeaderState, LedgerError> {
        let reset = last_reset(info.height);
        for (below, state) in self.known.iter().rev() {
            let height = state.height();
            let ours = match height {
                height if height < reset || height > info.height => false,
                height if height == info.height => *below == info.parent_hash,
                height => header(chain, info, height)?.prev_hash == *below,
            };
            if ours {
                return Ok(state.clone());
            }
        }
        let base = chain.base();
        match base.filter(|(height, _)| (reset..=info.height).contains(height)) {
            Some((height, bytes)) => restored(height, &bytes),
            None => Ok(LeaderState::fresh(reset, info.validators.len())),
        }
    }
}

/// Counts from a state up to the height that `info` opens. The number of validators before the last
/// change of the set does not matter: there the state begins anew.
fn count(
    chain: &dyn Headers,
    info: &HeightInfo,
    mut state: LeaderState,
) -> Result<LeaderState, LedgerError> {
    if state.height() == info.height {
        let same = state.standings().len() == info.validators.len();
        return same
            .then(|| state.clone())
            .ok_or_else(|| other_set(&state, info));
    }
    // Only a checkpoint can bring the state of another set than the one that its height has.
    let mut explained = state.standings().len() == info.validators.len();
    let beginning = state.clone();
    // The set of a height is the one that the header below it names. Genesis names its own.
    let mut named = match state.height().previous() {
        None => None,
        Some(below) => Some(header(chain, info, below)?.next_consensus),
    };
    while state.height() < info.height {
        let decided = header(chain, info, state.height())?;
        let next = decided.next_consensus;
        let changed = named.is_some_and(|own| own != next);
        state = state.after(&decided, info.validators.len(), changed);
        explained |= changed;
        named = Some(next);
    }
    if !explained {
        return Err(other_set(&beginning, info));
    }
    Ok(state)
}

/// The header of a height below the one that `info` opens.
fn header(chain: &dyn Headers, info: &HeightInfo, height: Height) -> Result<Header, LedgerError> {
    if height == info.parent.index {
        return Ok(info.parent);
    }
    chain.header(height)
}

/// A state that the validators of the height do not fit.
fn other_set(state: &LeaderState, info: &HeightInfo) -> LedgerError {
    LedgerError::Inconsistent(format!(
        "the leader state for height {} is one of {} validators, height {} has {}",
        state.height(),
        state.standings().len(),
        info.height,
        info.validators.len()
    ))
}

/// The state of a checkpoint.
fn restored(height: Height, bytes: &[u8]) -> Result<LeaderState, LedgerError> {
    let damaged = |problem: String| {
        LedgerError::Inconsistent(format!(
            "the leader state of the restored checkpoint, for height {height}: {problem}"
        ))
    };
    let state = LeaderState::decode(bytes).map_err(|error| damaged(error.to_string()))?;
    if state.height() != height {
        return Err(damaged(format!("it is the one for {}", state.height())));
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_consensus::View;
    use neo_ledger::BlockLimits;
    use neo_primitives::{Datoshi, PrivateKey, UInt160, ValidatorIndex};
    use std::cell::Cell;
    use std::time::Duration;

    /// A chain from `lowest` on, whose views fail now and then.
    struct Chain {
        headers: Vec<Header>,
        lowest: u32,
        base: Option<(Height, Vec<u8>)>,
        read: Cell<u32>,
    }

    impl Headers for Chain {
        fn header(&self, height: Height) -> Result<Header, LedgerError> {
            self.read.set(self.read.get() + 1);
            let held = self.headers.get(height.0 as usize);
            let held = held.filter(|_| height.0 >= self.lowest);
            held.copied()
                .ok_or_else(|| LedgerError::Inconsistent(format!("no header {height}")))
        }

        fn base(&self) -> Option<(Height, Vec<u8>)> {
            self.base.clone()
        }
    }

    const CHANGE: u32 = 120;

    /// Blocks up to a height, each by the leader of a view, and the states of all heights. With block
    /// [`CHANGE`] the set becomes another one of the same size.
    fn chain(length: u32) -> (Chain, Vec<LeaderState>) {
        let mut headers: Vec<Header> = Vec::new();
        let mut states = vec![LeaderState::fresh(Height(0), 4)];
        for height in 0..length {
            let state = &states[height as usize];
            let view = [0, 0, 1, 0, 2, 0, 0][height as usize % 7];
            let set = u8::from(height >= CHANGE);
            let header = Header {
                version: 0,
                prev_hash: headers.last().map_or(UInt256::ZERO, Header::hash),
                merkle_root: UInt256::ZERO,
                timestamp: u64::from(height),
                nonce: 0,
                index: Height(height),
                primary_index: match height {
                    0 => ValidatorIndex(0),
                    _ => state.order().leader(View(view)),
                },
                next_consensus: UInt160::from_wire([set; 20]),
            };
            states.push(state.after(&header, 4, height == CHANGE));
            headers.push(header);
        }
        let chain = Chain {
            headers,
            lowest: 0,
            base: None,
            read: Cell::new(0),
        };
        (chain, states)
    }

    fn info(chain: &Chain, height: u32) -> HeightInfo {
        let parent = chain.headers[height as usize - 1];
        let key = |byte| PrivateKey::from_bytes(&[byte; 32]).unwrap();
        HeightInfo {
            height: Height(height),
            parent,
            parent_hash: parent.hash(),
            validators: (1..5).map(|byte| key(byte).public_key().clone()).collect(),
            next_consensus: UInt160::ZERO,
            block_time: Duration::ZERO,
            limits: BlockLimits {
                max_transactions: 1,
                max_block_size: 1,
                max_block_system_fee: Datoshi(0),
                max_transaction_size: 1,
                witness_limit: 1,
            },
            pool: 0,
        }
    }

    #[test]
    fn a_running_node_counts_one_header_a_height() {
        let (chain, states) = chain(300);
        let mut leaders = Leaders::new();
        for height in 1..=300 {
            chain.read.set(0);
            let state = leaders.follow(&chain, &info(&chain, height)).unwrap();
            assert_eq!(state, states[height as usize], "height {height}");
            assert!(chain.read.get() <= 2, "{} headers", chain.read.get());
        }
        assert_eq!(leaders.known.len(), REMEMBERED);
    }

    #[test]
    fn a_restarted_node_counts_the_same() {
        let (chain, states) = chain(10_050);
        for height in [1, 2, 119, 120, 121, 122, 500, 9_999, 10_000, 10_001, 10_050] {
            let state = Leaders::new()
                .follow(&chain, &info(&chain, height))
                .unwrap();
            assert_eq!(state, states[height as usize], "height {height}");
        }
        chain.read.set(0);
        let _ = Leaders::new()
            .follow(&chain, &info(&chain, 10_050))
            .unwrap();
        assert!(chain.read.get() <= 52, "{} headers", chain.read.get());
    }

    #[test]
    fn after_synchronisation_counting_goes_on_where_it_was() {
        let (chain, states) = chain(5_000);
        let mut leaders = Leaders::new();
        let _ = leaders.follow(&chain, &info(&chain, 4_000)).unwrap();
        chain.read.set(0);
        let state = leaders.follow(&chain, &info(&chain, 4_500)).unwrap();
        assert_eq!(state, states[4_500]);
        assert!(chain.read.get() <= 502, "{} headers", chain.read.get());
    }

    #[test]
    fn a_state_of_another_block_is_not_built_upon() {
        let (ours, states) = chain(200);
        let (mut other, _) = chain(200);
        for at in 90..200 {
            let below = other.headers[at - 1].hash();
            let header = &mut other.headers[at];
            header.prev_hash = below;
            header.nonce = 1;
            header.primary_index = ValidatorIndex(3);
        }
        let mut leaders = Leaders::new();
        for height in 90..=95 {
            let _ = leaders.follow(&other, &info(&other, height)).unwrap();
        }
        let state = leaders.follow(&ours, &info(&ours, 96)).unwrap();
        assert_eq!(state, states[96]);
    }

    #[test]
    fn a_restored_chain_counts_from_its_checkpoint() {
        let (mut chain, states) = chain(10_020);
        chain.lowest = 80;
        let failed = Leaders::new().follow(&chain, &info(&chain, 100));
        assert!(matches!(failed, Err(LedgerError::Inconsistent(_))));

        // The checkpoint is that of block 80: the state is the one for 81.
        chain.base = Some((Height(81), states[81].encode()));
        for height in [81, 82, 100, 120, 121, 130, 9_999, 10_000, 10_010] {
            let state = Leaders::new()
                .follow(&chain, &info(&chain, height))
                .unwrap();
            assert_eq!(state, states[height as usize], "height {height}");
        }
        chain.base = Some((Height(81), states[82].encode()));
        assert!(Leaders::new().follow(&chain, &info(&chain, 100)).is_err());
        // The state of another set, sound as it is, would give another order than the others have.
        let other_set = LeaderState::fresh(Height(81), 7).encode();
        chain.base = Some((Height(81), other_set));
        for height in [81, 82, 100] {
            let failed = Leaders::new().follow(&chain, &info(&chain, height));
            let error = failed.unwrap_err().to_string();
            assert!(error.contains("7 validators"), "{error}");
        }
        chain.base = Some((Height(81), vec![1, 2, 3]));
        assert!(Leaders::new().follow(&chain, &info(&chain, 100)).is_err());
    }
}
