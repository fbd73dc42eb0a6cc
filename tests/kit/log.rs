//! That the proxy writes down and counts what plain sqlx is known to send.

use sqlx_transactional_tests::{Counts, Engine, Setup, TestDb, Wire, for_engines};

for_engines! {
    [postgres, mysql]

    #[test(Setup::wired())]
    async fn an_empty_transaction_is_four_round_trips(db: &TestDb<DB>) {
        db.pool.begin().await.unwrap().commit().await.unwrap();
        db.settle().await;
        let wire = db.wire();
        assert_eq!(
            wire.take_counts(),
            Counts { connections: 0, round_trips: 4, pings: 2 }
        );
        assert_eq!(wire.take_log(), ["PING", "BEGIN", "COMMIT", "PING"]);
    }

    #[test(Setup::wired())]
    async fn what_is_sent_together_is_one_round_trip(db: &TestDb<DB>) {
        drop(db.pool.begin().await.unwrap());
        db.settle().await;
        let wire = db.wire();
        assert_eq!(wire.take_log(), ["PING", "BEGIN", "ROLLBACK", "PING"]);
        // On PostgreSQL the ping of the release travels with the ROLLBACK.
        let expected = if db.engine() == Engine::Postgres { (3, 1) } else { (4, 2) };
        let counts = wire.take_counts();
        assert_eq!((counts.round_trips, counts.pings), expected);
    }

    #[test(Setup::wired())]
    async fn a_statement_is_two_round_trips_cold_and_one_warm(db: &TestDb<DB>) {
        let wire = db.wire();
        let mut connection = db.pool.acquire().await.unwrap();
        let _ = (wire.take_log(), wire.take_counts());
        for round_trips in [2, 1] {
            sqlx::query("select  id\n from notes").fetch_all(&mut *connection).await.unwrap();
            assert_eq!(wire.take_counts().round_trips, round_trips);
        }
        let sql = "select id from notes";
        assert_eq!(
            wire.take_log(),
            [format!("PREPARE {sql}"), format!("EXECUTE {sql}"), format!("EXECUTE {sql}")]
        );
        for _ in 0..2 {
            sqlx::query("select 300").fetch_all(&mut *connection).await.unwrap();
        }
        assert_eq!(wire.take_statements(), ["select 300", "select 300"]);
    }

    #[test(Setup::wired())]
    async fn a_reply_of_many_messages_is_one_round_trip(db: &TestDb<DB>) {
        let mut connection = db.pool.acquire().await.unwrap();
        let _ = db.wire().take_counts();
        let sql = "with recursive n (i) as (\
                       select 1 union all select i + 1 from n where i < 900\
                   ) select i from n";
        let rows = sqlx::raw_sql(sql).fetch_all(&mut *connection).await.unwrap();
        assert_eq!(rows.len(), 900);
        assert_eq!(db.wire().counts().round_trips, 1);
    }

    #[test(Setup::wired())]
    async fn connections_are_told_apart(db: &TestDb<DB>) {
        let wire = db.wire();
        let options = sqlx::pool::PoolOptions::<DB>::new().max_connections(1);
        let other = db.pool_with(options).await;
        sqlx::raw_sql("select 2").execute(&other).await.unwrap();
        other.close().await;
        wire.wait_for("QUIT").await;
        assert_eq!(wire.take_counts().connections, 1);
        let sessions = wire.by_connection();
        assert_eq!(sessions.len(), 2);
        assert!(!sessions[0].contains(&"select 2".to_owned()));
        assert!(sessions[1].contains(&"select 2".to_owned()));
        assert_eq!(sessions[1].last().unwrap(), "QUIT");
    }
}

#[tokio::test]
async fn encryption_is_refused_on_postgres() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    if !Engine::Postgres.is_reachable() {
        return;
    }
    let wire = Wire::postgres(&Engine::Postgres.server().unwrap()).await;
    let options: sqlx::postgres::PgConnectOptions = wire.url().parse().unwrap();
    let mut socket = tokio::net::TcpStream::connect((options.get_host(), options.get_port()))
        .await
        .unwrap();
    for request in [80_877_103_u32, 80_877_104] {
        socket.write_all(&8_u32.to_be_bytes()).await.unwrap();
        socket.write_all(&request.to_be_bytes()).await.unwrap();
        assert_eq!(socket.read_u8().await.unwrap(), b'N');
    }
    let startup = format!("\0\x03\0\0user\0{}\0\0", options.get_username());
    let length = u32::try_from(startup.len() + 4).unwrap();
    socket.write_all(&length.to_be_bytes()).await.unwrap();
    socket.write_all(startup.as_bytes()).await.unwrap();
    assert_eq!(
        socket.read_u8().await.unwrap(),
        b'R',
        "the server asks for the password, or not"
    );
}
