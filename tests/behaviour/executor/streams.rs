//! Rows one by one: half read, and with an error among them.

use futures_util::{StreamExt, TryStreamExt};
use sqlx::AssertSqlSafe;
use sqlx_transactional::transaction;
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    expect::{code, doomed, engine_code},
    sql::insert,
};

/// `count` rows of numbers from 1.
fn numbers(count: u32, column: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < {count}) \
         select {column} from n"
    ))
}

for_each_engine! {
    #[test(Setup::wired())]
    async fn a_stream_that_is_read_to_its_end(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let mut rows = sqlx::query(numbers(900, "i")).fetch(&mut *tx);
            let mut seen = 0;
            while rows.try_next().await?.is_some() {
                seen += 1;
            }
            drop(rows);
            assert_eq!(seen, 900);
            insert(&mut *tx, 2).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }

    /// What is left is skipped, and no harm done.
    #[test(Setup::wired())]
    async fn a_stream_that_is_half_read(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            for read in [1, 2, 500] {
                let mut rows = sqlx::query(numbers(900, "i")).fetch(&mut *tx);
                for _ in 0..read {
                    assert!(rows.try_next().await?.is_some());
                }
                drop(rows);
            }
            insert(&mut *tx, 2).await?;
            let mut rows = sqlx::raw_sql(numbers(900, "i")).fetch(&mut *tx);
            assert!(rows.try_next().await?.is_some());
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }

    /// One that nobody polls was never sent.
    #[test(Setup::wired())]
    async fn a_stream_that_is_not_read_is_not_sent(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            drop(sqlx::query("insert into notes (id, body) values (1, 'never')").fetch(&mut *tx));
            insert(&mut *tx, 2).await
        });
        ended.await.unwrap();
        crate::wire_text::assert_sent(db, "BEGIN; insert 2; COMMIT");
        assert_eq!(db.rows().await, [2]);
        db.assert_whole().await;
    }

    #[test]
    async fn an_error_among_the_rows_is_seen(db: &TestDb<DB>) {
        let (third, expected) = match db.engine() {
            Engine::Postgres => ("100 / (3 - i)", "22012"),
            Engine::MySql => {
                ("case when i = 3 then (select 1 union select 2) else i end", "21000")
            }
            Engine::Sqlite => ("case when i = 3 then abs(-9223372036854775808) else i end", "1"),
        };
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let rows = sqlx::query(numbers(9, third)).fetch(&mut *tx);
            let steps: Vec<_> = rows.collect().await;
            let (last, before) = steps.split_last().unwrap();
            assert!(before.len() <= 2 && before.iter().all(Result::is_ok));
            assert_eq!(engine_code(last.as_ref().map(drop).unwrap_err()), expected);
            if db.engine() == Engine::Postgres {
                let refused = insert(&mut *tx, 2).await.unwrap_err();
                assert_eq!(code(doomed(&refused)), expected);
            } else {
                insert(&mut *tx, 2).await?;
            }
            Ok::<_, AppError>(())
        });
        let answer = ended.await;
        if db.engine() == Engine::Postgres {
            assert_eq!(code(doomed(&answer.unwrap_err())), expected);
            assert_eq!(db.rows().await, [0; 0]);
        } else {
            answer.unwrap();
            assert_eq!(db.rows().await, [1, 2]);
        }
        db.assert_whole().await;
    }

    /// The rest of the stream, where the error is, was never read.
    #[test]
    async fn an_error_behind_the_rows_that_were_read(db: &TestDb<DB>) {
        if db.engine() != Engine::Postgres {
            // There an error dooms nothing, and is not looked for.
            return;
        }
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let mut rows = sqlx::query(numbers(500, "100 / (400 - i)")).fetch(&mut *tx);
            assert!(rows.try_next().await?.is_some());
            drop(rows);
            Ok::<_, AppError>(())
        });
        ended.await.unwrap_err();
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }
}
