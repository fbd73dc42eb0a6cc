//! What the two kinds of pools cost.

use super::*;
use sqlx_transactional::pool::take_as_is;

for_engines! {
    [postgres, mysql]

    #[test(Setup::wired())]
    async fn a_recommended_pool_saves_a_round_trip(db: &TestDb<DB>) {
        let wire = db.wire();
        let plain = async |id: i64| {
            let mut tx = db.pool.begin().await?;
            DB::insert_on(&mut tx, id).await?;
            tx.commit().await
        };
        plain(1).await.unwrap();
        db.settle().await;
        let _ = (wire.take_log(), wire.take_counts());
        plain(2).await.unwrap();
        let by_hand = sent(wire, &db.pool).await;
        assert_eq!(by_hand.len(), 4, "{by_hand:?}");

        let pool = warm(db).await;
        one(&pool, &Run::new(1)).await.unwrap();
        let ours = sent(wire, &pool).await;
        assert_eq!(ours.len(), 3, "{ours:?}");
        assert_eq!(by_hand[0], "PING");
        assert_eq!(by_hand[2..], ours[1..]);
    }

    /// A plain pool costs what it costs by hand, until it is taken as it is.
    #[test(Setup::wired())]
    async fn a_plain_pool_costs_its_ping(db: &TestDb<DB>) {
        one(&db.pool, &Run::new(1)).await.unwrap();
        db.settle().await;
        let _ = (db.wire().take_log(), db.wire().take_counts());
        one(&db.pool, &Run::new(2)).await.unwrap();
        assert_eq!(
            sent(db.wire(), &db.pool).await,
            ["PING", DB::BEGIN, &insert::<DB>(), "COMMIT"]
        );
        take_as_is(&db.pool);
        one(&db.pool, &Run::new(3)).await.unwrap();
        assert_eq!(
            sent(db.wire(), &db.pool).await,
            [DB::BEGIN, &insert::<DB>(), "COMMIT"]
        );
    }
}
