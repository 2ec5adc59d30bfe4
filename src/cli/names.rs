//! Arguments that are one of a few names: read with an error that helps, and known to help texts and shells.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};

use super::private_key::key_kind;
use crate::pki::KeyKind;
use crate::thales::Product;
use crate::thales::client_identity::Service;
use crate::thales::product::UnknownProduct;

/// Reads one of a few names.
#[derive(Clone)]
pub(super) struct Names<T> {
    names: Vec<&'static str>,
    read: fn(&str) -> Result<T, String>,
}

impl<T> Names<T> {
    /// `read` takes these names, perhaps others as well, and says of everything else what was probably meant.
    pub(super) fn new(names: impl IntoIterator<Item = &'static str>, read: fn(&str) -> Result<T, String>) -> Self {
        Self { names: names.into_iter().collect(), read }
    }
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Names<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        // As clap takes a function.
        let read = self.read;
        TypedValueParser::parse_ref(&move |name: &str| read(name), command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names.iter().map(|name| PossibleValue::new(*name))))
    }
}

/// The products, by the names that a configuration has for them; also by those of the services that their customers call.
pub(super) fn products() -> Names<Product> {
    Names::new(Product::ALL.map(Product::name), product)
}

/// Reads a product; of what is none it says which was probably meant.
pub(super) fn product(name: &str) -> Result<Product, String> {
    known_product(name).map_err(|error| format!("{error}; {}", error.remedy()))
}

/// The product of this name, in either case.
///
/// # Errors
/// There is none.
pub(super) fn known_product(name: &str) -> Result<Product, UnknownProduct> {
    match name.to_ascii_lowercase().as_str() {
        "xpay" => Ok(Product::Tsh),
        "merchant" | "merchant-tokenization" => Ok(Product::Cof),
        lower => Product::from_name(lower).or_else(|_| Product::from_name(name)),
    }
}

/// The services that sign requests; also by the names of the products that Thales calls their customers with.
pub(super) fn signing_services() -> Names<Service> {
    Names::new([Service::Xpay, Service::D1].map(Service::name), signing_service)
}

fn signing_service(name: &str) -> Result<Service, String> {
    match name.to_ascii_lowercase().as_str() {
        "xpay" | "tsh" => Ok(Service::Xpay),
        "d1" | "d1-ecom" => Ok(Service::D1),
        "cof" | "merchant" | "merchant-tokenization" => {
            Err("merchant tokenization signs no request (requirement I1): \
             it takes a self-signed certificate, which `issuer-host client-cert` makes"
                .to_owned())
        }
        other => Err(match known_product(other) {
            Ok(product) => format!(
                "for {product} nobody signs a request (requirement I1): write xpay (you are a token service \
                 provider) or d1 (a merchant gateway)"
            ),
            Err(_) => "write xpay or d1".to_owned(),
        }),
    }
}

/// The environments that have a code in common names. Each text is taken: what is none is refused with its requirement (I5) where
/// the common name is made.
pub(super) fn environment_codes() -> Names<String> {
    Names::new(["ppr", "prd"], |name| Ok(name.to_owned()))
}

/// The kinds of keys that a service takes (I2). Others are read as well: what the service makes of them is another question.
pub(super) fn key_kinds(service: Service) -> Names<KeyKind> {
    Names::new(service.keys().iter().map(|kind| key_name(*kind)), key_kind)
}

const fn key_name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::P256 => "ecdsa-p256",
        KeyKind::P384 => "ecdsa-p384",
        KeyKind::Rsa2048 => "rsa-2048",
        KeyKind::Rsa4096 => "rsa-4096",
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Arguments;
    use crate::thales::client_identity::EnvironmentCode;

    fn is_taken(words: &[&str]) -> bool {
        Arguments::try_parse_from([&["issuer-host"], words].concat()).is_ok()
    }

    #[test]
    fn a_product_has_its_names_everywhere() {
        for (names, in_csr) in [
            (&["xpay", "tsh", "TSH"][..], true),
            (&["d1", "D1", "d1-ecom"], true),
            (&["merchant", "cof", "merchant-tokenization"], false),
            (&["no-product"], false),
        ] {
            for name in names {
                let known = *name != "no-product";
                assert_eq!(is_taken(&["probe", "--product", name, "--environment", "production"]), known, "{name}");
                assert_eq!(is_taken(&["explain", name]), known, "{name}");
                assert_eq!(is_taken(&["call", "localhost", name, "operation"]), known, "{name}");
                assert_eq!(is_taken(&["call", "localhost", "--all", name]), known, "{name}");
                let csr = ["csr", "--product", name, "--renew", "client.pem", "--out-dir", "new"];
                assert_eq!(is_taken(&csr), in_csr, "{name}");
            }
        }
        assert_eq!(product("xpay"), Ok(Product::Tsh));
        assert_eq!(product("merchant"), Ok(Product::Cof));
    }

    #[test]
    fn an_environment_has_the_same_names_for_probe_and_csr() {
        for name in
            ["ppr", "PPR", "preprod", "pre-prod", "preproduction", "pre-production", "prd", "prod", "production"]
        {
            assert!(is_taken(&["probe", "--product", "xpay", "--environment", name]), "{name}");
            assert!(EnvironmentCode::from_name(name).is_ok(), "{name}");
        }
        assert!(!is_taken(&["probe", "--product", "xpay", "--environment", "test"]), "control");
    }

    #[test]
    fn who_signs_nothing_is_refused_with_where_to_go() {
        let words = |name| signing_service(name).unwrap_err();
        assert!(words("merchant").contains("issuer-host client-cert"), "{}", words("merchant"));
        assert!(words("transit").contains("for transit nobody signs a request"), "{}", words("transit"));
        assert_eq!(words("wallet"), "write xpay or d1");
    }

    #[test]
    fn the_name_of_each_kind_of_key_is_read_as_that_kind() {
        for service in [Service::Xpay, Service::D1, Service::MerchantTokenization] {
            for kind in service.keys() {
                assert_eq!(key_kind(key_name(*kind)), Ok(*kind));
            }
        }
    }
}
