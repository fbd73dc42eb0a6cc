//! The new function.

use std::mem;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Attribute, Expr, FnArg, Pat, PatType, Path, ReturnType, Signature, Type,
    ext::IdentExt,
    parse_quote_spanned,
    spanned::Spanned,
    visit_mut::{self, VisitMut},
};

use crate::{
    crate_path,
    errors::Errors,
    function::{Body, Function},
    lifetimes,
    options::Options,
    validate::{self, Parameter},
};

/// The attribute, from what stands in its brackets and below it.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let errors = Errors::new();
    let options = Options::parse(options, &errors);
    let output = match syn::parse2::<Function>(item.clone()) {
        Ok(mut function) => {
            let before = errors.count();
            let parameter = validate::function(&mut function, &options, &errors);
            let is_sound = errors.count() == before;
            parameter.map_or(item, |parameter| {
                let expansion = Expansion { function, parameter, options };
                expansion.write(is_sound)
            })
        }
        Err(error) => {
            errors.add(validate::not_a_function(&item, error));
            item
        }
    };
    let errors = errors.finish();
    quote!(#output #errors)
}

/// What an expansion is made of.
///
/// Spans decide where the compiler's own errors point. Code about the handle
/// carries the span of its type, code about the outcome that of the result
/// type, each unchanged: an error then stands at the user's token, and is not
/// printed a second time as one of the attribute. Locals alone have the
/// attribute's hygiene, so that no name of the user's can mean them.
struct Expansion {
    function: Function,
    parameter: Parameter,
    options: Options,
}

impl Expansion {
    // Input:
    //     async fn rename(tx: &mut DbTx<'_>, id: &str) -> Result<u64, AppError> { statements }
    //
    // Output:
    //     async fn rename(
    //         mut tx: impl Begin<AccessOf<DbTx<'static>>>,
    //         id: &str,
    //     ) -> Result<u64, AppError> { .. }
    //
    // With `on` the parameter is gone. For what stands between the braces see
    // `run`, or `check` if the function is not sound.
    fn write(&self, is_sound: bool) -> TokenStream {
        let Function { attrs, vis, .. } = &self.function;
        let sig = self.signature();
        let body = match &self.function.body {
            Body::Declaration(semicolon) => semicolon.to_token_stream(),
            Body::Block { inner, group } => {
                let is_placed = self.options.on.is_none() || self.options.place().is_some();
                let statements = match &self.function.sig.output {
                    ReturnType::Type(_, result) if is_sound && is_placed => self.run(result, group),
                    _ => self.check(group),
                };
                let mut block = Group::new(Delimiter::Brace, quote!(#(#inner)* #statements));
                block.set_span(group.span());
                block.into_token_stream()
            }
        };
        quote!(#(#attrs)* #vis #sig #body)
    }

    fn signature(&self) -> Signature {
        let (mut sig, index) = (self.function.sig.clone(), self.parameter.index);
        lifetimes::remove_orphans(&mut sig, index, &self.function.body.tokens());
        if self.options.on.is_none() {
            sig.inputs[index] = FnArg::Typed(self.public_parameter());
        } else {
            let inputs = mem::take(&mut sig.inputs).into_pairs().enumerate();
            let others = inputs.filter(|(at, _)| *at != index);
            sig.inputs = others.map(|(_, input)| input).collect();
        }
        sig
    }

    /// The parameter that callers see.
    fn public_parameter(&self) -> PatType {
        let (krate, access, place) = (self.krate(self.at()), self.access(), self.place());
        let bound = self.options.outermost.as_ref();
        let bound = Ident::new(bound.map_or("Begin", |_| "Outermost"), self.at());
        let mut public = self.parameter.typed.clone();
        *public.ty = Type::Verbatim(quote_spanned!(self.at()=> impl #krate::#bound<#access>));
        if let Body::Block { .. } = self.function.body {
            public.attrs.retain(|attr| !is_lint_level(attr));
            // The user's span lets errors about borrows name the variable.
            *public.pat = Pat::Verbatim(quote_spanned!(place.span()=> mut #place));
        }
        public
    }

    // Output:
    //     let __place = &(self.pool);           // these two only with `on = self.pool`
    //     let mut __place = on(__place).place();
    //     let __options = Options::new("..").timeout(5000);
    //     let mut __handle = begin::<AccessOf<DbTx<'static>>, _>(&mut tx, __options);
    //     let __ran = {
    //         let __bounds = bounds::<AccessOf<DbTx<'static>>>(&mut __handle, __options);
    //         let tx: &mut DbTx<'_> = &mut __handle;
    //         run(__bounds, pin!(async move {
    //             if false { return declared::<Result<u64, AppError>>(); }
    //             '__body: { statements }
    //         })).await
    //     };
    //     end::<AccessOf<DbTx<'static>>, _>(__handle, __ran).await
    //
    // The `return` that is never taken lets the declared type drive inference
    // and coercion in the body; the label keeps the body a block of its own, as
    // the lints about blocks expect; `pin!` keeps the future from being moved,
    // which would store the arguments twice. With `key` the handle comes into the
    // body as it is, and the key is written before `tx` is bound to it.
    fn run(&self, result: &Type, body: &Group) -> TokenStream {
        let (at, place, access) = (self.at(), self.place(), self.access());
        let krate = self.krate(at);
        let [handle, options] = ["__handle", "__options"].map(|name| local(name, at));
        let on = self.options.place();
        let at_place = on.map_or(at, Expr::span);
        let kind = quote_spanned!(at_place=> _);
        // Without a parameter, nothing else asks for the bound.
        let outermost = self.options.outermost.as_ref().map(|_| {
            quote! {{
                fn outermost<A: #krate::Access, B: #krate::Outermost<A>>(_: &B) {}
                outermost::<#access, #kind>(&#place);
            }}
        });
        let injected = on.map(|on| match on {
            Expr::Reference(on) => quote!(let mut #place = #on; #outermost),
            on => quote_spanned! {at_place=>
                let #place = &(#on);
                let mut #place = #krate::__private::on(#place).place();
                #outermost
            },
        });
        let chosen = self.chosen();
        let start = quote_spanned!(at_place=> &mut #place);
        let begin = quote_spanned! {at=>
            #injected
            let #options = #chosen;
            let mut #handle = #krate::__private::begin::<#access, #kind>(#start, #options);
        };
        let borrowed = quote_spanned!(at=> &mut #handle);

        let at = result.span();
        let (krate, declared) = (self.krate(at), nameable(result));
        let names = ["__handle", "__ran", "__bounds", "__options", "__key", "__lent", "__failed"];
        let [handle, ran, bounds, options, key, lent, failed] = names.map(|name| local(name, at));
        let mut tx = self.bind(&borrowed);
        let mut first = None;
        if let Some((_, expr)) = &self.options.key {
            let bind = self.bind(&lent.to_token_stream());
            first = Some(quote_spanned! {at=>
                if let ::core::option::Option::Some(#failed) =
                    #krate::__private::claim::<#access, #declared>(&mut *#lent, #key).await
                {
                    return #failed;
                }
                #bind
            });
            tx = quote_spanned! {expr.span()=>
                let #key = #krate::__private::key(&(#expr));
                let #lent = #borrowed;
            };
        }
        let body = quote_spanned! {body.span()=> {
            if false {
                return #krate::__private::declared::<#declared>();
            }
            #first
            '__body: #body
        }};
        quote_spanned! {at=>
            #begin
            let #ran = {
                let #bounds = #krate::__private::bounds::<#access>(&mut #handle, #options);
                #tx
                #krate::__private::run(#bounds, ::core::pin::pin!(async move #body)).await
            };
            #krate::__private::end::<#access, _>(#handle, #ran).await
        }
    }

    /// The options of the function, as the run time takes them.
    fn chosen(&self) -> TokenStream {
        let (krate, name, access) = (self.krate(self.at()), self.name(), self.access());
        let mut chosen = quote!(#krate::__private::Options::new(#name));
        for flag in [&self.options.savepoint, &self.options.resolvable].into_iter().flatten() {
            let flag = Ident::new(&flag.to_string(), self.at());
            chosen.extend(quote!(.#flag()));
        }
        for (word, limit) in &self.options.limits {
            let database = (word == "idle_timeout")
                .then(|| quote_spanned!(word.span()=> ::<<#access as #krate::Access>::Database>));
            chosen.extend(quote_spanned!(word.span()=> .#word #database (#limit)));
        }
        chosen
    }

    // Output:
    //     let _ = &mut tx;
    //     let tx: &mut DbTx<'_> = declared();
    //     '__body: { statements }
    //
    // For a function that will not compile: its body is type-checked all the
    // same, and nothing is said about the outcome.
    fn check(&self, body: &Group) -> TokenStream {
        let (place, krate) = (self.place(), self.krate(self.at()));
        let is_public = self.options.on.is_none();
        let unused = is_public.then(|| quote!(let _ = &mut #place;));
        let tx = self.bind(&quote!(#krate::__private::declared()));
        quote!(#unused #tx '__body: #body)
    }

    /// The `let` that gives the body its transaction, under the user's pattern.
    fn bind(&self, value: &TokenStream) -> TokenStream {
        let typed = &self.parameter.typed;
        let (pat, colon) = (&typed.pat, typed.colon_token);
        let attrs = typed.attrs.iter().filter(|attr| is_lint_level(attr));
        let handle = lifetimes::replaced(&self.parameter.handle, "'_");
        quote!(#(#attrs)* let #pat #colon &mut #handle = #value;)
    }

    /// Where the type of the handle stands.
    fn at(&self) -> Span {
        self.parameter.handle.span()
    }

    /// The variable that holds the place to begin.
    fn place(&self) -> Ident {
        match (&*self.parameter.typed.pat, self.options.place()) {
            // Other attributes may refer to the parameter by its name.
            (Pat::Ident(pat), None) => pat.ident.clone(),
            (_, on) => local("__place", on.map_or(self.at(), Expr::span)),
        }
    }

    /// The name of the transaction in traces.
    fn name(&self) -> TokenStream {
        if let Some((_, name)) = &self.options.name {
            return name.to_token_stream();
        }
        let function = format!("::{}", self.function.sig.ident.unraw());
        quote!(::core::concat!(::core::module_path!(), #function))
    }

    fn krate(&self, at: Span) -> Path {
        let path = self.options.krate.clone();
        path.unwrap_or_else(|| crate_path::default(at))
    }

    /// The access of the handle, which depends on no lifetime.
    fn access(&self) -> TokenStream {
        let krate = self.krate(self.at());
        let handle = lifetimes::replaced(&self.parameter.handle, "'static");
        quote_spanned!(self.at()=> #krate::AccessOf<#handle>)
    }
}

/// A type as a body can name it: with `_` for each `impl Trait`.
fn nameable(ty: &Type) -> Type {
    struct Infer;
    impl VisitMut for Infer {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            match ty {
                Type::ImplTrait(opaque) => *ty = parse_quote_spanned!(opaque.span()=> _),
                other => visit_mut::visit_type_mut(self, other),
            }
        }
    }
    let mut ty = ty.clone();
    Infer.visit_type_mut(&mut ty);
    ty
}

/// A variable of the expansion.
fn local(name: &str, at: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(at))
}

/// Lint levels are about the variable in the body; other attributes of the
/// parameter, `cfg` for one, stay where they are.
fn is_lint_level(attribute: &Attribute) -> bool {
    let levels = ["allow", "warn", "deny", "forbid", "expect"];
    levels.iter().any(|level| attribute.path().is_ident(level))
}
