//! A tree, done for real.

use super::model::{Answer, Outcome, steps};
use super::tree::{Action, Kind, Leave, Part, Step};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::{Error, MySql, Pool, Postgres, Sqlite};
use sqlx_transactional::pool::Recommended;
use sqlx_transactional::{Tx, on, transaction};
use sqlx_transactional_tests::{Backend, TestDb};
use std::future::pending;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// The note that is there from the beginning.
pub(crate) const THERE: i64 = -1;

/// What is done with the table `notes`.
pub(crate) trait Notes: Backend + Recommended {
    /// Stores a note.
    fn insert(tx: &mut Tx<'_, Self>, id: i64) -> impl Future<Output = Result<(), Error>> + Send;
}

macro_rules! notes {
    ($database:ty, $insert:literal) => {
        impl Notes for $database {
            async fn insert(tx: &mut Tx<'_, Self>, id: i64) -> Result<(), Error> {
                sqlx::query($insert).bind(id).execute(tx).await.map(drop)
            }
        }
    };
}

notes!(Sqlite, "insert into notes (id, body) values (?, '')");
notes!(Postgres, "insert into notes (id, body) values ($1, '')");
notes!(MySql, "insert into notes (id, body) values (?, '')");

/// One walk through one tree.
#[derive(Debug, Clone)]
struct Walk {
    /// The notes of a walk have ids above this.
    base: i64,
    hooks: Arc<Mutex<Vec<i64>>>,
}

/// What comes of this body.
pub(crate) async fn outcome<DB: Notes>(
    db: &TestDb<DB>,
    pool: &Pool<DB>,
    base: i64,
    body: &[Step],
) -> Outcome {
    let walk = Walk {
        base,
        hooks: Arc::default(),
    };
    let done = transaction(pool, async |tx| walk.body(tx, 0, body).await).await;
    let (first, last) = (base + 1, base + steps(body));
    let sql = format!("select id from notes where id between {first} and {last} order by id");
    let stored = db.numbers(&sql).await;
    let hooks = walk.hooks.lock().unwrap_or_else(PoisonError::into_inner);
    Outcome {
        answer: answer(done),
        stored: stored.into_iter().map(|id| id - base).collect(),
        hooks: hooks.clone(),
    }
}

fn answer(done: Result<(), Error>) -> Answer {
    match done {
        Ok(()) => Answer::Ok,
        Err(Error::RowNotFound) => Answer::Own,
        Err(error) => match sqlx_transactional::Error::find(&error) {
            Some(found) if found.is_doomed() => Answer::Doomed,
            Some(_) => Answer::Other,
            None => match error.as_database_error().map(DatabaseError::kind) {
                Some(ErrorKind::UniqueViolation) => Answer::Duplicate,
                _ => Answer::Other,
            },
        },
    }
}

impl Walk {
    /// Does the steps of a body, the first of which has the number after `number`.
    fn body<'a, DB: Notes>(
        &'a self,
        tx: &'a mut Tx<'_, DB>,
        mut number: i64,
        body: &'a [Step],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            for step in body {
                let done = self.step(tx, number + 1, step).await;
                if !step.swallow {
                    done?;
                }
                number += steps(std::slice::from_ref(step));
            }
            Ok(())
        })
    }

    async fn step<DB: Notes>(
        &self,
        tx: &mut Tx<'_, DB>,
        number: i64,
        step: &Step,
    ) -> Result<(), Error> {
        match &step.action {
            Action::Insert => DB::insert(tx, self.base + number).await?,
            Action::Duplicate => DB::insert(tx, THERE).await?,
            Action::Fail => return Err(Error::RowNotFound),
            Action::RollBack => tx.roll_back(),
            Action::AfterCommit => tx.after_commit(self.hook(number)),
            Action::AfterRollback => tx.after_rollback(self.hook(number)),
            Action::Part(part) => self.part(tx, number, part).await?,
        }
        Ok(())
    }

    /// A part that is dropped or panics is no failure of the step: whoever
    /// does that to it goes on.
    async fn part<DB: Notes>(
        &self,
        tx: &mut Tx<'_, DB>,
        number: i64,
        part: &Part,
    ) -> Result<(), Error> {
        let waits = Notify::new();
        let body = async |tx: &mut Tx<'_, DB>| {
            self.body(tx, number, &part.body).await?;
            match part.leave {
                Leave::Return => Ok(()),
                Leave::Dropped => {
                    waits.notify_one();
                    pending().await
                }
                // Without the words of a panic, of which there are many here.
                Leave::Panic => resume_unwind(Box::new("on purpose")),
            }
        };
        let work: BoxFuture<'_, Result<(), Error>> = match part.kind {
            Kind::Joined => Box::pin(transaction(&mut *tx, body)),
            // Two ways to say the same.
            Kind::Savepoint if number % 2 == 0 => Box::pin(on(&mut *tx).savepoint().run(body)),
            Kind::Savepoint => Box::pin(tx.savepoint(body)),
        };
        tokio::select! {
            biased;
            done = AssertUnwindSafe(work).catch_unwind() => match done {
                Ok(done) => done,
                Err(_) if part.leave == Leave::Panic => Ok(()),
                Err(panic) => resume_unwind(panic),
            },
            () = waits.notified() => Ok(()),
        }
    }

    fn hook(&self, number: i64) -> impl Future<Output = ()> + Send + 'static {
        let hooks = Arc::clone(&self.hooks);
        async move {
            let mut hooks = hooks.lock().unwrap_or_else(PoisonError::into_inner);
            hooks.push(number);
        }
    }
}
