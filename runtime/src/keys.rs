//! Idempotency keys: a call with one does its work once, however often it is
//! made.
//!
//! A function marked `#[transactional(key = expr)]`, or a block with
//! [`key`](crate::Block::key), writes the key into a table before anything else,
//! in the same transaction as its work. So the key is there if and only if the
//! work is. A call whose key is there does nothing and returns
//! [`is_already_done`](crate::Error::is_already_done); one whose key is being
//! written by another call waits for that call's end. After an
//! [unknown outcome](crate::Error::is_outcome_unknown) making the call again with
//! the same key is therefore always right.
//!
//!
//! **A call with a key finds out by itself** what became of a COMMIT whose answer
//! was lost with the connection, before it tells anybody. It asks through another
//! connection of the pool that it began on, again and again while the server is
//! away, until its deadline. If it has committed, it returns its own `Ok` with its
//! own value, and its hooks run. If it has not, it returns the error of the lost
//! connection, which `retry` repeats like any other. What is not known at the
//! deadline is an unknown outcome, and is not repeated, `idempotent` or not. So it
//! is, as for any call, on a connection of the caller's own, which has no pool
//! through which to ask.
//!
//! # The table
//!
//! [`table`] has the SQL that creates `sqlx_transactional_keys`, for a migration of
//! the application's. Its columns are
//!
//! | column | |
//! |---|---|
//! | `key` | 1 to 255 bytes of UTF-8, none of them NUL; unique |
//! | `token` | 16 random bytes, other ones for each attempt of each call. A row with a transaction's own token is there if and only if that transaction has committed |
//! | `done_at` | when it was written |
//!
//! Whoever calls needs the privileges INSERT and SELECT on it. A row that is
//! written by hand, for what was done before, needs a token of its own. Rows are
//! never deleted here: how long a call may be repeated is the application's to
//! say (`delete from sqlx_transactional_keys where done_at < …`). Keep them for
//! longer than the longest call may take.
//!
//! It is asked where and as whom the call has written: in the same schema, as the
//! same role, with the function's settings on PostgreSQL; in the same database on
//! MySQL and MariaDB. Asking writes the key in a transaction that is always rolled
//! back, so that it waits for the lost connection's session to end. On Galera it
//! waits for what the other nodes have committed (`wsrep_sync_wait`).
//!
//! ```
//! use sqlx::Sqlite;
//! use sqlx_transactional::{Tx, keys, transactional};
//!
//! #[transactional(key = order)]
//! async fn book(tx: &mut Tx<'_, Sqlite>, order: &str, amount: i64) -> Result<(), sqlx::Error> {
//!     sqlx::query("insert into bookings (amount) values (?)").bind(amount).execute(tx).await?;
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sqlx::Error> {
//! # let pool = sqlx_transactional::pool::connect::<Sqlite>("sqlite::memory:").await?;
//! # sqlx::raw_sql("create table bookings (amount integer)").execute(&pool).await?;
//! sqlx::raw_sql(keys::table::<Sqlite>()).execute(&pool).await?;
//! book(&pool, "order 7", 5).await?;
//! let again = book(&pool, "order 7", 5).await.unwrap_err();
//! assert!(sqlx_transactional::Error::find(&again).is_some_and(|found| found.is_already_done()));
//! # let booked: i64 = sqlx::query_scalar("select count(*) from bookings").fetch_one(&pool).await?;
//! # assert_eq!(booked, 1);
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    not(any(feature = "postgres", feature = "mysql", feature = "sqlite")),
    expect(dead_code, reason = "without an engine there is no table")
)]

use std::{
    collections::hash_map::RandomState, fmt, hash::BuildHasher, pin::pin, sync::Arc, time::Duration,
};

use futures_core::future::BoxFuture;
use sqlx::{Database, Pool, error::DatabaseError};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    backend::{self, Damage},
    begin::{Begin, DynSource, Source},
    end::end,
    error::{Error, Kind},
    executor::{in_time, open},
    handle::{Access, Tx, Write},
    limits::Limits,
    private::{Options, bounds},
    recorded::record,
    resolve::Resolution,
    run::run,
    scope::Core,
    settings::Given,
    state::Flight,
};

/// The SQL that creates the table of keys where there is none, one statement.
#[must_use]
pub fn table<DB: Database>() -> &'static str {
    backend::of::<DB>().key_table()
}

/// What a transaction has written in the table of keys, and where.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) key: Box<str>,
    pub(crate) token: Token,
    pub(crate) place: Whereabouts,
    /// With which its function wrote it.
    pub(crate) settings: Given,
}

/// Where the engine found the table of keys, and as whom, as SQL: each is quoted by
/// the engine. What it does not have is `None`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whereabouts {
    /// PostgreSQL's schema, or MySQL's database.
    pub(crate) schema: Option<Box<str>>,
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "PostgreSQL alone has them")
    )]
    pub(crate) role: Option<Box<str>>,
}

impl Whereabouts {
    /// The table of keys.
    pub(crate) fn table(&self) -> String {
        let schema = self.schema.as_deref();
        let schema = schema.map_or_else(String::new, |schema| format!("{schema}."));
        format!("{schema}sqlx_transactional_keys")
    }
}

/// Tells one transaction's row from another's: 16 bytes, printed in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(u128);

impl Token {
    /// That of nobody's work.
    pub(crate) const NONE: Self = Self(0);

    /// One that nobody else has: the keys of a map's hasher come from the system's
    /// random numbers.
    fn random() -> Self {
        let state = RandomState::new();
        Self(u128::from(state.hash_one(0)) << 64 | u128::from(state.hash_one(1)))
    }

    /// Reads one that an engine has printed.
    pub(crate) fn read(text: &str) -> Option<Self> {
        u128::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The bytes of `text` in hexadecimal, as the literals of MySQL and SQLite have them.
#[cfg(any(feature = "mysql", feature = "sqlite"))]
pub(crate) fn hex(text: &str) -> String {
    use fmt::Write;

    text.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Writes `key`, or says that it is there.
pub(crate) async fn claim<DB: Database>(
    core: &mut (dyn Core<DB> + '_),
    key: &str,
) -> Result<Claim, sqlx::Error> {
    if key.is_empty() || key.len() > 255 || key.contains('\0') {
        core.state().forbid(Damage::Scope, Kind::Unsupported(UNFIT));
        return Err(Error::new(Kind::Unsupported(UNFIT)).into());
    }
    let (backend, token) = (backend::of::<DB>(), Token::random());
    let (connection, state) = open(core).await?;
    let claimed = in_time::<DB, _>(state, backend.claim(connection, key, token)).await?;
    state.in_flight = None;
    let error = match claimed {
        Ok(place) => {
            return Ok(Claim {
                key: key.into(),
                token,
                place,
                settings: state.terms.settings.clone(),
            });
        }
        Err(error) => error,
    };
    let is_there = error
        .as_database_error()
        .is_some_and(DatabaseError::is_unique_violation);
    if !is_there {
        let damage = backend.damage(&error).max(Damage::Scope);
        return Err(state.met::<DB>(damage, error));
    }
    let already = || Error::because(Kind::AlreadyDone, record(&error));
    state.hurt(Damage::Scope, || Arc::new(already().into()));
    Err(already().into())
}

const UNFIT: &str = "an idempotency key has 1 to 255 bytes, none of which is NUL";

/// How long one look may take: a lost session may not have ended.
const LOOK: Duration = Duration::from_secs(5);

/// The first pauses between two looks, and those that follow.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
];
const LAST_PAUSE: Duration = Duration::from_millis(500);

/// Asks what became of the transaction with `claim`, until that is known or it is
/// late. In a box, because asking is a transaction as well.
pub(crate) fn ask<DB: Database>(
    pool: Pool<DB>,
    claim: Arc<Claim>,
    late: Instant,
) -> BoxFuture<'static, Resolution> {
    Box::pin(async move {
        let asking = async {
            let mut pauses = PAUSES.into_iter();
            loop {
                match look_up(&pool, &claim).await {
                    Ok(Found::Own) => return Resolution::Committed,
                    Ok(Found::Another) => return Resolution::RolledBack,
                    Ok(Found::Busy) => {}
                    Err(error) if comes_back::<DB>(&error) => {}
                    Ok(Found::Hidden) | Err(_) => return Resolution::Unknown,
                }
                sleep(pauses.next().unwrap_or(LAST_PAUSE)).await;
            }
        };
        let asked = timeout_at(late, asking).await;
        asked.unwrap_or(Resolution::Unknown)
    })
}

/// Whether there may be an answer a little later: the server is away, or has no
/// connection left (PostgreSQL's class 53).
fn comes_back<DB: Database>(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    matches!(error, sqlx::Error::PoolTimedOut)
        || backend::of::<DB>().damage(error) == Damage::Connection
        || code.is_some_and(|code| code.len() == 5 && code.starts_with("53"))
}

/// Whose row there is with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// That of the transaction it is about, which has committed.
    Own,
    /// Another's, or none but that of whoever asks.
    Another,
    /// One that whoever asks may not read.
    Hidden,
    /// Somebody is still at it.
    Busy,
}

/// Looks whose row there is with the key, in a transaction on `place` that is always
/// rolled back.
pub(crate) async fn look_up<DB: Database>(
    place: &dyn DynSource<DB>,
    claim: &Claim,
) -> Result<Found, sqlx::Error> {
    let (place, mut options) = (Asked(place), Options::new("resolve"));
    let special = options.special();
    special.limits = Limits::new().timeout(LOOK);
    special.characteristics.isolation = backend::of::<DB>().isolation_to_ask();
    special.up_to_date = true;
    let mut begun_on = &place;
    let mut tx: Tx<'_, DB> = Begin::<Write<DB>>::begin(&mut begun_on, options);
    for (name, value) in claim.settings.iter() {
        Write::<DB>::scope(&mut tx).set(name, value.clone());
    }
    let mut bounds = bounds::<Write<DB>>(&mut tx, options);
    let looking = async {
        tx.roll_back();
        seek(tx.core(), claim).await
    };
    let ran = run(&mut bounds, pin!(looking)).await;
    let found: Result<_, sqlx::Error> = end::<Write<DB>, _>(tx, &mut bounds, ran).await;
    let error = match found {
        Ok(Some(token)) if token == claim.token => return Ok(Found::Own),
        Ok(Some(_)) => return Ok(Found::Another),
        Ok(None) => return Ok(Found::Hidden),
        Err(error) => error,
    };
    let backend = backend::of::<DB>();
    let timed_out = Error::find(&error).is_some_and(Error::is_timed_out);
    let contended = backend.is_transient(&error) && backend.damage(&error) < Damage::Connection;
    if timed_out || contended {
        return Ok(Found::Busy);
    }
    Err(error)
}

/// Tries to write the key itself: that waits for whoever is writing it. Gives the
/// token of the row that there is then.
async fn seek<DB: Database>(
    core: &mut (dyn Core<DB> + '_),
    claim: &Claim,
) -> Result<Option<Token>, sqlx::Error> {
    let backend = backend::of::<DB>();
    let (connection, state) = open(core).await?;
    state.in_flight = Some(Flight::Statement);
    let found = backend.look_up(connection, claim).await;
    state.in_flight = None;
    found.map_err(|error| {
        let damage = backend.damage(&error).max(Damage::Scope);
        state.met::<DB>(damage, error)
    })
}

/// A place where something is asked: it does there what it does in every
/// transaction of its, but this is none of them.
struct Asked<'p, DB: Database>(&'p dyn DynSource<DB>);

impl<DB: Database> Source<DB> for Asked<'_, DB> {
    fn pool(&self) -> &Pool<DB> {
        self.0.pool()
    }

    async fn after_begin(&self, connection: &mut DB::Connection) -> Result<(), sqlx::Error> {
        self.0.after_begin(connection).await
    }
}

impl<DB: Database> fmt::Debug for Asked<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let token = Token::random();
        assert_eq!(token.to_string().len(), 32);
        assert_eq!(Token::read(&token.to_string()), Some(token));
        assert_ne!(token, Token::random());
        assert_eq!(Token::read(&Token::NONE.to_string()), Some(Token::NONE));
        assert_eq!(Token::read("another column"), None);
    }
}
