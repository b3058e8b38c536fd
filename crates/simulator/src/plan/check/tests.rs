use crate::plan::{Byzantine, Fate, Fault, FaultKind, Filter, Latency, NodeQuirk, Plan};
use proptest::prelude::*;

fn refused(change: impl FnOnce(&mut Plan)) -> String {
    let mut plan = Plan::new(4, 10_000);
    assert_eq!(plan.validate(), Ok(()));
    change(&mut plan);
    plan.validate().unwrap_err().to_string()
}

#[test]
fn numbers_outside_their_limits_are_named_with_them() {
    let error = refused(|plan| plan.validators = 0);
    assert_eq!(error, "validators is 0, the limits are 1 and 255");
    let error = refused(|plan| plan.validators = 256);
    assert_eq!(error, "validators is 256, the limits are 1 and 255");
    let error = refused(|plan| plan.network.loss_ppm = 2_000_000);
    assert!(error.starts_with("network.loss_ppm is 2000000"), "{error}");
    let error = refused(|plan| {
        plan.network.latency = Latency::Uniform {
            min_us: 9,
            max_us: 8,
        };
    });
    assert!(
        error.contains("max_us is 8, the limits are 9 and"),
        "{error}"
    );
    let error = refused(|plan| plan.heal_at_ms = Some(5_000));
    assert!(error.contains("heal_bound_ms and duration_ms"), "{error}");
}

#[test]
fn timers_that_no_node_starts_with_are_refused() {
    let error = refused(|plan| plan.timers.base_timeout_ms = 100);
    assert_eq!(
        error,
        "timers: base_timeout is 100ms, that is less than min_timeout, 200ms"
    );
    let error = refused(|plan| plan.timers.max_retries = 65);
    assert!(error.contains("max_retries is 65"), "{error}");
    let error = refused(|plan| plan.timers.emergency_after_ms = 500);
    assert!(error.contains("emergency_after is 500ms"), "{error}");
    let error = refused(|plan| {
        plan.block_time_ms = 1_000;
        plan.timers.max_block_time_ms = 900;
    });
    assert!(error.contains("max_block_time is 900ms"), "{error}");
    let error = refused(|plan| plan.timers.backoff_percent = 99);
    assert!(error.contains("backoff_multiplier is 0.99"), "{error}");
}

#[test]
fn more_than_f_byzantine_need_permission_and_a_quorum_gets_none() {
    let attackers = |count: u16| -> Vec<Byzantine> {
        (0..count)
            .map(|validator| Byzantine {
                validator,
                attacks: Vec::new(),
            })
            .collect()
    };
    let error = refused(|plan| plan.byzantine = attackers(2));
    assert!(
        error.contains("the limit is 1 unless allow_broken"),
        "{error}"
    );
    let error = refused(|plan| {
        plan.byzantine = attackers(1);
        plan.twins = vec![3];
    });
    assert!(
        error.starts_with("2 Byzantine validators and twins"),
        "{error}"
    );
    let error = refused(|plan| {
        plan.allow_broken = true;
        plan.byzantine = attackers(3);
    });
    assert!(error.contains("are a quorum"), "{error}");
    let mut plan = Plan::new(4, 10_000);
    plan.allow_broken = true;
    plan.byzantine = attackers(2);
    assert_eq!(plan.validate(), Ok(()));
}

#[test]
fn partitions_do_not_overlap_in_nodes_or_in_time() {
    let split = |groups: &[&[u16]]| FaultKind::Partition {
        groups: groups.iter().map(|group| group.to_vec()).collect(),
    };
    let error = refused(|plan| plan.faults = vec![Fault::at(5, split(&[&[0, 1], &[1, 2]]))]);
    assert!(error.contains("node 1 stands in both"), "{error}");
    let twice = vec![
        Fault::at(50, split(&[&[0], &[1, 2, 3]])),
        Fault::at(5, split(&[&[0, 1], &[2, 3]])),
    ];
    let error = refused(|plan| plan.faults = twice.clone());
    assert_eq!(
        error,
        "faults[0] at 50 ms overlaps faults[1] at 5 ms: the earlier partition is not healed"
    );
    let mut plan = Plan::new(4, 10_000);
    plan.faults = twice;
    plan.faults.push(Fault::at(20, FaultKind::Heal));
    assert_eq!(plan.validate(), Ok(()));
}

#[test]
fn names_and_nodes_that_do_not_exist_are_refused() {
    let error = refused(|plan| plan.nodes = vec![NodeQuirk::usual(4)]);
    assert_eq!(
        error,
        "nodes[0].node names node 4, the nodes of this plan are 0 to 3"
    );
    let error = refused(|plan| {
        plan.byzantine = vec![Byzantine {
            validator: 1,
            attacks: vec!["magic".to_owned()],
        }];
    });
    assert!(
        error.contains("is `magic`, known are equivocate-proposals"),
        "{error}"
    );
    let error = refused(|plan| {
        plan.network.latency = Latency::Wan {
            regions: vec!["atlantis".to_owned()],
        };
    });
    assert!(error.contains("known are dallas"), "{error}");
    let error = refused(|plan| {
        plan.filters = vec![Filter {
            fate: Fate::Hold,
            ..Filter::drop(&[])
        }];
    });
    assert!(
        error.contains("needs a condition that lets it go"),
        "{error}"
    );
}

#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    let text = r#"{"validators": 4, "duration_ms": 1000, "latencey": 3}"#;
    let error = serde_json::from_str::<Plan>(text).unwrap_err().to_string();
    assert!(error.contains("unknown field `latencey`"), "{error}");
}

proptest! {
    #[test]
    fn a_plan_survives_json(seed: u64, validators in 1_u16..30) {
        let plan = crate::swarm(validators, std::time::Duration::from_secs(20), seed);
        let text = serde_json::to_string(&plan).unwrap();
        prop_assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }

    #[test]
    fn what_passes_the_check_runs(
        validators in 0_u16..6,
        duration_ms in 0_u64..400,
        block_time_ms in 0_u64..300,
        loss_ppm in 0_u32..1_200_000,
        load_per_s in 0_u32..40,
        bandwidth_kbps in 0_u64..20_000,
        twin in 0_u16..8,
        heal in 0_u64..300,
    ) {
        let mut plan = Plan::new(validators, duration_ms);
        plan.block_time_ms = block_time_ms;
        plan.network.loss_ppm = loss_ppm;
        plan.network.bandwidth_kbps = bandwidth_kbps;
        plan.load_per_s = load_per_s;
        plan.heal_at_ms = Some(heal);
        plan.heal_bound_ms = 100_000;
        if twin < 4 {
            plan.twins = vec![twin];
        }
        // Nothing is promised within so short a time: it only has to end without a panic.
        if plan.validate().is_ok() {
            prop_assert!(crate::run(&plan, 1, &mut crate::NoTrace).is_ok());
        }
        plan.heal_at_ms = None;
        plan.heal_bound_ms = 1;
        if plan.validate().is_ok() {
            prop_assert!(crate::run(&plan, 1, &mut crate::NoTrace).is_ok());
        }
    }
}

/// What the older protocol does not have is refused with the name of its key.
#[test]
fn a_plan_of_dbft_2_says_nothing_that_only_dbft_3_has() {
    let good = r#"{"protocol":2,"validators":4,"duration_ms":9000,"block_time_ms":1000"#;
    let parse = |more: &str| crate::scenario::parse(&format!("{good}{more}}}"));
    assert!(parse("").is_ok());
    assert!(parse(r#","timers":{"max_block_time_ms":3000}"#).is_ok());
    assert!(parse(r#","byzantine":[{"validator":1,"attacks":["forge-recovery"]}]"#).is_ok());
    assert!(parse(r#","expect":[{"locked":{"height":1,"until_ms":5000}}]"#).is_ok());
    for (more, words) in [
        (r#","allow_broken":true"#, "allow_broken"),
        (r#","timers":{"base_timeout_ms":700}"#, "timers"),
        (
            r#","byzantine":[{"validator":1,"attacks":["replay"]}]"#,
            "byzantine[0].attacks[0]",
        ),
        (
            r#","filters":[{"carrying":["decision"]}]"#,
            "filters[0].carrying",
        ),
        (
            r#","filters":[{"until":{"seen":{"quiet":{}}}}]"#,
            "filters[0].until.seen.quiet",
        ),
        (
            r#","faults":[{"when":{"seen":{"prepared":{"height":1,"view":0}}},"kind":"heal"}]"#,
            "faults[0].when.seen.prepared",
        ),
        (
            r#","expect":[{"evidence":{"against":[1]}}]"#,
            "expect[0].evidence",
        ),
        (
            r#","expect":[{"reproposed":{"height":1,"first":0,"again":1}}]"#,
            "expect[0].reproposed",
        ),
        (
            r#","expect":[{"locked":{"height":1,"until_ms":9001}}]"#,
            "until_ms",
        ),
    ] {
        let error = parse(more).expect_err(more).to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
    let newer = r#"{"validators":4,"duration_ms":9,"expect":[{"locked":{"height":1}}]}"#;
    let error = crate::scenario::parse(newer).expect_err(newer).to_string();
    assert!(error.contains("expect[0].locked"), "{error}");
    for (number, known) in [("1", false), ("2", true), ("3", true)] {
        let text =
            format!(r#"{{"protocol":{number},"validators":4,"duration_ms":9,"block_time_ms":5}}"#);
        assert_eq!(crate::scenario::parse(&text).is_ok(), known, "{number}");
    }
}
