//! A transaction that is never committed.

use std::fmt;

use sqlx::{Database, Pool};

use crate::{
    backend::Mode,
    begin::{Begin, Outermost, sealed},
    handle::{Access, Read, ReadTx, Tx, Write, expose},
    private::Options,
    root::{Place, Root},
    savepoint::Savepoint,
    scope::Scope,
};

/// A transaction that is rolled back at the end of a test, whatever happens in
/// it. Dropping it is enough.
///
/// Pass `&mut test` where the application passes `&pool`. Each function begins
/// and ends as if it had a transaction of its own: its failure undoes what it did
/// and nothing else, its `Ok` keeps it for the next one to see, its hooks run when
/// it ends, its settings hold as long as it runs, and `outermost` is no obstacle.
/// Nobody outside sees any of it.
///
/// It is one transaction all the same, of the engine's usual isolation, that reads
/// and writes: of the options, isolation, begin modes and the limits that
/// PostgreSQL would keep are accepted and have no effect, a `ReadTx` is held to
/// reading by its type alone, and nothing is repeated. It begins on the pool: what a
/// [`Source`](crate::Source) says or does for all that begin on it is left out.
/// Constraints that are deferred to COMMIT are never checked. A function with
/// `on = …` begins where it says.
///
/// ```
/// use sqlx::Sqlite;
/// use sqlx_transactional::{Tx, testing::TestTransaction, transactional};
///
/// #[transactional]
/// async fn add(tx: &mut Tx<'_, Sqlite>, body: &str) -> Result<i64, sqlx::Error> {
///     let insert = sqlx::query("insert into notes (body) values (?)").bind(body);
///     Ok(insert.execute(tx).await?.last_insert_rowid())
/// }
///
/// # #[tokio::main(flavor = "current_thread")] // or #[sqlx::test], with its pool
/// # async fn main() -> Result<(), sqlx::Error> {
/// # let pool = sqlx_transactional::pool::connect::<Sqlite>("sqlite::memory:").await?;
/// # sqlx::raw_sql("create table notes (id integer primary key, body text unique)").execute(&pool).await?;
/// let mut test = TestTransaction::new(&pool);
/// add(&mut test, "buy milk").await?;
/// assert!(add(&mut test, "buy milk").await.is_err()); // there is one already
/// let count = sqlx::query_scalar("select count(*) from notes");
/// let notes: i64 = count.fetch_one(test.connection().await?).await?;
/// assert_eq!(notes, 1);
/// test.roll_back().await?;
/// # let notes: i64 = sqlx::query_scalar("select count(*) from notes").fetch_one(&pool).await?;
/// # assert_eq!(notes, 0);
/// # Ok(())
/// # }
/// ```
pub struct TestTransaction<DB: Database> {
    root: Root<'static, DB>,
}

impl<DB: Database> TestTransaction<DB> {
    /// One on `pool`. Nothing is sent before the first statement.
    #[must_use]
    pub fn new(pool: &Pool<DB>) -> Self {
        let place = Place::Owned(pool.clone());
        Self {
            root: Root::new(place, Mode::Write, &Options::new("test")),
        }
    }

    /// The connection, to prepare data and to look at what is there.
    ///
    /// # Errors
    ///
    /// The transaction could not begin, or is lost.
    pub async fn connection(&mut self) -> Result<&mut DB::Connection, sqlx::Error> {
        expose(&mut self.root).await
    }

    /// Rolls back, and waits for it.
    ///
    /// # Errors
    ///
    /// None at present: a connection that cannot roll back is closed.
    pub async fn roll_back(mut self) -> Result<(), sqlx::Error> {
        self.root.end(false).await
    }
}

impl<DB: Database> sealed::Place<Write<DB>> for &mut TestTransaction<DB> {}

impl<DB: Database> sealed::Place<Read<DB>> for &mut TestTransaction<DB> {}

impl<A: Access<Database = DB>, DB: Database> sealed::NeverInside<A> for &mut TestTransaction<DB> {}

impl<DB: Database> Begin<Write<DB>> for &mut TestTransaction<DB> {
    fn begin(&mut self, options: Options) -> Tx<'_, DB> {
        Tx::new(Scope::savepoint(Savepoint::alone(
            &mut self.root,
            Mode::Write,
            &options,
        )))
    }
}

impl<DB: Database> Begin<Read<DB>> for &mut TestTransaction<DB> {
    fn begin(&mut self, options: Options) -> ReadTx<'_, DB> {
        ReadTx::new(Scope::savepoint(Savepoint::alone(
            &mut self.root,
            Mode::Read,
            &options,
        )))
    }
}

impl<DB: Database> Outermost<Write<DB>> for &mut TestTransaction<DB> {}

impl<DB: Database> Outermost<Read<DB>> for &mut TestTransaction<DB> {}

impl<DB: Database> fmt::Debug for TestTransaction<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestTransaction")
            .field("database", &DB::NAME)
            .finish_non_exhaustive()
    }
}
