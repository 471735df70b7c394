//! The arguments of both attributes: `processors = N`, `stack_size = N`.
//!
//! Every error points at the word that is wrong, and all of them are reported, not only the first.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{BinOp, Error, Expr, ExprLit, Lit, LitInt, Result, Token};

use crate::entry::Entry;

/// What the user asked for. `None` leaves the choice to the runtime.
#[derive(Default)]
pub(crate) struct Args {
    processors: Option<u64>,
    stack_size: Option<u64>,
}

impl Args {
    /// Reads the tokens between the attribute's parentheses.
    pub(crate) fn parse(entry: Entry, tokens: TokenStream) -> Result<Args> {
        let list = Punctuated::<Arg, Token![,]>::parse_terminated.parse2(tokens)?;
        let mut args = Args::default();
        let mut errors = Errors::default();
        for Arg { name, value } in list {
            let (slot, read): (_, fn(&Expr) -> Read) = if name == "processors" {
                (&mut args.processors, literal)
            } else if name == "stack_size" {
                (&mut args.stack_size, constant)
            } else {
                errors.push(unknown(entry, &name));
                continue;
            };
            if slot.is_some() {
                errors.push(Error::new(name.span(), format!("`{name}` is given twice")));
                continue;
            }
            match value
                .ok_or_else(|| no_value(&name))
                .and_then(|value| at_least_one(&name, &value, read))
            {
                Ok(number) => *slot = Some(number),
                Err(error) => {
                    // Taken as given, so that a second one is still seen as the duplicate that it is.
                    *slot = Some(1);
                    errors.push(error);
                }
            }
        }
        errors.none_or(args)
    }
}

/// An expression of type `::gort::__private::Options`.
impl ToTokens for Args {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        fn option(value: Option<u64>) -> TokenStream {
            match value {
                Some(value) => {
                    // Without a suffix: a value too large for the target's usize is rustc's to refuse.
                    let value = LitInt::new(&value.to_string(), Span::call_site());
                    quote!(::core::option::Option::Some(#value))
                }
                None => quote!(::core::option::Option::None),
            }
        }
        let processors = option(self.processors);
        let stack_size = option(self.stack_size);
        tokens.extend(quote! {
            ::gort::__private::Options { processors: #processors, stack_size: #stack_size }
        });
    }
}

/// One `name = value`. A name on its own parses, so that its error can point at the name.
struct Arg {
    name: Ident,
    value: Option<Expr>,
}

impl Parse for Arg {
    fn parse(input: ParseStream<'_>) -> Result<Arg> {
        let name = input.parse::<Ident>()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Ok(Arg { name, value: None });
        }
        let equals = input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            // syn would point at the end of the attribute.
            return Err(Error::new(equals.span(), format!("`{name} =` lacks its number")));
        }
        Ok(Arg {
            name,
            value: Some(input.parse()?),
        })
    }
}

fn unknown(entry: Entry, name: &Ident) -> Error {
    Error::new(
        name.span(),
        format!("unknown argument `{name}`: {entry} takes `processors = N` and `stack_size = N`"),
    )
}

fn no_value(name: &Ident) -> Error {
    Error::new(name.span(), format!("`{name}` needs a number: `{name} = N`"))
}

fn at_least_one(name: &Ident, value: &Expr, read: fn(&Expr) -> Read) -> Result<u64> {
    match read(value) {
        Ok(0) => Err(Error::new_spanned(value, format!("`{name}` must be at least 1"))),
        Ok(number) => Ok(number),
        Err(Wrong { what, why }) => Err(Error::new_spanned(what, format!("`{name}` {why}"))),
    }
}

/// A value, or which of its words is wrong and why, as the end of a sentence about the argument.
type Read = std::result::Result<u64, Wrong>;

struct Wrong {
    what: TokenStream,
    why: &'static str,
}

fn wrong(what: &impl ToTokens, why: &'static str) -> Wrong {
    Wrong {
        what: what.to_token_stream(),
        why,
    }
}

/// An integer literal.
fn literal(expr: &Expr) -> Read {
    match expr {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => integer(number),
        // What a macro_rules! passes on as `$n:literal` or `$n:expr` arrives in an invisible group.
        Expr::Group(group) => literal(&group.expr),
        _ => Err(wrong(expr, "must be an integer literal, such as `2`")),
    }
}

/// An integer written with literals, `+`, `*`, `<<` and parentheses: the attribute is expanded before any
/// name has a value.
fn constant(expr: &Expr) -> Read {
    match expr {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => integer(number),
        Expr::Group(group) => constant(&group.expr),
        Expr::Paren(paren) => constant(&paren.expr),
        Expr::Binary(binary) => {
            let operation: fn(u64, u64) -> Option<u64> = match binary.op {
                BinOp::Add(_) => u64::checked_add,
                BinOp::Mul(_) => u64::checked_mul,
                BinOp::Shl(_) => |left, right| left.checked_mul(1_u64.checked_shl(right.try_into().ok()?)?),
                other => return Err(wrong(&other, "may use `+`, `*` and `<<` only")),
            };
            operation(constant(&binary.left)?, constant(&binary.right)?)
                .ok_or_else(|| wrong(binary, "is too large"))
        }
        _ => Err(wrong(expr, "must be an integer, such as `65536` or `64 * 1024`")),
    }
}

fn integer(number: &LitInt) -> Read {
    if !matches!(number.suffix(), "" | "usize") {
        return Err(wrong(number, "must be an integer without a suffix or a usize"));
    }
    number.base10_parse().map_err(|_| wrong(number, "is too large"))
}

/// Collects errors, so that the user sees all of them at once.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub(crate) fn none_or<T>(self, value: T) -> Result<T> {
        self.0.map_or(Ok(value), Err)
    }
}
