//! What a test expects of an error.

use std::error::Error as StdError;

use sqlx::error::DatabaseError;
use sqlx_transactional::Error as TxError;

/// The project's own error in `error`.
///
/// # Panics
///
/// When there is none.
#[track_caller]
pub(crate) fn own<'e>(error: &'e (dyn StdError + 'static)) -> &'e TxError {
    TxError::find(error).unwrap_or_else(|| panic!("not the transaction's own: {error:?}"))
}

/// Asserts that the transaction says it is doomed, and gives the first cause.
///
/// # Panics
///
/// When it says something else, or names no cause.
#[track_caller]
pub(crate) fn doomed<'e>(error: &'e (dyn StdError + 'static)) -> &'e sqlx::Error {
    let own = own(error);
    assert!(own.is_doomed(), "{own:?}");
    assert_eq!(own.sqlstate(), "25P02");
    let cause = own.source().unwrap_or_else(|| panic!("no cause: {own:?}"));
    cause
        .downcast_ref()
        .unwrap_or_else(|| panic!("not the database's: {cause:?}"))
}

/// The engine's code of a database error: an SQLSTATE, or SQLite's number.
///
/// # Panics
///
/// When it is no error of the database, or has no code.
#[track_caller]
pub(crate) fn code(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.unwrap_or_else(|| panic!("no code: {error:?}"))
        .into_owned()
}

/// Asserts that the error is the engine's own, and gives its code.
///
/// # Panics
///
/// When it is this project's, or has no code.
#[track_caller]
pub(crate) fn engine_code(error: &sqlx::Error) -> String {
    assert!(TxError::find(error).is_none(), "{error:?}");
    code(error)
}
