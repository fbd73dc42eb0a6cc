//! What follows the name of an option.

use std::fmt::Display;

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Parse, ParseBuffer, ParseStream};
use syn::{Expr, LitInt, LitStr, Pat, Result, Token, parenthesized, spanned::Spanned};

use crate::errors::{Errors, ensure, typed, wrong};
use crate::words;

const LEVELS: &str = "read_uncommitted read_committed repeatable_read serializable";

/// Reads what commas separate. A mistake in one must not hide the next.
pub(crate) fn each(
    input: ParseStream<'_>,
    errors: &Errors,
    mut one: impl FnMut(ParseStream<'_>) -> Result<()>,
) -> Result<()> {
    while !input.is_empty() {
        one(input).unwrap_or_else(|error| errors.add(error));
        rest(input);
        input.parse::<Option<Token![,]>>()?;
    }
    Ok(())
}

/// Notes that `name` is there, once.
pub(crate) fn once<T: PartialEq>(
    earlier: &mut Vec<T>,
    value: T,
    name: &impl ToTokens,
) -> Result<()> {
    ensure(!earlier.contains(&value), name, "given twice", &[&typed(name)])?;
    earlier.push(value);
    Ok(())
}

/// An option without a value.
pub(crate) fn flag(input: ParseStream<'_>, word: &Ident) -> Result<TokenStream> {
    ensure(ended(input), rest(&input.fork()), "no value", &[word, word])?;
    Ok(TokenStream::new())
}

/// An option with a value after `=`, up to the next comma.
pub(crate) fn value<T: ToTokens>(
    input: ParseStream<'_>,
    name: &impl ToTokens,
    example: &str,
    parse: impl FnOnce(ParseStream<'_>) -> Result<T>,
) -> Result<TokenStream> {
    let needed: [&dyn Display; 2] = [&typed(name), &example];
    let equals = input.parse::<Option<Token![=]>>()?;
    ensure(equals.is_some(), name, "value", &needed)?;
    ensure(!ended(input), equals, "value", &needed)?;
    let value = parse(input)?.into_token_stream();
    let message = "expected `,` and the next option";
    if ended(input) { Ok(value) } else { Err(input.error(message)) }
}

/// An option with something in parentheses; `correct` is how to write it.
pub(crate) fn group<'a>(
    input: ParseStream<'a>,
    word: &Ident,
    correct: &str,
) -> Result<ParseBuffer<'a>> {
    let written = rest(&input.fork());
    let is_group = match &*Vec::from_iter(written.clone()) {
        [TokenTree::Group(group)] => {
            group.delimiter() == Delimiter::Parenthesis && !group.stream().is_empty()
        }
        _ => false,
    };
    ensure(is_group, quote!(#word #written), "parentheses", &[&correct])?;
    let inside;
    parenthesized!(inside in input);
    Ok(inside)
}

/// Reads a token, or has something to say about the one that is there.
fn expect<T: Parse>(input: ParseStream<'_>, message: &str) -> Result<T> {
    let found = input.cursor().token_tree().map(|(token, _)| token);
    input.parse().map_err(|_| wrong(found, message, &[]))
}

/// The value of `name`.
pub(crate) fn name(input: ParseStream<'_>) -> Result<LitStr> {
    let name: LitStr = expect(input, "name")?;
    ensure(!name.value().is_empty(), &name, "empty name", &[])?;
    Ok(name)
}

/// The value of a time limit, in milliseconds.
pub(crate) fn limit(input: ParseStream<'_>) -> Result<u64> {
    let limit: LitStr = expect(input, "time")?;
    let text = limit.value();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let unit = units.iter().find(|(name, _)| *name == unit);
    let number = number.parse::<u32>().ok().filter(|number| *number > 0);
    let time = number.zip(unit).map(|(number, (_, unit))| u64::from(number) * unit);
    time.ok_or_else(|| wrong(limit, "time", &[]))
}

/// The value of `isolation`, as a variant of the run time's enumeration.
pub(crate) fn level(input: ParseStream<'_>) -> Result<Ident> {
    let written = rest(input);
    let text = written.to_string();
    if LEVELS.split(' ').any(|level| level == text) {
        let words = text.split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
        return Ok(Ident::new(&words.collect::<String>(), written.span()));
    }
    // `"READ COMMITTED"` and `Isolation::ReadCommitted` as well.
    let last = text.rsplit(':').next().unwrap_or_default().to_lowercase();
    let meant = match &*last.replace(|letter: char| !letter.is_alphanumeric(), "") {
        // What PostgreSQL's manual calls by this name.
        "snapshot" => Some("repeatable_read"),
        last => words::nearest(last, LEVELS),
    };
    let correct = meant.map_or(String::new(), |level| format!("write `isolation = {level}`; "));
    Err(wrong(written, "levels", &[&correct, &words::list(LEVELS)]))
}

/// The settings, each as the arguments `"name", &(expr)`.
pub(crate) fn settings(
    input: ParseStream<'_>,
    word: &Ident,
    settings: &mut Vec<TokenStream>,
    errors: &Errors,
) -> Result<TokenStream> {
    let inside = group(input, word, "`settings(\"app.user_id\" = user.id)`")?;
    let mut names = Vec::new();
    each(&inside, errors, |input| {
        let name: LitStr = expect(input, "setting")?;
        // PostgreSQL makes no difference between capital and small letters.
        let text = name.value().to_ascii_lowercase();
        ensure(!text.is_empty(), &name, "setting", &[])?;
        ensure(!text.contains('\0'), &name, "setting with a NUL", &[])?;
        once(&mut names, text, &name)?;
        let value = value(input, &name, "user.id", Expr::parse)?;
        let value = quote_spanned!(value.span()=> &(#value));
        settings.push(quote!(#name, #value));
        Ok(())
    })?;
    Ok(TokenStream::new())
}

/// How often the body may run.
pub(crate) fn attempts(input: ParseStream<'_>) -> Result<u32> {
    let number: LitInt = expect(input, "attempts")?;
    let attempts = number.base10_parse().ok().filter(|attempts| *attempts > 0);
    attempts.ok_or_else(|| wrong(number, "attempts", &[]))
}

/// A pattern and its condition, as they stand in an arm of a `match`.
pub(crate) fn pattern(input: ParseStream<'_>, word: &Ident, example: &str) -> Result<TokenStream> {
    let inside = group(input, word, &format!("a pattern for the result: `{word}({example})`"))?;
    let arm = arm(&inside);
    let others: TokenStream = inside.parse()?;
    ensure(arm.is_err() || others.is_empty(), others, "pattern", &[]).and(arm)
}

fn arm(input: ParseStream<'_>) -> Result<TokenStream> {
    let pattern = Pat::parse_multi_with_leading_vert(input)?;
    let guard = input.parse::<Option<Token![if]>>()?;
    let condition = guard.map(|_| input.parse::<Expr>()).transpose()?;
    // A type, most likely.
    let is_name = matches!(&pattern, Pat::Ident(name) if name.subpat.is_none() && guard.is_none());
    ensure(!is_name, &pattern, "new name", &[&typed(&pattern)])?;
    Ok(quote!(#pattern #guard #condition))
}

pub(crate) fn ended(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

/// Takes what is left of an option.
pub(crate) fn rest(input: ParseStream<'_>) -> TokenStream {
    let mut tokens = TokenStream::new();
    while !ended(input) {
        tokens.extend(input.parse::<TokenTree>());
    }
    tokens
}
