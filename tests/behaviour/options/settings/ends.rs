//! They end with the transaction, whatever its end.

use std::{future::pending, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use sqlx_transactional::{Retry, on, transaction};
use sqlx_transactional_tests::{Action, Backend, Point, Setup, TestDb, for_engines};
use tokio::time::timeout;

use super::user;
use crate::{app::AppError, slow, sql::insert};

for_engines! {
    [postgres]

    /// The next on the pool's only connection has no user.
    async fn assert_nobody(db: &TestDb<DB>) {
        let mut connection = db.pool.acquire().await.unwrap();
        assert_eq!(user::<DB>(&mut connection).await, "");
        drop(connection);
        let next = transaction(&db.pool, async |tx| {
            Ok::<_, AppError>(user::<DB>(tx.connection().await?).await)
        });
        assert_eq!(next.await.unwrap(), "");
        db.assert_whole().await;
    }

    #[test]
    async fn after_every_end(db: &TestDb<DB>) {
        let block = || on(&db.pool).setting("app.user", "Ada");
        let committed = block().run(async |tx| {
            insert(&mut *tx, 1).await?;
            Ok::<_, AppError>(user::<DB>(tx.connection().await?).await)
        });
        assert_eq!(committed.await.unwrap(), "Ada");
        assert_nobody(db).await;

        let refused = block().run(async |tx| {
            insert(tx, 2).await?;
            Err::<(), _>(AppError::Refused(2))
        });
        assert!(refused.await.unwrap_err().is_refused(2));
        assert_nobody(db).await;

        let failed = block().run(async |tx| insert(tx, 1).await);
        failed.await.unwrap_err();
        assert_nobody(db).await;

        let panics = block().run(async |tx| -> Result<(), AppError> {
            insert(tx, 3).await?;
            std::panic::resume_unwind(Box::new("inside"));
        });
        assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
        assert_nobody(db).await;

        let endless = block().run(async |tx| {
            insert(tx, 4).await?;
            pending::<Result<(), AppError>>().await
        });
        assert!(timeout(Duration::from_millis(200), endless).await.is_err());
        assert_nobody(db).await;

        let slow = block().run(async |tx| {
            slow::drop_pending(sqlx::query(slow::insert::<DB>()).execute(tx)).await;
            Err::<(), _>(AppError::Refused(5))
        });
        assert!(slow.await.is_err());
        assert_nobody(db).await;
        assert_eq!(db.rows().await, [1]);
    }

    #[test(Setup::wired())]
    async fn when_the_future_is_dropped_in_begin(db: &TestDb<DB>) {
        db.wire().arm(Point::reply_to("set_config"), Action::Hold);
        let call = on(&db.pool).setting("app.user", "Ada").run(async |tx| insert(tx, 1).await);
        assert!(timeout(Duration::from_millis(200), call).await.is_err());
        db.wire().wait_until_held().await;
        db.wire().release();
        assert_nobody(db).await;
        assert_eq!(db.rows().await, [0; 0]);
        assert_eq!(db.wire().by_connection().len(), 1, "it is the same connection");
    }

    /// Nothing else was sent, so it is begun again elsewhere, for the same user.
    #[test(Setup::wired())]
    async fn a_begin_that_is_cut_off_is_sent_again_with_them(db: &TestDb<DB>) {
        db.wire().arm(Point::command("set_config"), Action::Cut);
        let call = on(&db.pool).setting("app.user", "Ada").run(async |tx| {
            Ok::<_, AppError>(user::<DB>(tx.connection().await?).await)
        });
        assert_eq!(call.await.unwrap(), "Ada");
        assert_nobody(db).await;
    }

    /// Each attempt is for the same user.
    #[test(Setup::wired())]
    async fn they_are_given_to_each_attempt(db: &TestDb<DB>) {
        let user_of_each = std::sync::Mutex::new(Vec::new());
        let call = on(&db.pool).setting("app.user", "Ada").retry(Retry::new()).run(async |tx| {
            let user = user::<DB>(tx.connection().await?).await;
            user_of_each.lock().unwrap().push(user);
            if tx.attempt() < 3 {
                let fail = "do $$ begin raise exception using errcode = '40001'; end $$";
                sqlx::query(fail).execute(tx).await?;
            }
            Ok::<_, AppError>(())
        });
        call.await.unwrap();
        assert_eq!(user_of_each.into_inner().unwrap(), ["Ada"; 3]);
        assert_nobody(db).await;
    }

    /// On a connection of the caller's too, which may have a value of its own.
    #[test]
    async fn the_callers_own_value_comes_back(db: &TestDb<DB>) {
        let mut connection = db.pool.acquire().await.unwrap();
        DB::execute(&mut connection, "set app.\"user\" = 'owner'").await.unwrap();
        for fails in [false, true] {
            let ended = on(&mut connection).setting("app.user", "Ada").run(async |tx| {
                assert_eq!(user::<DB>(tx.connection().await?).await, "Ada");
                if fails { Err(AppError::Refused(1)) } else { Ok(()) }
            });
            assert_eq!(ended.await.is_err(), fails);
            assert_eq!(user::<DB>(&mut connection).await, "owner");
        }
        DB::execute(&mut connection, "reset app.\"user\"").await.unwrap();
        drop(connection);
        db.assert_whole().await;
    }
}
