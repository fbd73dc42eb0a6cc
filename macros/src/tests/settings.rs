//! `#[transactional(settings("name" = expr))]`.

use expect_test::{Expect, expect};

use super::{FUNCTION, check, check_difference, check_errors, check_fallback};

#[test]
fn each_is_a_call_between_the_begin_and_the_body() {
    check(
        "settings(\"app.user_id\" = user.id, r\"app.tenant\" = &tenant),",
        "async fn f(tx: &mut Tx<'_, Db>, user: &User, tenant: String) -> R { Ok(()) }",
        &expect![[r#"
            async fn f(
                mut tx: impl ::sqlx_transactional::Begin<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >,
                user: &User,
                tenant: String,
            ) -> R {
                let __options = ::sqlx_transactional::__private::Options::new(
                    ::core::concat!(::core::module_path!(), "::f"),
                );
                let mut __handle = ::sqlx_transactional::__private::begin::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    _,
                >(&mut tx, __options);
                ::sqlx_transactional::__private::set::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >(&mut __handle, "app.user_id", &(user.id));
                ::sqlx_transactional::__private::set::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >(&mut __handle, r"app.tenant", &(&tenant));
                let mut __bounds = ::sqlx_transactional::__private::bounds::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >(&mut __handle, __options);
                let __ran = {
                    let tx: &mut Tx<'_, Db> = &mut __handle;
                    ::sqlx_transactional::__private::run(
                            &mut __bounds,
                            ::core::pin::pin!(async move {
                                if false {
                                    return ::sqlx_transactional::__private::declared::<R>();
                                }
                                '__body: { Ok(()) }
                            }),
                        )
                        .await
                };
                ::sqlx_transactional::__private::end::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    _,
                >(__handle, &mut __bounds, __ran)
                    .await
            }
        "#]],
    );
}

#[test]
fn the_value_is_any_expression() {
    check_difference(
        "settings(\"a\" = map::<K, V>(x, y), \"b\" = if z { 1 } else { 2 }, \"c\" = \"d\")",
        FUNCTION,
        &expect![[r#"
            ::sqlx_transactional::__private::set::<
            >(&mut __handle, "a", &(map::<K, V>(x, y)));
            ::sqlx_transactional::__private::set::<
            >(&mut __handle, "b", &(if z { 1 } else { 2 }));
            ::sqlx_transactional::__private::set::<
            >(&mut __handle, "c", &("d"));
        "#]],
    );
}

#[track_caller]
fn refused(options: &str, expected: &Expect) {
    check_errors(options, FUNCTION, expected);
}

#[test]
fn no_parentheses() {
    refused(
        "settings",
        &expect![[r#"
        settings => write `settings("app.user_id" = user.id)`
    "#]],
    );
    refused(
        "settings = \"app.user_id\"",
        &expect![[r#"
        settings = "app.user_id" => write `settings("app.user_id" = user.id)`
    "#]],
    );
    refused(
        "settings[\"app.user_id\" = user.id]",
        &expect![[r#"
        settings["app.user_id" = user.id] => write `settings("app.user_id" = user.id)`
    "#]],
    );
    refused(
        "settings(\"app.user_id\" = user.id) x",
        &expect![[r#"
        settings("app.user_id" = user.id) x => write `settings("app.user_id" = user.id)`
    "#]],
    );
}

#[test]
fn nothing_in_the_parentheses() {
    refused(
        "settings()",
        &expect![[r#"
        settings() => write `settings("app.user_id" = user.id)`
    "#]],
    );
}

#[test]
fn a_name_that_is_no_string_or_names_nothing() {
    refused(
        "settings(app.user_id = user.id)",
        &expect![[r#"
        app => write the name of a setting in quotes: `"app.user_id" = user.id`
    "#]],
    );
    refused(
        "settings(user.id)",
        &expect![[r#"
        user => write the name of a setting in quotes: `"app.user_id" = user.id`
    "#]],
    );
    refused(
        "settings(\"\" = user.id)",
        &expect![[r#"
        "" => write the name of a setting in quotes: `"app.user_id" = user.id`
    "#]],
    );
    refused(
        "settings(\"app\\0\" = user.id)",
        &expect![[r#"
        "app\0" => no setting has a NUL in its name: remove it
    "#]],
    );
    refused(
        "settings(, \"a\" = 1)",
        &expect![[r#"
        , => write the name of a setting in quotes: `"app.user_id" = user.id`
    "#]],
    );
}

#[test]
fn no_value() {
    refused(
        "settings(\"app.user_id\")",
        &expect![[r#"
        "app.user_id" => write a value: `"app.user_id" = user.id`
    "#]],
    );
    refused(
        "settings(\"app.user_id\" =)",
        &expect![[r#"
        = => write a value: `"app.user_id" = user.id`
    "#]],
    );
    refused(
        "settings(\"app.user_id\": user.id)",
        &expect![[r#"
        "app.user_id" => write a value: `"app.user_id" = user.id`
    "#]],
    );
    refused(
        "settings(\"app.user_id\" = user.id id)",
        &expect![[r#"
        id => expected `,` and the next option
    "#]],
    );
}

#[test]
fn the_same_setting_twice() {
    refused(
        "settings(\"app.user_id\" = 1, \"b\" = 2, \"App.User_ID\" = 3)",
        &expect![[r#"
        "App.User_ID" => `"App.User_ID"` is given twice: remove one
    "#]],
    );
    refused(
        "settings(\"a\" = 1), settings(\"b\" = 2)",
        &expect![[r#"
        settings => `settings` is given twice: remove one
    "#]],
    );
}

#[test]
fn what_is_wrong_with_each_is_said_at_once() {
    refused(
        "settings(a = 1, \"\" = 2, \"c\", \"d\" = 4), savepoint = 5",
        &expect![[r#"
        a => write the name of a setting in quotes: `"app.user_id" = user.id`
        "" => write the name of a setting in quotes: `"app.user_id" = user.id`
        "c" => write a value: `"c" = user.id`
        = 5 => `savepoint` takes no value: write `savepoint` alone, or leave it out
    "#]],
    );
}

#[test]
fn the_others_are_set_all_the_same() {
    check_fallback(
        "settings(\"a\", \"b\" = 2)",
        FUNCTION,
        &expect![[r#"
            async fn f(
                mut tx: impl ::sqlx_transactional::Begin<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >,
            ) -> R {
                let __options = ::sqlx_transactional::__private::Options::new(
                    ::core::concat!(::core::module_path!(), "::f"),
                );
                let mut __handle = ::sqlx_transactional::__private::begin::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    _,
                >(&mut tx, __options);
                ::sqlx_transactional::__private::set::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >(&mut __handle, "b", &(2));
                let mut __bounds = ::sqlx_transactional::__private::bounds::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >(&mut __handle, __options);
                let __ran = {
                    let tx: &mut Tx<'_, Db> = &mut __handle;
                    ::sqlx_transactional::__private::run(
                            &mut __bounds,
                            ::core::pin::pin!(async move {
                                if false {
                                    return ::sqlx_transactional::__private::declared::<R>();
                                }
                                '__body: { Ok(()) }
                            }),
                        )
                        .await
                };
                ::sqlx_transactional::__private::end::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    _,
                >(__handle, &mut __bounds, __ran)
                    .await
            }
        "#]],
    );
}
