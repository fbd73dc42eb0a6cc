//! The new function.

use std::mem;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Attribute, Expr, ExprReference, FnArg, Pat, PatIdent, PatType, Path, ReturnType, Signature,
    Token, Type, TypeInfer,
    ext::IdentExt,
    spanned::Spanned,
    visit_mut::{self, VisitMut},
};

use crate::{
    crate_path,
    errors::Errors,
    function::{Body, Function},
    lifetimes,
    options::Options,
    validate::{self, Parameter, Verdict},
};

/// The attribute, from what stands in its brackets and below it.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let errors = Errors::new();
    let options = Options::parse(options, &errors);
    let output = match syn::parse2::<Function>(item.clone()) {
        Ok(mut function) => {
            let (parameter, sound) = match validate::function(&mut function, &options, &errors) {
                Verdict::Sound(parameter) => (Some(parameter), true),
                Verdict::Mended(parameter) => (Some(parameter), false),
                Verdict::Untouched => (None, false),
            };
            match parameter {
                Some(parameter) => Expansion::new(&function, parameter, &options).rewrite(sound),
                None => function.into_token_stream(),
            }
        }
        Err(error) => {
            errors.add(validate::not_a_function(&item, error));
            item
        }
    };
    let errors = errors.finish();
    quote!(#output #errors)
}

/// The pieces of one expansion.
struct Expansion<'a> {
    function: &'a Function,
    options: &'a Options,
    parameter: Parameter,
    /// The name the new signature gives to the place to begin.
    place: Ident,
    /// Where errors about the outcome point: the type of the result.
    at: Span,
}

impl<'a> Expansion<'a> {
    fn new(function: &'a Function, parameter: Parameter, options: &'a Options) -> Self {
        let place = match &parameter.pat {
            Pat::Ident(PatIdent {
                by_ref: None,
                subpat: None,
                ident,
                ..
            }) if options.on.is_none() => ident.clone(),
            _ => local("__place", Span::call_site()),
        };
        let at = match &function.sig.output {
            ReturnType::Type(_, ty) => ty.span(),
            ReturnType::Default => function.sig.ident.span(),
        };
        Self {
            function,
            options,
            parameter,
            place,
            at,
        }
    }

    // Input:
    //     async fn rename(tx: &mut DbTx<'_>, id: &str) -> Result<u64, AppError> { statements }
    //
    // Output:
    //     async fn rename(
    //         mut tx: impl Begin<AccessOf<DbTx<'static>>>,
    //         id: &str,
    //     ) -> Result<u64, AppError> { .. }
    //
    // With `on = self.pool` the parameter is gone. What stands between the braces
    // is written by `run`, or by `check` if the function is not sound.
    fn rewrite(&self, sound: bool) -> TokenStream {
        let Function {
            attrs, vis, body, ..
        } = self.function;
        let sig = self.signature();
        let body = match body {
            Body::Declaration(semicolon) => semicolon.to_token_stream(),
            Body::Block { inner, group } => {
                let place = self.options.on.as_ref().map(|on| &on.place);
                let statements = match place {
                    _ if !sound => self.check(group),
                    Some(None) => self.check(group),
                    Some(Some(place)) => {
                        let place = self.injected(place);
                        let run = self.run(group);
                        quote!(#place #run)
                    }
                    None => self.run(group),
                };
                let mut block = Group::new(Delimiter::Brace, quote!(#inner #statements));
                block.set_span(group.span());
                block.into_token_stream()
            }
        };
        quote!(#(#attrs)* #vis #sig #body)
    }

    fn signature(&self) -> Signature {
        let mut sig = self.function.sig.clone();
        lifetimes::remove_orphans(&mut sig, self.parameter.index, self.function.body.tokens());
        let index = self.parameter.index;
        if self.options.on.is_some() {
            let inputs = mem::take(&mut sig.inputs).into_pairs().enumerate();
            let others = inputs.filter(|(at, _)| *at != index);
            sig.inputs = others.map(|(_, input)| input).collect();
        } else {
            sig.inputs[index] = FnArg::Typed(self.public_parameter());
        }
        sig
    }

    /// The parameter that callers see.
    fn public_parameter(&self) -> PatType {
        let declared = matches!(self.function.body, Body::Declaration(_));
        let pat = if declared {
            self.parameter.pat.to_token_stream()
        } else {
            let place = &self.place;
            quote_spanned!(place.span()=> mut #place)
        };
        let at = self.parameter.handle.span();
        let krate = self.krate(at);
        let begin = match self.options.outermost {
            Some(_) => quote_spanned!(at=> #krate::Outermost),
            None => quote_spanned!(at=> #krate::Begin),
        };
        let access = self.access();
        let attrs = self.parameter.attrs.iter();
        PatType {
            attrs: attrs
                .filter(|attr| declared || !is_lint_level(attr))
                .cloned()
                .collect(),
            pat: Box::new(Pat::Verbatim(pat)),
            colon_token: self.parameter.colon,
            ty: Box::new(Type::Verbatim(quote_spanned!(at=> impl #begin<#access>))),
        }
    }

    // Output, for `on = self.pool`:
    //     let mut __place = &self.pool;
    fn injected(&self, expr: &Expr) -> TokenStream {
        let place = &self.place;
        let expr = match expr {
            Expr::Reference(_) => expr.clone(),
            // syn adds the parentheses an operand of `&` needs.
            _ => Expr::Reference(ExprReference {
                attrs: Vec::new(),
                and_token: Token![&](Span::mixed_site()),
                mutability: None,
                expr: Box::new(expr.clone()),
            }),
        };
        let outermost = self.options.outermost.as_ref().map(|_| {
            let krate = self.krate(Span::mixed_site());
            let access = self.access();
            quote!(#krate::__private::outermost::<#access, _>(&#place);)
        });
        quote!(let mut #place = #expr; #outermost)
    }

    // Output:
    //     let mut __handle = begin::<AccessOf<DbTx<'static>>, _>(&mut tx, Options::new(".."));
    //     let __result = {
    //         let __span = span::<AccessOf<DbTx<'static>>>(&__handle);
    //         let tx: &mut DbTx<'_> = &mut __handle;
    //         instrument(__span, pin!(async move {
    //             if false { return declared::<Result<u64, AppError>>(); }
    //             '__body: { statements }
    //         })).await
    //     };
    //     end::<AccessOf<DbTx<'static>>, _>(__handle, __result).await
    //
    // The `return` that is never taken makes the declared type drive inference
    // and coercion in the body. `pin!` keeps the arguments from being stored a
    // second time.
    fn run(&self, body: &Group) -> TokenStream {
        let Self { place, at, .. } = self;
        let (krate, access) = (self.krate(*at), self.access());
        let savepoint = self.options.savepoint.as_ref();
        let savepoint = savepoint.map(|_| quote!(.savepoint()));
        let declared = match &self.function.sig.output {
            ReturnType::Type(_, ty) => nameable(ty),
            ReturnType::Default => quote!(()),
        };

        let handle = local("__handle", self.parameter.handle.span());
        let lent = quote_spanned!(handle.span()=> &mut #handle);
        let (begin, tx) = (self.begin(&handle, savepoint), self.bind(&lent));
        let (handle, result, span) = (
            local("__handle", *at),
            local("__result", *at),
            local("__span", *at),
        );
        let inside = quote_spanned! {body.span()=> {
            if false {
                return #krate::__private::declared::<#declared>();
            }
            '__body: #body
        }};
        quote_spanned! {*at=>
            #begin
            let #result = {
                let #span = #krate::__private::span::<#access>(&#handle);
                #tx
                #krate::__private::instrument(#span, ::core::pin::pin!(async move #inside)).await
            };
            #krate::__private::end::<#access, _>(#handle, #result).await
        }
    }

    fn begin(&self, handle: &Ident, savepoint: Option<TokenStream>) -> TokenStream {
        let at = self.parameter.handle.span();
        let (krate, access, name) = (self.krate(at), self.access(), self.name());
        let place = &self.place;
        quote_spanned! {at=>
            let mut #handle = #krate::__private::begin::<#access, _>(
                &mut #place,
                #krate::__private::Options::new(#name) #savepoint
            );
        }
    }

    // Output:
    //     let _ = tx;
    //     let tx: &mut DbTx<'_> = declared();
    //     { statements }
    //
    // Type-checks the body of a function that will not compile anyway.
    fn check(&self, body: &Group) -> TokenStream {
        let krate = self.krate(self.at);
        let place = &self.place;
        let unused = self.options.on.is_none().then(|| quote!(let _ = #place;));
        let tx = self.bind(&quote!(#krate::__private::declared()));
        quote!(#unused #tx #body)
    }

    /// The `let` that gives the body its handle, under the user's pattern.
    fn bind(&self, value: &TokenStream) -> TokenStream {
        let Parameter {
            pat,
            colon,
            attrs,
            handle,
            ..
        } = &self.parameter;
        let attrs = attrs.iter().filter(|attr| is_lint_level(attr));
        let handle = lifetimes::inferred(handle);
        quote!(#(#attrs)* let #pat #colon &mut #handle = #value;)
    }

    /// The name of the transaction in traces.
    fn name(&self) -> TokenStream {
        match &self.options.name {
            Some((_, name)) => name.to_token_stream(),
            None => {
                let function = format!("::{}", self.function.sig.ident.unraw());
                quote!(::core::concat!(::core::module_path!(), #function))
            }
        }
    }

    fn krate(&self, span: Span) -> Path {
        let path = self.options.krate.clone();
        path.unwrap_or_else(|| crate_path::default(span))
    }

    fn access(&self) -> TokenStream {
        let span = self.parameter.handle.span();
        let krate = self.krate(span);
        let handle = lifetimes::fixed(&self.parameter.handle);
        quote_spanned!(span=> #krate::AccessOf<#handle>)
    }
}

/// A local of the expansion, which no name in the user's code can mean.
fn local(name: &str, at: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(at))
}

/// Lint levels concern the handle in the body; everything else, `cfg` for one,
/// is about the parameter itself.
fn is_lint_level(attribute: &Attribute) -> bool {
    ["allow", "warn", "deny", "forbid", "expect"]
        .iter()
        .any(|level| attribute.path().is_ident(level))
}

/// A return type as it can be named in a body: `_` for each `impl Trait`.
fn nameable(ty: &Type) -> TokenStream {
    struct Infer;

    impl VisitMut for Infer {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if let Type::ImplTrait(opaque) = ty {
                let underscore_token = Token![_](opaque.span());
                *ty = Type::Infer(TypeInfer {
                    underscore_token,
                    attrs: Vec::new(),
                });
            } else {
                visit_mut::visit_type_mut(self, ty);
            }
        }
    }

    let mut ty = ty.clone();
    Infer.visit_type_mut(&mut ty);
    ty.into_token_stream()
}
