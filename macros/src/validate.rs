//! What makes a function one that can be a transaction.

use proc_macro2::{TokenStream, TokenTree};
use syn::{Error, FnArg, LifetimeParam, PatType, ReturnType, Signature, Token, Type};

use crate::errors::{Errors, typed, wrong};
use crate::{function::Function, options::Options, retry};

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
        errors.say(&sig.ident, "async_trait", &[]);
        return None;
    }
    if let TokenTree::Punct(_) = function.body {
        declaration(options, errors);
    } else if let (Some(_), Some(receiver)) = (options.find("retry"), sig.receiver()) {
        retry::receiver(receiver, errors);
    }
    qualifiers(sig, errors);
    if let ReturnType::Default = sig.output {
        errors.say(&sig.ident, "nothing", &[&sig.ident]);
    }
    function.attrs.retain(|attr| {
        let last = attr.path().segments.last();
        let again = last.is_some_and(|name| name.ident == "transactional");
        if again {
            errors.say(attr, "attribute twice", &[]);
        }
        !again
    });
    parameter(sig, errors)
}

/// Options that say how a body runs make no sense without one.
fn declaration(options: &Options, errors: &Errors) {
    let words = options.given.iter().map(|option| &option.word);
    for word in words.filter(|word| *word != "outermost" && *word != "crate") {
        let and = if word == "on" { " and the parameter" } else { "" };
        errors.say(word, "declaration", &[word, &and]);
    }
}

fn qualifiers(sig: &mut Signature, errors: &Errors) {
    if let Some(constness) = sig.constness.take() {
        errors.say(constness, "const", &[]);
    }
    if let Some(abi) = sig.abi.take() {
        errors.say(abi, "extern", &[]);
    }
    if let Some(variadic) = sig.variadic.take() {
        errors.say(variadic.dots, "variadic", &[]);
    }
    if sig.asyncness.is_none() {
        errors.say(sig.fn_token, "async", &[&sig.ident]);
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
        let receiver = receiver.unwrap_or_default();
        errors.say(&sig.ident, "no transaction", &[&sig.ident, &sig.ident, &receiver]);
        return None;
    };
    let (handle, lent) = match plain(&first.ty) {
        Type::Reference(reference) => (plain(&reference.elem), reference.mutability.is_some()),
        other => (other, false),
    };
    let parameter = Parameter { index, typed: first.clone(), handle: handle.clone() };
    let (pat, written) = (typed(&first.pat), typed(handle));
    if let Type::ImplTrait(_) = handle {
        errors.say(&first.ty, "opaque", &[]);
        return None;
    }
    let is_handle = lent || looks_like_handle(&written);
    let mut others = sig.inputs.iter().skip(index + 1).map(typed);
    let is_transaction = |input: &String| input.split(": &mut ").skip(1).any(looks_like_handle);
    match others.find(is_transaction) {
        _ if lent => {}
        _ if is_handle => errors.say(&first.ty, "shared", &[&pat, &written]),
        Some(later) => errors.say(&first.ty, "later", &[&later, &pat]),
        None => errors.say(&first.ty, "missing", &[&pat]),
    }
    is_handle.then_some(parameter)
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
        kind => wrong(kind.map_or(item.clone(), TokenStream::from), "not a function", &[]),
    }
}
