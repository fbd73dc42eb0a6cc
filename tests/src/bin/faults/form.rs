//! Every form of a transaction, over notes.

use crate::forms;
use crate::ledger::Run;
use crate::notes::Notes;
use crate::own_forms::{Bodies, failed_savepoint, sized, swallows};
use crate::subject::{Answer, Left, Promise, Ran, Subject, caught};
use futures_util::future::LocalBoxFuture;
use sqlx::{Error, Pool};
use sqlx_transactional_tests::{Engine, TestDb};

/// What a form does: a pool, a run, and what chance decided.
type Call<DB> = for<'a> fn(&'a Pool<DB>, &'a Run, u64) -> LocalBoxFuture<'a, Result<(), Error>>;

/// A form.
pub(crate) struct Form<DB: Notes> {
    name: &'static str,
    promise: Promise,
    /// What it stores, in order.
    notes: &'static [i64],
    call: Call<DB>,
}

impl<DB: Notes> Form<DB> {
    /// A form that stores these notes.
    pub(crate) fn commits(name: &'static str, notes: &'static [i64], call: Call<DB>) -> Self {
        Self {
            name,
            promise: Promise::Commits,
            notes,
            call,
        }
    }

    /// A form that stores nothing.
    fn other(name: &'static str, promise: Promise, call: Call<DB>) -> Self {
        Self {
            name,
            promise,
            notes: &[],
            call,
        }
    }
}

/// All of them.
pub(crate) fn all<DB: Bodies>() -> Vec<Form<DB>> {
    // Only on PostgreSQL is everything lost with one statement.
    let call: Call<DB> = |pool, run, _| Box::pin(swallows(pool, run));
    let swallowing = match DB::ENGINE {
        Engine::Postgres => Form::other("swallows", Promise::Fails, call),
        Engine::MySql | Engine::Sqlite => Form::commits("swallows", &[1], call),
    };
    vec![
        Form::commits("annotated", &[1, 2], |pool, run, _| {
            Box::pin(forms::annotated(pool, run))
        }),
        Form::commits("with-hooks", &[1, 2], |pool, run, _| {
            Box::pin(forms::with_hooks(pool, run))
        }),
        Form::commits("block", &[1, 2], |pool, run, _| {
            Box::pin(forms::block(pool, run))
        }),
        Form::commits("injected", &[1, 2], |pool, run, _| {
            Box::pin(forms::injected(pool, run))
        }),
        Form::commits("joined", &[1, 2, 3], |pool, run, _| {
            Box::pin(forms::joining(pool, run))
        }),
        Form::commits("savepoint-closure", &[1, 2, 3, 4], |pool, run, _| {
            Box::pin(forms::savepoint_closure(pool, run))
        }),
        Form::commits("savepoint-function", &[1, 2, 3], |pool, run, _| {
            Box::pin(forms::savepoint_function(pool, run))
        }),
        Form::commits("failed-savepoint", &[1, 3], |pool, run, _| {
            Box::pin(failed_savepoint(pool, run))
        }),
        Form::other("reader", Promise::Reads, |pool, run, _| {
            Box::pin(forms::reader(pool, run))
        }),
        Form::commits("connection", &[1, 2, 3], |pool, run, _| {
            Box::pin(forms::connection(pool, run))
        }),
        Form::commits("half-read", &[1, 2], |pool, run, _| {
            Box::pin(forms::half_read(pool, run))
        }),
        Form::commits("source", &[0, 1, 2], |pool, run, _| {
            Box::pin(async move { forms::with_hooks(&forms::Tenant { pool, run }, run).await })
        }),
        Form::commits("sized", &[1, 2], |pool, run, seed| {
            Box::pin(sized(pool, run, seed))
        }),
        Form::other("fails", Promise::Fails, |pool, run, _| {
            Box::pin(forms::fails(pool, run))
        }),
        swallowing,
        Form::other("swallows-joined", Promise::Fails, |pool, run, _| {
            Box::pin(forms::swallows_joined(pool, run))
        }),
        Form::other("rolls-back", Promise::RollsBack, |pool, run, _| {
            Box::pin(forms::rolls_back(pool, run))
        }),
    ]
}

impl<DB: Notes> Subject<DB> for Form<DB> {
    /// The run, and what chance decided.
    type Given = (Run, u64);

    fn name(&self) -> &str {
        self.name
    }

    fn promise(&self) -> Promise {
        self.promise
    }

    /// The connection knows the statement that is always the same.
    async fn prepare(&self, _: &TestDb<DB>, pool: &Pool<DB>, number: i64, seed: u64) -> (Run, u64) {
        let mut connection = pool.acquire().await.expect("a connection");
        DB::insert_on(&mut connection, -number)
            .await
            .expect("a note of nobody's");
        (Run::new(number), seed)
    }

    async fn call(&self, pool: &Pool<DB>, (run, seed): &(Run, u64)) -> Answer {
        Ok((self.call)(pool, run, *seed).await?)
    }

    async fn left(&self, db: &TestDb<DB>, (run, _): &(Run, u64)) -> Left {
        match run.stored(db).await {
            stored if stored.is_empty() => Left::Nothing,
            stored if stored == self.notes => Left::Everything,
            stored => Left::Half(format!(
                "of the notes {:?} these are stored: {stored:?}",
                self.notes
            )),
        }
    }

    fn has_hooks(&self, (run, _): &(Run, u64)) -> bool {
        run.has_hooks()
    }

    async fn ran(&self, (run, _): &(Run, u64), wanted: usize) -> Result<Ran, String> {
        // The ledger panics for a hook that must never run.
        caught(|| run.ran())?;
        let _ = crate::ledger::eventually(|| {
            caught(|| run.ran()).is_ok_and(|(commit, rollback)| commit + rollback >= wanted)
        })
        .await;
        caught(|| run.ran())
    }
}
