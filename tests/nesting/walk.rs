//! A tree, done for real.

use super::model::{Answer, Outcome, steps};
use super::tree::{Action, Step};
use futures_util::future::BoxFuture;
use sqlx::error::ErrorKind;
use sqlx::{Error, MySql, Pool, Postgres, Sqlite};
use sqlx_transactional::pool::Recommended;
use sqlx_transactional::{Tx, on, transaction};
use sqlx_transactional_tests::{Backend, TestDb};
use std::sync::{Arc, Mutex, PoisonError};

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
            None => match error.as_database_error().map(|error| error.kind()) {
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
            Action::Joined(body) => {
                transaction(&mut *tx, async |tx| self.body(tx, number, body).await).await?;
            }
            // Two ways to say the same.
            Action::Savepoint(body) if number % 2 == 0 => {
                let part = on(&mut *tx).savepoint();
                part.run(async |tx| self.body(tx, number, body).await)
                    .await?;
            }
            Action::Savepoint(body) => {
                tx.savepoint(async |tx| self.body(tx, number, body).await)
                    .await?;
            }
        }
        Ok(())
    }

    fn hook(&self, number: i64) -> impl Future<Output = ()> + Send + 'static {
        let hooks = Arc::clone(&self.hooks);
        async move {
            let mut hooks = hooks.lock().unwrap_or_else(PoisonError::into_inner);
            hooks.push(number);
        }
    }
}
