//! The families of calls that Thales makes.

use std::fmt;

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
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
