//! `#[transactional(on = place)]`.

use expect_test::expect;

use super::{FUNCTION, check, check_difference, check_signature};

#[test]
fn the_place_is_borrowed_and_the_parameter_leaves_the_signature() {
    check(
        "on = self.pool",
        "async fn rename(&self, tx: &mut Tx<'_, Db>, id: &str) -> R { body(tx, id).await }",
        &expect![[r#"
            async fn rename(&self, id: &str) -> R {
                let __place = &(self.pool);
                let mut __place = ::sqlx_transactional::__private::on(__place).place();
                let __options = ::sqlx_transactional::__private::Options::new(
                    ::core::concat!(::core::module_path!(), "::rename"),
                );
                let mut __handle = ::sqlx_transactional::__private::begin::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    _,
                >(&mut __place, __options);
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
                                '__body: { body(tx, id).await }
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
fn a_parameter_in_the_last_place_leaves_no_comma() {
    check_signature(
        "on = self.pool",
        "async fn f(&self, tx: &mut Tx<'_, Db>) -> R { x }",
        &expect![[r#"
            impl Type {
                async fn f(&self) -> R {}
            }
        "#]],
    );
    check_signature(
        "on = POOL",
        "async fn f(tx: &mut Tx<'_, Db>) -> R { x }",
        &expect![[r#"
            impl Type {
                async fn f() -> R {}
            }
        "#]],
    );
}

#[test]
fn a_place_that_is_a_reference_is_taken_as_it_is() {
    check_difference(
        "on = &mut *connection",
        FUNCTION,
        &expect![[r#"
            async fn f() -> R {
            let mut __place = &mut *connection;
            >(&mut __place, __options);
        "#]],
    );
    check_difference(
        "on = &pool",
        FUNCTION,
        &expect![[r#"
            async fn f() -> R {
            let mut __place = &pool;
            >(&mut __place, __options);
        "#]],
    );
}

#[test]
fn an_operator_that_binds_less_than_a_reference_gets_its_parentheses() {
    check_difference(
        "on = pool as Pool",
        FUNCTION,
        &expect![[r#"
            async fn f() -> R {
            let __place = &(pool as Pool);
            let mut __place = ::sqlx_transactional::__private::on(__place).place();
            >(&mut __place, __options);
        "#]],
    );
}

#[test]
fn commas_inside_the_place_do_not_end_it() {
    check_difference(
        "on = pools.get::<Tenant, Shard>(tenant, 1), name = \"sharded\"",
        FUNCTION,
        &expect![[r#"
            async fn f() -> R {
            let __place = &(pools.get::<Tenant, Shard>(tenant, 1));
            let mut __place = ::sqlx_transactional::__private::on(__place).place();
            let __options = ::sqlx_transactional::__private::Options::new("sharded");
            >(&mut __place, __options);
        "#]],
    );
}

#[test]
fn with_outermost_the_place_is_checked_where_it_is_given() {
    check_difference(
        "on = pool, outermost",
        FUNCTION,
        &expect![[r#"
            async fn f() -> R {
            let __place = &(pool);
            let mut __place = ::sqlx_transactional::__private::on(__place).place();
            {
            fn outermost<
            A: ::sqlx_transactional::Access,
            B: ::sqlx_transactional::Outermost<A>,
            >(_: &B) {}
            outermost::<::sqlx_transactional::AccessOf<Tx<'static, Db>>, _>(&__place);
            >(&mut __place, __options);
        "#]],
    );
}
