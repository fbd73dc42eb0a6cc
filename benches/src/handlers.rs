//! The handlers, for each engine from one text: code that is generic over the
//! database is not what people write by hand.

/// An account gets an entry.
const INSERT: &str = "insert into entries (account, amount) values ($1, $2)";

/// The account's balance follows.
const UPDATE: &str = "update accounts set balance = balance + $2 where id = $1 returning balance";

/// Statements to count the allocations of.
const CHANGE: &str = "update accounts set balance = balance + 1 where id = $1";
const READ: &str = "select balance from accounts where id = $1";

const SAVEPOINT: &str = "SAVEPOINT by_hand";
const RELEASE: &str = "RELEASE SAVEPOINT by_hand";

macro_rules! handlers {
    ($($module:ident: $database:ident;)*) => {$(
        mod $module {
            use std::{hint::black_box, mem::size_of_val};

            use futures_util::TryStreamExt;
            use sqlx::{Connection, Error, Executor, Pool, $database as Db, query, query_scalar};
            use sqlx_transactional::{Tx, transaction, transactional};

            use super::{CHANGE, INSERT, READ, RELEASE, SAVEPOINT, UPDATE};
            use crate::{Call, Case, Form, engine::Handlers};

            async fn by_hand(pool: &Pool<Db>, account: i64, amount: i64) -> Result<i64, Error> {
                let mut tx = pool.begin().await?;
                query(INSERT).bind(account).bind(amount).execute(&mut *tx).await?;
                let update = query_scalar(UPDATE).bind(account).bind(amount);
                let balance = update.fetch_one(&mut *tx).await?;
                tx.commit().await?;
                Ok(balance)
            }

            async fn closure(pool: &Pool<Db>, account: i64, amount: i64) -> Result<i64, Error> {
                let mut connection = pool.acquire().await?;
                let transaction = connection.transaction(|tx| Box::pin(async move {
                    query(INSERT).bind(account).bind(amount).execute(&mut **tx).await?;
                    let update = query_scalar(UPDATE).bind(account).bind(amount);
                    update.fetch_one(&mut **tx).await
                }));
                transaction.await
            }

            #[transactional]
            async fn attribute(tx: &mut Tx<'_, Db>, account: i64, amount: i64) -> Result<i64, Error> {
                query(INSERT).bind(account).bind(amount).execute(&mut *tx).await?;
                let update = query_scalar(UPDATE).bind(account).bind(amount);
                update.fetch_one(&mut *tx).await
            }

            async fn block(pool: &Pool<Db>, account: i64, amount: i64) -> Result<i64, Error> {
                transaction(pool, async |tx| {
                    query(INSERT).bind(account).bind(amount).execute(&mut *tx).await?;
                    let update = query_scalar(UPDATE).bind(account).bind(amount);
                    update.fetch_one(&mut *tx).await
                })
                .await
            }

            #[transactional]
            async fn joined(tx: &mut Tx<'_, Db>, account: i64, amount: i64) -> Result<i64, Error> {
                query(INSERT).bind(account).bind(amount).execute(&mut *tx).await?;
                add(tx, account, amount).await
            }

            #[transactional]
            async fn add(tx: &mut Tx<'_, Db>, account: i64, amount: i64) -> Result<i64, Error> {
                let update = query_scalar(UPDATE).bind(account).bind(amount);
                update.fetch_one(tx).await
            }

            async fn savepoint_by_hand(
                pool: &Pool<Db>,
                account: i64,
                amount: i64,
            ) -> Result<i64, Error> {
                let mut tx = pool.begin().await?;
                query(INSERT).bind(account).bind(amount).execute(&mut *tx).await?;
                tx.execute(SAVEPOINT).await?;
                let update = query_scalar(UPDATE).bind(account).bind(amount);
                let balance = update.fetch_one(&mut *tx).await?;
                tx.execute(RELEASE).await?;
                tx.commit().await?;
                Ok(balance)
            }

            #[transactional]
            async fn savepoint(tx: &mut Tx<'_, Db>, account: i64, amount: i64) -> Result<i64, Error> {
                query(INSERT).bind(account).bind(amount).execute(&mut *tx).await?;
                try_add(tx, account, amount).await
            }

            #[transactional(savepoint)]
            async fn try_add(tx: &mut Tx<'_, Db>, account: i64, amount: i64) -> Result<i64, Error> {
                let update = query_scalar(UPDATE).bind(account).bind(amount);
                update.fetch_one(tx).await
            }

            async fn early_by_hand(pool: &Pool<Db>, account: i64, amount: i64) -> Result<i64, Error> {
                let mut tx = pool.begin().await?;
                if amount == 0 {
                    return Ok(0);
                }
                query(INSERT).bind(account).bind(amount).execute(&mut *tx).await?;
                tx.commit().await?;
                Ok(amount)
            }

            #[transactional]
            async fn early(tx: &mut Tx<'_, Db>, account: i64, amount: i64) -> Result<i64, Error> {
                if amount == 0 {
                    return Ok(0);
                }
                query(INSERT).bind(account).bind(amount).execute(tx).await?;
                Ok(amount)
            }

            async fn many_by_hand(pool: &Pool<Db>, call: Call, count: u64) -> Result<(), Error> {
                let mut tx = pool.begin().await?;
                for _ in 0..count {
                    match call {
                        Call::Execute => {
                            query(CHANGE).bind(1_i64).execute(&mut *tx).await?;
                        }
                        Call::FetchOne => {
                            query_scalar::<_, i64>(READ).bind(1_i64).fetch_one(&mut *tx).await?;
                        }
                        Call::FetchAll => {
                            query_scalar::<_, i64>(READ).bind(1_i64).fetch_all(&mut *tx).await?;
                        }
                        Call::Fetch => {
                            let mut rows = query_scalar::<_, i64>(READ).bind(1_i64).fetch(&mut *tx);
                            while rows.try_next().await?.is_some() {}
                        }
                    }
                }
                tx.commit().await
            }

            #[transactional]
            async fn many(tx: &mut Tx<'_, Db>, call: Call, count: u64) -> Result<(), Error> {
                for _ in 0..count {
                    match call {
                        Call::Execute => {
                            query(CHANGE).bind(1_i64).execute(&mut *tx).await?;
                        }
                        Call::FetchOne => {
                            query_scalar::<_, i64>(READ).bind(1_i64).fetch_one(&mut *tx).await?;
                        }
                        Call::FetchAll => {
                            query_scalar::<_, i64>(READ).bind(1_i64).fetch_all(&mut *tx).await?;
                        }
                        Call::Fetch => {
                            let mut rows = query_scalar::<_, i64>(READ).bind(1_i64).fetch(&mut *tx);
                            while rows.try_next().await?.is_some() {}
                        }
                    }
                }
                Ok(())
            }

            /// One call after another, all arguments unknown to the compiler.
            macro_rules! repeat {
                ($function:ident($pool:ident, _, $amount:expr), $times:ident) => {
                    for _ in 0..$times {
                        black_box($function($pool, black_box(1), black_box($amount)).await?);
                    }
                };
            }

            impl Handlers for Db {
                async fn repeat(case: Case, pool: &Pool<Db>, times: u64) -> Result<(), Error> {
                    match case {
                        Case::ByHand => repeat!(by_hand(pool, _, 2), times),
                        Case::Closure => repeat!(closure(pool, _, 2), times),
                        Case::Attribute => repeat!(attribute(pool, _, 2), times),
                        Case::Block => repeat!(block(pool, _, 2), times),
                        Case::Joined => repeat!(joined(pool, _, 2), times),
                        Case::SavepointByHand => repeat!(savepoint_by_hand(pool, _, 2), times),
                        Case::Savepoint => repeat!(savepoint(pool, _, 2), times),
                        Case::EarlyByHand => repeat!(early_by_hand(pool, _, 0), times),
                        Case::Early => repeat!(early(pool, _, 0), times),
                    }
                    Ok(())
                }

                async fn many(
                    form: Form,
                    call: Call,
                    count: u64,
                    pool: &Pool<Db>,
                ) -> Result<(), Error> {
                    match form {
                        Form::ByHand => many_by_hand(pool, call, count).await,
                        Form::Attribute => many(pool, call, count).await,
                    }
                }

                fn size(case: Case, pool: &Pool<Db>) -> usize {
                    match case {
                        Case::ByHand => size_of_val(&by_hand(pool, 1, 2)),
                        Case::Closure => size_of_val(&closure(pool, 1, 2)),
                        Case::Attribute => size_of_val(&attribute(pool, 1, 2)),
                        Case::Block => size_of_val(&block(pool, 1, 2)),
                        Case::Joined => size_of_val(&joined(pool, 1, 2)),
                        Case::SavepointByHand => size_of_val(&savepoint_by_hand(pool, 1, 2)),
                        Case::Savepoint => size_of_val(&savepoint(pool, 1, 2)),
                        Case::EarlyByHand => size_of_val(&early_by_hand(pool, 1, 0)),
                        Case::Early => size_of_val(&early(pool, 1, 0)),
                    }
                }
            }
        }
    )*};
}

handlers! {
    postgres: Postgres;
    sqlite: Sqlite;
}
