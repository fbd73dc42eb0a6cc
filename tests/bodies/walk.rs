//! A program, done for real.

use crate::answer::{Answer, answer};
use crate::program::{
    Action, Call, Kind, Leave, Nested, Part, Place, Program, Raw, Step, Text, mark, second, steps,
};
use crate::sql::{Sql, THERE, control, insert};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use sqlx::{Connection, Error, Pool};
use sqlx_transactional::testing::TestTransaction;
use sqlx_transactional::{Begin, Db, Retry, Tx, Write, on, transaction};
use sqlx_transactional_tests::Engine;
use std::future::pending;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The hooks of the [`Db`].
pub(crate) const DB_COMMITTED: i64 = 901;
pub(crate) const DB_ROLLED_BACK: i64 = 902;

/// What the owner of a transaction stores before and behind the call.
pub(crate) const BEFORE: i64 = 911;
pub(crate) const BEHIND: i64 = 912;

/// What was seen of a program.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) hooks: Vec<i64>,
    pub(crate) told: Vec<(i64, Answer)>,
    pub(crate) runs: u32,
}

/// Where a program runs.
#[derive(Debug)]
pub(crate) struct Walk<'a, DB: Sql> {
    pub(crate) pool: &'a Pool<DB>,
    pub(crate) program: &'a Program,
    /// The notes of a program have ids above this.
    pub(crate) base: i64,
    /// Stands in the way of who wants to write, where an engine is asked for that.
    pub(crate) other: &'a tokio::sync::Mutex<DB::Connection>,
    pub(crate) seen: Arc<Mutex<Seen>>,
    left: Notify,
}

impl<'a, DB: Sql> Walk<'a, DB> {
    pub(crate) fn new(
        pool: &'a Pool<DB>,
        program: &'a Program,
        base: i64,
        other: &'a tokio::sync::Mutex<DB::Connection>,
    ) -> Self {
        Self {
            pool,
            program,
            base,
            other,
            seen: Arc::default(),
            left: Notify::new(),
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }

    /// Makes the call. What the caller is told, and what is stored as far as it
    /// can only be seen from inside.
    pub(crate) async fn done(&self) -> (Answer, Option<Vec<i64>>) {
        match self.program.place {
            Place::Pool => (self.outcome(call(self.pool, self)).await, None),
            Place::Db => {
                let retry = Retry::new().attempts(self.program.call.attempts);
                let db = Db::new(self.pool.clone())
                    .retry(retry.cap(Duration::ZERO))
                    .after_commit(self.make(DB_COMMITTED))
                    .after_rollback(self.make(DB_ROLLED_BACK));
                (self.outcome(call(&db, self)).await, None)
            }
            Place::Pooled => {
                let mut connection = self.pool.acquire().await.expect("a connection");
                (self.outcome(call(&mut connection, self)).await, None)
            }
            Place::Connection => {
                let mut connection = self.pool.acquire().await.expect("a connection");
                let done = DB::call_on(&mut connection, self);
                (self.outcome(done).await, None)
            }
            Place::Transaction => (self.inside_another().await, None),
            Place::Test => {
                let mut test = TestTransaction::new(self.pool);
                let answer = self.outcome(call(&mut test, self)).await;
                let inside = match test.connection().await {
                    Ok(connection) => self.stored(connection).await.unwrap_or_default(),
                    Err(_) => Vec::new(),
                };
                let _ = test.roll_back().await;
                (answer, Some(inside))
            }
        }
    }

    async fn inside_another(&self) -> Answer {
        let mut owner = self.pool.begin().await.expect("a transaction");
        let before = insert(self.base + BEFORE);
        DB::execute(&mut owner, &before).await.expect("a note");
        let answer = self.outcome(call(&mut owner, self)).await;
        let behind = DB::execute(&mut owner, &insert(self.base + BEHIND)).await;
        self.note(BEHIND, &behind);
        let _ = owner.commit().await;
        answer
    }

    /// The notes of this program, as this connection sees them.
    pub(crate) async fn stored(&self, connection: &mut DB::Connection) -> Result<Vec<i64>, Error> {
        let (first, last) = (self.base, self.base + 9_999);
        let sql = format!("select id from notes where id between {first} and {last} order by id");
        let ids = DB::numbers(connection, &sql).await?;
        Ok(ids.into_iter().map(|id| id - self.base).collect())
    }

    /// The caller's part: it takes the result, goes away, or catches a panic.
    async fn outcome(&self, call: impl Future<Output = Result<(), Error>>) -> Answer {
        tokio::select! {
            biased;
            done = AssertUnwindSafe(call).catch_unwind() => match done {
                Ok(done) => answer(&done),
                Err(_) if self.program.leave == Leave::Panic => Answer::Panicked,
                Err(panic) => resume_unwind(panic),
            },
            () = self.left.notified() => Answer::Dropped,
        }
    }

    /// The whole body.
    async fn all(&self, tx: &mut Tx<'_, DB>) -> Result<(), Error> {
        self.with_seen(|seen| seen.runs += 1);
        let attempt = tx.attempt();
        self.body(tx, attempt, 0, &self.program.body).await?;
        leave(self.program.leave, &self.left).await
    }

    /// Does the steps of a body, the first of which has the number after `number`.
    fn body<'b>(
        &'b self,
        tx: &'b mut Tx<'_, DB>,
        attempt: u32,
        mut number: i64,
        body: &'b [Step],
    ) -> LocalBoxFuture<'b, Result<(), Error>> {
        Box::pin(async move {
            for step in body {
                let done = self.step(tx, attempt, number + 1, step).await;
                self.note(mark(attempt, number + 1), &done);
                if !step.swallow {
                    done?;
                }
                number += steps(std::slice::from_ref(step));
            }
            Ok(())
        })
    }

    async fn step(
        &self,
        tx: &mut Tx<'_, DB>,
        attempt: u32,
        number: i64,
        step: &Step,
    ) -> Result<(), Error> {
        let mark = mark(attempt, number);
        let id = self.base + mark;
        match &step.action {
            Action::Duplicate => DB::insert(tx, THERE).await,
            Action::Broken => DB::text(tx, "selekt 1".to_owned()).await,
            Action::Undoing => {
                let sql = format!("insert or rollback into notes (id, body) values ({THERE}, '')");
                DB::text(tx, sql).await
            }
            Action::Deferred => {
                let sql = format!("insert into children (id, parent) values ({id}, -2)");
                DB::text(tx, sql).await
            }
            Action::Fail => Err(Error::RowNotFound),
            Action::Conflict(attempts) if attempt <= *attempts => self.conflict(tx, id).await,
            Action::Insert | Action::Conflict(_) => DB::insert(tx, id).await,
            Action::Cut => DB::cut(tx, id).unwrap_or(Err(Error::WorkerCrashed)),
            Action::Define => {
                let sql = "create table if not exists notes (id bigint primary key)";
                DB::text(tx, sql.to_owned()).await
            }
            Action::Named(number) => DB::text(tx, format!("savepoint tx_{number}")).await,
            Action::RollBack => {
                tx.roll_back();
                Ok(())
            }
            Action::AfterCommit => {
                tx.after_commit(self.hook(mark));
                Ok(())
            }
            Action::AfterRollback => {
                tx.after_rollback(self.hook(mark));
                Ok(())
            }
            Action::BeforeCommit(vote) => {
                self.before_commit(tx, mark, *vote);
                Ok(())
            }
            Action::Text(text) => self.text(tx, id, *text).await,
            Action::Raw(raw) => self.raw(tx.connection().await?, id, *raw).await,
            Action::Part(part) => self.part(tx, attempt, number, part).await,
        }
    }

    async fn conflict(&self, tx: &mut Tx<'_, DB>, id: i64) -> Result<(), Error> {
        if DB::ENGINE != Engine::Sqlite {
            return DB::text(tx, DB::CONFLICT.to_owned()).await;
        }
        let mut other = self.other.lock().await;
        // Nobody can write any more, if this transaction does not.
        let mut blocks = false;
        for _ in 0..5 {
            blocks = blocks || DB::execute(&mut other, "begin immediate").await.is_ok();
            tokio::task::yield_now().await;
        }
        let done = DB::insert(tx, id).await;
        if blocks {
            let unblocked = DB::execute(&mut other, "rollback").await;
            unblocked.expect("the end of who was in the way");
        }
        done
    }

    async fn text(&self, tx: &mut Tx<'_, DB>, id: i64, text: Text) -> Result<(), Error> {
        let (first, next) = (insert(id), insert(second(id)));
        let fails = insert(THERE);
        match text {
            Text::Literal => {
                let sql = format!("insert into notes (id, body) values ({id}, 'a; commit; b')");
                DB::text(tx, sql).await
            }
            Text::Two => DB::text(tx, format!("{first}; {next}")).await,
            Text::SecondFails => DB::text(tx, format!("{first}; {fails}")).await,
            Text::LetGo => DB::let_go(tx, format!("{first}; {next}")).await,
            Text::LetGoFails => DB::let_go(tx, format!("{first}; {fails}")).await,
            Text::Control(index) => DB::text(tx, control(index, id)).await,
        }
    }

    async fn raw(&self, connection: &mut DB::Connection, id: i64, raw: Raw) -> Result<(), Error> {
        let sql = match raw {
            Raw::Insert => insert(id),
            Raw::Duplicate => insert(THERE),
            Raw::Commit => "commit".to_owned(),
            Raw::Rollback => "rollback".to_owned(),
            Raw::CommitBegin => "commit; begin".to_owned(),
            Raw::RollbackBegin => "rollback; begin".to_owned(),
            Raw::CommitChain => "commit and chain".to_owned(),
            Raw::RollbackChain => "rollback and chain".to_owned(),
            Raw::Begin => "begin".to_owned(),
            Raw::Nested(nested) => return self.nested(connection, id, nested).await,
            Raw::Copy => return DB::copy(connection).await,
        };
        DB::execute(connection, &sql).await
    }

    async fn nested(
        &self,
        connection: &mut DB::Connection,
        id: i64,
        nested: Nested,
    ) -> Result<(), Error> {
        let mut inner = connection.begin().await?;
        let stored = DB::execute(&mut inner, &insert(id)).await;
        match nested {
            Nested::Commits => inner.commit().await?,
            Nested::RollsBack => inner.rollback().await?,
            Nested::Dropped => drop(inner),
            Nested::Forgotten => std::mem::forget(inner),
        }
        stored
    }

    /// A part that is dropped or panics is no failure of the step: whoever
    /// does that to it goes on.
    async fn part(
        &self,
        tx: &mut Tx<'_, DB>,
        attempt: u32,
        number: i64,
        part: &Part,
    ) -> Result<(), Error> {
        let left = Notify::new();
        let body = async |tx: &mut Tx<'_, DB>| {
            self.body(tx, attempt, number, &part.body).await?;
            leave(part.leave, &left).await
        };
        let work: LocalBoxFuture<'_, Result<(), Error>> = match part.kind {
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
            () = left.notified() => Ok(()),
        }
    }

    fn note(&self, mark: i64, done: &Result<(), Error>) {
        let told = answer(done);
        self.with_seen(|seen| seen.told.push((mark, told)));
    }

    fn with_seen(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The last step of a body.
async fn leave(leave: Leave, left: &Notify) -> Result<(), Error> {
    match leave {
        Leave::Return => Ok(()),
        Leave::Dropped => {
            left.notify_one();
            pending().await
        }
        // Without the words of a panic, of which there are many here.
        Leave::Panic => resume_unwind(Box::new("on purpose")),
    }
}

/// Makes the program's call on `place`.
pub(crate) async fn call<DB: Sql, P: Begin<Write<DB>>>(
    place: P,
    walk: &Walk<'_, DB>,
) -> Result<(), Error> {
    let Call {
        attempts,
        idempotent,
        key,
        ..
    } = walk.program.call;
    let body = async |tx: &mut Tx<'_, DB>| walk.all(tx).await;
    let mut block = on(place);
    if key {
        block = block.key(format!("{}", walk.base));
    }
    if attempts == 1 && !idempotent {
        return block.run(body).await;
    }
    let mut retry = Retry::new();
    if walk.program.place != Place::Db {
        retry = retry.attempts(attempts).cap(Duration::ZERO);
    }
    if idempotent {
        retry = retry.idempotent();
    }
    block.retry(retry).run(body).await
}
