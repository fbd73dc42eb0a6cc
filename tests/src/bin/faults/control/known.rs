//! What is known to go wrong on plain sqlx: it has to be seen, or the checks are
//! blind.

use sqlx_transactional_tests::campaign::{Campaign, Goal};

/// A fault of plain sqlx that the sweeps are to find.
#[derive(Debug)]
struct Known {
    engine: &'static str,
    goal: Goal,
    /// How the case begins.
    case: &'static str,
    /// What the violation says.
    says: &'static str,
    what: &'static str,
}

const KNOWN: [Known; 12] = [
    Known {
        engine: "postgres",
        goal: Goal::R8,
        case: "plain/black-hole/",
        says: "it hangs",
        what: "nothing ends a call whose line is dead",
    },
    Known {
        engine: "mysql",
        goal: Goal::R8,
        case: "plain/black-hole/",
        says: "it hangs",
        what: "nothing ends a call whose line is dead",
    },
    Known {
        engine: "postgres",
        goal: Goal::R6,
        case: "plain-again/cut/",
        says: "[1, 2, 3, 4]",
        what: "a call that is made again after a lost COMMIT does its work twice",
    },
    Known {
        engine: "mysql",
        goal: Goal::R6,
        case: "plain-again/cut/",
        says: "[1, 2, 3, 4]",
        what: "a call that is made again after a lost COMMIT does its work twice",
    },
    Known {
        engine: "postgres",
        goal: Goal::R3,
        case: "plain/hold/",
        says: "it is inside a transaction",
        what: "a dropped BEGIN leaves an open transaction in the pool",
    },
    Known {
        engine: "mysql",
        goal: Goal::R3,
        case: "plain/hold/",
        says: "it is inside a transaction",
        what: "a dropped BEGIN leaves an open transaction in the pool",
    },
    Known {
        engine: "mysql",
        goal: Goal::R9,
        case: "plain/hold/",
        says: "the pool has no connection",
        what: "a statement that is dropped half prepared takes its slot with it",
    },
    Known {
        engine: "postgres",
        goal: Goal::R5,
        case: "plain/cut/",
        says: "stored is Everything",
        what: "a COMMIT without an answer is told like one that failed",
    },
    Known {
        engine: "mysql",
        goal: Goal::R5,
        case: "plain/cut/",
        says: "stored is Everything",
        what: "a COMMIT without an answer is told like one that failed",
    },
    Known {
        engine: "postgres",
        goal: Goal::R7,
        case: "plain/25P02",
        says: "stored is []",
        what: "Ok for a transaction that was rolled back",
    },
    Known {
        engine: "mysql",
        goal: Goal::R7,
        case: "plain-then-more/1213/",
        says: "stored is [8]",
        what: "half a transaction after a swallowed deadlock",
    },
    Known {
        engine: "sqlite",
        goal: Goal::R9,
        case: "plain/or-rollback/",
        says: "sqlx believes it to be inside a transaction",
        what: "a transaction that is gone is counted for ever",
    },
];

/// Says which of the known faults were found, of those engines that were there,
/// and how many were and were not.
pub(crate) fn verdict(campaign: &Campaign, engines: &[&str]) -> (u64, u64) {
    let (mut found, mut missed) = (0_u64, 0_u64);
    for known in KNOWN.iter().filter(|known| engines.contains(&known.engine)) {
        let seen = campaign.violations().iter().find(|one| {
            one.goal == known.goal
                && one.engine == known.engine
                && one.case.starts_with(known.case)
                && one
                    .outcome
                    .as_ref()
                    .is_err_and(|text| text.contains(known.says))
        });
        let Known {
            engine, goal, what, ..
        } = known;
        if let Some(one) = seen {
            found += 1;
            println!("found, {goal} on {engine}: {what}: {}", one.case);
        } else {
            missed += 1;
            println!("NOT FOUND, {goal} on {engine}: {what}");
        }
    }
    (found, missed)
}
