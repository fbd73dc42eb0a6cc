//! When PostgreSQL tells of a conflict: at COMMIT, or inside a savepoint.

use sqlx_transactional::on;
use sqlx_transactional_tests::{TestDb, for_engines};

use super::{conflict::Conflict, quick};
use crate::{
    app::AppError,
    expect::{code, own},
    sql::{ids, insert, run},
};

for_engines! {
    [postgres]

    /// A check that is made at COMMIT, and fails for a reason that goes away.
    async fn check_at_commit(db: &TestDb<DB>, until: i64) {
        let check = format!(
            "create function check_note() returns trigger language plpgsql as $$ begin \
             if new.id < {until} then raise 'conflict' using errcode = '40001'; end if; \
             return null; end $$; \
             create constraint trigger check_notes after insert on notes \
             deferrable initially deferred for each row execute function check_note()"
        );
        run(&db.observer, &check).await.unwrap();
    }

    #[test]
    async fn a_commit_that_is_refused_is_repeated(db: &TestDb<DB>) {
        check_at_commit(db, 3).await;
        let ended = on(&db.pool).retry(quick(5)).run(async |tx| {
            let attempt = i64::from(tx.attempt());
            insert(tx, attempt).await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [3]);
        db.assert_whole().await;
    }

    #[test]
    async fn a_commit_that_is_always_refused_says_how_often(db: &TestDb<DB>) {
        check_at_commit(db, 9).await;
        let ended = on(&db.pool).retry(quick(2)).run(async |tx| insert(tx, 1).await);
        let error = ended.await.unwrap_err();
        assert_eq!((own(&error).attempts(), &*code(&error)), (Some(2), "40001"));
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    /// What went wrong before a statement that went well is not the reason of what
    /// fails later. On the other engines a conflict cannot be overcome.
    #[test]
    async fn a_conflict_that_was_overcome_is_no_reason(db: &TestDb<DB>) {
        let ended = on(&db.pool).retry(quick(5)).run(async |tx| {
            assert_eq!(tx.attempt(), 1);
            let part = tx.savepoint(async |tx| DB::conflict(tx, &db.observer).await);
            part.await.unwrap_err();
            ids(&mut *tx).await?;
            Err::<(), _>(AppError::Refused(3))
        });
        assert!(ended.await.unwrap_err().is_refused(3));
    }
}
