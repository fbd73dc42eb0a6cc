// tidy: snapshots of whole functions are long, and belong together.
//! `#[transactional(retry)]` and `idempotent`.

use expect_test::{Expect, expect};

use super::{FUNCTION, check, check_difference, check_errors, check_fallback, check_signature};

#[test]
fn the_body_is_in_a_loop_and_each_attempt_gets_clones() {
    check(
        "retry(attempts = 5)",
        "async fn rename(tx: &mut DbTx<'_>, id: &str, title: String) -> Result<u64, AppError> { update(tx, id, title).await }",
        &expect![[r#"
            async fn rename(
                mut tx: impl ::sqlx_transactional::Begin<
                    ::sqlx_transactional::AccessOf<DbTx<'static>>,
                >,
                id: &str,
                title: String,
            ) -> Result<u64, AppError> {
                let __options = ::sqlx_transactional::__private::Options::new(
                        ::core::concat!(::core::module_path!(), "::rename"),
                    )
                    .retry()
                    .attempts(5u32);
                let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
                loop {
                    let mut __handle = ::sqlx_transactional::__private::begin::<
                        ::sqlx_transactional::AccessOf<DbTx<'static>>,
                        _,
                    >(&mut tx, __attempts.options());
                    let __ran = {
                        let __bounds = ::sqlx_transactional::__private::bounds::<
                            ::sqlx_transactional::AccessOf<DbTx<'static>>,
                        >(&mut __handle, __options);
                        let tx: &mut DbTx<'_> = &mut __handle;
                        let id = ::sqlx_transactional::__private::again(&id);
                        let title = ::sqlx_transactional::__private::again(&title);
                        ::sqlx_transactional::__private::run(
                                __bounds,
                                ::core::pin::pin!(async move {
                                    if false {
                                        return ::sqlx_transactional::__private::declared::<
                                            Result<u64, AppError>,
                                        >();
                                    }
                                    '__body: { update(tx, id, title).await }
                                }),
                            )
                            .await
                    };
                    let __ended = __attempts
                        .end::<::sqlx_transactional::AccessOf<DbTx<'static>>, _>(__handle, __ran)
                        .await;
                    if let ::core::option::Option::Some(__returned) = __ended {
                        break __returned;
                    }
                }
            }
        "#]],
    );
}

#[test]
fn its_limits_follow_in_the_order_they_are_written() {
    check_difference(
        "retry",
        FUNCTION,
        &expect![[r#"
        .retry();
        let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
        loop {
        >(&mut tx, __attempts.options());
        let __ended = __attempts
        .end::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(__handle, __ran)
        .await;
        if let ::core::option::Option::Some(__returned) = __ended {
        break __returned;
    "#]],
    );
    check_difference(
        "timeout = \"1m\", retry(cap = \"500ms\", attempts = 4294967295, base = \"5ms\", deadline = \"10s\",), savepoint",
        FUNCTION,
        &expect![[r#"
            .timeout(60000u64)
            .retry()
            .cap(500u64)
            .attempts(4294967295u32)
            .base(5u64)
            .deadline(10000u64)
            .savepoint();
            let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
            loop {
            >(&mut tx, __attempts.options());
            let __ended = __attempts
            .end::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(__handle, __ran)
            .await;
            if let ::core::option::Option::Some(__returned) = __ended {
            break __returned;
        "#]],
    );
}

#[test]
fn the_same_pause_each_time() {
    check_difference(
        "retry(base = \"5ms\", cap = \"5ms\")",
        FUNCTION,
        &expect![[r#"
        .retry()
        .base(5u64)
        .cap(5u64);
        let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
        loop {
        >(&mut tx, __attempts.options());
        let __ended = __attempts
        .end::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(__handle, __ran)
        .await;
        if let ::core::option::Option::Some(__returned) = __ended {
        break __returned;
    "#]],
    );
}

#[test]
fn idempotent_is_an_option_of_the_run_time() {
    check_difference(
        "retry, idempotent",
        FUNCTION,
        &expect![[r#"
        .retry()
        .idempotent();
        let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
        loop {
        >(&mut tx, __attempts.options());
        let __ended = __attempts
        .end::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(__handle, __ran)
        .await;
        if let ::core::option::Option::Some(__returned) = __ended {
        break __returned;
    "#]],
    );
    check_errors(
        "savepoint, idempotent",
        FUNCTION,
        &expect![[r#"
        idempotent => `idempotent` has no effect without `retry`, because it lets a retry follow an outcome that is not known: write `#[transactional(retry, savepoint, idempotent)]`, or leave `idempotent` out
    "#]],
    );
    check_errors(
        "retry = 5, idempotent",
        FUNCTION,
        &expect![[r#"
        retry = 5 => write `retry` alone, or as in `retry(attempts = 5)`
    "#]],
    );
    check_errors(
        "retry, idempotent = true",
        FUNCTION,
        &expect![[r#"
        = true => `idempotent` takes no value: write `idempotent` alone, or leave it out
    "#]],
    );
}

#[test]
fn a_mutable_argument_is_mutable_in_the_body() {
    check(
        "retry",
        "async fn f(mut tx: &mut Tx<'_, Db>, mut titles: Vec<String>) -> R { Ok(()) }",
        &expect![[r#"
            async fn f(
                mut tx: impl ::sqlx_transactional::Begin<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >,
                titles: Vec<String>,
            ) -> R {
                let __options = ::sqlx_transactional::__private::Options::new(
                        ::core::concat!(::core::module_path!(), "::f"),
                    )
                    .retry();
                let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
                loop {
                    let mut __handle = ::sqlx_transactional::__private::begin::<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                        _,
                    >(&mut tx, __attempts.options());
                    let __ran = {
                        let __bounds = ::sqlx_transactional::__private::bounds::<
                            ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                        >(&mut __handle, __options);
                        let mut tx: &mut Tx<'_, Db> = &mut __handle;
                        let mut titles = ::sqlx_transactional::__private::again(&titles);
                        ::sqlx_transactional::__private::run(
                                __bounds,
                                ::core::pin::pin!(async move {
                                    if false {
                                        return ::sqlx_transactional::__private::declared::<R>();
                                    }
                                    '__body: { Ok(()) }
                                }),
                            )
                            .await
                    };
                    let __ended = __attempts
                        .end::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(__handle, __ran)
                        .await;
                    if let ::core::option::Option::Some(__returned) = __ended {
                        break __returned;
                    }
                }
            }
        "#]],
    );
}

#[test]
fn of_a_pattern_the_variables_are_cloned() {
    check(
        "retry",
        "async fn f(tx: &mut Tx<'_, Db>, (id, mut title): (u8, String), Json(Note { text, mut tags, .. }): Json<Note>, whole @ Unit: Unit, ref by_ref: Vec<u8>) -> R { Ok(()) }",
        &expect![[r#"
            async fn f(
                mut tx: impl ::sqlx_transactional::Begin<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >,
                (id, title): (u8, String),
                Json(Note { text, tags, .. }): Json<Note>,
                whole @ Unit: Unit,
                ref by_ref: Vec<u8>,
            ) -> R {
                let __options = ::sqlx_transactional::__private::Options::new(
                        ::core::concat!(::core::module_path!(), "::f"),
                    )
                    .retry();
                let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
                loop {
                    let mut __handle = ::sqlx_transactional::__private::begin::<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                        _,
                    >(&mut tx, __attempts.options());
                    let __ran = {
                        let __bounds = ::sqlx_transactional::__private::bounds::<
                            ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                        >(&mut __handle, __options);
                        let tx: &mut Tx<'_, Db> = &mut __handle;
                        let id = ::sqlx_transactional::__private::again(&id);
                        let mut title = ::sqlx_transactional::__private::again(&title);
                        let text = ::sqlx_transactional::__private::again(&text);
                        let mut tags = ::sqlx_transactional::__private::again(&tags);
                        let whole = ::sqlx_transactional::__private::again(&whole);
                        let Unit = ::sqlx_transactional::__private::again(&Unit);
                        let by_ref = ::sqlx_transactional::__private::again(&by_ref);
                        ::sqlx_transactional::__private::run(
                                __bounds,
                                ::core::pin::pin!(async move {
                                    if false {
                                        return ::sqlx_transactional::__private::declared::<R>();
                                    }
                                    '__body: { Ok(()) }
                                }),
                            )
                            .await
                    };
                    let __ended = __attempts
                        .end::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(__handle, __ran)
                        .await;
                    if let ::core::option::Option::Some(__returned) = __ended {
                        break __returned;
                    }
                }
            }
        "#]],
    );
}

#[test]
fn an_argument_without_a_name_is_not_cloned() {
    check_difference(
        "retry",
        "async fn f(_: &mut Tx<'_, Db>, _: String) -> R { Ok(()) }",
        &expect![[r#"
            mut __place: impl ::sqlx_transactional::Begin<
            _: String,
            .retry();
            let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
            loop {
            >(&mut __place, __attempts.options());
            let _: &mut Tx<'_, Db> = &mut __handle;
            let __ended = __attempts
            .end::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(__handle, __ran)
            .await;
            if let ::core::option::Option::Some(__returned) = __ended {
            break __returned;
        "#]],
    );
}

#[test]
fn raw_identifiers_are_cloned() {
    check_difference(
        "retry",
        "async fn f(tx: &mut Tx<'_, Db>, r#type: String) -> R { Ok(()) }",
        &expect![[r#"
            r#type: String,
            .retry();
            let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
            loop {
            >(&mut tx, __attempts.options());
            let r#type = ::sqlx_transactional::__private::again(&r#type);
            let __ended = __attempts
            .end::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(__handle, __ran)
            .await;
            if let ::core::option::Option::Some(__returned) = __ended {
            break __returned;
        "#]],
    );
}

#[test]
fn lint_levels_of_an_argument_go_to_its_clone_and_the_rest_stays() {
    check(
        "retry",
        "async fn f(tx: &mut Tx<'_, Db>, #[cfg(all())] #[expect(unused, reason = \"later\")] mut title: String) -> R { Ok(()) }",
        &expect![[r#"
            async fn f(
                mut tx: impl ::sqlx_transactional::Begin<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >,
                #[cfg(all())]
                title: String,
            ) -> R {
                let __options = ::sqlx_transactional::__private::Options::new(
                        ::core::concat!(::core::module_path!(), "::f"),
                    )
                    .retry();
                let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
                loop {
                    let mut __handle = ::sqlx_transactional::__private::begin::<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                        _,
                    >(&mut tx, __attempts.options());
                    let __ran = {
                        let __bounds = ::sqlx_transactional::__private::bounds::<
                            ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                        >(&mut __handle, __options);
                        let tx: &mut Tx<'_, Db> = &mut __handle;
                        #[cfg(all())]
                        #[expect(unused, reason = "later")]
                        let mut title = ::sqlx_transactional::__private::again(&title);
                        ::sqlx_transactional::__private::run(
                                __bounds,
                                ::core::pin::pin!(async move {
                                    if false {
                                        return ::sqlx_transactional::__private::declared::<R>();
                                    }
                                    '__body: { Ok(()) }
                                }),
                            )
                            .await
                    };
                    let __ended = __attempts
                        .end::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(__handle, __ran)
                        .await;
                    if let ::core::option::Option::Some(__returned) = __ended {
                        break __returned;
                    }
                }
            }
        "#]],
    );
}

#[test]
fn generics_and_impl_trait_are_cloned_like_any_other() {
    check(
        "retry",
        "async fn f<'a, T: Clone>(tx: &mut Tx<'a, Db>, first: &'a T, by: impl Into<Order> + Clone, f: fn(T) -> T) -> Result<impl Display + use<'a, T>, E>
        where T: Send
        { Ok(first) }",
        &expect![[r#"
            async fn f<'a, T: Clone>(
                mut tx: impl ::sqlx_transactional::Begin<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >,
                first: &'a T,
                by: impl Into<Order> + Clone,
                f: fn(T) -> T,
            ) -> Result<impl Display + use<'a, T>, E>
            where
                T: Send,
            {
                let __options = ::sqlx_transactional::__private::Options::new(
                        ::core::concat!(::core::module_path!(), "::f"),
                    )
                    .retry();
                let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
                loop {
                    let mut __handle = ::sqlx_transactional::__private::begin::<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                        _,
                    >(&mut tx, __attempts.options());
                    let __ran = {
                        let __bounds = ::sqlx_transactional::__private::bounds::<
                            ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                        >(&mut __handle, __options);
                        let tx: &mut Tx<'_, Db> = &mut __handle;
                        let first = ::sqlx_transactional::__private::again(&first);
                        let by = ::sqlx_transactional::__private::again(&by);
                        let f = ::sqlx_transactional::__private::again(&f);
                        ::sqlx_transactional::__private::run(
                                __bounds,
                                ::core::pin::pin!(async move {
                                    if false {
                                        return ::sqlx_transactional::__private::declared::<
                                            Result<_, E>,
                                        >();
                                    }
                                    '__body: { Ok(first) }
                                }),
                            )
                            .await
                    };
                    let __ended = __attempts
                        .end::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(__handle, __ran)
                        .await;
                    if let ::core::option::Option::Some(__returned) = __ended {
                        break __returned;
                    }
                }
            }
        "#]],
    );
}

#[test]
fn with_a_place_the_place_is_made_once() {
    check(
        "on = app.pool, retry",
        "async fn f(tx: &mut Tx<'_, Db>, State(app): State<App>) -> R { Ok(()) }",
        &expect![[r#"
            async fn f(State(app): State<App>) -> R {
                let __place = &(app.pool);
                let mut __place = ::sqlx_transactional::__private::on(__place).place();
                let __options = ::sqlx_transactional::__private::Options::new(
                        ::core::concat!(::core::module_path!(), "::f"),
                    )
                    .retry();
                let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
                loop {
                    let mut __handle = ::sqlx_transactional::__private::begin::<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                        _,
                    >(&mut __place, __attempts.options());
                    let __ran = {
                        let __bounds = ::sqlx_transactional::__private::bounds::<
                            ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                        >(&mut __handle, __options);
                        let tx: &mut Tx<'_, Db> = &mut __handle;
                        let app = ::sqlx_transactional::__private::again(&app);
                        ::sqlx_transactional::__private::run(
                                __bounds,
                                ::core::pin::pin!(async move {
                                    if false {
                                        return ::sqlx_transactional::__private::declared::<R>();
                                    }
                                    '__body: { Ok(()) }
                                }),
                            )
                            .await
                    };
                    let __ended = __attempts
                        .end::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(__handle, __ran)
                        .await;
                    if let ::core::option::Option::Some(__returned) = __ended {
                        break __returned;
                    }
                }
            }
        "#]],
    );
}

#[test]
fn with_a_key_and_settings_each_attempt_makes_them_again() {
    check(
        "retry, key = order.id, settings(\"app.user_id\" = order.user)",
        "async fn f(tx: &mut Tx<'_, Db>, order: Order) -> R { Ok(()) }",
        &expect![[r#"
            async fn f(
                mut tx: impl ::sqlx_transactional::Begin<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >,
                order: Order,
            ) -> R {
                let __options = ::sqlx_transactional::__private::Options::new(
                        ::core::concat!(::core::module_path!(), "::f"),
                    )
                    .retry();
                let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
                loop {
                    let mut __handle = ::sqlx_transactional::__private::begin::<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                        _,
                    >(&mut tx, __attempts.options());
                    ::sqlx_transactional::__private::set::<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >(&mut __handle, "app.user_id", &(order.user));
                    let __ran = {
                        let __bounds = ::sqlx_transactional::__private::bounds::<
                            ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                        >(&mut __handle, __options);
                        let __key = ::sqlx_transactional::__private::key(&(order.id));
                        let __lent = &mut __handle;
                        let order = ::sqlx_transactional::__private::again(&order);
                        ::sqlx_transactional::__private::run(
                                __bounds,
                                ::core::pin::pin!(async move {
                                    if false {
                                        return ::sqlx_transactional::__private::declared::<R>();
                                    }
                                    if let ::core::option::Option::Some(__failed) = ::sqlx_transactional::__private::claim::<
                                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                                        R,
                                    >(&mut *__lent, __key)
                                        .await
                                    {
                                        return __failed;
                                    }
                                    let tx: &mut Tx<'_, Db> = __lent;
                                    '__body: { Ok(()) }
                                }),
                            )
                            .await
                    };
                    let __ended = __attempts
                        .end::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(__handle, __ran)
                        .await;
                    if let ::core::option::Option::Some(__returned) = __ended {
                        break __returned;
                    }
                }
            }
        "#]],
    );
}

#[test]
fn with_rules_each_attempt_is_judged() {
    check(
        "retry, rollback_on(Ok(0)), commit_on(Err(AppError::Full))",
        FUNCTION,
        &expect![[r#"
        async fn f(
            mut tx: impl ::sqlx_transactional::Begin<
                ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
            >,
        ) -> R {
            let __options = ::sqlx_transactional::__private::Options::new(
                    ::core::concat!(::core::module_path!(), "::f"),
                )
                .retry();
            let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
            loop {
                let mut __handle = ::sqlx_transactional::__private::begin::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    _,
                >(&mut tx, __attempts.options());
                let __ran = {
                    let __bounds = ::sqlx_transactional::__private::bounds::<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >(&mut __handle, __options);
                    let tx: &mut Tx<'_, Db> = &mut __handle;
                    ::sqlx_transactional::__private::run(
                            __bounds,
                            ::core::pin::pin!(async move {
                                if false {
                                    return ::sqlx_transactional::__private::declared::<R>();
                                }
                                '__body: { Ok(()) }
                            }),
                        )
                        .await
                };
                let __ran = ::sqlx_transactional::__private::judge(
                    __ran,
                    |__returned: &R| match __returned {
                        Ok(0) => ::sqlx_transactional::__private::Verdict::RollBack,
                        Err(AppError::Full) => ::sqlx_transactional::__private::Verdict::Commit,
                        _ => ::sqlx_transactional::__private::Verdict::Usual,
                    },
                );
                let __ended = __attempts
                    .end::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(__handle, __ran)
                    .await;
                if let ::core::option::Option::Some(__returned) = __ended {
                    break __returned;
                }
            }
        }
    "#]],
    );
}

#[test]
fn a_shared_receiver_is_what_it_was() {
    for receiver in ["&self", "&'a self", "self: &Self", "self: &'a Arc<Self>"] {
        let item = format!("async fn f<'a>({receiver}, tx: &mut Tx<'_, Db>) -> &'a R {{ x }}");
        let (function, errors) = super::transactional("retry", &item);
        assert_eq!(errors, "");
        assert!(!function.to_string().contains("again"), "{function}");
    }
    check_signature(
        "retry",
        "async fn f(&self, tx: &mut Tx<'_, Db>, mut id: u8) -> R { x }",
        &expect![[r#"
            impl Type {
                async fn f(
                    &self,
                    mut tx: impl ::sqlx_transactional::Begin<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >,
                    id: u8,
                ) -> R {}
            }
        "#]],
    );
}

#[test]
fn a_receiver_that_another_attempt_would_find_changed_or_gone() {
    let mut found = String::new();
    for receiver in [
        "&mut self",
        "&'a mut self",
        "self: &mut Self",
        "self",
        "mut self",
        "self: Arc<Self>",
        "self: Pin<&mut Self>",
    ] {
        let item = format!("async fn f<'a>({receiver}, tx: &mut Tx<'_, Db>) -> R {{ x }}");
        let (_, errors) = super::transactional("retry", &item);
        found += &errors;
    }
    expect![[r#"
        &mut self => with `retry` the body can run again, and would find in `self` what the first attempt left there: write `&self`
        &'a mut self => with `retry` the body can run again, and would find in `self` what the first attempt left there: write `&self`
        self: &mut Self => with `retry` the body can run again, and would find in `self` what the first attempt left there: write `&self`
        self => with `retry` the body can run again, and would find no `self`, because the first attempt took it: write `&self`
        mut self => with `retry` the body can run again, and would find no `self`, because the first attempt took it: write `&self`
        self: Arc<Self> => with `retry` the body can run again, and would find no `self`, because the first attempt took it: write `&self`
        self: Pin<&mut Self> => with `retry` the body can run again, and would find no `self`, because the first attempt took it: write `&self`
    "#]].assert_eq(&found);
    check_fallback(
        "retry",
        "async fn f(&mut self, tx: &mut Tx<'_, Db>, mut id: u8) -> R { x }",
        &expect![[r#"
            async fn f(
                &mut self,
                mut tx: impl ::sqlx_transactional::Begin<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >,
                mut id: u8,
            ) -> R {
                let _ = &mut tx;
                let tx: &mut Tx<'_, Db> = ::sqlx_transactional::__private::declared();
                '__body: { x }
            }
        "#]],
    );
}

#[track_caller]
fn refused(options: &str, expected: &Expect) {
    check_errors(options, FUNCTION, expected);
}

#[test]
fn something_else_than_parentheses() {
    refused(
        "retry = 5",
        &expect![[r#"
        retry = 5 => write `retry` alone, or as in `retry(attempts = 5)`
    "#]],
    );
    refused(
        "retry()",
        &expect![[r#"
        retry() => write `retry` alone, or as in `retry(attempts = 5)`
    "#]],
    );
    refused(
        "retry(5)",
        &expect![[r#"
        5 => expected an option; they are `attempts`, `deadline`, `base` and `cap`
    "#]],
    );
    refused(
        "retry, retry",
        &expect![[r#"
        retry => `retry` is given twice: remove one
    "#]],
    );
}

#[test]
fn attempts_that_are_no_number_of_them() {
    refused(
        "retry(attempts = 0)",
        &expect![[r#"
        0 => write a number from 1, which means no retry, to 4294967295
    "#]],
    );
    refused(
        "retry(attempts = 4294967296)",
        &expect![[r#"
        4294967296 => write a number from 1, which means no retry, to 4294967295
    "#]],
    );
    refused(
        "retry(attempts = -1)",
        &expect![[r#"
        -1 => write a number from 1, which means no retry, to 4294967295
    "#]],
    );
    refused(
        "retry(attempts = \"5\")",
        &expect![[r#"
        "5" => write a number from 1, which means no retry, to 4294967295
    "#]],
    );
    refused(
        "retry(attempts = MAX)",
        &expect![[r#"
        MAX => write a number from 1, which means no retry, to 4294967295
    "#]],
    );
    refused(
        "retry(attempts = 2 + 3)",
        &expect![[r#"
        + => expected `,` and the next option
    "#]],
    );
    refused(
        "retry(attempts)",
        &expect![[r#"
        attempts => write a value: `attempts = 5`
    "#]],
    );
    refused(
        "retry(attempts = )",
        &expect![[r#"
        = => write a value: `attempts = 5`
    "#]],
    );
}

#[test]
fn times_that_are_none() {
    refused(
        "retry(deadline = 10, base = \"5\", cap = \"0s\")",
        &expect![[r#"
        10 => write a time in quotes: "250ms", "5s", "1m" or "2h"
        "5" => write a time in quotes: "250ms", "5s", "1m" or "2h"
        "0s" => write a time in quotes: "250ms", "5s", "1m" or "2h"
    "#]],
    );
}

#[test]
fn a_first_pause_that_is_longer_than_the_longest() {
    refused(
        "retry(base = \"1s\", deadline = \"1m\", cap = \"500ms\")",
        &expect![[r#"
        base => `base` limits the first pause and `cap` all of them: `base` cannot be the longer
    "#]],
    );
    refused(
        "retry(cap = \"900ms\", base = \"1s\")",
        &expect![[r#"
        base => `base` limits the first pause and `cap` all of them: `base` cannot be the longer
    "#]],
    );
}

#[test]
fn a_part_twice() {
    refused(
        "retry(attempts = 5, attempts = 6)",
        &expect![[r#"
        attempts => `attempts` is given twice: remove one
    "#]],
    );
}

#[test]
fn a_part_that_there_is_not() {
    refused(
        "retry(times = 5, attempt = 3, max_attempts = 7, savepoint, timeout = \"5s\")",
        &expect![[r#"
            times => unknown option `times`: the options are `attempts`, `deadline`, `base` and `cap`
            attempt => unknown option `attempt`: did you mean `attempts`?
            max_attempts => unknown option `max_attempts`: write `retry`, or with any of its limits `retry(attempts = 5, deadline = "10s", base = "5ms", cap = "500ms")`; what is retried is what the engine asks to have retried
            savepoint => unknown option `savepoint`: the options are `attempts`, `deadline`, `base` and `cap`
            timeout => unknown option `timeout`: the options are `attempts`, `deadline`, `base` and `cap`
        "#]],
    );
}

#[test]
fn the_parts_that_are_right_are_kept() {
    check_fallback(
        "retry(attempts = 0, cap = \"1s\")",
        FUNCTION,
        &expect![[r#"
        async fn f(
            mut tx: impl ::sqlx_transactional::Begin<
                ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
            >,
        ) -> R {
            let __options = ::sqlx_transactional::__private::Options::new(
                    ::core::concat!(::core::module_path!(), "::f"),
                )
                .retry()
                .cap(1000u64);
            let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
            loop {
                let mut __handle = ::sqlx_transactional::__private::begin::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    _,
                >(&mut tx, __attempts.options());
                let __ran = {
                    let __bounds = ::sqlx_transactional::__private::bounds::<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >(&mut __handle, __options);
                    let tx: &mut Tx<'_, Db> = &mut __handle;
                    ::sqlx_transactional::__private::run(
                            __bounds,
                            ::core::pin::pin!(async move {
                                if false {
                                    return ::sqlx_transactional::__private::declared::<R>();
                                }
                                '__body: { Ok(()) }
                            }),
                        )
                        .await
                };
                let __ended = __attempts
                    .end::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(__handle, __ran)
                    .await;
                if let ::core::option::Option::Some(__returned) = __ended {
                    break __returned;
                }
            }
        }
    "#]],
    );
}
