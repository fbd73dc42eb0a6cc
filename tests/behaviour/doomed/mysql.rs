//! MySQL and MariaDB: what the server has rolled back dooms, the rest does not.

use std::time::Duration;

use sqlx::{Connection, MySqlConnection};
use sqlx_transactional::{Error as TxError, Retry, Tx, on, transaction};
use sqlx_transactional_tests::{Setup, TestDb, for_engines};

use super::{assert_dooms, assert_harmless};
use crate::{
    app::AppError,
    expect::{code, doomed, engine_code},
    sql::{insert, run},
    wire_text::assert_sent,
};

/// A session of its own, past the proxy.
async fn session(db: &TestDb<sqlx::MySql>) -> MySqlConnection {
    MySqlConnection::connect(db.direct_url()).await.unwrap()
}

/// How many notes say that this project's transaction wrote them.
async fn ours(db: &TestDb<sqlx::MySql>) -> usize {
    let sql = "select id from notes where body = 'ours'";
    db.numbers(sql).await.len()
}

for_engines! {
    [mysql]

    #[test(Setup::wired())]
    async fn an_error_of_one_statement_does_not_doom(db: &TestDb<DB>) {
        insert(&db.pool, 1).await.unwrap();
        run(&db.pool, "create table replies (note bigint references notes (id), n int check (n > 0))")
            .await
            .unwrap();
        let mut id = 200;
        for (failing, expected) in [
            ("insert into notes (id, body) values (1, 'again')", "23000"),
            ("insert into notes (id, body) values (2, null)", "23000"),
            ("insert into replies (note) values (99)", "23000"),
            ("insert into replies (n) values (0)", "23000"),
            ("selec 1", "42000"),
            ("select * from nowhere", "42S02"),
            ("signal sqlstate '45000'", "45000"),
            ("set statement max_statement_time = 0.05 for select sleep(2)", "70100"),
            ("release savepoint nowhere", "42000"),
            // What a routine raises is no more than its number says.
            ("signal sqlstate '08S01'", "08S01"),
        ] {
            assert_eq!(assert_harmless(db, id, failing).await, expected, "{failing}");
            id += 2;
        }
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn class_40_dooms(db: &TestDb<DB>) {
        assert_eq!(assert_dooms(db, "signal sqlstate '40001'").await, "40001");
        assert_eq!(assert_dooms(db, "signal sqlstate '40XYZ'").await, "40XYZ");
        db.assert_whole().await;
    }

    /// Their class says nothing, their number does.
    #[test(Setup::wired())]
    async fn a_number_that_stands_for_a_rollback_dooms(db: &TestDb<DB>) {
        for number in [1020, 1180, 1205, 1206, 1213, 1297] {
            let signal = format!("signal sqlstate 'HY000' set mysql_errno = {number}");
            assert_eq!(assert_dooms(db, &signal).await, "HY000", "{number}");
        }
        db.assert_whole().await;
    }

    /// Whether it was killed, shut down or idle for too long: nothing more can
    /// be asked of it.
    #[test(Setup::wired())]
    async fn a_number_that_ends_the_session_costs_the_connection(db: &TestDb<DB>) {
        let session = || sqlx::query_scalar::<_, u64>("select connection_id()").fetch_one(&db.pool);
        let mut before = session().await.unwrap();
        for number in [1047, 1053, 1080, 1152, 1153, 1156, 1161, 1184, 1927, 3169, 4031] {
            let signal = format!("signal sqlstate 'HY000' set mysql_errno = {number}");
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                run(tx, &signal).await?;
                Ok::<_, AppError>(())
            });
            assert_eq!(engine_code(&ended.await.unwrap_err().into_database()), "HY000");
            db.settle().await;
            let after = session().await.unwrap();
            assert_ne!(after, before, "{number}");
            before = after;
        }
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    /// 4031 is a limit that was kept, and 1153 a packet that is too large: they are
    /// there the next time, too.
    #[test]
    async fn a_number_says_whether_it_may_go_away(db: &TestDb<DB>) {
        let retry = Retry::new().attempts(2).base(Duration::ZERO);
        for (number, attempts) in [
            (1213, Some(2)),
            (1205, Some(2)),
            (1020, Some(2)),
            (1927, Some(2)),
            (1158, Some(2)),
            (1297, Some(2)),
            (1412, Some(2)),
            (3058, Some(2)),
            (3101, Some(2)),
            (1153, None),
            (4031, None),
            (1206, None),
            (1062, None),
        ] {
            let signal = format!("signal sqlstate 'HY000' set mysql_errno = {number}");
            let ended = on(&db.pool).retry(retry).run(async |tx: &mut Tx<'_, DB>| {
                run(tx, &signal).await
            });
            let error = ended.await.unwrap_err();
            let found = TxError::find(&error).and_then(TxError::attempts);
            assert_eq!(found, attempts, "{number}");
        }
        db.settle().await;
    }

    /// The server has rolled everything back: what came next would be stored
    /// at once, and stay.
    #[test(Setup::wired())]
    async fn a_deadlock_dooms(db: &TestDb<DB>) {
        for id in [1, 2] {
            insert(&db.pool, id).await.unwrap();
        }
        let mut other = session(db).await;
        let mut winner = other.begin().await.unwrap();
        // The server gives up the transaction that has changed less.
        for id in 10..40 {
            insert(&mut *winner, id).await.unwrap();
        }
        run(&mut *winner, "update notes set body = 'winner' where id = 2").await.unwrap();
        let _ = db.wire().take_log();
        let ended = transaction(&db.pool, async |tx| {
            run(&mut *tx, "update notes set body = 'ours' where id = 1").await?;
            let (lost, won) = tokio::join!(
                run(&mut *tx, "update notes set body = 'ours' where id = 2"),
                run(&mut *winner, "update notes set body = 'winner' where id = 1"),
            );
            won.unwrap();
            let lost = lost.unwrap_err();
            assert_eq!(engine_code(&lost), "40001");
            assert!(lost.to_string().contains("1213"), "{lost}");
            let refused = insert(&mut *tx, 3).await.unwrap_err();
            assert!(doomed(&refused).to_string().contains("1213"));
            Ok::<_, AppError>(())
        });
        let error = ended.await.unwrap_err();
        assert!(doomed(&error).to_string().contains("1213"));
        winner.commit().await.unwrap();
        assert_sent(
            db,
            "BEGIN; update notes set body = 'ours' where id = 1; \
             update notes set body = 'ours' where id = 2; ROLLBACK",
        );
        assert_eq!(ours(db).await, 0);
        assert_eq!(db.numbers("select id from notes where id < 10 order by id").await, [1, 2]);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn a_lock_wait_timeout_dooms(db: &TestDb<DB>) {
        insert(&db.pool, 1).await.unwrap();
        run(&db.pool, "set innodb_lock_wait_timeout = 1").await.unwrap();
        let mut other = session(db).await;
        let mut holder = other.begin().await.unwrap();
        run(&mut *holder, "update notes set body = 'holder' where id = 1").await.unwrap();
        let update = "update notes set body = 'ours' where id = 1";
        assert_eq!(assert_dooms(db, update).await, "HY000");
        holder.commit().await.unwrap();
        assert_eq!(ours(db).await, 0);
        db.assert_whole().await;
    }

    /// MariaDB answers NOWAIT with the number of a wait that took too long, and undoes
    /// nothing.
    #[test(Setup::wired())]
    async fn lock_that_is_not_waited_for_undoes_its_statement_alone(db: &TestDb<DB>) {
        insert(&db.pool, 1).await.unwrap();
        let mut theirs = session(db).await;
        let mut theirs = theirs.begin().await.unwrap();
        run(&mut *theirs, "update notes set body = 'theirs' where id = 1").await.unwrap();
        for (id, locked) in [
            (100, "select * from notes where id = 1 for update nowait"),
            (102, "select * from notes where id = 1 lock in share mode NoWait ;\n"),
        ] {
            assert_eq!(assert_harmless(db, id, locked).await, "HY000");
        }
        theirs.rollback().await.unwrap();
        assert_eq!(ours(db).await, 0);
        db.assert_whole().await;
    }

    /// MariaDB alone has the error, and only where the setting asks for it.
    #[test(Setup::wired())]
    async fn a_changed_record_dooms(db: &TestDb<DB>) {
        insert(&db.pool, 1).await.unwrap();
        run(&db.pool, "set innodb_snapshot_isolation = 1").await.unwrap();
        let ended = transaction(&db.pool, async |tx| {
            run(&mut *tx, "select * from notes").await?;
            run(&db.observer, "update notes set body = 'theirs' where id = 1").await?;
            let update = "update notes set body = 'ours' where id = 1";
            let changed = run(&mut *tx, update).await.unwrap_err();
            assert!(changed.to_string().contains("1020"), "{changed}");
            let refused = insert(&mut *tx, 2).await.unwrap_err();
            assert_eq!(code(doomed(&refused)), engine_code(&changed));
            Ok::<_, AppError>(())
        });
        assert!(doomed(&ended.await.unwrap_err()).to_string().contains("1020"));
        assert_eq!(db.rows().await, [1]);
        assert_eq!(ours(db).await, 0);
        db.assert_whole().await;
    }

    /// A statement that began in a savepoint took the whole transaction with it.
    #[test(Setup::wired())]
    async fn retry_13_a_savepoint_does_not_contain_a_lost_transaction(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let inner = tx.savepoint(async |tx| {
                insert(&mut *tx, 2).await?;
                run(&mut *tx, "signal sqlstate '40001'").await?;
                Ok::<_, AppError>(())
            });
            assert_eq!(engine_code(&inner.await.unwrap_err().into_database()), "40001");
            let refused = insert(&mut *tx, 3).await.unwrap_err();
            assert_eq!(code(doomed(&refused)), "40001");
            Ok::<_, AppError>(())
        });
        assert_eq!(code(doomed(&ended.await.unwrap_err())), "40001");
        assert_sent(
            db,
            "BEGIN; insert 1; SAVEPOINT s1; insert 2; signal sqlstate '40001'; ROLLBACK",
        );
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }
}
