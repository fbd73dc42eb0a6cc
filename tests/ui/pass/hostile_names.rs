//! No name of the user's means anything to the expansion, and none of the
//! expansion's means anything to the user.
#![expect(non_camel_case_types, reason = "hostile on purpose")]

use sqlx::{Sqlite, SqlitePool};
use sqlx_transactional::transactional;

mod core {}
mod std {}
mod alloc {}
mod sqlx_transactional_private {}

mod hostile {
    use ::sqlx_transactional::{Tx as Handed, transactional};

    mod core {}
    mod std {}
    mod sqlx {}
    mod sqlx_transactional {}
    mod tracing {}

    pub struct Result;
    pub struct Option;
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Err;
    pub struct Box;
    pub struct Send;
    pub struct Begin;
    pub struct AccessOf;
    pub struct Options;
    pub struct Future;
    pub struct Attempts;
    pub struct Isolation;
    pub struct Verdict;
    pub struct Clone;
    pub struct Pin;
    pub struct From;
    pub struct bool;
    pub struct str;

    macro_rules! concat {
        ($($t:tt)*) => {
            compile_error!("not this one")
        };
    }
    macro_rules! module_path {
        () => {
            compile_error!("nor this one")
        };
    }
    macro_rules! pin {
        ($($t:tt)*) => {
            compile_error!("nor this one")
        };
    }
    pub(crate) use concat;
    pub(crate) use module_path;
    pub(crate) use pin;

    pub fn begin() {}
    pub fn end() {}
    pub fn span() {}
    pub fn instrument() {}
    pub fn declared() {}
    pub fn drop() {}
    pub fn again() {}
    pub fn judge() {}
    pub fn set() {}

    #[transactional]
    pub async fn load(
        tx: &mut Handed<'_, ::sqlx::Sqlite>,
    ) -> ::core::result::Result<i64, ::sqlx::Error> {
        ::sqlx::query_scalar("select 1").fetch_one(tx).await
    }

    #[transactional(
        isolation = serializable,
        immediate,
        retry(attempts = 2),
        rollback_on(::core::result::Result::Ok(0)),
        commit_on(::core::result::Result::Err(_) if !title.is_empty())
    )]
    pub async fn retried(
        tx: &mut Handed<'_, ::sqlx::Sqlite>,
        title: ::std::string::String,
    ) -> ::core::result::Result<i64, ::sqlx::Error> {
        ::sqlx::query_scalar("select length(?)")
            .bind(title)
            .fetch_one(tx)
            .await
    }

    #[transactional(settings("app.title" = title))]
    pub async fn set_here(
        tx: &mut Handed<'_, ::sqlx::Postgres>,
        title: &::core::primitive::str,
    ) -> ::core::result::Result<i64, ::sqlx::Error> {
        ::sqlx::query_scalar("select length($1)")
            .bind(title)
            .fetch_one(tx)
            .await
    }
}

use ::sqlx_transactional::Tx;

#[transactional(
    retry,
    rollback_on(Ok(__returned) if *__returned == __ended),
    commit_on(Err(_) if __attempts > 0)
)]
async fn attempts(
    tx: &mut Tx<'_, Sqlite>,
    __attempts: i64,
    __ended: i64,
    __returned: i64,
    __ran: i64,
    __bounds: i64,
    (__options, __failed): (i64, i64),
    mut __argument: i64,
) -> sqlx::Result<i64> {
    __argument += __attempts + __ended + __returned + __ran + __bounds + __options + __failed;
    sqlx::query_scalar("select ?")
        .bind(__argument)
        .fetch_one(tx)
        .await
}

#[transactional]
async fn parameters(
    tx: &mut Tx<'_, Sqlite>,
    __handle: i64,
    __place: i64,
    __result: i64,
    __span: i64,
    __body: i64,
    handle: i64,
    result: i64,
    place: i64,
    span: i64,
    begin: i64,
    end: i64,
    options: i64,
) -> sqlx::Result<i64> {
    let sum = __handle + __place + __result + __span + __body;
    let sum = sum + handle + result + place + span + begin + end + options;
    sqlx::query_scalar("select ?").bind(sum).fetch_one(tx).await
}

#[transactional(on = __place)]
async fn injected(
    __handle: &mut Tx<'_, Sqlite>,
    __place: &SqlitePool,
    __span: i64,
) -> sqlx::Result<i64> {
    let __result = __span + i64::from(__place.size() > 0);
    sqlx::query_scalar("select ?")
        .bind(__result)
        .fetch_one(__handle)
        .await
}

#[transactional]
async fn __handle(__place: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(__place).await
}

#[transactional]
async fn generics<A, B, R, H, const F: usize>(
    tx: &mut Tx<'_, Sqlite>,
    a: A,
    b: B,
    r: R,
    h: H,
) -> sqlx::Result<(A, B, R, H)> {
    sqlx::query("select 1").execute(tx).await?;
    Ok((a, b, r, h))
}

#[transactional]
async fn items_inside(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    mod core {}
    mod sqlx_transactional {}
    struct Result;
    const HANDLE: i64 = 7;
    sqlx::query_scalar("select ?")
        .bind(HANDLE)
        .fetch_one(tx)
        .await
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    assert_eq!(hostile::load(&pool).await?, 1);
    assert_eq!(hostile::retried(&pool, "ab".into()).await?, 2);
    assert_eq!(attempts(&pool, 1, 1, 1, 1, 1, (1, 1), 1).await?, 8);
    let sum = parameters(&pool, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1).await?;
    assert_eq!(sum, 12);
    assert_eq!(injected(&pool, 4).await?, 5);
    assert_eq!(__handle(&pool).await?, 1);
    assert_eq!(
        generics::<_, _, _, _, 0>(&pool, 1, 2, 3, 4).await?,
        (1, 2, 3, 4)
    );
    assert_eq!(items_inside(&pool).await?, 7);
    Ok(())
}
