//! PostgreSQL: every error of a statement dooms.

use sqlx_transactional::transaction;
use sqlx_transactional_tests::{Setup, TestDb, for_engines};

use super::assert_dooms;
use crate::{
    app::AppError,
    expect::{code, doomed},
    sql::{insert, run},
    wire_text::assert_sent,
};

for_engines! {
    [postgres]

    #[test(Setup::wired())]
    async fn rbo_11_every_error_of_a_statement_dooms(db: &TestDb<DB>) {
        insert(&db.pool, 1).await.unwrap();
        run(&db.pool, "create table replies (note bigint references notes (id), n int check (n > 0))")
            .await
            .unwrap();
        for (failing, expected) in [
            ("insert into notes (id, body) values (1, 'again')", "23505"),
            ("insert into notes (id) values (2)", "23502"),
            ("insert into replies (note) values (99)", "23503"),
            ("insert into replies (n) values (0)", "23514"),
            ("selec 1", "42601"),
            ("select * from nowhere", "42P01"),
            ("select 1 / 0", "22012"),
            ("select 'one'::int", "22P02"),
            ("set local statement_timeout = 20; select pg_sleep(2)", "57014"),
            ("do $$ begin raise exception sqlstate '40001'; end $$", "40001"),
            ("release savepoint nowhere", "3B001"),
        ] {
            assert_eq!(assert_dooms(db, failing).await, expected, "{failing}");
        }
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    /// The server is not asked again, whatever is tried.
    #[test(Setup::wired())]
    async fn a_doom_is_sticky_and_keeps_its_first_cause(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            run(&mut *tx, "select 1 / 0").await.unwrap_err();
            for sql in ["select 1", "select * from nowhere", "rollback to savepoint nowhere"] {
                let refused = run(&mut *tx, sql).await.unwrap_err();
                assert_eq!(code(doomed(&refused)), "22012", "{sql}");
            }
            let refused = tx.connection().await.map(drop).unwrap_err();
            assert_eq!(code(doomed(&refused)), "22012");
            Ok::<_, AppError>(())
        });
        assert_eq!(code(doomed(&ended.await.unwrap_err())), "22012");
        assert_sent(db, "BEGIN; insert 1; select 1 / 0; ROLLBACK");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    /// Marking for rollback cannot be taken back; `Tx::savepoint` is the way.
    #[test(Setup::wired())]
    async fn rbo_09_a_savepoint_of_the_bodys_own_does_not_lift_a_doom(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            run(&mut *tx, "savepoint mine").await?;
            run(&mut *tx, "select 1 / 0").await.unwrap_err();
            let refused = run(&mut *tx, "rollback to savepoint mine").await.unwrap_err();
            assert_eq!(code(doomed(&refused)), "22012");
            Ok::<_, AppError>(())
        });
        assert_eq!(code(doomed(&ended.await.unwrap_err())), "22012");
        db.assert_whole().await;
    }

    /// What went wrong on the raw connection was not seen, and is found at the end.
    #[test(Setup::wired())]
    async fn an_error_swallowed_on_the_raw_connection_is_found_at_the_end(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            run(tx.connection().await?, "select 1 / 0").await.unwrap_err();
            Ok::<_, AppError>(())
        });
        assert_eq!(code(doomed(&ended.await.unwrap_err())), "25P02");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }
}
