//! What makes a function one that can be a transaction.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Pat, PatType, Path, PathArguments, PathSegment,
    ReturnType, Signature, Token, Type, TypeParamBound,
};

use crate::{
    errors::{Errors, typed},
    function::{Body, Function},
    options::Options,
};

/// The transaction in a signature: `tx: &mut Handle`.
pub(crate) struct Parameter {
    /// Its place among the inputs: 1 after a receiver, otherwise 0.
    pub(crate) index: usize,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) pat: Pat,
    pub(crate) colon: Token![:],
    pub(crate) handle: Type,
}

/// What can be done with a function.
pub(crate) enum Verdict {
    /// It becomes a transaction.
    Sound(Parameter),
    /// It does not, but what its signature was meant to be is clear, so that its
    /// callers and its body can be type-checked.
    Mended(Parameter),
    /// It stays as it is.
    Untouched,
}

/// Reports everything that is wrong with `function`, and puts right what callers
/// would trip over.
pub(crate) fn function(function: &mut Function, options: &Options, errors: &Errors) -> Verdict {
    let sig = &mut function.sig;
    if is_async_trait(sig) {
        errors.at(&sig.ident, ASYNC_TRAIT);
        return Verdict::Untouched;
    }
    if let Body::Declaration(_) = function.body {
        declaration(options, errors);
    }
    let sound = qualifiers(sig, errors) & returns(sig, errors);
    match (parameter(sig, options, errors), sound) {
        (Ok(parameter), true) => Verdict::Sound(parameter),
        (Ok(parameter) | Err(Some(parameter)), _) => Verdict::Mended(parameter),
        (Err(None), _) => Verdict::Untouched,
    }
}

const ASYNC_TRAIT: &str = "`#[async_trait]` has already turned this method into one that returns a boxed \
     future, because the attribute of the whole trait or implementation runs before those inside \
     it; remove `#[async_trait]` (a trait can have an `async fn` of its own), or move the body \
     into a free function or an inherent method with `#[transactional]`, and call that";

/// Options that say how a body runs make no sense without one.
fn declaration(options: &Options, errors: &Errors) {
    if let Some(on) = &options.on {
        let message = "a declaration has no body to begin a transaction for: remove the attribute \
                       and the parameter here, and write `on` where the method is implemented";
        errors.at(&on.keyword, message);
    }
    let name = options.name.as_ref().map(|(keyword, _)| keyword);
    for keyword in options.savepoint.iter().chain(name) {
        let message = format!(
            "`{keyword}` says how a body runs, and a declaration has none: write it where the \
             method is implemented"
        );
        errors.at(keyword, message);
    }
}

fn qualifiers(sig: &mut Signature, errors: &Errors) -> bool {
    let mut sound = true;
    if let Some(constness) = sig.constness.take() {
        let message = "a `const fn` cannot be a transaction, because it cannot wait for a \
                       database: remove `const`";
        errors.at(constness, message);
        sound = false;
    }
    if let Some(abi) = sig.abi.take() {
        let message = "an `extern` function cannot be a transaction, because no foreign caller \
                       can wait for its future: remove `extern`, and call it from an `extern` \
                       function of your own";
        errors.at(abi, message);
        sound = false;
    }
    if let Some(variadic) = sig.variadic.take() {
        let message = "a variadic function cannot be a transaction, because its arguments cannot \
                       be kept in a future: take a slice instead";
        errors.at(&variadic.dots, message);
        sound = false;
    }
    if sig.asyncness.is_none() {
        let message = format!(
            "a transaction is awaited, so this must be an `async fn`: write `async fn {}`",
            sig.ident
        );
        errors.at(sig.fn_token, message);
        sound = false;
        if !returns_future(&sig.output) {
            sig.asyncness = Some(Token![async](sig.fn_token.span));
        }
    }
    sound
}

fn returns(sig: &Signature, errors: &Errors) -> bool {
    if !matches!(sig.output, ReturnType::Default) {
        return true;
    }
    let message = format!(
        "`{}` returns nothing, so it cannot say whether to commit or to roll back: write \
         `-> Result<(), sqlx::Error>`, or any `Result` whose error is `From<sqlx::Error>`",
        sig.ident
    );
    errors.at(&sig.ident, message);
    false
}

/// Finds the transaction. `Err(Some(_))` is one that was meant to be it.
fn parameter(
    sig: &Signature,
    options: &Options,
    errors: &Errors,
) -> Result<Parameter, Option<Parameter>> {
    let index = usize::from(sig.receiver().is_some());
    let Some(FnArg::Typed(first)) = sig.inputs.get(index) else {
        errors.at(&sig.ident, no_parameter(sig, options, index));
        return Err(None);
    };
    let made = |handle: &Type| Parameter {
        index,
        attrs: first.attrs.clone(),
        pat: (*first.pat).clone(),
        colon: first.colon_token,
        handle: handle.clone(),
    };
    let (pat, ty) = (typed(&first.pat), plain(&first.ty));
    let handle = match ty {
        Type::Reference(reference) if reference.mutability.is_some() => {
            let handle = plain(&reference.elem);
            if let Type::ImplTrait(_) = handle {
                let message = "the handle's type must be named, because it says which database \
                               and whether to write: `&mut Tx<'_, DB>`, where `DB` may be a \
                               generic parameter of the function";
                errors.at(handle, message);
                return Err(None);
            }
            return Ok(made(handle));
        }
        Type::Reference(reference) => plain(&reference.elem),
        other => other,
    };
    if looks_like_handle(handle) {
        let message = format!(
            "the transaction is lent to the body, because it is committed after it: write \
             `{pat}: &mut {}`",
            typed(handle)
        );
        errors.at(&first.ty, message);
        return Err(Some(made(handle)));
    }
    let message = match sig.inputs.iter().skip(index + 1).find_map(later) {
        Some(later) => format!(
            "the transaction must be the first parameter: move `{}` before `{pat}`",
            typed(later)
        ),
        None => format!(
            "the first parameter must be the transaction, and this is no `&mut`: write `tx: &mut \
             Tx<'_, DB>` before `{pat}`, with your database for `DB`; callers pass `&pool` or \
             `&mut *tx` there"
        ),
    };
    errors.at(&first.ty, message);
    Err(None)
}

fn no_parameter(sig: &Signature, options: &Options, index: usize) -> String {
    let receiver = sig.inputs.iter().take(index).map(typed);
    let parameters: Vec<_> = receiver.chain(["tx: &mut Tx<'_, DB>".to_owned()]).collect();
    let after = if options.on.is_some() {
        "callers do not see it, because `on` takes it out of the signature"
    } else {
        "callers pass `&pool` or `&mut *tx` there"
    };
    format!(
        "`{name}` has no transaction for its body to use: write `async fn {name}({})`, with your \
         database for `DB`; {after}",
        parameters.join(", "),
        name = sig.ident
    )
}

/// A parameter further back that was meant to be the transaction.
fn later(argument: &FnArg) -> Option<&PatType> {
    match argument {
        FnArg::Typed(typed) => match plain(&typed.ty) {
            Type::Reference(reference)
                if reference.mutability.is_some() && looks_like_handle(plain(&reference.elem)) =>
            {
                Some(typed)
            }
            _ => None,
        },
        FnArg::Receiver(_) => None,
    }
}

/// A guess by spelling, good enough to choose the words of an error. Whether a
/// type is a handle is for the trait bounds of the expansion to say.
fn looks_like_handle(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|segment| {
        let name = segment.ident.to_string();
        name.ends_with("Tx") || name.ends_with("Transaction")
    })
}

/// The type inside parentheses and the invisible brackets of a `macro_rules!`
/// fragment.
fn plain(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            other => return other,
        };
    }
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match plain(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// `Argument` of `name<Argument, ..>`.
fn argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == name)?;
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first()? {
            GenericArgument::Type(ty) => Some(plain(ty)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether this is what `#[async_trait]` makes of an `async fn`:
/// `-> Pin<Box<dyn Future<Output = ..> + Send + 'async_trait>>`.
fn is_async_trait(sig: &Signature) -> bool {
    let ReturnType::Type(_, output) = &sig.output else {
        return false;
    };
    let object = argument(output, "Pin").and_then(|inside| argument(inside, "Box"));
    let Some(Type::TraitObject(object)) = object else {
        return false;
    };
    sig.asyncness.is_none()
        && object.bounds.iter().any(|bound| {
            matches!(bound, TypeParamBound::Lifetime(lifetime) if lifetime.ident == "async_trait")
        })
}

/// Whether a function that is not `async` is one by hand, so that making it
/// `async` would make its callers wait twice.
fn returns_future(output: &ReturnType) -> bool {
    let bounds = match output {
        ReturnType::Type(_, ty) => match plain(ty) {
            Type::ImplTrait(ty) => &ty.bounds,
            other => match argument(other, "Pin").and_then(|inside| argument(inside, "Box")) {
                Some(Type::TraitObject(object)) => &object.bounds,
                _ => return false,
            },
        },
        ReturnType::Default => return false,
    };
    let is_future = |path: &Path| path.segments.last().is_some_and(|s| s.ident == "Future");
    bounds
        .iter()
        .any(|bound| matches!(bound, TypeParamBound::Trait(bound) if is_future(&bound.path)))
}

/// The error for an item that could not be read as a function.
pub(crate) fn not_a_function(item: &TokenStream, error: Error) -> Error {
    // Past the attributes and the visibility, the first word says what it is.
    let mut tokens = item.clone().into_iter().peekable();
    while let Some(token) = tokens.next() {
        let TokenTree::Ident(word) = &token else {
            continue;
        };
        let (what, instead) = match word.to_string().as_str() {
            "pub" | "unsafe" | "default" | "auto" => continue,
            "impl" => (
                "an implementation",
                "put it on each method that is a transaction",
            ),
            "trait" => ("a trait", "put it on each method that is a transaction"),
            "mod" => ("a module", "put it on each function that is a transaction"),
            "struct" | "enum" | "union" => ("a type", "put it on an `async fn`"),
            "const" | "async" | "extern" | "fn" => return error,
            _ => ("this", "put it on an `async fn`"),
        };
        let message = format!(
            "`#[transactional]` makes a function a transaction, and {what} is none: {instead}"
        );
        return Error::new_spanned(quote!(#word), message);
    }
    error
}
