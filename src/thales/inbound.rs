//! The other direction: where customers call Thales (I7), and what Thales' servers show there (I8).

mod client_certificate;

use std::fmt;

use super::client_identity::{EnvironmentCode, Service};

pub use client_certificate::{Concern, Gravity};

/// A family of Thales' services that customers call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InboundProduct {
    /// xPay enablement: the Token Service Hub.
    XPay,
    /// eCom D1.
    D1,
    /// Merchant tokenization.
    Merchant,
}

/// Thales' isolation unit, as the customer's client certificate has to fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InboundEnvironment {
    /// Pre-production.
    Preprod,
    /// Production.
    Production,
    /// The sandbox of merchant tokenization.
    Sandbox,
}

/// Where a product is called in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The product.
    pub product: InboundProduct,
    /// The environment.
    pub environment: InboundEnvironment,
    /// The host, called at port 443.
    pub host: &'static str,
    /// What every path begins with.
    pub base_path: &'static str,
}

/// The CA that a product's servers have their certificate from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedServerCa {
    /// As Thales writes it.
    pub name: &'static str,
    /// What the organisation (O) of its certificates' subjects is.
    organizations: &'static [&'static str],
}

/// Every endpoint (I7).
pub const ENDPOINTS: [Endpoint; 6] = [
    endpoint(InboundProduct::XPay, InboundEnvironment::Preprod, "api.dbp-stg.thalescloud.io", "/"),
    endpoint(InboundProduct::XPay, InboundEnvironment::Production, "api.dbp.thalescloud.io", "/"),
    endpoint(InboundProduct::D1, InboundEnvironment::Preprod, "api.d1-stg.thalescloud.io", "/"),
    endpoint(InboundProduct::D1, InboundEnvironment::Production, "api.d1.thalescloud.io", "/"),
    endpoint(InboundProduct::Merchant, InboundEnvironment::Sandbox, "tmg.dbp-stg.thalescloud.io", "/1/sandbox-v2/"),
    endpoint(InboundProduct::Merchant, InboundEnvironment::Production, "tmg.dbp.thalescloud.io", "/1/mg/"),
];

const fn endpoint(
    product: InboundProduct,
    environment: InboundEnvironment,
    host: &'static str,
    base_path: &'static str,
) -> Endpoint {
    Endpoint { product, environment, host, base_path }
}

impl Endpoint {
    /// Where a product is called in an environment; `None` = the product has no such environment.
    #[must_use]
    pub fn of(product: InboundProduct, environment: InboundEnvironment) -> Option<&'static Self> {
        ENDPOINTS.iter().find(|endpoint| endpoint.product == product && endpoint.environment == environment)
    }

    /// The endpoint at a host of Thales, in any case and with or without the final dot.
    #[must_use]
    pub fn at(host: &str) -> Option<&'static Self> {
        let host = host.strip_suffix('.').unwrap_or(host);
        ENDPOINTS.iter().find(|endpoint| endpoint.host.eq_ignore_ascii_case(host))
    }
}

impl InboundProduct {
    /// The CA that Thales names for the product's servers (I8); for xPay it names none.
    #[must_use]
    pub const fn server_ca(self) -> Option<NamedServerCa> {
        match self {
            Self::XPay => None,
            Self::D1 => Some(NamedServerCa { name: "Amazon Trust Services", organizations: &["Amazon"] }),
            Self::Merchant => Some(NamedServerCa {
                name: "DigiCert SHA2 High Assurance Server CA",
                organizations: &["DigiCert Inc", "DigiCert, Inc."],
            }),
        }
    }

    /// The service that the customer's certificate is for.
    #[must_use]
    pub const fn service(self) -> Service {
        match self {
            Self::XPay => Service::Xpay,
            Self::D1 => Service::D1,
            Self::Merchant => Service::MerchantTokenization,
        }
    }

    /// The environments that it has.
    pub fn environments(self) -> impl Iterator<Item = InboundEnvironment> {
        ENDPOINTS.iter().filter(move |endpoint| endpoint.product == self).map(|endpoint| endpoint.environment)
    }

    /// As an operator writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::XPay => "xpay",
            Self::D1 => "d1",
            Self::Merchant => "merchant",
        }
    }
}

impl InboundEnvironment {
    /// As an operator writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preprod => "preprod",
            Self::Production => "production",
            Self::Sandbox => "sandbox",
        }
    }

    /// What stands for it at the end of a client certificate's common name (I5); the sandbox has no such code.
    #[must_use]
    pub const fn code(self) -> Option<EnvironmentCode> {
        match self {
            Self::Preprod => Some(EnvironmentCode::PreProduction),
            Self::Production => Some(EnvironmentCode::Production),
            Self::Sandbox => None,
        }
    }
}

impl NamedServerCa {
    /// Whether a CA of this organisation (the O of its subject) is meant. Which of its CAs signs is its own affair, and changes.
    #[must_use]
    pub fn is_of(&self, organization: &str) -> bool {
        self.organizations.iter().any(|known| known.eq_ignore_ascii_case(organization))
    }
}

impl fmt::Display for InboundProduct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.service().title())
    }
}

impl fmt::Display for InboundEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code().map_or("sandbox", EnvironmentCode::title))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_found_by_product_and_environment_and_by_its_host() {
        for endpoint in &ENDPOINTS {
            assert_eq!(Endpoint::of(endpoint.product, endpoint.environment), Some(endpoint));
            assert_eq!(Endpoint::at(&format!("{}.", endpoint.host.to_uppercase())), Some(endpoint));
            assert!(endpoint.base_path.starts_with('/') && endpoint.base_path.ends_with('/'));
        }
        assert_eq!(Endpoint::of(InboundProduct::Merchant, InboundEnvironment::Preprod), None);
        assert_eq!(Endpoint::of(InboundProduct::D1, InboundEnvironment::Sandbox), None);
        assert_eq!(Endpoint::at("thalescloud.io"), None);
    }

    #[test]
    fn a_server_ca_is_known_by_its_organisation() {
        let amazon = InboundProduct::D1.server_ca().unwrap();
        assert!(amazon.is_of("Amazon") && !amazon.is_of("DigiCert Inc") && !amazon.is_of("Amazon Lookalike"));
        assert!(InboundProduct::Merchant.server_ca().unwrap().is_of("DigiCert Inc"));
        assert_eq!(InboundProduct::XPay.server_ca(), None);
    }
}
