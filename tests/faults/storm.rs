//! Two thousand calls with next to no time: what was acknowledged is there, the
//! rest is there whole or not at all, and the pool is as strong as before.

use crate::ledger::Run;
use crate::notes::Notes;
use crate::pools::{assert_closes, full, recommended};
use sqlx::{Error, Pool};
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine, inspect};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

const CALLS: i64 = 2_000;
const AT_ONCE: usize = 16;
const CONNECTIONS: u32 = 5;

/// The most time a call is given, unless the machine is too slow for that.
const LIMIT: Duration = Duration::from_millis(6);

#[transactional]
async fn pair<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(&mut *tx, run.id(1)).await?;
    DB::insert(tx, run.id(2)).await
}

/// How a call ended for its caller.
#[derive(Debug)]
enum End {
    Acknowledged,
    Failed(Error),
    GivenUp,
}

/// The seed of this run: that of `FAULTS_SEED`, to repeat one, or a new one.
fn seed() -> u64 {
    match std::env::var("FAULTS_SEED") {
        Ok(seed) => seed.parse().expect("FAULTS_SEED is a number"),
        Err(_) => fastrand::u64(..),
    }
}

/// The most time that a call gets: twelve times what one takes that is alone.
async fn limit<DB: Notes>(pool: &Pool<DB>) -> Duration {
    let began = Instant::now();
    for number in 1..=20 {
        pair(pool, &Run::new(-number))
            .await
            .expect("nothing is in its way");
    }
    LIMIT.max(began.elapsed() * 12 / 20)
}

/// All calls, so many at once. Gives them with their ends.
async fn storm<DB: Notes>(pool: &Pool<DB>, seed: u64, limit: Duration) -> Vec<(Run, End)> {
    let mut random = fastrand::Rng::with_seed(seed);
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut calls = JoinSet::new();
    for number in 1..=CALLS {
        let turn = Arc::clone(&turns)
            .acquire_owned()
            .await
            .expect("it is never closed");
        let time = match random.u32(..20) {
            // However slow the machine is, some end, and some do not.
            0 => Duration::ZERO,
            1 => Duration::MAX,
            _ => limit.mul_f64(random.f64()),
        };
        let (pool, run) = (pool.clone(), Run::new(number));
        calls.spawn(async move {
            let end = match timeout(time, pair(&pool, &run)).await {
                Ok(Ok(())) => End::Acknowledged,
                Ok(Err(error)) => End::Failed(error),
                Err(_) => End::GivenUp,
            };
            drop(turn);
            (run, end)
        });
    }
    calls.join_all().await
}

fn setup() -> Setup {
    Setup::wired().limit(Duration::from_mins(3))
}

for_each_engine! {
    #[test(setup())]
    async fn of_timeouts(db: &TestDb<DB>) {
        let seed = seed();
        let (pool, opened) = full(db, recommended(db.url(), CONNECTIONS)).await;
        let limit = limit(&pool).await;
        let began = Instant::now();
        let calls = storm(&pool, seed, limit).await;
        let took = began.elapsed();
        inspect::settle(&pool).await;
        let opened = opened.load(Ordering::SeqCst);
        let logins = db.wire.as_ref().map_or(0, |wire| wire.counts().connections);
        inspect::assert_whole(db, &pool).await;

        let stored = db.numbers("select id from notes where id > 0 order by id").await;
        let (mut acknowledged, mut committed, mut given_up) = (0, 0, 0);
        for (run, end) in &calls {
            let here = [1, 2].map(|nth| stored.binary_search(&run.id(nth)).is_ok());
            assert_eq!(here[0], here[1], "seed {seed}: half of {run:?} is stored");
            let there = here[0];
            match end {
                End::Acknowledged => assert!(there, "seed {seed}: lost: {run:?}"),
                End::Failed(error) => panic!("seed {seed}: {error:?}"),
                End::GivenUp => given_up += 1,
            }
            acknowledged += usize::from(matches!(end, End::Acknowledged));
            committed += usize::from(there);
            if run.has_hooks() {
                let wanted = if there { (1, 0) } else { (0, 1) };
                assert_eq!(run.wait_for_hooks(1).await, wanted, "seed {seed}: {run:?}");
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "storm on {}: {CALLS} calls of at most {limit:?} in {took:?}: {acknowledged} \
             acknowledged, {committed} committed, {given_up} given up, {opened} connections \
             opened, {logins} logins (FAULTS_SEED={seed})",
            db.engine()
        );
        assert!(acknowledged > 0 && given_up > 0, "seed {seed}: it was no storm");
        match db.engine() {
            Engine::Postgres | Engine::Sqlite => {
                assert_eq!((opened, logins), (0, 0), "seed {seed}: connections opened");
            }
            // A call that is given up costs at most one: that of its statement,
            // or the one that it was just opening.
            Engine::MySql => assert!(opened <= logins && logins <= given_up, "seed {seed}"),
        }
        assert_closes(&pool).await;
    }
}
