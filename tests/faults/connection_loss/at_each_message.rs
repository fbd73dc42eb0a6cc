//! Every message of a call in turn, cut, truncated or swallowed.

use super::is_unknown;
use crate::ledger::Run;
use crate::notes::Notes;
use crate::pools::{assert_closes, full, recommended};
use sqlx::{Error, Pool};
use sqlx_transactional::{ReadTx, Tx, transactional};
use sqlx_transactional_tests::{Action, Direction, Point, Setup, TestDb, for_engines, inspect};
use std::cell::Cell;
use std::error::Error as _;
use std::io::Write;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// More messages than any call here has.
const MAX: usize = 100;

/// How long a call may take whose connection is lost.
const PATIENCE: Duration = Duration::from_secs(10);

#[transactional]
async fn stores<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(&mut *tx, run.id(1)).await?;
    tx.savepoint(async |tx| DB::insert_cold(tx, run.id(2)).await)
        .await?;
    DB::insert_on(tx.connection().await?, run.id(3)).await
}

#[transactional]
async fn fails<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(&mut *tx, run.id(1)).await?;
    let failed = tx.savepoint(async |tx| {
        DB::insert_cold(tx, run.id(2)).await?;
        Err::<(), _>(Error::RowNotFound)
    });
    failed.await
}

#[transactional]
async fn reads<DB: Notes>(tx: &mut ReadTx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::count(tx).await.map(drop)
}

/// What is left of the call when nothing is lost.
#[derive(Clone, Copy)]
struct Whole {
    /// Whether it commits.
    commits: bool,
    notes: &'static [i64],
}

async fn lost_at_each<DB: Notes>(
    db: &TestDb<DB>,
    form: &str,
    whole: Whole,
    call: impl AsyncFn(&Pool<DB>, &Run) -> Result<(), Error>,
) {
    let (pool, _) = full(db, recommended(db.url(), 1)).await;
    let mut runs = Vec::new();
    let mut said = Vec::new();
    for action in [Action::Cut, Action::Truncate, Action::BlackHole] {
        for from in [Direction::FromClient, Direction::FromServer] {
            let mut met = 0;
            let mut unknown = 0;
            for position in 1.. {
                assert!(position < MAX, "the call has no end");
                let run = Run::new(i64::try_from(runs.len() + 1).unwrap());
                let place = format!("{form}: {action:?} at message {position} {from:?}");
                let outcome = lose(db, Point::nth(from, position), action, call(&pool, &run));
                let (outcome, fired) = timeout(PATIENCE, outcome)
                    .await
                    .unwrap_or_else(|_| panic!("{place}: it hangs"));
                unknown += usize::from(outcome.as_ref().is_err_and(is_unknown));
                check(db, &pool, &place, whole, &run, outcome).await;
                runs.push((run.clone(), run.ran()));
                if !fired {
                    break;
                }
                met += 1;
            }
            said.push(format!("{action:?} {from:?} {met} ({unknown} unknown)"));
        }
    }
    for (run, ran) in &runs {
        assert_eq!(run.ran(), *ran, "hooks ran later");
    }
    assert_closes(&pool).await;
    let (engine, said) = (db.engine(), said.join(", "));
    let _ = writeln!(
        std::io::stderr(),
        "connection loss on {engine}: {form}: {said}"
    );
}

/// Makes the call while its message at `point` meets `action`. A black hole is
/// cut once it has swallowed something. Says whether the message was met.
async fn lose<DB: Notes, T>(
    db: &TestDb<DB>,
    point: Point,
    action: Action,
    call: impl Future<Output = T>,
) -> (T, bool) {
    let wire = db.wire();
    let before = wire.fired();
    let _ = wire.take_log();
    wire.arm(point, action);
    // Cut once, or the connection that replaces this one would be cut too.
    let is_cut = Cell::new(false);
    let cut = async {
        while action != Action::BlackHole || wire.fired() == before {
            sleep(Duration::from_millis(1)).await;
        }
        is_cut.set(true);
        wire.cut_all().await;
    };
    let mut call = pin!(call);
    let output = tokio::select! {
        output = &mut call => output,
        () = cut => call.await,
    };
    wire.disarm();
    let met = wire.fired() > before;
    if met && action == Action::BlackHole && !is_cut.get() {
        // It swallowed the ping of the release.
        wire.cut_all().await;
    }
    (output, met)
}

/// What the look at a `connection()` that is lost ends in.
fn is_doomed_by_io(error: &Error) -> bool {
    let Some(found) = sqlx_transactional::Error::find(error) else {
        return false;
    };
    let source = found.source().and_then(|source| source.downcast_ref());
    found.is_doomed() && matches!(source, Some(Error::Io(_)))
}

/// What the caller was told is true, and nothing is left behind.
async fn check<DB: Notes>(
    db: &TestDb<DB>,
    pool: &Pool<DB>,
    place: &str,
    whole: Whole,
    run: &Run,
    outcome: Result<(), Error>,
) {
    // What the call sent, and not what the checks will.
    let log = db.wire().take_log();
    let commit = log.iter().any(|line| line == "COMMIT");
    let found = inspect::problems(db, pool).await;
    assert!(
        found.is_empty(),
        "{place}: left behind:\n  {}",
        found.join("\n  ")
    );
    inspect::settle(pool).await;
    let stored = run.stored(db).await;
    let said = format!("{place}: {outcome:?}, stored {stored:?}, sent {log:?}");
    assert!(stored.is_empty() || stored == whole.notes, "{said}");
    // Behind the savepoint come the mark and, once the connection is out, more. Then nobody
    // can be asked any more what was done with it.
    let behind = log
        .iter()
        .skip_while(|line| !line.contains("RELEASE SAVEPOINT"));
    let is_out = whole.commits && behind.count() > 2;
    let ran = match outcome {
        Ok(()) => {
            assert!(whole.commits && stored == whole.notes, "{said}");
            (1, 0)
        }
        // Also where the connection turns out to be lost just before COMMIT.
        Err(error) if is_unknown(&error) => {
            assert!(whole.commits, "{said}");
            (0, 0)
        }
        Err(error) => {
            assert!(!commit && stored.is_empty(), "{said}");
            assert!(log.len() > 1, "a lost BEGIN is begun again: {said}");
            let own = matches!(error, Error::RowNotFound) && !whole.commits;
            let lost = matches!(error, Error::Io(_)) || is_doomed_by_io(&error);
            assert!(own || lost, "{said}");
            if is_out { (0, 0) } else { (0, 1) }
        }
    };
    assert_eq!(run.wait_for_hooks(ran.0 + ran.1).await, ran, "{said}");
}

/// Long enough for some hundred calls.
fn setup() -> Setup {
    Setup::wired().limit(Duration::from_mins(3))
}

for_engines! {
    [postgres, mysql]

    #[test(setup())]
    async fn of_a_writer(db: &TestDb<DB>) {
        let whole = Whole { commits: true, notes: &[1, 2, 3] };
        lost_at_each(db, "writer", whole, async |pool, run| stores(pool, run).await).await;
    }

    #[test(setup())]
    async fn of_one_that_fails(db: &TestDb<DB>) {
        let whole = Whole { commits: false, notes: &[] };
        lost_at_each(db, "fails", whole, async |pool, run| fails(pool, run).await).await;
    }

    #[test(setup())]
    async fn of_a_reader(db: &TestDb<DB>) {
        let whole = Whole { commits: true, notes: &[] };
        lost_at_each(db, "reader", whole, async |pool, run| reads(pool, run).await).await;
    }
}
