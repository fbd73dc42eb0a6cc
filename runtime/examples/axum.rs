//! An axum application with both forms: a handler that is a transaction itself,
//! and one that calls transactional functions.
//!
//! `cargo run -p sqlx-transactional --example axum --features sqlite`, then
//! `curl -d '"buy milk"' -H 'content-type: application/json' localhost:3000/notes`.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{ReadTx, Tx, pool, transactional};

#[derive(Clone)]
struct App {
    db: SqlitePool,
}

/// What goes wrong, as the client sees it.
enum AppError {
    NotFound,
    /// COMMIT was not answered: the client should look before it tries again.
    Unknown,
    Internal(sqlx::Error),
}

/// All that `#[transactional]` asks of an error type.
impl From<sqlx::Error> for AppError {
    fn from(error: sqlx::Error) -> Self {
        match sqlx_transactional::Error::find(&error) {
            Some(found) if found.is_outcome_unknown() => Self::Unknown,
            _ if matches!(error, sqlx::Error::RowNotFound) => Self::NotFound,
            _ => Self::Internal(error),
        }
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "not found"),
            Self::Unknown => (StatusCode::SERVICE_UNAVAILABLE, "outcome unknown"),
            Self::Internal(error) => {
                eprintln!("{error}");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal error")
            }
        };
        (status, text).into_response()
    }
}

/// The injected form: the transaction is no parameter of the handler that axum
/// sees. The response leaves only after COMMIT was answered.
#[transactional(on = app.db)]
async fn create(
    tx: &mut Tx<'_, Sqlite>,
    State(app): State<App>,
    Json(body): Json<String>,
) -> Result<(StatusCode, Json<i64>), AppError> {
    let id = insert(&mut *tx, &body).await?;
    tx.after_commit(async move { println!("note {id} is stored") });
    Ok((StatusCode::CREATED, Json(id)))
}

/// The plain form: a handler that calls a transactional function.
async fn show(State(app): State<App>, Path(id): Path<i64>) -> Result<Json<String>, AppError> {
    Ok(Json(load(&app.db, id).await?))
}

#[transactional]
async fn insert(tx: &mut Tx<'_, Sqlite>, body: &str) -> Result<i64, AppError> {
    let insert = sqlx::query("insert into notes (body) values (?)").bind(body);
    Ok(insert.execute(tx).await?.last_insert_rowid())
}

#[transactional]
async fn load(tx: &mut ReadTx<'_, Sqlite>, id: i64) -> Result<String, AppError> {
    let select = sqlx::query_scalar("select body from notes where id = ?").bind(id);
    Ok(select.fetch_one(tx).await?)
}

fn app(db: SqlitePool) -> Router {
    Router::new()
        .route("/notes", post(create))
        .route("/notes/{id}", get(show))
        .with_state(App { db })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let db = pool::connect::<Sqlite>("sqlite::memory:").await?;
    sqlx::raw_sql("create table notes (id integer primary key, body text not null)")
        .execute(&db)
        .await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let asked_to_stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let server = axum::serve(listener, app(db.clone()));
    server.with_graceful_shutdown(asked_to_stop).await?;
    // Of clients that left in the middle, a COMMIT and its hooks may still run.
    let left = sqlx_transactional::drained(Duration::from_secs(10)).await;
    if !left.is_empty() {
        eprintln!("not waited for any longer: {left}");
    }
    db.close().await;
    Ok(())
}
