//! What a second attempt is given.

use expect_test::{Expect, expect};

use super::{check_difference_from, check_fallback, check_signature};

/// Compares the lines that are not in the expansion with `retry` alone.
#[track_caller]
fn changed(options: &str, item: &str, expected: &Expect) {
    check_difference_from("retry", options, item, expected);
}

#[test]
fn a_mutable_argument_is_mutable_in_the_body() {
    changed(
        "retry",
        "async fn f(mut tx: &mut Tx<'_, Db>, mut titles: Vec<String>) -> R { Ok(()) }",
        &expect![[r#"
            titles: Vec<String>,
            let mut tx: &mut Tx<'_, Db> = &mut __handle;
            let mut titles = ::sqlx_transactional::__private::again(&titles);
        "#]],
    );
}

#[test]
fn of_a_pattern_the_variables_are_cloned() {
    changed(
        "retry",
        "async fn f(tx: &mut Tx<'_, Db>, (id, mut title): (u8, String), Json(Note { text, mut tags, .. }): Json<Note>, whole @ Unit: Unit, ref by_ref: Vec<u8>) -> R { Ok(()) }",
        &expect![[r#"
            (id, title): (u8, String),
            Json(Note { text, tags, .. }): Json<Note>,
            whole @ Unit: Unit,
            ref by_ref: Vec<u8>,
            let id = ::sqlx_transactional::__private::again(&id);
            let mut title = ::sqlx_transactional::__private::again(&title);
            let text = ::sqlx_transactional::__private::again(&text);
            let mut tags = ::sqlx_transactional::__private::again(&tags);
            let whole = ::sqlx_transactional::__private::again(&whole);
            let Unit = ::sqlx_transactional::__private::again(&Unit);
            let by_ref = ::sqlx_transactional::__private::again(&by_ref);
        "#]],
    );
}

#[test]
fn an_argument_without_a_name_is_not_cloned() {
    changed(
        "retry",
        "async fn f(_: &mut Tx<'_, Db>, _: String) -> R { Ok(()) }",
        &expect![[r#"
        mut __place: impl ::sqlx_transactional::Begin<
        _: String,
        >(&mut __place, __attempts.options());
        let _: &mut Tx<'_, Db> = &mut __handle;
    "#]],
    );
}

#[test]
fn raw_identifiers_are_cloned() {
    changed(
        "retry",
        "async fn f(tx: &mut Tx<'_, Db>, r#type: String) -> R { Ok(()) }",
        &expect![[r#"
            r#type: String,
            let r#type = ::sqlx_transactional::__private::again(&r#type);
        "#]],
    );
}

#[test]
fn lint_levels_of_an_argument_go_to_its_clone_and_the_rest_stays() {
    changed(
        "retry",
        "async fn f(tx: &mut Tx<'_, Db>, #[cfg(all())] #[expect(unused, reason = \"later\")] mut title: String) -> R { Ok(()) }",
        &expect![[r##"
            #[cfg(all())]
            title: String,
            #[cfg(all())]
            #[expect(unused, reason = "later")]
            let mut title = ::sqlx_transactional::__private::again(&title);
        "##]],
    );
}

#[test]
fn generics_and_impl_trait_are_cloned_like_any_other() {
    changed(
        "retry",
        "async fn f<'a, T: Clone>(tx: &mut Tx<'a, Db>, first: &'a T, by: impl Into<Order> + Clone, f: fn(T) -> T) -> Result<impl Display + use<'a, T>, E>
        where T: Send
        { Ok(first) }",
        &expect![[r#"
            async fn f<'a, T: Clone>(
            first: &'a T,
            by: impl Into<Order> + Clone,
            f: fn(T) -> T,
            ) -> Result<impl Display + use<'a, T>, E>
            where
            T: Send,
            {
            let first = ::sqlx_transactional::__private::again(&first);
            let by = ::sqlx_transactional::__private::again(&by);
            let f = ::sqlx_transactional::__private::again(&f);
            return ::sqlx_transactional::__private::declared::<
            Result<_, E>,
            >();
            '__body: { Ok(first) }
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
