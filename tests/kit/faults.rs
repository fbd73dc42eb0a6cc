//! That a fault happens at its message, and does what it says.

use sqlx::{Connection, Error};
use sqlx_transactional_tests::{Action, Engine, Point, Setup, TestDb, for_engines, inspect};
use std::time::{Duration, Instant};
use tokio::time::timeout;

for_engines! {
    [postgres, mysql]

    #[test(Setup::wired())]
    async fn a_begin_that_is_dropped_poisons_a_plain_pool(db: &TestDb<DB>) {
        let wire = db.wire();
        wire.arm(Point::reply_to("BEGIN"), Action::Hold);
        let mut begin = Box::pin(db.pool.begin());
        tokio::select! {
            _ = &mut begin => panic!("its reply is held"),
            () = wire.wait_until_held() => drop(begin),
        }
        wire.release();
        db.settle().await;
        let expected = [
            "connection 1 of 1: it is inside a transaction",
            "connection 1 of 1: its write was answered Ok and is not stored",
        ];
        if db.engine() == Engine::Postgres {
            let found = inspect::problems(db, &db.pool).await;
            assert!(found[0].contains("is idle in transaction"), "{found:?}");
            assert_eq!(found[found.len() - 2..], expected);
        } else {
            // Until its first statement nobody but the connection can tell.
            assert_eq!(inspect::problems(db, &db.pool).await, expected);
            assert_eq!(inspect::left_behind(db).await.len(), 1);
        }
    }

    #[test(Setup::wired())]
    async fn a_commit_that_is_held_is_not_stored_until_it_goes_on(db: &TestDb<DB>) {
        let wire = db.wire();
        wire.arm(Point::command("COMMIT"), Action::Hold);
        let mut tx = db.pool.begin().await.unwrap();
        sqlx::query("insert into notes (id, body) values (1, 'one')")
            .execute(&mut *tx)
            .await
            .unwrap();
        let mut commit = Box::pin(tx.commit());
        tokio::select! {
            _ = &mut commit => panic!("it is held"),
            () = wire.wait_until_held() => {}
        }
        assert_eq!(db.rows().await, [0; 0]);
        wire.release();
        commit.await.unwrap();
        assert_eq!(db.rows().await, [1]);
        assert_eq!(wire.fired(), 1);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn a_cut_is_an_io_error_wherever_commit_is(db: &TestDb<DB>) {
        let wire = db.wire();
        for (id, point, action, stored) in [
            (1, Point::command("COMMIT"), Action::Cut, false),
            (2, Point::command("COMMIT"), Action::Truncate, false),
            (3, Point::reply_to("COMMIT"), Action::Cut, true),
            (4, Point::reply_to("COMMIT"), Action::Truncate, true),
        ] {
            wire.arm(point, action);
            let mut tx = db.pool.begin().await.unwrap();
            sqlx::query(sqlx::AssertSqlSafe(format!(
                "insert into notes (id, body) values ({id}, 'body')"
            )))
            .execute(&mut *tx)
            .await
            .unwrap();
            let error = tx.commit().await.unwrap_err();
            assert!(matches!(error, Error::Io(_)), "{id}: {error:?}");
            assert_eq!(wire.fired(), id, "each fault fires once");
            db.assert_whole().await;
            let here = db.rows().await.contains(&i64::try_from(id).unwrap());
            assert_eq!(here, stored, "{id}");
        }
    }

    #[test(Setup::wired())]
    async fn the_nth_message_is_the_nth(db: &TestDb<DB>) {
        let wire = db.wire();
        let mut connection = db.pool.acquire().await.unwrap();
        wire.arm(Point::client(3), Action::Cut);
        connection.ping().await.unwrap();
        connection.ping().await.unwrap();
        connection.ping().await.unwrap_err();
        assert_eq!(wire.fired(), 1);
        drop(connection);

        let mut connection = db.pool.acquire().await.unwrap();
        wire.arm(Point::server(2), Action::Cut);
        connection.ping().await.unwrap();
        connection.ping().await.unwrap_err();
        assert_eq!(wire.fired(), 2);
        drop(connection);

        // The login of the connection in between was not counted.
        wire.arm(Point::server(1), Action::Cut);
        wire.disarm();
        db.pool.acquire().await.unwrap().ping().await.unwrap();
        assert_eq!(wire.fired(), 2);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn a_fault_can_be_one_connections_own(db: &TestDb<DB>) {
        let wire = db.wire();
        let mut connection = db.pool.acquire().await.unwrap();
        let url = wire.url().parse().unwrap();
        let mut other = <<DB as sqlx::Database>::Connection as Connection>::connect_with(&url).await.unwrap();
        wire.arm(Point::client(2).of_one_connection(), Action::Cut);
        connection.ping().await.unwrap();
        other.ping().await.unwrap();
        other.ping().await.unwrap();
        assert_eq!(wire.fired(), 0);
        connection.ping().await.unwrap_err();
        assert_eq!(wire.fired(), 1);
        other.ping().await.unwrap();
        other.close().await.unwrap();
        drop(connection);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn a_black_hole_says_nothing_to_either_side(db: &TestDb<DB>) {
        let wire = db.wire();
        let mut connection = db.pool.acquire().await.unwrap();
        wire.arm(Point::client(1), Action::BlackHole);
        timeout(Duration::from_millis(200), connection.ping())
            .await
            .expect_err("no answer, and no error either");
        connection.detach().close_hard().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(inspect::sessions(db).await, 1, "the server has not heard of the end");
        wire.cut_all().await;
        let ended = async {
            while inspect::sessions(db).await > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(2), ended).await.expect("now it has");
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn a_delay_is_waited_for_and_latency_too(db: &TestDb<DB>) {
        let wire = db.wire();
        let mut connection = db.pool.acquire().await.unwrap();
        wire.arm(Point::client(1), Action::Delay(Duration::from_millis(60)));
        let began = Instant::now();
        connection.ping().await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(60));
        wire.set_latency(Duration::from_millis(30));
        let began = Instant::now();
        connection.ping().await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(60));
    }

    #[test(Setup::wired())]
    async fn connections_are_refused_while_asked_to(db: &TestDb<DB>) {
        let wire = db.wire();
        wire.refuse_connections(true);
        wire.cut_all().await;
        db.pool.acquire().await.unwrap_err();
        wire.refuse_connections(false);
        db.assert_whole().await;
    }
}
