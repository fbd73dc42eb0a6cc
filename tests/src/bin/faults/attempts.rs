//! Outcomes over several attempts: R22. What became of the first ones is not known,
//! and the last one ends in every way there is.

use crate::desk::Desk;
use crate::ledger::Run;
use crate::notes::Notes;
use sqlx::{Error, MySql, Postgres};
use sqlx_transactional::{Resolution, Retry, Tx, on};
use sqlx_transactional_tests::campaign::Goal;
use sqlx_transactional_tests::{Action, Engine, Point, Setup, TestDb, run};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long all of one engine may take.
const LIMIT: Duration = Duration::from_mins(5);

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// What is lost of the COMMIT of each of the first attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    Commit,
    Answer,
}

/// How the last attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Committed,
    Fails,
    RolledBack,
    Vetoed,
    Doomed,
    Unanswered,
    Left,
}

const ENDS: [(&str, End); 7] = [
    ("committed", End::Committed),
    ("fails", End::Fails),
    ("rolled-back", End::RolledBack),
    ("vetoed", End::Vetoed),
    ("doomed", End::Doomed),
    ("unanswered", End::Unanswered),
    ("left", End::Left),
];

/// Each end behind one, two and three attempts that are not known, on each engine that
/// has a line to lose.
pub(crate) async fn sweeps(desk: &Desk, engines: &[Engine]) {
    for engine in engines {
        match engine {
            Engine::Sqlite => {}
            Engine::Postgres => sweep::<Postgres>(desk).await,
            Engine::MySql => sweep::<MySql>(desk).await,
        }
    }
}

async fn sweep<DB: Notes>(desk: &Desk) {
    if !desk.selection.has(Goal::R22) || !desk.selection.reaches("attempts-") {
        return;
    }
    run::<DB>(Setup::wired().limit(LIMIT), async |db| {
        for (name, end) in ENDS {
            // The losses of the first attempts, as the bits of a number.
            for count in 1..=3 {
                for losses in 0..1_usize << count {
                    let lost: Vec<Lost> = (0..count)
                        .map(|attempt| match losses >> attempt & 1 {
                            0 => Lost::Answer,
                            _ => Lost::Commit,
                        })
                        .collect();
                    let case = format!("attempts-{name}/{count}/lost/{losses}");
                    if desk.selection.wants(&case) {
                        one(desk, db, &lost, end, &case).await;
                    }
                }
            }
        }
    })
    .await;
}

async fn one<DB: Notes>(desk: &Desk, db: &TestDb<DB>, lost: &[Lost], end: End, case: &str) {
    let run = Run::new(desk.number());
    let began = Instant::now();
    let ended = timeout(PATIENCE, call(db, &run, lost, end)).await;
    let took = began.elapsed();
    db.wire().disarm();
    let outcome = match ended {
        Err(_) => Err("it hangs".to_owned()),
        Ok(ended) => judged(db, &run, lost, end, ended).await,
    };
    desk.note(db.engine(), case, took, [(Goal::R22, outcome)]);
}

/// Each attempt stores the note of its own number. Nothing is what a caller gets who
/// leaves in the last.
async fn call<DB: Notes>(
    db: &TestDb<DB>,
    run: &Run,
    lost: &[Lost],
    end: End,
) -> Option<Result<(), Error>> {
    let attempts = u32::try_from(lost.len()).expect("a few") + 1;
    let retry = Retry::new()
        .attempts(attempts)
        .cap(Duration::ZERO)
        .idempotent();
    let mut block = on(&db.pool).retry(retry);
    if db.engine() == Engine::Postgres {
        block = block.resolvable();
    }
    let left = tokio::sync::Notify::new();
    let work = block.run(async |tx: &mut Tx<'_, DB>| {
        let attempt = tx.attempt();
        DB::insert(&mut *tx, run.id(i64::from(attempt))).await?;
        if let Some(lost) = lost.get(attempt as usize - 1) {
            tx.after_commit(run.forbidden());
            tx.after_rollback(run.forbidden());
            db.wire().arm(lost.point(), Action::Cut);
            return Ok(());
        }
        tx.after_commit(run.on_commit());
        tx.after_rollback(run.forbidden());
        match end {
            End::Committed => {}
            End::Fails => return Err(Error::RowNotFound),
            End::RolledBack => tx.roll_back(),
            End::Vetoed => tx.before_commit(|_| Box::pin(async { Err("no".into()) })),
            End::Doomed => {
                // Swallowed.
                let part = on(tx).run(async |_| Err::<(), _>(Error::RowNotFound));
                let _ = part.await;
            }
            End::Unanswered => db.wire().arm(Lost::Answer.point(), Action::Cut),
            End::Left => {
                left.notify_one();
                std::future::pending::<()>().await;
            }
        }
        Ok(())
    });
    tokio::select! {
        biased;
        () = left.notified() => None,
        ended = work => Some(ended),
    }
}

impl Lost {
    fn point(self) -> Point {
        match self {
            Self::Commit => Point::command("COMMIT"),
            Self::Answer => Point::reply_to("COMMIT"),
        }
    }
}

/// Whether what was told, stored and run fits what became of the attempts.
async fn judged<DB: Notes>(
    db: &TestDb<DB>,
    run: &Run,
    lost: &[Lost],
    end: End,
    ended: Option<Result<(), Error>>,
) -> Result<(), String> {
    let number = |index: usize| i64::try_from(index + 1).expect("a few");
    let applied = lost
        .iter()
        .enumerate()
        .filter(|(_, lost)| **lost == Lost::Answer);
    let mut expected: Vec<i64> = applied.map(|(index, _)| number(index)).collect();
    if matches!(end, End::Committed | End::Unanswered) {
        expected.push(number(lost.len()));
    }
    let hooks = if end == End::Committed {
        (1, 0)
    } else {
        (0, 0)
    };
    let ran = run.wait_for_hooks(hooks.0).await;
    let stored = run.stored(db).await;
    if stored != expected || ran != hooks {
        return Err(format!(
            "stored is {stored:?} instead of {expected:?}, {ran:?} hooks ran, told {ended:?}"
        ));
    }
    let error = match ended {
        None if end == End::Left => return Ok(()),
        Some(Ok(())) if end == End::Committed => return Ok(()),
        Some(Err(error)) if end != End::Committed => error,
        other => return Err(format!("told {other:?}")),
    };
    let found = sqlx_transactional::Error::find(&error);
    let Some(unknown) = found.filter(|found| found.is_outcome_unknown()) else {
        return Err(format!("told {error:?}, stored is {stored:?}"));
    };
    let wanted = match db.engine() {
        Engine::Postgres if stored.is_empty() => Resolution::RolledBack,
        Engine::Postgres => Resolution::Committed,
        _ => Resolution::Unknown,
    };
    match unknown.resolve(&db.pool).await {
        Ok(resolution) if resolution == wanted => Ok(()),
        other => Err(format!("resolved as {other:?} instead of {wanted:?}")),
    }
}
