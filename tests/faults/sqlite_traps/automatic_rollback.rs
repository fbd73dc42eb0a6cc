//! Statements that end their transaction, which sqlx goes on counting.

use super::stores;
use crate::ledger::Run;
use crate::notes::Notes;
use crate::pools::assert_closes;
use sqlx::{Error, Sqlite};
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::{TestDb, for_engines, inspect};

/// Stores a note whose id is taken already, in a way that ends the transaction.
const OR_ROLLBACK: &str = "insert or rollback into notes (id, body) select min(id), '' from notes";

/// The same from inside a trigger.
const RAISE: &str = "insert into probes (id) values (-1)";
const TRIGGER: &str = "create trigger refuse before insert on probes when new.id = -1 \
                       begin select raise(rollback, 'refused'); end";

#[transactional]
async fn joined(tx: &mut Tx<'_, Sqlite>, sql: &str) -> Result<(), Error> {
    Sqlite::run(tx, sql).await
}

/// Where the statement that ends the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trap {
    Returned,
    Swallowed,
    SwallowedThenMore,
    Joined,
    Savepoint,
    Connection,
}

#[transactional]
async fn trapped(
    tx: &mut Tx<'_, Sqlite>,
    run: &Run,
    trap: Trap,
    sql: &'static str,
) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    Sqlite::insert(&mut *tx, run.id(1)).await?;
    match trap {
        Trap::Returned => return Sqlite::run(tx, sql).await,
        Trap::Swallowed => assert!(Sqlite::run(tx, sql).await.is_err()),
        Trap::SwallowedThenMore => {
            assert!(Sqlite::run(&mut *tx, sql).await.is_err());
            let more = Sqlite::insert(tx, run.id(2)).await;
            assert!(more.is_err(), "it would be stored by itself");
        }
        Trap::Joined => {
            assert!(joined(&mut *tx, sql).await.is_err());
            assert!(Sqlite::insert(tx, run.id(2)).await.is_err());
        }
        Trap::Savepoint => {
            let inner = tx.savepoint(async |tx| Sqlite::run(tx, sql).await).await;
            assert!(inner.is_err());
            assert!(Sqlite::insert(tx, run.id(2)).await.is_err());
        }
        Trap::Connection => {
            let connection = tx.connection().await?;
            assert!(sqlx::raw_sql(sql).execute(&mut *connection).await.is_err());
            // Seen by nobody, this one is stored by itself; the end tells.
        }
    }
    Ok(())
}

for_engines! {
    [sqlite]

    #[test]
    async fn plain_sqlx_keeps_counting_a_transaction_that_is_gone(db: &TestDb<DB>) {
        let mut tx = db.pool.begin().await.unwrap();
        DB::insert_on(&mut tx, 1).await.unwrap();
        assert!(sqlx::raw_sql(OR_ROLLBACK).execute(&mut *tx).await.is_err());
        drop(tx);
        let found = inspect::problems(db, &db.pool).await;
        assert_eq!(
            found,
            ["connection 1 of 1: sqlx believes it to be inside a transaction"]
        );
    }

    #[test]
    async fn an_automatic_rollback_is_the_end(db: &TestDb<DB>) {
        sqlx::raw_sql(TRIGGER).execute(&db.pool).await.unwrap();
        let mut number = 0;
        for sql in [OR_ROLLBACK, RAISE] {
            for trap in [
                Trap::Returned,
                Trap::Swallowed,
                Trap::SwallowedThenMore,
                Trap::Joined,
                Trap::Savepoint,
                Trap::Connection,
            ] {
                number += 1;
                let run = Run::new(number);
                let place = format!("{trap:?} with {sql}");
                let error = trapped(&db.pool, &run, trap, sql).await.expect_err(&place);
                let found = sqlx_transactional::Error::find(&error);
                match trap {
                    Trap::Returned => assert!(found.is_none(), "{place}: {found:?}"),
                    Trap::Connection => assert!(found.unwrap().is_ended_early(), "{place}"),
                    _ => assert!(found.unwrap().is_doomed(), "{place}: {found:?}"),
                }
                // On the connection it cannot be told from a COMMIT.
                let hooks = usize::from(trap != Trap::Connection);
                assert_eq!(run.wait_for_hooks(hooks).await, (0, hooks), "{place}");
                assert_eq!(db.rows().await, [0; 0], "{place}");
                // The next borrower, with sqlx and with us.
                db.assert_whole().await;
                let mut tx = db.pool.begin_with("begin immediate").await.unwrap();
                DB::insert_on(&mut tx, run.id(3)).await.unwrap();
                tx.rollback().await.unwrap();
                db.assert_whole().await;
                let next = Run::new(number + 100);
                stores(&db.pool, &next).await.unwrap();
                assert_eq!(db.rows().await, [next.id(1), next.id(2)], "{place}");
                sqlx::raw_sql("delete from notes").execute(&db.pool).await.unwrap();
            }
        }
        assert_closes(&db.pool).await;
    }
}
