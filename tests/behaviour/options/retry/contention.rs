//! Real conflicts: nothing is lost, nothing is done twice.

use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx_transactional::{Db, Isolation, Retry, Tx, on};
use sqlx_transactional_tests::{Backend, Engine, Setup, TestDb, for_each_engine};
use tokio::task::JoinSet;

use crate::sql::{bound, run};

const ACCOUNTS: i64 = 4;
const TASKS: i64 = 6;
const TRANSFERS: i64 = 25;

fn patient() -> Retry {
    let (base, cap) = (Duration::from_millis(1), Duration::from_millis(20));
    Retry::new()
        .attempts(1000)
        .deadline(Duration::from_mins(1))
        .base(base)
        .cap(cap)
}

for_each_engine! {
    async fn accounts(db: &TestDb<DB>) -> Db<DB> {
        run(&db.observer, "create table accounts (id integer primary key, balance bigint)").await.unwrap();
        run(&db.observer, "create table done (id bigint)").await.unwrap();
        for id in 0..ACCOUNTS {
            let sql = format!("insert into accounts values ({id}, 100)");
            run(&db.observer, &sql).await.unwrap();
        }
        let pool = db.pool_with(PoolOptions::new().max_connections(4)).await;
        Db::new(pool).isolation(Isolation::Serializable)
    }

    /// Moves one coin, with what was read before it is written: two statements
    /// that lock in an order that others cross.
    async fn transfer(tx: &mut Tx<'_, DB>, task: i64, number: i64) -> Result<(), sqlx::Error> {
        let (from, to) = ((task + number) % ACCOUNTS, (task * 3 + number * 5 + 1) % ACCOUNTS);
        for (id, change) in [(from, -1), (to, 1)] {
            let select = sqlx::query_scalar(bound::<DB>("select balance from accounts where id = ?"));
            let balance: i64 = select.bind(id).fetch_one(&mut *tx).await?;
            let update = sqlx::query(bound::<DB>("update accounts set balance = ? where id = ?"));
            update.bind(balance + change).bind(id).execute(&mut *tx).await?;
        }
        let done = sqlx::query(bound::<DB>("insert into done (id) values (?)"));
        done.bind(task * 1000 + number).execute(tx).await?;
        Ok(())
    }

    #[test(Setup::default().limit(Duration::from_secs(90)))]
    async fn retry_16_crossing_transfers_lose_and_double_nothing(db: &TestDb<DB>) {
        let accounts = accounts(db).await;
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let accounts = accounts.clone();
            tasks.spawn(async move {
                let mut attempts = 0;
                for number in 0..TRANSFERS {
                    let block = on(&accounts).retry(patient());
                    let block = match DB::ENGINE {
                        Engine::Sqlite => block.deferred(),
                        Engine::Postgres | Engine::MySql => block,
                    };
                    let done = block.run(async |tx| {
                        transfer(&mut *tx, task, number).await?;
                        Ok::<_, sqlx::Error>(tx.attempt())
                    });
                    attempts += done.await.unwrap();
                }
                attempts
            });
        }
        let attempts: u32 = tasks.join_all().await.into_iter().sum();
        let transfers = u32::try_from(TASKS * TRANSFERS).unwrap();
        assert!(attempts > transfers, "there was no conflict");
        let total = db.numbers("select balance from accounts").await;
        assert_eq!(total.iter().sum::<i64>(), ACCOUNTS * 100);
        let done = db.numbers("select id from done order by id").await;
        let each = (0..TASKS).flat_map(|task| (0..TRANSFERS).map(move |number| task * 1000 + number));
        assert_eq!(done, each.collect::<Vec<_>>());
    }
}
