//! `#[transactional(crate = ::path)]`.

use expect_test::expect;

use super::{FUNCTION, check, check_difference, check_errors, transactional};

#[test]
fn every_path_of_the_expansion_begins_with_it() {
    check(
        "crate = ::database::tx",
        FUNCTION,
        &expect![[r#"
            async fn f(
                mut tx: impl ::database::tx::Begin<::database::tx::AccessOf<Tx<'static, Db>>>,
            ) -> R {
                let __options = ::database::tx::__private::Options::new(
                    ::core::concat!(::core::module_path!(), "::f"),
                );
                let mut __handle = ::database::tx::__private::begin::<
                    ::database::tx::AccessOf<Tx<'static, Db>>,
                    _,
                >(&mut tx, __options);
                let mut __bounds = ::database::tx::__private::bounds::<
                    ::database::tx::AccessOf<Tx<'static, Db>>,
                >(&mut __handle, __options);
                let __ran = {
                    let tx: &mut Tx<'_, Db> = &mut __handle;
                    ::database::tx::__private::run(
                            &mut __bounds,
                            ::core::pin::pin!(async move {
                                if false {
                                    return ::database::tx::__private::declared::<R>();
                                }
                                '__body: { Ok(()) }
                            }),
                        )
                        .await
                };
                ::database::tx::__private::end::<
                    ::database::tx::AccessOf<Tx<'static, Db>>,
                    _,
                >(__handle, &mut __bounds, __ran)
                    .await
            }
        "#]],
    );
}

#[test]
fn no_default_name_is_left_behind() {
    for options in [
        "crate = ::renamed",
        "crate = ::renamed, outermost",
        "crate = ::renamed, savepoint, name = \"x\"",
        "crate = ::renamed, on = pool, outermost",
        "crate = ::renamed, on = ",
        "crate = ::renamed, isolation = serializable, deferrable, immediate, settings(\"a\" = 1)",
        "crate = ::renamed, retry(attempts = 5), commit_on(Err(_)), rollback_on(Ok(1))",
    ] {
        let (function, _) = transactional(options, FUNCTION);
        assert!(!function.to_string().contains("sqlx_transactional"), "{function}");
    }
}

#[test]
fn a_module_of_the_users_own_can_be_named() {
    check_difference(
        "crate = crate::db",
        FUNCTION,
        &expect![[r#"
            async fn f(mut tx: impl crate::db::Begin<crate::db::AccessOf<Tx<'static, Db>>>) -> R {
            let __options = crate::db::__private::Options::new(
            let mut __handle = crate::db::__private::begin::<
            crate::db::AccessOf<Tx<'static, Db>>,
            let mut __bounds = crate::db::__private::bounds::<
            crate::db::AccessOf<Tx<'static, Db>>,
            crate::db::__private::run(
            return crate::db::__private::declared::<R>();
            crate::db::__private::end::<
            crate::db::AccessOf<Tx<'static, Db>>,
        "#]],
    );
}

#[test]
fn a_relative_path_is_refused() {
    check_errors(
        "crate = db::tx",
        FUNCTION,
        &expect![[r#"
        db::tx => write an absolute path, which means the same in every module: `crate = ::db::tx`, or `crate = crate::db::tx` if it is a module of your own
    "#]],
    );
    check_errors(
        "crate = super::tx",
        FUNCTION,
        &expect![[r#"
        super::tx => write an absolute path, which means the same in every module: `crate = ::tx`, or `crate = crate::tx` if it is a module of your own
    "#]],
    );
}

#[test]
fn a_string_is_refused() {
    check_errors(
        "crate = \"::db\"",
        FUNCTION,
        &expect![[r#"
        "::db" => write the path without quotes: `crate = ::db`
    "#]],
    );
}

#[test]
fn what_is_no_path_is_refused() {
    check_errors(
        "crate = ::db<u8>",
        FUNCTION,
        &expect![[r#"
        < => expected `,` and the next option
    "#]],
    );
    check_errors(
        "crate = 3",
        FUNCTION,
        &expect![[r#"
        3 => expected identifier
    "#]],
    );
}
