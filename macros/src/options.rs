//! The options between the attribute's brackets.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{
    Error, Expr, Ident, LitStr, Path, Result, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
};

use crate::{
    crate_path,
    errors::{Errors, typed},
    words,
};

/// The names of all options.
pub(crate) const NAMES: [&str; 11] = [
    "on",
    "savepoint",
    "outermost",
    "timeout",
    "statement_timeout",
    "lock_timeout",
    "idle_timeout",
    "key",
    "resolvable",
    "name",
    "crate",
];

/// What the user asked for. After its error, an option that was wrong is as if
/// it were absent.
#[derive(Default)]
pub(crate) struct Options {
    /// Where an injected transaction begins; `None` inside if the place could
    /// not be read, and the parameter is taken out of the signature all the same.
    pub(crate) on: Option<(Ident, Option<Expr>)>,
    pub(crate) savepoint: Option<Ident>,
    pub(crate) outermost: Option<Ident>,
    /// Time limits, in milliseconds.
    pub(crate) limits: Vec<(Ident, u64)>,
    pub(crate) key: Option<(Ident, Expr)>,
    pub(crate) resolvable: Option<Ident>,
    pub(crate) name: Option<(Ident, LitStr)>,
    pub(crate) krate: Option<Path>,
    /// All of them, for the corrected text in a message.
    written: Vec<String>,
}

impl Options {
    pub(crate) fn parse(tokens: TokenStream, errors: &Errors) -> Self {
        let mut options = Self::default();
        let all = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let written = typed(rest(&input.fork()));
                match options.option(input) {
                    Ok(()) => options.written.push(written),
                    Err(error) => errors.add(error),
                }
                // A mistake in one option must not hide the next.
                rest(input);
                input.parse::<Option<Token![,]>>()?;
            }
            Ok(())
        };
        all.parse2(tokens).unwrap_or_else(|error| errors.add(error));
        options.refuse_conflict(errors);
        options
    }

    /// The place to begin, if it was given and could be read.
    pub(crate) fn place(&self) -> Option<&Expr> {
        self.on.as_ref().and_then(|(_, place)| place.as_ref())
    }

    fn option(&mut self, input: ParseStream<'_>) -> Result<()> {
        if !input.peek(Ident::peek_any) || input.peek2(Token![.]) || input.peek2(Token![::]) {
            return Err(no_name(rest(input)));
        }
        let word = input.call(Ident::parse_any)?;
        match word.to_string().as_str() {
            "on" => {
                let place = value(input, &word, "self.pool", <Expr as Parse>::parse);
                let on = (word.clone(), place.as_ref().ok().cloned());
                set(&mut self.on, &word, on).and(place.map(drop))
            }
            "savepoint" => set(&mut self.savepoint, &word, flag(input, &word)?),
            "outermost" => set(&mut self.outermost, &word, flag(input, &word)?),
            "resolvable" => set(&mut self.resolvable, &word, flag(input, &word)?),
            "key" => {
                let key = value(input, &word, "order.id", <Expr as Parse>::parse)?;
                set(&mut self.key, &word, (word.clone(), key))
            }
            "timeout" | "statement_timeout" | "lock_timeout" | "idle_timeout" => {
                let mut earlier = self.limits.iter().find(|(known, _)| *known == word);
                set(&mut earlier, &word, &(word.clone(), 0))?;
                let limit = value(input, &word, "\"5s\"", limit)?;
                self.limits.push((word, limit));
                Ok(())
            }
            "name" => {
                let name = value(input, &word, "\"transfer\"", name)?;
                set(&mut self.name, &word, (word.clone(), name))
            }
            "crate" => {
                let path = value(input, &word, "::sqlx_transactional", crate_path::parse)?;
                set(&mut self.krate, &word, path)
            }
            name => Err(Error::new(word.span(), words::unknown(name, rest(input)))),
        }
    }

    fn refuse_conflict(&mut self, errors: &Errors) {
        let (other, why) = match (self.place(), &self.outermost) {
            (Some(_), _) => ("on", "begins a transaction of its own"),
            (None, Some(_)) => ("outermost", "is never called inside a transaction"),
            (None, None) => return,
        };
        if let Some(savepoint) = self.savepoint.take() {
            let message = format!(
                "`savepoint` conflicts with `{other}`: such a function {why}, so there is none to \
                 set a savepoint in; write `#[transactional({})]`, or `#[transactional({})]` to \
                 run inside the caller's",
                self.without(&["savepoint"]),
                self.without(&["on", "outermost"]),
            );
            errors.at(savepoint, message);
        }
    }

    /// The options as they were written, but some.
    fn without(&self, names: &[&str]) -> String {
        let is_kept = |option: &&String| !names.iter().any(|name| option.starts_with(name));
        let kept: Vec<_> = self.written.iter().filter(is_kept).cloned().collect();
        kept.join(", ")
    }
}

/// Fills the place of an option, once.
fn set<T>(slot: &mut Option<T>, word: &Ident, value: T) -> Result<()> {
    if slot.is_some() {
        let message = format!("`{word}` is given twice: remove one");
        return Err(Error::new(word.span(), message));
    }
    *slot = Some(value);
    Ok(())
}

/// An option without a value.
fn flag(input: ParseStream<'_>, word: &Ident) -> Result<Ident> {
    if ended(input) {
        return Ok(word.clone());
    }
    let message = format!("`{word}` takes no value: write `{word}` alone, or leave it out");
    Err(Error::new_spanned(rest(input), message))
}

/// An option with a value after `=`, up to the next comma.
fn value<T>(
    input: ParseStream<'_>,
    word: &Ident,
    example: &str,
    parse: fn(ParseStream<'_>) -> Result<T>,
) -> Result<T> {
    let needed = |at: Span| Error::new(at, format!("write a value: `{word} = {example}`"));
    let missing = |_| needed(word.span());
    let equals = input.parse::<Token![=]>().map_err(missing)?;
    if ended(input) {
        return Err(needed(equals.span));
    }
    let value = parse(input)?;
    if ended(input) {
        return Ok(value);
    }
    Err(input.error("expected `,` and the next option"))
}

/// The value of `name`.
fn name(input: ParseStream<'_>) -> Result<LitStr> {
    let unquoted = |error: Error| Error::new(error.span(), "write the name in quotes");
    let name: LitStr = input.parse().map_err(unquoted)?;
    if name.value().is_empty() {
        let message = "an empty name says nothing in a trace: write one, or leave `name` out to \
                       get the path of the function";
        return Err(Error::new(name.span(), message));
    }
    Ok(name)
}

/// The value of a time limit, in milliseconds.
fn limit(input: ParseStream<'_>) -> Result<u64> {
    let wrong = |at| Error::new(at, "write a time in quotes: \"250ms\", \"5s\", \"1m\" or \"2h\"");
    let limit: LitStr = input.parse().map_err(|error: Error| wrong(error.span()))?;
    let text = limit.value();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let unit = units.iter().find(|(name, _)| *name == unit);
    let number = number.parse::<u32>().ok().filter(|number| *number > 0);
    match number.zip(unit) {
        Some((number, (_, unit))) => Ok(u64::from(number) * unit),
        None => Err(wrong(limit.span())),
    }
}

/// What stands where a name should is most likely the place to begin.
fn no_name(written: TokenStream) -> Error {
    let message = match syn::parse2::<Expr>(written.clone()) {
        Ok(Expr::Lit(_)) | Err(_) => format!("expected an option; they are {}", words::list()),
        Ok(place) => format!(
            "expected the name of an option; to begin the transaction here, write `on = {}`",
            typed(place)
        ),
    };
    Error::new_spanned(written, message)
}

fn ended(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

/// Takes what is left of an option.
fn rest(input: ParseStream<'_>) -> TokenStream {
    let mut tokens = TokenStream::new();
    while !ended(input) {
        tokens.extend(input.parse::<TokenTree>());
    }
    tokens
}
