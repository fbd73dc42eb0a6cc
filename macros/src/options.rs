//! The options between the attribute's brackets.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Expr, Ident, LitStr, Path, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use crate::{
    crate_path,
    errors::{Errors, typed},
    words,
};

/// The names of all options.
pub(crate) const NAMES: [&str; 5] = ["on", "savepoint", "outermost", "name", "crate"];

/// What the user asked for; an option that was wrong is as if it were absent,
/// after its error.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) on: Option<On>,
    pub(crate) savepoint: Option<Ident>,
    pub(crate) outermost: Option<Ident>,
    pub(crate) name: Option<(Ident, LitStr)>,
    pub(crate) krate: Option<Path>,
}

/// Where an injected transaction begins.
pub(crate) struct On {
    pub(crate) keyword: Ident,
    /// `None` if the place could not be read. The function is still emitted
    /// without its parameter then, which is what its callers expect.
    pub(crate) place: Option<Expr>,
}

impl Options {
    pub(crate) fn parse(tokens: TokenStream, errors: &Errors) -> Self {
        let mut options = Self::default();
        let mut seen = Vec::new();
        let parsed = (|input: ParseStream<'_>| {
            while !input.is_empty() {
                // Each option is cut out first, so that a mistake in one is
                // reported and the next is still read.
                options.option(input, &mut seen, errors);
                skip_to_comma(input);
                input.parse::<Option<Token![,]>>()?;
            }
            Ok(())
        })
        .parse2(tokens);
        if let Err(error) = parsed {
            errors.add(error);
        }
        options.refuse_conflicts(&seen, errors);
        options
    }

    fn option(&mut self, input: ParseStream<'_>, seen: &mut Vec<Written>, errors: &Errors) {
        if !input.peek(Ident::peek_any) || input.peek(Token![self]) {
            return no_name(input, errors);
        }
        let Ok(keyword) = input.call(Ident::parse_any) else {
            return;
        };
        let name = keyword.to_string();
        let fork = input.fork();
        let value = collect_to_comma(&fork);
        if !NAMES.contains(&name.as_str()) {
            return errors.at(&keyword, words::unknown(&name, &value));
        }
        if seen.iter().any(|option: &Written| option.name == name) {
            let message = format!("`{name}` is given twice: remove one");
            return errors.at(&keyword, message);
        }
        seen.push(Written {
            text: typed(quote::quote!(#keyword #value)),
            name,
        });
        if let Err(error) = self.set(keyword, input) {
            errors.add(error);
        }
    }

    fn set(&mut self, keyword: Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match keyword.to_string().as_str() {
            "on" => {
                let value = value(&keyword, input, "the place to begin: `on = self.pool`");
                let place = value.and_then(|()| input.parse());
                let place = place.and_then(|place| ended(input).map(|()| place));
                let (place, result) = match place {
                    Ok(place) => (Some(place), Ok(())),
                    Err(error) => (None, Err(error)),
                };
                self.on = Some(On { keyword, place });
                return result;
            }
            "savepoint" => self.savepoint = Some(flag(keyword, input)?),
            "outermost" => self.outermost = Some(flag(keyword, input)?),
            "name" => {
                value(&keyword, input, "a string: `name = \"transfer\"`")?;
                let name = input.parse::<LitStr>().map_err(|error| {
                    let message = "a name is a string literal: `name = \"transfer\"`";
                    syn::Error::new(error.span(), message)
                })?;
                if name.value().is_empty() {
                    let message = "an empty name says nothing in a trace: give one, or leave \
                                   `name` out to get the function's path";
                    return Err(syn::Error::new(name.span(), message));
                }
                ended(input)?;
                self.name = Some((keyword, name));
            }
            _ => {
                value(
                    &keyword,
                    input,
                    "an absolute path: `crate = ::sqlx_transactional`",
                )?;
                let path = crate_path::parse(input)?;
                ended(input)?;
                self.krate = Some(path);
            }
        }
        Ok(())
    }

    fn refuse_conflicts(&mut self, seen: &[Written], errors: &Errors) {
        let Some(savepoint) = self.savepoint.take() else {
            return;
        };
        let (other, why) = if self.on.is_some() {
            (
                "on",
                "with `on` the function begins a transaction of its own, so there is none to set \
                 a savepoint in",
            )
        } else if self.outermost.is_some() {
            (
                "outermost",
                "an outermost function is never called inside a transaction, so there is none to \
                 set a savepoint in",
            )
        } else {
            self.savepoint = Some(savepoint);
            return;
        };
        let without = |name: &str| {
            let rest = seen.iter().filter(|option| option.name != name);
            let rest: Vec<_> = rest.map(|option| option.text.as_str()).collect();
            format!("`#[transactional({})]`", rest.join(", "))
        };
        let message = format!(
            "`savepoint` conflicts with `{other}`: {why}; write {}, or {} to run inside the \
             caller's transaction",
            without("savepoint"),
            without(other),
        );
        errors.at(savepoint, message);
    }
}

/// An option as it was written, for the corrected text in a message.
struct Written {
    name: String,
    text: String,
}

/// An option without a value.
fn flag(keyword: Ident, input: ParseStream<'_>) -> syn::Result<Ident> {
    if at_end(input) {
        return Ok(keyword);
    }
    let value = collect_to_comma(input);
    let off = value.to_string().contains("false");
    let instead = if off {
        "leave it out to turn it off".to_owned()
    } else {
        format!("write `{keyword}` alone")
    };
    let message = format!("`{keyword}` takes no value: {instead}");
    Err(syn::Error::new_spanned(value, message))
}

/// The `=` before a value.
fn value(keyword: &Ident, input: ParseStream<'_>, wanted: &str) -> syn::Result<()> {
    if input.peek(Token![=]) && !input.peek(Token![==]) {
        let equals: Token![=] = input.parse()?;
        if at_end(input) {
            let message = format!("`{keyword}` needs {wanted}");
            return Err(syn::Error::new_spanned(equals, message));
        }
        return Ok(());
    }
    let message = format!("`{keyword}` needs {wanted}");
    Err(match input.fork().parse::<Group>() {
        Ok(group) if group.delimiter() == Delimiter::Parenthesis => {
            let inside = typed(group.stream());
            let message = format!("`{keyword}` takes its value after `=`: `{keyword} = {inside}`");
            syn::Error::new_spanned(group, message)
        }
        _ => syn::Error::new_spanned(keyword, message),
    })
}

/// Refuses what is left between a value and the comma after it.
fn ended(input: ParseStream<'_>) -> syn::Result<()> {
    if at_end(input) {
        return Ok(());
    }
    Err(input.error("expected `,` and the next option"))
}

/// What stands where an option's name should: most likely the place to begin.
fn no_name(input: ParseStream<'_>, errors: &Errors) {
    let value = collect_to_comma(input);
    let message = match syn::parse2::<Expr>(value.clone()) {
        Ok(Expr::Lit(_)) | Err(_) => {
            format!("expected the name of an option, one of {}", words::list())
        }
        Ok(place) => format!(
            "expected the name of an option; to begin the transaction here, write `on = {}`",
            typed(place)
        ),
    };
    errors.at(value, message);
}

fn at_end(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

fn skip_to_comma(input: ParseStream<'_>) {
    collect_to_comma(input);
}

/// Takes the tokens of one option. Commas inside brackets are part of it, and
/// so are those of generic arguments in an expression that can be parsed.
fn collect_to_comma(input: ParseStream<'_>) -> TokenStream {
    let mut tokens = TokenStream::new();
    if input.peek(Token![=]) && !input.peek(Token![==]) {
        let fork = input.fork();
        let equals = fork.parse::<Token![=]>();
        if let (Ok(equals), Ok(value)) = (equals, fork.parse::<Expr>()) {
            equals.to_tokens(&mut tokens);
            value.to_tokens(&mut tokens);
            syn::parse::discouraged::Speculative::advance_to(input, &fork);
        }
    }
    while !at_end(input) {
        match input.parse::<TokenTree>() {
            Ok(token) => tokens.extend([token]),
            Err(_) => break,
        }
    }
    tokens
}
