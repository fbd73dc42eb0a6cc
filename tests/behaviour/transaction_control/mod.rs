//! Whoever else tries to end the transaction: refused where it is seen, told
//! where it is not.

mod ended_and_begun;
mod hostile;
mod implicit_commit;
mod kept;
mod raw_connection;

use futures_util::TryStreamExt;
use sqlx::{Executor, SqlSafeStr, Statement};
use sqlx_transactional::transaction;
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine, for_engines};

use crate::{
    app::AppError,
    expect::{code, doomed, own},
    sql::{bound, insert, run},
    wire_text::assert_sent,
};

/// Statements that would begin or end a transaction in one of the engines.
const CONTROL: [&str; 17] = [
    "commit",
    "COMMIT",
    "Commit Work;",
    "commit and chain",
    "  \n\tcommit",
    "/* not */ commit",
    "-- not\ncommit",
    ";commit",
    "end",
    "end transaction",
    "rollback",
    "rollback work",
    "abort",
    "begin",
    "begin immediate",
    "start transaction",
    "prepare transaction 'x'",
];

/// Asserts that the error says so, and gives its code.
#[track_caller]
fn assert_refused(error: &sqlx::Error) {
    assert!(own(error).is_transaction_control(), "{error:?}");
    assert_eq!(own(error).sqlstate(), "2D000");
    assert_eq!(code(error), "2D000");
}

for_each_engine! {
    #[test(Setup::wired())]
    async fn out_10_text_that_ends_a_transaction_is_not_sent(db: &TestDb<DB>) {
        for text in CONTROL {
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                let refused = run(&mut *tx, text).await;
                assert_refused(&refused.unwrap_err());
                // It has not happened, and the body has gone on as if it had.
                let _ = doomed(&insert(&mut *tx, 2).await.unwrap_err());
                Ok::<_, AppError>(())
            });
            assert_refused(&ended.await.unwrap_err().into_database());
            assert_eq!(db.rows().await, [0; 0], "{text}");
            assert_sent(db, "BEGIN; insert 1; ROLLBACK");
        }
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn out_10_in_whatever_way_it_is_sent(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            assert_refused(&sqlx::query("commit").execute(&mut *tx).await.unwrap_err());
            Ok::<_, AppError>(())
        });
        assert_refused(&ended.await.unwrap_err().into_database());
        let ended = transaction(&db.pool, async |tx| {
            assert_refused(&sqlx::query("commit").fetch_all(&mut *tx).await.map(drop).unwrap_err());
            Ok::<_, AppError>(())
        });
        assert_refused(&ended.await.unwrap_err().into_database());
        let ended = transaction(&db.pool, async |tx| {
            let one = sqlx::query("rollback").fetch_optional(&mut *tx).await.map(drop);
            assert_refused(&one.unwrap_err());
            Ok::<_, AppError>(())
        });
        assert_refused(&ended.await.unwrap_err().into_database());
        let ended = transaction(&db.pool, async |tx| {
            assert_refused(&sqlx::query("begin").fetch_one(tx).await.map(drop).unwrap_err());
            Ok::<_, AppError>(())
        });
        assert_refused(&ended.await.unwrap_err().into_database());
        let ended = transaction(&db.pool, async |tx| {
            let mut rows = sqlx::raw_sql("commit").fetch(&mut *tx);
            assert_refused(&rows.try_next().await.map(drop).unwrap_err());
            Ok::<_, AppError>(())
        });
        assert_refused(&ended.await.unwrap_err().into_database());
        // Nothing was begun for it either.
        assert_sent(db, "");
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let prepared = tx.prepare("commit".into_sql_str()).await?;
            assert_refused(&prepared.query().execute(&mut *tx).await.unwrap_err());
            Ok::<_, AppError>(())
        });
        assert_refused(&ended.await.unwrap_err().into_database());
        assert_sent(db, "BEGIN; insert 1; ROLLBACK");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    /// Returned by the body it is the body's own error.
    #[test]
    async fn out_10_it_can_be_returned(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            run(&mut *tx, "commit").await?;
            Ok::<_, AppError>(())
        });
        assert_refused(&ended.await.unwrap_err().into_database());
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test]
    async fn out_10_in_a_savepoint_it_undoes_the_savepoint(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let inner = tx.savepoint(async |tx| {
                insert(&mut *tx, 2).await?;
                run(tx, "commit").await
            });
            assert_refused(&inner.await.unwrap_err());
            insert(&mut *tx, 3).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 3]);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn out_10_control_behind_another_statement_is_not_sent(db: &TestDb<DB>) {
        for text in [
            "insert into notes (id, body) values (2, 'body'); commit",
            "insert into notes (id, body) values (2, 'it''s; not'); /* ; */ rollback; begin",
            "select 1; -- begin\n commit and chain",
        ] {
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                assert_refused(&run(&mut *tx, text).await.unwrap_err());
                Ok::<_, AppError>(())
            });
            assert_refused(&ended.await.unwrap_err().into_database());
            assert_eq!(db.rows().await, [0; 0], "{text}");
            assert_sent(db, "BEGIN; insert 1; ROLLBACK");
        }
        db.assert_whole().await;
    }

    /// And nothing is asked afterwards.
    #[test(Setup::wired())]
    async fn several_statements_in_one_text_are_fine(db: &TestDb<DB>) {
        let two = "insert into notes (id, body) values (1, 'a; commit'); \
                   insert into notes (id, body) values (2, 'b')";
        let ended = transaction(&db.pool, async |tx| {
            run(&mut *tx, two).await?;
            insert(&mut *tx, 3).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2, 3]);
        assert_sent(
            db,
            "BEGIN; insert 1, 'a; commit'); insert 2, 'b'); insert 3; COMMIT",
        );
        db.assert_whole().await;
    }

    /// The words of a transaction's end, where they end none.
    #[test]
    async fn words_that_only_look_like_it_are_fine(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            let insert = sqlx::query(bound::<DB>("insert into notes (id, body) values (1, ?)"));
            insert.bind("commit; rollback; begin").execute(&mut *tx).await?;
            run(&mut *tx, "select 'commit' /* rollback */ -- begin").await?;
            run(&mut *tx, "savepoint begin_here").await?;
            run(&mut *tx, "rollback to savepoint begin_here").await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }
}

mod on_postgres {
    use super::*;

    for_engines! {
        [postgres]

        /// This engine alone nests comments.
        #[test(Setup::wired())]
        async fn out_10_a_commit_behind_nested_comments_is_seen(db: &TestDb<DB>) {
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                run(&mut *tx, "/* outer /* inner */ still outer */ commit").await?;
                Err::<(), _>(AppError::Refused(1))
            });
            let error = ended.await.unwrap_err();
            assert_eq!(db.rows().await, [0; 0], "{error:?}");
            db.assert_whole().await;
        }
    }
}
