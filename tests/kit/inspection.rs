//! That the inspector sees what is left behind, and only that.

use sqlx_transactional_tests::{Setup, TestDb, for_each_engine, inspect};

for_each_engine! {
    #[test]
    async fn a_quiet_pool_is_whole(db: &TestDb<DB>) {
        sqlx::query("insert into notes (id, body) values (2, 'two')")
            .execute(&db.pool)
            .await
            .unwrap();
        let mut tx = db.pool.begin().await.unwrap();
        sqlx::query("insert into notes (id, body) values (1, 'one')")
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }

    #[test]
    async fn an_open_write_is_left_behind(db: &TestDb<DB>) {
        let mut tx = db.pool.begin().await.unwrap();
        sqlx::query("insert into notes (id, body) values (1, 'one')")
            .execute(&mut *tx)
            .await
            .unwrap();
        assert!(!inspect::left_behind(db).await.is_empty());
        assert_eq!(db.rows().await, [0; 0]);
        tx.rollback().await.unwrap();
        assert_eq!(inspect::left_behind(db).await, [""; 0]);
    }

    #[test(Setup::default().connections(2))]
    async fn a_borrowed_connection_is_a_weakness(db: &TestDb<DB>) {
        let _kept = db.pool.acquire().await.unwrap();
        let found = inspect::weaknesses(db, &db.pool).await;
        assert_eq!(found, ["connection 2 of 2: none within 2s"]);
    }

    #[test]
    async fn a_transaction_begun_by_hand_is_a_weakness(db: &TestDb<DB>) {
        sqlx::raw_sql("begin").execute(&db.pool).await.unwrap();
        let found = inspect::weaknesses(db, &db.pool).await;
        assert_eq!(
            found,
            [
                "connection 1 of 1: it is inside a transaction",
                "connection 1 of 1: its write was answered Ok and is not stored",
            ]
        );
        assert!(!inspect::problems(db, &db.pool).await.is_empty());
    }
}
