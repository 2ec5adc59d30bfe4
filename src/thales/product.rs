//! The families of calls that Thales makes.

use std::fmt;

use thiserror::Error;

use crate::nearest::nearest;

/// One family of Thales calls. An environment serves one or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Product {
    /// `tsh`: the issuer gateway of the Token Service Hub.
    Tsh,
    /// `tsh-auxiliary`: the hub's auxiliary calls.
    TshAuxiliary,
    /// `tsp`: a token service provider of its own.
    Tsp,
    /// `d1`: digital card services.
    D1,
    /// `d1-ecom`: digital card services for e-commerce.
    D1Ecom,
    /// `cof`: merchant tokenization, card on file.
    Cof,
    /// `transit`: transit.
    Transit,
}

impl Product {
    /// Every product.
    pub const ALL: [Self; 7] =
        [Self::Tsh, Self::TshAuxiliary, Self::Tsp, Self::D1, Self::D1Ecom, Self::Cof, Self::Transit];

    /// The name in configuration, metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tsh => "tsh",
            Self::TshAuxiliary => "tsh-auxiliary",
            Self::Tsp => "tsp",
            Self::D1 => "d1",
            Self::D1Ecom => "d1-ecom",
            Self::Cof => "cof",
            Self::Transit => "transit",
        }
    }

    /// Who the customer is, and what is called, in a few words.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Tsh => "Issuer gateway: an issuer is asked before a token is made, and told what became of it.",
            Self::TshAuxiliary => "Auxiliary issuer gateway: the same for the second brand of a co-badged card.",
            Self::Tsp => "Token requestor calls: a token service provider of its own is asked for tokens.",
            Self::D1 => "Digital card services: an issuer gives card secrets, delivers OTPs, is told of cards.",
            Self::D1Ecom => "Digital card services for e-commerce: a merchant gateway is told of tokens.",
            Self::Cof => "Merchant tokenization, card on file: a merchant or PSP is told of tokens and bindings.",
            Self::Transit => "Transit: a transit entity opens and provisions cards, a wallet server reaches devices.",
        }
    }

    /// The product of this name.
    ///
    /// # Errors
    ///
    /// No product has it.
    pub fn from_name(name: &str) -> Result<Self, UnknownProduct> {
        Self::ALL
            .into_iter()
            .find(|product| product.name() == name)
            .ok_or_else(|| UnknownProduct { name: name.to_owned(), nearest: nearest(name, Self::ALL.map(Self::name)) })
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no product has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no product {name:?}")]
pub struct UnknownProduct {
    name: String,
    nearest: Option<&'static str>,
}

impl UnknownProduct {
    /// What to do about it: the product that was probably meant, or all there are.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self.nearest {
            Some(nearest) => format!("did you mean {nearest:?}?"),
            None => format!("write one of {}", Product::ALL.map(Product::name).join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_product_is_found_by_its_name() {
        for product in Product::ALL {
            assert_eq!(Product::from_name(product.name()), Ok(product));
        }
    }

    #[test]
    fn a_slip_of_the_keyboard_is_understood_and_anything_else_gets_the_list() {
        assert_eq!(Product::from_name("tsh-auxilary").unwrap_err().remedy(), "did you mean \"tsh-auxiliary\"?");
        assert!(Product::from_name("wallet").unwrap_err().remedy().contains("tsh, tsh-auxiliary, tsp, d1"));
    }
}
