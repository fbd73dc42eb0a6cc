//! Expansions as text, and every error as the tokens it points at and its words.

#![expect(
    clippy::needless_raw_string_hashes,
    reason = "expect-test writes its snapshots with hashes"
)]

use std::fmt::Write;

use expect_test::Expect;
use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::{
    Expr, ExprMacro, ImplItemFn, parse_quote,
    visit_mut::{self, VisitMut},
};

use crate::expand::expand;

mod crate_path;
mod declaration;
mod default;
mod errors;
mod isolation;
mod key;
mod lifetimes;
mod limits;
mod modes;
mod name;
mod not_a_function;
mod on;
mod option_errors;
mod outermost;
mod receivers;
mod retry;
mod retry_arguments;
mod retry_errors;
mod rules;
mod savepoint;
mod settings;
mod signature_errors;
mod signatures;
mod words;

/// The function most tests are about something else than.
const FUNCTION: &str = "async fn f(tx: &mut Tx<'_, Db>) -> R { Ok(()) }";

/// Compares what `#[transactional(options)] item` becomes.
#[track_caller]
fn check(options: &str, item: &str, expected: &Expect) {
    let (function, errors) = transactional(options, item);
    assert_eq!(errors, "");
    expected.assert_eq(&pretty(function));
}

/// Compares the signature alone.
#[track_caller]
fn check_signature(options: &str, item: &str, expected: &Expect) {
    let (function, errors) = transactional(options, item);
    assert_eq!(errors, "");
    let mut function: ImplItemFn = syn::parse2(function).expect("a function");
    function.block.stmts.clear();
    let text = pretty(quote!(impl Type { #function }));
    expected.assert_eq(&text);
}

/// Compares the lines that are not in the expansion of [`FUNCTION`] without
/// options.
#[track_caller]
fn check_difference(options: &str, item: &str, expected: &Expect) {
    check_difference_from("", options, item, expected);
}

/// Compares the lines that are not in the expansion of [`FUNCTION`] with the
/// options `plain`.
#[track_caller]
fn check_difference_from(plain: &str, options: &str, item: &str, expected: &Expect) {
    let (function, errors) = transactional(options, item);
    assert_eq!(errors, "");
    let plain = pretty(transactional(plain, FUNCTION).0);
    let text = pretty(function);
    let lines = text.lines().map(str::trim);
    let others: Vec<_> =
        lines.filter(|line| !plain.lines().any(|plain| plain.trim() == *line)).collect();
    expected.assert_eq(&(others.join("\n") + "\n"));
}

/// Compares all errors, one a line, each after the tokens it points at.
#[track_caller]
fn check_errors(options: &str, item: &str, expected: &Expect) {
    let (_, errors) = transactional(options, item);
    expected.assert_eq(&errors);
}

/// Compares what is emitted beside the errors, so that callers type-check.
#[track_caller]
fn check_fallback(options: &str, item: &str, expected: &Expect) {
    let (function, errors) = transactional(options, item);
    assert_ne!(errors, "", "there is no error");
    expected.assert_eq(&pretty(function));
}

/// Expands, and parts the function from its `compile_error!`s.
fn transactional(options: &str, item: &str) -> (TokenStream, String) {
    let mut rest = expand(tokens(options), tokens(item)).into_iter();
    let (mut function, mut errors) = (TokenStream::new(), String::new());
    while let Some(token) = rest.next() {
        // After the first colon: `:core::compile_error!{ "message" }`.
        let error: Vec<_> = rest.clone().take(7).collect();
        if let Some([TokenTree::Ident(name), _, TokenTree::Group(braces)]) = error.get(4..)
            && name == "compile_error"
        {
            // The error begins where the path does and ends where the braces do.
            let span = token.span().join(braces.span()).expect("one source");
            let at = span.source_text().expect("a source");
            let message: syn::LitStr = syn::parse2(braces.stream()).expect("a message");
            writeln!(errors, "{at} => {}", message.value()).expect("a string");
            rest.nth(6);
        } else {
            function.extend([token]);
        }
    }
    (function, errors)
}

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("tokens")
}

fn pretty(items: TokenStream) -> String {
    /// Tokens inside of a macro are not formatted, those of a call are.
    struct PinCalls;
    impl VisitMut for PinCalls {
        fn visit_expr_mut(&mut self, expr: &mut Expr) {
            visit_mut::visit_expr_mut(self, expr);
            if let Expr::Macro(ExprMacro { mac, .. }) = expr
                && mac.path.segments.last().is_some_and(|name| name.ident == "pin")
            {
                let future: Expr = mac.parse_body().expect("a future");
                *expr = parse_quote!(::core::pin::pin_macro(#future));
            }
        }
    }
    let mut file = syn::parse2(items).expect("items");
    PinCalls.visit_file_mut(&mut file);
    prettyplease::unparse(&file).replace("pin_macro(", "pin!(")
}
