//! What looks like a lost connection, and is there the next time, too.

use sqlx::{AssertSqlSafe, Postgres};
use sqlx_transactional::{Error as TxError, on};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};

use super::quick;
use crate::sql::{bound, insert};

for_each_engine! {
    #[test]
    async fn wrong_number_of_parameters_is_not_repeated(db: &TestDb<DB>) {
        let sql = || bound::<DB>("insert into notes (id, body) values (?, ?)");
        let ended = on(&db.pool).retry(quick(3)).run(async |tx| {
            assert_eq!(tx.attempt(), 1);
            insert(&mut *tx, 1).await?;
            sqlx::query(sql()).bind(2_i64).execute(tx).await.map(drop)
        });
        let error = ended.await.unwrap_err();
        assert!(TxError::find(&error).is_none(), "{error:?}");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }
}

mod on_postgres {
    use super::*;
    use crate::{expect::engine_code, sql::run};
    use sqlx_transactional::transaction;
    use sqlx_transactional_tests::for_engines;

    for_engines! {
        [postgres]

        /// The protocol has two bytes for their number.
        #[test]
        async fn too_many_parameters_are_not_repeated(db: &TestDb<DB>) {
            const MANY: u32 = 70_000;
            let numbers: Vec<_> = (1..=MANY).map(|number| format!("${number}")).collect();
            let sql = format!("select 1 where 1 in ({})", numbers.join(", "));
            let ended = on(&db.pool).retry(quick(3)).run(async |tx| {
                assert_eq!(tx.attempt(), 1);
                let mut query = sqlx::query::<Postgres>(AssertSqlSafe(sql.clone()));
                for number in 1..=MANY {
                    query = query.bind(i64::from(number));
                }
                query.execute(tx).await.map(drop)
            });
            let error = ended.await.unwrap_err();
            assert!(TxError::find(&error).is_none(), "{error:?}");
            db.assert_whole().await;
        }

        /// Only the severity of an error says that the session has ended.
        #[test(Setup::wired())]
        async fn code_that_is_raised_ends_no_session(db: &TestDb<DB>) {
            for code in ["57P01", "08006", "08P01", "25P03"] {
                let raise = format!("do $$ begin raise exception sqlstate '{code}'; end $$");
                let ended = on(&db.pool).retry(quick(3)).run(async |tx| {
                    assert_eq!(tx.attempt(), 1, "{code}");
                    let contained = tx.savepoint(async |tx| run(tx, &raise).await);
                    assert_eq!(engine_code(&contained.await.unwrap_err()), code);
                    insert(&mut *tx, 1).await?;
                    run(tx, &raise).await
                });
                assert_eq!(engine_code(&ended.await.unwrap_err()), code);
            }
            assert_eq!(db.wire().by_connection().len(), 1, "no connection was given up");
            assert_eq!(db.rows().await, [0; 0]);
            db.assert_whole().await;
        }

        #[test(Setup::wired())]
        async fn code_that_is_raised_at_commit_is_a_refusal(db: &TestDb<DB>) {
            let raise = "create function refuse() returns trigger language plpgsql as \
                         $$ begin raise exception sqlstate '57P01'; end $$; \
                         create constraint trigger refuses after insert on notes \
                         deferrable initially deferred for each row execute function refuse()";
            run(&db.observer, raise).await.unwrap();
            let ended = transaction(&db.pool, async |tx| insert(tx, 1).await);
            assert_eq!(engine_code(&ended.await.unwrap_err()), "57P01");
            assert_eq!(db.rows().await, [0; 0]);
            db.assert_whole().await;
        }
    }
}
