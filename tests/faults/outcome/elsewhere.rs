//! Keys of a part of a transaction, and questions asked inside another one.

use super::resolved::{cut, keyed_on_own};
use crate::ledger::Run;
use crate::notes::Notes;
use sqlx::Error;
use sqlx_transactional::{Resolution, keys, on, testing};
use sqlx_transactional_tests::{Point, Setup, TestDb, for_engines};

fn found(error: &Error) -> &sqlx_transactional::Error {
    sqlx_transactional::Error::find(error).expect("an error of this crate's")
}

for_engines! {
    [postgres, mysql]

    /// It was undone, and the rest was committed.
    #[test(Setup::wired())]
    async fn the_key_of_a_savepoint_says_nothing_of_the_whole(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        let ended = on(&db.pool).run(async |tx| {
            DB::insert(&mut *tx, 1).await?;
            let part = on(tx).savepoint().key("a").run(async |tx| {
                DB::insert(tx, 2).await?;
                Err::<(), _>(Error::RowNotFound)
            });
            part.await.unwrap_err();
            Ok(())
        });
        let error = cut(db, Point::reply_to("COMMIT"), ended).await;
        let resolution = found(&error).resolve(&db.pool).await.unwrap();
        assert_eq!(resolution, Resolution::Unknown);
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    /// Asking needs a connection; without one nothing is known of the outcome.
    #[test(Setup::wired().connections(2))]
    async fn what_keeps_one_from_asking_is_an_error(db: &TestDb<DB>) {
        DB::run_on(db, keys::table::<DB>()).await;
        let run = Run::new(1);
        let error = cut(db, Point::reply_to("COMMIT"), keyed_on_own(&db.pool, &run)).await;
        testing::forbid_second_transaction(&db.pool);
        let asked = on(&db.pool).run(async |tx| {
            DB::insert(tx, 1).await?;
            found(&error).resolve(&db.pool).await
        });
        let refused = asked.await.unwrap_err();
        assert!(found(&refused).is_second_transaction(), "{refused:?}");
        let resolution = found(&error).resolve(&db.pool).await.unwrap();
        assert_eq!(resolution, Resolution::Committed);
    }
}
