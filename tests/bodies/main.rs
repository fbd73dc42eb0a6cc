//! Random bodies of transactions, with everything that a body can do, against a
//! model of what must be stored, told and run.

mod answer;
mod choices;
mod grow;
mod hooks;
mod model;
mod open;
mod part;
mod program;
mod raw;
mod shrink;
mod sql;
mod step;
mod sweep;
mod walk;

use program::Place;
use sql::Sql;
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine, for_engines};
use std::io::Write;
use std::time::{Duration, Instant};
use sweep::Sweep;

/// The programs that everybody runs are the same each time, so that a failure is the
/// change's that is being looked at.
const SEED: u64 = 1;

/// How many programs a test runs; a campaign runs more.
fn programs() -> u64 {
    number("BODIES").unwrap_or(1_000)
}

/// The number in a variable of the environment.
fn number(variable: &str) -> Option<u64> {
    let number = std::env::var(variable).ok()?;
    Some(
        number
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is a number")),
    )
}

async fn check<DB: Sql>(db: &TestDb<DB>, test: &str, place: Place, loses: bool) {
    let seed = number("SEED").unwrap_or_else(|| match number("BODIES") {
        // Whoever asks for more looks for what nobody has seen.
        Some(_) => fastrand::u64(..),
        None => SEED,
    });
    let began = Instant::now();
    let mut sweep = Sweep::new(db).await;
    let failure = sweep.run(place, loses, programs(), seed).await;
    let engine = db.engine();
    if let Some((seed, failure)) = failure {
        panic!(
            "{}\n\n{}\n\nto repeat it: SEED={seed} BODIES=1 cargo xtask servers -- \
             cargo nextest run -p sqlx-transactional-tests --test bodies {engine}::{test}",
            failure.program, failure.problem
        );
    }
    let late = sweep.late().await;
    assert!(late.is_empty(), "seed {seed}: {}", late.join("\n"));
    let _ = writeln!(
        std::io::stderr(),
        "{test} on {engine}: {:?} in {:?} (seed {seed})",
        sweep.ends,
        began.elapsed()
    );
}

fn setup() -> Setup {
    Setup::default().limit(Duration::from_hours(1))
}

for_each_engine! {
    #[test(setup())]
    async fn calls_on_a_pool(db: &TestDb<DB>) {
        check(db, "calls_on_a_pool", Place::Pool, false).await;
    }

    #[test(setup())]
    async fn calls_on_a_db(db: &TestDb<DB>) {
        check(db, "calls_on_a_db", Place::Db, false).await;
    }

    #[test(setup())]
    async fn calls_on_a_pooled_connection(db: &TestDb<DB>) {
        check(db, "calls_on_a_pooled_connection", Place::Pooled, false).await;
    }

    #[test(setup())]
    async fn calls_on_a_connection(db: &TestDb<DB>) {
        check(db, "calls_on_a_connection", Place::Connection, false).await;
    }

    #[test(setup())]
    async fn calls_in_a_transaction(db: &TestDb<DB>) {
        check(db, "calls_in_a_transaction", Place::Transaction, false).await;
    }

    #[test(setup())]
    async fn calls_in_a_test(db: &TestDb<DB>) {
        check(db, "calls_in_a_test", Place::Test, false).await;
    }
}

mod lost {
    use super::{Place, TestDb, check, for_engines};
    use sqlx_transactional_tests::Setup;
    use std::time::Duration;

    for_engines! {
        [postgres, mysql]

        #[test(Setup::wired().limit(Duration::from_hours(1)))]
        async fn commits_on_a_pool(db: &TestDb<DB>) {
            check(db, "commits_on_a_pool", Place::Pool, true).await;
        }

        #[test(Setup::wired().limit(Duration::from_hours(1)))]
        async fn commits_on_a_pooled_connection(db: &TestDb<DB>) {
            check(db, "commits_on_a_pooled_connection", Place::Pooled, true).await;
        }
    }
}
