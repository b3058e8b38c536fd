//! Three quorum delays, as a matrix of one-way delays has them.

/// For each node the median over all leaders of [`decisions`], in microseconds.
pub(super) fn medians(
    nodes: usize,
    quorum: usize,
    delay: impl Fn(usize, usize) -> u64,
) -> Vec<u64> {
    let all = decisions(nodes, quorum, delay);
    let of_node = |node: usize| {
        let mut times: Vec<u64> = all.iter().skip(node).step_by(nodes).copied().collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or(0)
    };
    (0..nodes).map(of_node).collect()
}

/// When each node can hold M PreCommits of M-prepared holders after the leader's proposal left: Proposal,
/// Prepare and PreCommit take the given delays, everybody answers at once, and everybody waits for the
/// M-th smallest arrival, its own included. One entry for each leader and node, in microseconds.
pub(super) fn decisions(
    nodes: usize,
    quorum: usize,
    delay: impl Fn(usize, usize) -> u64,
) -> Vec<u64> {
    let way = |from: usize, to: usize| if from == to { 0 } else { delay(from, to) };
    let quorum_at = |begins: &[u64], to: usize| -> u64 {
        let mut arrivals: Vec<u64> = begins
            .iter()
            .enumerate()
            .map(|(from, at)| at + way(from, to))
            .collect();
        arrivals.sort_unstable();
        arrivals.get(quorum.max(1) - 1).copied().unwrap_or(u64::MAX)
    };
    let mut all = Vec::with_capacity(nodes * nodes);
    for leader in 0..nodes {
        let proposed: Vec<u64> = (0..nodes).map(|node| way(leader, node)).collect();
        let prepared: Vec<u64> = (0..nodes).map(|node| quorum_at(&proposed, node)).collect();
        all.extend((0..nodes).map(|node| quorum_at(&prepared, node)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_delays_are_three_and_a_far_validator_is_not_waited_for() {
        assert_eq!(decisions(4, 3, |_, _| 10), [30; 16]);
        let far = |from: usize, to: usize| if from == 3 || to == 3 { 500 } else { 10 };
        let times = decisions(4, 3, far);
        // The far leader: a way out, two rounds among the near ones; or a way back to itself.
        assert_eq!(times[12..], [520, 520, 520, 1_010]);
        assert_eq!(times[..4], [30, 30, 30, 520]);
        assert_eq!(decisions(1, 1, |_, _| 10), [0]);
        assert_eq!(medians(4, 3, far), [30, 30, 30, 520]);
    }
}
