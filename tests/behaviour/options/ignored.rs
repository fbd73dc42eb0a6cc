//! What would be ignored is refused, before anything is sent.

use sqlx_transactional::{keys, on, testing::TestTransaction, transaction};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    expect::own,
    sql::{ids, run},
    wire_text::assert_sent,
};

for_each_engine! {
    /// One that only reads has no number to be asked by, and nothing to ask about.
    #[test(Setup::wired())]
    async fn resolvable_on_a_reader(db: &TestDb<DB>) {
        let block = on(&db.pool).resolvable();
        let error = block.read(async |tx| ids(tx).await).await.unwrap_err();
        assert!(own(&error).is_unsupported(), "{error:?}");
        assert!(error.to_string().contains("resolvable"), "{error}");
        assert_sent(db, "");
    }

    /// Where it would be refused outside of a test.
    #[test]
    async fn resolvable_in_a_test(db: &TestDb<DB>) {
        let mut test = TestTransaction::new(&db.pool);
        let block = on(&mut test).resolvable();
        let written = block.run(async |tx| ids(tx).await).await;
        match db.engine() {
            Engine::Postgres => assert_eq!(written.unwrap(), [0; 0]),
            _ => assert!(own(&written.unwrap_err()).is_unsupported()),
        }
        let block = on(&mut test).resolvable();
        let read = block.read(async |tx| ids(tx).await).await;
        assert!(own(&read.unwrap_err()).is_unsupported());
        test.roll_back().await.unwrap();
    }

    /// A key is a row, which a reader does not write.
    #[test(Setup::wired())]
    async fn a_key_of_a_reader(db: &TestDb<DB>) {
        run(&db.pool, keys::table::<DB>()).await.unwrap();
        if db.wire.is_some() {
            let _ = db.wire().take_log();
        }
        let block = on(&db.pool).key("a");
        let error = block.read(async |tx| ids(tx).await).await.unwrap_err();
        assert!(own(&error).is_unsupported(), "{error:?}");
        assert_sent(db, "");
        let mut test = TestTransaction::new(&db.pool);
        let block = on(&mut test).key("a");
        let error = block.read(async |tx| ids(tx).await).await.unwrap_err();
        assert!(own(&error).is_unsupported(), "{error:?}");
        test.roll_back().await.unwrap();
        // Joined, it is written by one that writes.
        let ended = transaction(&db.pool, async |tx| {
            on(&mut *tx).key("a").read(async |tx| ids(tx).await).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        db.assert_whole().await;
    }
}
