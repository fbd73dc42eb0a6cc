//! The injected form makes plain axum handlers. `#[debug_handler]` goes below the
//! attribute, because it has to see the signature that axum sees.

use axum::{
    Json, Router, debug_handler,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::{ReadTx, Tx, transactional};

#[derive(Clone)]
struct App {
    db: SqlitePool,
}

struct AppError;

impl From<sqlx::Error> for AppError {
    fn from(_: sqlx::Error) -> Self {
        Self
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

#[transactional(on = app.db)]
async fn create(
    tx: &mut Tx<'_, Sqlite>,
    State(app): State<App>,
    Json(title): Json<String>,
) -> Result<(StatusCode, Json<i64>), AppError> {
    let id = insert(&mut *tx, &title).await?;
    tx.after_commit(async {});
    Ok((StatusCode::CREATED, Json(id)))
}

#[transactional(on = db)]
#[debug_handler(state = SqlitePool)]
async fn debugged(
    tx: &mut ReadTx<'_, Sqlite>,
    State(db): State<SqlitePool>,
    Path(id): Path<i64>,
) -> Result<String, AppError> {
    Ok(sqlx::query_scalar("select ?")
        .bind(id)
        .fetch_one(tx)
        .await?)
}

#[transactional]
async fn insert(tx: &mut Tx<'_, Sqlite>, title: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar("select length(?)")
        .bind(title)
        .fetch_one(tx)
        .await
}

async fn calling(State(app): State<App>) -> Result<Json<i64>, AppError> {
    let block = sqlx_transactional::transaction(&app.db, async |tx| {
        Ok::<_, sqlx::Error>(insert(tx, "ab").await?)
    });
    Ok(Json(insert(&app.db, "a").await? + block.await?))
}

fn app(db: SqlitePool) -> Router {
    Router::new()
        .route("/notes", post(create))
        .route("/calling", get(calling))
        .with_state(App { db: db.clone() })
        .route("/notes/{id}", get(debugged))
        .with_state(db)
}

#[tokio::main]
async fn main() {
    let db = SqlitePool::connect_lazy("sqlite::memory:").unwrap();
    let _ = app(db);
}
