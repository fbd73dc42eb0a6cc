//! What makes a function one that can be a transaction.

use proc_macro2::TokenStream;
use syn::{Error, FnArg, LifetimeParam, PatType, ReturnType, Signature, Token, Type};

use crate::{
    errors::{Errors, typed},
    function::{Body, Function},
    options::Options,
};

/// The transaction in a signature: `tx: &mut Handle`.
pub(crate) struct Parameter {
    /// Its place among the inputs: 1 after a receiver, otherwise 0.
    pub(crate) index: usize,
    pub(crate) typed: PatType,
    pub(crate) handle: Type,
}

/// Reports everything that is wrong with `function`, mends what its callers
/// would trip over, and finds its transaction, or what was meant to be it.
pub(crate) fn function(
    function: &mut Function,
    options: &Options,
    errors: &Errors,
) -> Option<Parameter> {
    let sig = &mut function.sig;
    // It makes `fn f<'async_trait>(..) -> Pin<Box<dyn Future<..> + Send + 'async_trait>>`.
    let is_its = |param: &LifetimeParam| param.lifetime.ident == "async_trait";
    if sig.asyncness.is_none() && sig.generics.lifetimes().any(is_its) {
        let message = "`#[async_trait]` has already made of this method one that returns a boxed \
                       future: the attribute of a whole trait or implementation runs before those \
                       inside it. Remove `#[async_trait]`, because a trait can have an `async fn` \
                       without it; or move the body into a free function or an inherent method \
                       with `#[transactional]`, and call that here";
        errors.at(&sig.ident, message);
        return None;
    }
    if let Body::Declaration(_) = function.body {
        declaration(options, errors);
    }
    qualifiers(sig, errors);
    if let ReturnType::Default = sig.output {
        let message = format!(
            "`{}` returns nothing, so it cannot say whether to commit or to roll back: write \
             `-> Result<(), sqlx::Error>`, or a `Result` with another error that is \
             `From<sqlx::Error>`",
            sig.ident
        );
        errors.at(&sig.ident, message);
    }
    function.attrs.retain(|attr| {
        let last = attr.path().segments.last();
        let again = last.is_some_and(|name| name.ident == "transactional");
        if again {
            errors.at(attr, "`#[transactional]` is given twice: remove one");
        }
        !again
    });
    parameter(sig, errors)
}

/// Options that say how a body runs make no sense without one.
fn declaration(options: &Options, errors: &Errors) {
    let on = options.on.as_ref().map(|(word, _)| word);
    let name = options.name.as_ref().map(|(word, _)| word);
    let key = options.key.as_ref().map(|(word, _)| word);
    let flags = [options.savepoint.as_ref(), options.resolvable.as_ref()];
    let limits = options.limits.iter().map(|(word, _)| word);
    for word in [on, name, key].into_iter().chain(flags).flatten().chain(limits) {
        let and = if word == "on" { " and the parameter" } else { "" };
        let message = format!(
            "`{word}` says how a body runs, and a declaration has none: write it where the method \
             is implemented, and declare the method without it{and}"
        );
        errors.at(word, message);
    }
}

fn qualifiers(sig: &mut Signature, errors: &Errors) {
    if let Some(constness) = sig.constness.take() {
        let message = "a `const fn` cannot wait for a database: remove `const`";
        errors.at(constness, message);
    }
    if let Some(abi) = sig.abi.take() {
        let message = "no foreign caller can await a transaction: remove `extern`, and call this \
                       function from an `extern` one that waits for it";
        errors.at(abi, message);
    }
    if let Some(variadic) = sig.variadic.take() {
        let message = "variadic arguments cannot be kept in a future: take a slice instead";
        errors.at(variadic.dots, message);
    }
    if sig.asyncness.is_none() {
        let name = &sig.ident;
        let message = format!(
            "a transaction is awaited, so it must be an `async fn`: write `async fn {name}`"
        );
        errors.at(sig.fn_token, message);
        // Callers of a future written by hand would have to wait for it twice.
        if !typed(&sig.output).contains("Future") {
            sig.asyncness = Some(Token![async](sig.fn_token.span));
        }
    }
}

fn parameter(sig: &Signature, errors: &Errors) -> Option<Parameter> {
    let index = usize::from(sig.receiver().is_some());
    let Some(FnArg::Typed(first)) = sig.inputs.get(index) else {
        let receiver = sig.inputs.first().map(|receiver| typed(receiver) + ", ");
        let message = format!(
            "`{name}` has no transaction for its body to use: write `async fn {name}({}tx: &mut \
             Tx<'_, DB>)`, with your database for `DB`",
            receiver.unwrap_or_default(),
            name = sig.ident,
        );
        errors.at(&sig.ident, message);
        return None;
    };
    let (handle, lent) = match plain(&first.ty) {
        Type::Reference(reference) => (plain(&reference.elem), reference.mutability.is_some()),
        other => (other, false),
    };
    let is_opaque = matches!(handle, Type::ImplTrait(_));
    let parameter = Parameter { index, typed: first.clone(), handle: handle.clone() };
    if lent && !is_opaque {
        return Some(parameter);
    }
    let (pat, written) = (typed(&first.pat), typed(handle));
    let message = if is_opaque {
        "name the type of the handle, because it says which database and whether to write: `&mut \
         Tx<'_, DB>`, where `DB` can be a generic parameter"
            .to_owned()
    } else if looks_like_handle(&written) {
        format!(
            "the body borrows its transaction, because the commit comes after it: write `{pat}: \
             &mut {written}`"
        )
    } else {
        let mut others = sig.inputs.iter().skip(index + 1).map(typed);
        let is_transaction = |input: &String| input.split(": &mut ").skip(1).any(looks_like_handle);
        let what = match others.find(is_transaction) {
            Some(later) => format!("move `{later}` before `{pat}`"),
            None => format!(
                "write `tx: &mut Tx<'_, DB>` before `{pat}`, with your database for `DB`; callers \
                 pass `&pool` or `&mut *tx` there"
            ),
        };
        format!("the first parameter must be the transaction, a `&mut`: {what}")
    };
    errors.at(&first.ty, message);
    (!is_opaque && looks_like_handle(&written)).then_some(parameter)
}

/// A guess by spelling, good enough to choose the words of an error. Whether a
/// type is a handle is for the trait bounds of the expansion to say.
fn looks_like_handle(written: &str) -> bool {
    let name = written.split('<').next().unwrap_or_default();
    name.ends_with("Tx") || name.ends_with("Transaction")
}

/// The type without parentheses and the invisible brackets of a `$t:ty` in
/// `macro_rules!`.
fn plain(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => plain(&group.elem),
        Type::Paren(paren) => plain(&paren.elem),
        other => other,
    }
}

/// The error for an item that cannot be read as a function.
pub(crate) fn not_a_function(item: &TokenStream, error: Error) -> Error {
    // Attributes and bodies are groups, so the words are those of the item's
    // own first line, and one of them says what it is.
    let kinds = "fn impl trait mod struct enum union type use static";
    let mut tokens = item.clone().into_iter();
    let kind = tokens.find(|token| kinds.split(' ').any(|kind| kind == token.to_string()));
    match kind {
        Some(kind) if kind.to_string() == "fn" => error,
        kind => Error::new_spanned(
            kind.map_or(item.clone(), TokenStream::from),
            "only a function can be a transaction: put `#[transactional]` on each `async fn` that \
             is one",
        ),
    }
}
