//! The futures, on every place and for every database.

use std::sync::Arc;

use sqlx::{
    Executor, MySql, MySqlConnection, PgConnection, Pool, Postgres, Sqlite, SqliteConnection,
    SqlitePool, Transaction, pool::PoolConnection,
};
use sqlx_transactional::{
    Begin, Db, ReadTx, Retry, Source, Tx, Write, on, pool, read,
    testing::{TestTransaction, watch},
    transaction,
};

use crate::functions::{
    Notes, Rename, Store, Suffix, Tenant, injected, load, outermost, repeated, write,
};

fn send(_: impl Future + Send) {}
fn stream(_: impl futures_util::Stream + Send) {}

/// On every place where a transaction begins, for one database.
macro_rules! places {
    ($database:ty, $connection:ty) => {
        const _: () = {
            const _: fn(&Pool<$database>) = |place| {
                send(write(place, ""));
                send(write(place.clone(), ""));
                send(load(place));
                send(load(place.clone()));
                send(outermost(place));
                send(outermost(place.clone()));
                send(injected(place));
                send(repeated(place, String::new(), Suffix("")));
                send(
                    on(place)
                        .retry(Retry::new())
                        .run(async |tx| write(tx, "").await),
                );
                send(
                    on(place)
                        .retry(Retry::new())
                        .read(async |tx| load(tx).await),
                );
                send(transaction(place, async |tx| write(tx, "").await));
                send(read(place, async |tx| load(tx).await));
            };
            const _: fn(&mut PoolConnection<$database>) = |place| {
                send(write(&mut *place, ""));
                send(load(&mut *place));
                send(transaction(&mut *place, async |tx| write(tx, "").await));
                send(read(place, async |tx| load(tx).await));
            };
            const _: fn(&mut $connection) = |place| {
                send(write(&mut *place, ""));
                send(load(&mut *place));
                send(transaction(&mut *place, async |tx| write(tx, "").await));
                send(read(place, async |tx| load(tx).await));
            };
            const _: fn(&mut Transaction<'_, $database>) = |place| {
                send(write(&mut *place, ""));
                send(load(&mut *place));
                send(transaction(&mut *place, async |tx| write(tx, "").await));
                send(read(place, async |tx| load(tx).await));
            };
            const _: fn(&mut Tx<'_, $database>) = |place| {
                send(write(&mut *place, ""));
                send(load(&mut *place));
                send(transaction(&mut *place, async |tx| write(tx, "").await));
                send(read(place, async |tx| load(tx).await));
            };
            const _: fn(&mut ReadTx<'_, $database>) = |place| {
                send(load(&mut *place));
                send(read(place, async |tx| load(tx).await));
            };
            const _: fn(&Notes<$database>, Arc<Notes<$database>>) = |notes, shared| {
                send(notes.method(&notes.pool, ""));
                send(notes.injected(""));
                send(shared.clone().by_arc(&notes.pool));
                send(shared.by_arc(notes.pool.clone()));
            };
            const _: fn(&mut Tx<'_, $database>) = |tx| {
                send(sqlx::query("").execute(&mut *tx));
                send(sqlx::query("").fetch_one(&mut *tx));
                send(sqlx::query("").fetch_optional(&mut *tx));
                send(sqlx::query("").fetch_all(&mut *tx));
                stream(sqlx::query("").fetch(&mut *tx));
                stream(tx.fetch_many(""));
                send(tx.prepare(sqlx::SqlStr::from_static("")));
            };
            const _: fn(&mut ReadTx<'_, $database>) = |tx| {
                send(sqlx::query("").fetch_one(&mut *tx));
                stream(sqlx::query("").fetch(&mut *tx));
            };
            const _: fn(TestTransaction<$database>) = |mut test| {
                send(write(&mut test, ""));
                send(load(&mut test));
                send(outermost(&mut test));
                send(watch(repeated(&mut test, String::new(), Suffix(""))));
                send(test.connection());
                send(test.roll_back());
            };
            const _: fn(&str) = |url| send(pool::connect::<$database>(url));
        };
    };
}

places!(Sqlite, SqliteConnection);
places!(Postgres, PgConnection);
places!(MySql, MySqlConnection);

/// What a function that is generic over the database knows.
const fn generic<DB: Store>() {
    const {
        let _: fn(&Pool<DB>) = |place| {
            send(write(place, ""));
            send(write(place.clone(), ""));
            send(load(place));
            send(outermost(place));
            send(injected(place));
            send(repeated(place, String::new(), Suffix("")));
            send(
                on(place)
                    .retry(Retry::new())
                    .run(async |tx| write(tx, "").await),
            );
            send(transaction(place, async |tx| write(tx, "").await));
            send(read(place, async |tx| load(tx).await));
        };
        let _: fn(&Db<DB>) = |place| send(write(place, ""));
        let _: fn(&mut PoolConnection<DB>) = |place| send(write(place, ""));
        let _: fn(&mut Transaction<'_, DB>) = |place| send(write(place, ""));
        let _: fn(&mut Tx<'_, DB>) = |place| {
            send(write(&mut *place, ""));
            send(load(&mut *place));
            send(place.connection());
            send(place.savepoint(async |tx| write(tx, "").await));
        };
        let _: fn(&mut ReadTx<'_, DB>) = |place| {
            send(load(&mut *place));
            send(place.connection());
            send(place.savepoint(async |tx| load(tx).await));
        };
        let _: fn(&Notes<DB>) = |notes| {
            send(notes.method(&notes.pool, ""));
            send(notes.injected(""));
        };
    }
}

const _: () = {
    generic::<Sqlite>();
    generic::<Postgres>();
    generic::<MySql>();
};

/// What a function that is generic over the place knows.
const _: fn(Tenant) = |tenant| {
    fn anywhere(place: impl Begin<Write<Sqlite>>, source: &impl Source<Sqlite>) {
        send(write(place, ""));
        send(write(source, ""));
        send(load(source));
        send(outermost(source));
        send(transaction(source, async |tx| write(tx, "").await));
        send(source.after_begin(unreachable_connection()));
    }
    fn unreachable_connection<'c>() -> &'c mut SqliteConnection {
        unreachable!("the table is compiled, never run")
    }
    anywhere(&tenant, &tenant);
    send(tenant.rename(&tenant));
    send(write(&Arc::new(tenant), ""));
};

/// Blocks with options, and with borrowed and moved captures.
const _: fn(&SqlitePool, &mut Vec<i64>, String) = |pool, seen, title| {
    send(on(pool).run(async |tx| write(tx, &title).await));
    send(on(pool).name("named").read(async |tx| load(tx).await));
    send(on(pool).savepoint().run(async |tx| {
        seen.push(write(&mut *tx, &title).await?);
        let inner = tx.savepoint(async |tx| {
            seen.push(write(tx, &title).await?);
            Ok::<_, sqlx::Error>(())
        });
        inner.await
    }));
    send(transaction(pool, async move |tx| {
        write(tx, &title).await.map(|_| title)
    }));
};
