//! A reader that waits for a snapshot in which it cannot fail.

use std::time::Duration;

use sqlx_transactional::{Db, Isolation, Limits, ReadTx, Tx, on};
use sqlx_transactional_tests::{Backend, Engine, Setup, TestDb, for_each_engine, for_engines};
use tokio::time::{sleep, timeout};

use crate::{
    app::AppError,
    expect::{doomed, own},
    sql::{ids, insert},
    wire_text::assert_sent,
};

for_each_engine! {
    /// PostgreSQL alone has it, for a serializable reader; elsewhere it would be
    /// ignored.
    #[test(Setup::wired())]
    async fn it_is_refused_where_it_would_do_nothing(db: &TestDb<DB>) {
        let mut ran = false;
        let ended = on(&db.pool).isolation(Isolation::Serializable).deferrable().run(
            async |tx: &mut Tx<'_, DB>| {
                ran = true;
                insert(tx, 1).await
            },
        );
        let error = ended.await.unwrap_err();
        assert!(own(&error).is_unsupported(), "{error:?}");
        for level in [None, Some(Isolation::RepeatableRead), Some(Isolation::Serializable)] {
            let fits = db.engine() == Engine::Postgres && level == Some(Isolation::Serializable);
            let mut block = on(&db.pool).deferrable();
            if let Some(level) = level {
                block = block.isolation(level);
            }
            let ended = block.read(async |tx: &mut ReadTx<'_, DB>| {
                ran |= !fits;
                Ok::<_, sqlx::Error>(if fits { ids(tx).await?.len() } else { 0 })
            });
            match ended.await {
                Ok(found) => assert!(fits && found == 0, "{level:?}"),
                Err(error) => {
                    assert!(!fits && own(&error).is_unsupported(), "{level:?}: {error:?}");
                    assert_eq!(own(&error).sqlstate(), "0A000");
                    assert!(error.to_string().contains("deferrable"), "{error}");
                    assert_sent(db, "");
                }
            }
        }
        assert!(!ran, "a body that was refused was called");
        db.assert_whole().await;
    }
}

mod on_postgres {
    use super::*;

    for_engines! {
        [postgres]

        const BEGIN: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE";

        #[test(Setup::wired())]
        async fn it_is_in_the_message_of_begin(db: &TestDb<DB>) {
            let call = || on(&db.pool).isolation(Isolation::Serializable).deferrable();
            call().read(async |tx| ids(tx).await).await.unwrap();
            assert_sent(db, &format!("{BEGIN}; select id from notes order by id; COMMIT"));
            let limits = Limits::new().statement_timeout(Duration::from_secs(1));
            let told = call().limits(limits).setting("app.user", "Ada").read(async |tx| {
                let sql = "select current_setting('transaction_deferrable') \
                           || current_setting('transaction_read_only') \
                           || current_setting('transaction_isolation')";
                DB::texts(tx.connection().await?, sql).await
            });
            assert_eq!(told.await.unwrap(), ["ononserializable"]);
            let sent = db.wire().take_statements();
            let begin = format!(
                "{BEGIN}; SET LOCAL statement_timeout = 1000; \
                 SELECT set_config(E'app.user', E'Ada', true)"
            );
            // Behind it is the mark, because the connection comes first.
            assert!(sent[0].starts_with(&begin), "{}", sent[0]);
            db.assert_whole().await;
        }

        /// The level may be that of the place.
        #[test(Setup::wired())]
        async fn on_a_place_that_is_serializable(db: &TestDb<DB>) {
            let place = Db::new(db.pool.clone()).isolation(Isolation::Serializable);
            on(&place).deferrable().read(async |tx| ids(tx).await).await.unwrap();
            assert_sent(db, &format!("{BEGIN}; select id from notes order by id; COMMIT"));
            let weaker = on(&place).isolation(Isolation::RepeatableRead).deferrable();
            let error = weaker.read(async |tx| ids(tx).await).await.unwrap_err();
            assert!(own(&error).is_unsupported(), "{error:?}");
            db.assert_whole().await;
        }

        /// A serializable writer is open, whose end may make a snapshot unsafe.
        #[test(Setup::default().connections(2))]
        async fn it_waits_for_a_safe_snapshot(db: &TestDb<DB>) {
            let mut writer = db.pool.begin_with("begin isolation level serializable").await.unwrap();
            ids(&mut *writer).await.unwrap();
            insert(&mut *writer, 1).await.unwrap();
            let pool = db.pool.clone();
            let reader = tokio::spawn(async move {
                let call = on(&pool).isolation(Isolation::Serializable).deferrable();
                call.read(async |tx| ids(tx).await).await
            });
            let waits = "select count(*) from pg_stat_activity \
                         where datname = current_database() and wait_event = 'SafeSnapshot'";
            timeout(Duration::from_secs(10), async {
                while db.numbers(waits).await != [1] {
                    sleep(Duration::from_millis(5)).await;
                }
            })
            .await
            .expect("it waits");
            assert!(!reader.is_finished());
            writer.commit().await.unwrap();
            // It is of the moment when it was taken, and is now known to be safe.
            assert_eq!(reader.await.unwrap().unwrap(), [0; 0]);
            db.assert_whole().await;
        }

        /// Without the option it need not wait.
        #[test(Setup::default().connections(2))]
        async fn another_reader_does_not_wait(db: &TestDb<DB>) {
            let mut writer = db.pool.begin_with("begin isolation level serializable").await.unwrap();
            insert(&mut *writer, 1).await.unwrap();
            let reader = on(&db.pool).isolation(Isolation::Serializable);
            assert_eq!(reader.read(async |tx| ids(tx).await).await.unwrap(), [0; 0]);
            writer.rollback().await.unwrap();
            db.assert_whole().await;
        }

        #[test(Setup::default().connections(2))]
        async fn its_wait_is_within_its_time(db: &TestDb<DB>) {
            let mut writer = db.pool.begin_with("begin isolation level serializable").await.unwrap();
            insert(&mut *writer, 1).await.unwrap();
            let limits = Limits::new().timeout(Duration::from_millis(300));
            let reader = on(&db.pool).isolation(Isolation::Serializable).deferrable().limits(limits);
            let reader = reader.read(async |tx| ids(tx).await);
            let late = timeout(Duration::from_secs(5), reader).await.expect("in time");
            assert!(own(&late.unwrap_err()).is_timed_out());
            writer.rollback().await.unwrap();
            db.assert_whole().await;
        }

        #[test(Setup::wired())]
        async fn what_joins_needs_one_that_is(db: &TestDb<DB>) {
            for outer_too in [true, false] {
                let mut ran = false;
                let mut outer = on(&db.pool).isolation(Isolation::Serializable);
                if outer_too {
                    outer = outer.deferrable();
                }
                let ended = outer.read(async |tx| {
                    ids(&mut *tx).await?;
                    let inner = on(&mut *tx).isolation(Isolation::Serializable).deferrable();
                    let inner = inner.read(async |tx| {
                        ran = true;
                        ids(tx).await?;
                        Ok::<_, AppError>(())
                    });
                    match inner.await {
                        Ok(()) => assert!(outer_too),
                        Err(error) => assert!(own(&error.into_database()).is_unsupported()),
                    }
                    // One that does not ask joins either.
                    on(tx).isolation(Isolation::Serializable).read(async |_| Ok(())).await
                });
                let ended: Result<(), AppError> = ended.await;
                assert_eq!(ran, outer_too);
                match ended {
                    Ok(()) => assert!(outer_too),
                    Err(error) => drop(doomed(&error).to_string()),
                }
            }
            db.assert_whole().await;
        }
    }
}
