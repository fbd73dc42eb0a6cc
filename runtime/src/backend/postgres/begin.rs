//! The message with which a transaction begins.

use std::{fmt::Write, time::Duration};

use sqlx::{AssertSqlSafe, PgConnection, SqlSafeStr, SqlStr};

use super::{GIVER, PostgresBackend, SERVER, text, told};
use crate::{
    backend::{Backend, Mode, Session, Terms},
    resolve::Number,
};

/// The first version with `transaction_timeout`.
const TRANSACTION_TIMEOUT: u32 = 170_000;

const IDLE: &str = "idle_in_transaction_session_timeout";

/// How much later than the deadline the server ends what nobody has ended: it is there
/// for a dead line alone, and must not be the first to notice.
const MARGIN: Duration = Duration::from_millis(250);

/// BEGIN with everything that holds for the transaction, as one message. Of the
/// user's text it has only settings, as literals.
#[inline]
pub(super) fn begin_sql(connection: &PgConnection, terms: &Terms) -> SqlStr {
    if terms.are_plain() && terms.mark.is_none() {
        return SqlStr::from_static(match terms.mode {
            Mode::Write => "BEGIN",
            Mode::Read => "BEGIN READ ONLY",
        });
    }
    begin_with(connection, terms)
}

fn begin_with(connection: &PgConnection, terms: &Terms) -> SqlStr {
    let modern = connection.server_version_num() >= Some(TRANSACTION_TIMEOUT);
    let limits = &terms.limits;
    let timeouts = [
        ("statement_timeout", limits.statement_timeout),
        ("lock_timeout", limits.lock_timeout),
        (IDLE, limits.idle_timeout),
    ];
    // Nobody pauses for longer than the whole may take, unless the line is dead since
    // before we knew whom to end. A session of the caller's is not ours to end.
    let timeout = limits.timeout.filter(|_| !terms.lent);
    let fallback = timeout.map(|limit| limit.saturating_add(MARGIN));
    let fallbacks = [
        (IDLE, fallback.filter(|_| limits.idle_timeout.is_none())),
        ("transaction_timeout", fallback.filter(|_| modern)),
    ];
    let mut sql = "BEGIN".to_owned();
    if let Some(isolation) = terms.characteristics.isolation {
        let _ = write!(sql, " ISOLATION LEVEL {}", isolation.as_sql());
    }
    if terms.mode == Mode::Read {
        sql.push_str(" READ ONLY");
    }
    if terms.characteristics.deferrable {
        sql.push_str(" DEFERRABLE");
    }
    for (name, limit) in timeouts {
        if let Some(limit) = limit {
            let _ = write!(sql, "; SET LOCAL {name} = {}", milliseconds(limit));
        }
    }
    for (name, limit) in fallbacks {
        if let Some(limit) = limit {
            // The role, or the database, may have a stricter limit, and 0 for none.
            let _ = write!(
                sql,
                "; SELECT set_config('{name}', least({}, nullif(1000 * extract(epoch from \
                 current_setting('{name}')::interval), 0))::int::text, true)",
                milliseconds(limit)
            );
        }
    }
    sql.push_str(&terms.settings.to_sql());
    if let Some(mark) = terms.mark {
        let _ = write!(sql, "; {}", PostgresBackend.mark_sql(mark));
    }
    AssertSqlSafe(sql).into_sql_str()
}

/// A time limit as a setting: 0 would mean none at all.
fn milliseconds(limit: Duration) -> u128 {
    limit.as_millis().clamp(1, i32::MAX.unsigned_abs().into())
}

/// Begins and asks who we are in the same message. sqlx's own way gives no
/// rows, so that it does not count this transaction.
pub(super) async fn begin_and_tell(
    connection: &mut PgConnection,
    begin: SqlStr,
    resolvable: bool,
) -> Result<Session, sqlx::Error> {
    // `now()` is the same as `xact_start` in `pg_stat_activity`, throughout the
    // transaction.
    let mut sql = format!(
        "{}; SELECT pg_backend_pid()::text, (extract(epoch FROM now()) * 1000000)::int8::text, \
         {SERVER}::text",
        begin.as_str()
    );
    if resolvable {
        let _ = write!(sql, ", pg_current_xact_id()::text, {GIVER}");
    }
    // The settings answer first.
    let rows = told(connection, sql).await?;
    let told = |column| text(&rows, column)?.parse().ok();
    Ok(Session {
        id: told(0),
        began: told(1),
        server: told(2),
        number: told(3).map(|id| Number { id, giver: told(4) }),
        ..Session::default()
    })
}
