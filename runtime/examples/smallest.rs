//! The smallest program: two functions, one transaction.
//!
//! `cargo run -p sqlx-transactional --example smallest --features sqlite`

use sqlx::Sqlite;
use sqlx_transactional::{Tx, pool, transactional};

/// Moves an amount from one account to another, or does nothing at all.
#[transactional]
async fn transfer(tx: &mut Tx<'_, Sqlite>, from: i64, to: i64, amount: i64) -> sqlx::Result<()> {
    book(&mut *tx, from, -amount).await?; // joins
    book(tx, to, amount).await
}

/// Adds to an account's balance, which the table keeps from falling below zero.
#[transactional]
async fn book(tx: &mut Tx<'_, Sqlite>, account: i64, amount: i64) -> sqlx::Result<()> {
    let booked = sqlx::query("update accounts set balance = balance + ? where id = ?")
        .bind(amount)
        .bind(account)
        .execute(tx)
        .await?;
    match booked.rows_affected() {
        0 => Err(sqlx::Error::RowNotFound),
        _ => Ok(()),
    }
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = pool::connect::<Sqlite>("sqlite::memory:").await?;
    let schema = "create table accounts (id integer primary key, \
                  balance integer not null check (balance >= 0)); \
                  insert into accounts values (1, 100), (2, 0)";
    sqlx::raw_sql(schema).execute(&pool).await?;

    transfer(&pool, 1, 2, 30).await?;
    println!(
        "balances after a transfer of 30: {:?}",
        balances(&pool).await?
    );

    for (to, amount) in [(2, 500), (3, 10)] {
        let error = transfer(&pool, 1, to, amount).await.unwrap_err();
        let left = balances(&pool).await?;
        println!("{amount} to account {to}: {error}; balances: {left:?}");
    }
    Ok(())
}

async fn balances(pool: &sqlx::SqlitePool) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar("select balance from accounts order by id")
        .fetch_all(pool)
        .await
}
