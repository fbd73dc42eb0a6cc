//! The types.

use std::{fmt::Debug, sync::Arc};

use sqlx::{MySql, Postgres, Sqlite, SqliteConnection, SqlitePool};
use sqlx_transactional::{
    Access, AccessOf, Again, Begin, Block, Db, Error, Isolation, Never, Outermost, Read, ReadTx,
    Retry, Source, Tx, Write,
    testing::{TestTransaction, Watched},
};

const fn is_send<T: Send + ?Sized>() {}
const fn is_send_sync<T: Send + Sync + ?Sized>() {}
const fn is_static<T: 'static + ?Sized>() {}
const fn is_debug<T: Debug + ?Sized>() {}

const _: () = {
    is_send::<Tx<'static, Sqlite>>();
    is_send::<Tx<'static, Postgres>>();
    is_send::<Tx<'static, MySql>>();
    is_send::<ReadTx<'static, Sqlite>>();
    is_debug::<Tx<'static, Sqlite>>();
    is_debug::<ReadTx<'static, Sqlite>>();

    is_send_sync::<Error>();
    is_static::<Error>();
    is_debug::<Error>();

    is_send_sync::<Write<Sqlite>>();
    is_send_sync::<Read<Sqlite>>();
    is_static::<AccessOf<Tx<'_, Sqlite>>>();
    is_static::<AccessOf<ReadTx<'_, Sqlite>>>();

    is_send::<Block<SqlitePool>>();
    is_send::<Block<&SqlitePool>>();
    is_send::<Block<&mut SqliteConnection>>();
    is_send::<Block<&mut Tx<'static, Sqlite>>>();
    is_debug::<Block<SqlitePool>>();
    is_static::<Block<SqlitePool>>();
    is_send::<Block<SqlitePool, Never, Never, Again>>();

    is_send_sync::<Db<Sqlite>>();
    is_static::<Db<Sqlite>>();
    is_debug::<Db<Sqlite>>();
    is_send_sync::<Retry>();
    is_send_sync::<Isolation>();
    is_send::<TestTransaction<Sqlite>>();
    is_static::<TestTransaction<Sqlite>>();
    is_debug::<TestTransaction<Sqlite>>();
    is_send_sync::<Watched>();
};

/// The same, for everything that a bound promises.
const fn promises<A: Access, B: Begin<A>, O: Outermost<A>, S: Source<Sqlite>>() {
    is_send_sync::<A>();
    is_static::<A>();
    is_send::<B>();
    is_debug::<B>();
    is_send::<O>();
    is_send_sync::<S>();
    is_debug::<S>();
}

const _: () = promises::<Write<Sqlite>, SqlitePool, &SqlitePool, Arc<SqlitePool>>();
