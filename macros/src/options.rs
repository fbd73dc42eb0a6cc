//! The options between the attribute's brackets.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Error, Expr, Result, Token, ext::IdentExt};

use crate::errors::{Errors, typed, wrong};
use crate::value::{each, ended, flag, group, once, rest, settings, value};
use crate::{crate_path, value, words};

/// The names of all options.
pub(crate) const NAMES: &str = "on savepoint outermost isolation deferrable immediate deferred \
    exclusive timeout statement_timeout lock_timeout idle_timeout settings retry idempotent \
    commit_on rollback_on key resolvable name crate";

/// Those that stand in the parentheses of `retry`.
const PARTS: &str = "attempts deadline base cap";

/// What the user asked for. After its error, an option that was wrong is as if
/// it were absent.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) given: Vec<Given>,
    /// The arguments of each.
    pub(crate) settings: Vec<TokenStream>,
    /// All names, also of what could not be read.
    tried: Vec<Ident>,
}

/// An option, as it should be.
pub(crate) struct Given {
    pub(crate) word: Ident,
    /// Nothing for a flag; of others, what the expansion makes of them.
    pub(crate) value: TokenStream,
    /// All of it, for the corrected text in a message.
    written: String,
}

impl Options {
    pub(crate) fn parse(tokens: TokenStream, errors: &Errors) -> Self {
        let mut options = Self::default();
        let all = |input: ParseStream<'_>| options.list(input, NAMES, errors);
        all.parse2(tokens).unwrap_or_else(|error| errors.add(error));
        options.refuse_conflicts(errors);
        options
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Given> {
        self.given.iter().find(|option| option.word == name)
    }

    /// Whether an option is there, right or wrong. One that is wrong asks for
    /// something all the same: `on`, that the parameter is not in the signature.
    pub(crate) fn has_tried(&self, name: &str) -> bool {
        self.tried.iter().any(|word| word == name)
    }

    /// The options as they were written, but some.
    pub(crate) fn without(&self, names: &[&str]) -> String {
        let is_kept = |option: &&Given| !names.iter().any(|name| option.word == name);
        let kept = self.given.iter().filter(is_kept);
        kept.map(|option| &*option.written).collect::<Vec<_>>().join(", ")
    }

    /// The path of the runtime crate.
    pub(crate) fn krate(&self, at: Span) -> TokenStream {
        let path = self.find("crate").map(|path| path.value.clone());
        path.unwrap_or_else(|| quote_spanned!(at=> ::sqlx_transactional))
    }

    fn list(&mut self, input: ParseStream<'_>, names: &str, errors: &Errors) -> Result<()> {
        each(input, errors, |input| self.option(input, names, errors))
    }

    fn option(&mut self, input: ParseStream<'_>, names: &str, errors: &Errors) -> Result<()> {
        let written = rest(&input.fork());
        if !input.peek(Ident::peek_any) || input.peek2(Token![.]) || input.peek2(Token![::]) {
            return Err(no_name(&written, names));
        }
        let word = input.call(Ident::parse_any)?;
        let name = word.to_string();
        if !words::contains(names, &name) {
            let answer = words::answer(&name, rest(input), names);
            return Err(wrong(word, "unknown", &[&name, &answer]));
        }
        once(&mut self.tried, word.clone(), &word)?;
        let value = match &*name {
            "on" => value(input, &word, "self.pool", Expr::parse)?,
            "isolation" => value(input, &word, "serializable", value::level)?,
            "timeout" | "statement_timeout" | "lock_timeout" | "idle_timeout" | "deadline" => {
                value(input, &word, "\"5s\"", value::limit)?
            }
            "settings" => settings(input, &word, &mut self.settings, errors)?,
            "retry" if ended(input) => TokenStream::new(),
            "retry" => {
                let inside = group(input, &word, "`retry` alone, or as in `retry(attempts = 5)`")?;
                let mut parts = Self::default();
                parts.list(&inside, PARTS, errors)?;
                parts.refuse_pauses(errors);
                parts.given.iter().map(Given::call).collect()
            }
            "attempts" => value(input, &word, "5", value::attempts)?,
            "base" | "cap" => value(input, &word, "\"50ms\"", value::limit)?,
            "commit_on" => value::pattern(input, &word, "Err(AppError::Full)")?,
            "rollback_on" => value::pattern(input, &word, "Ok(Status::Stale)")?,
            "key" => value(input, &word, "order.id", Expr::parse)?,
            "name" => value(input, &word, "\"transfer\"", value::name)?,
            "crate" => value(input, &word, "::sqlx_transactional", crate_path::parse)?,
            _ => flag(input, &word)?,
        };
        let written = typed(written);
        self.given.push(Given { word, value, written });
        Ok(())
    }
}

impl Given {
    /// A call of the run time's `Options`.
    pub(crate) fn call(&self) -> TokenStream {
        let Self { word, value, .. } = self;
        quote_spanned!(word.span()=> .#word(#value))
    }
}

/// What stands where a name should is most likely the place to begin.
fn no_name(written: &TokenStream, names: &str) -> Error {
    match syn::parse2(written.clone()) {
        Ok(Expr::Lit(_)) | Err(_) => wrong(written, "no option", &[&words::list(names)]),
        Ok(_) => wrong(written, "place", &[&typed(written)]),
    }
}
