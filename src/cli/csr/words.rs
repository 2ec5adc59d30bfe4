//! What is said of a request beside its facts.

use crate::thales::client_identity::{CommonName, Service};

/// What deserves a look.
pub(super) fn warnings(service: Service, common_name: &CommonName, renewed: bool) -> Vec<String> {
    if service != Service::D1 || !common_name.ends_as_for_xpay() {
        return Vec::new();
    }
    let what_to_do = if renewed {
        "where it differs, or the certificate is one for xPay, make a new request with --cn-template, without --renew."
    } else {
        "where it differs say so with --cn-template."
    };
    vec![format!(
        "of D1's common names only the beginning is published; what follows the merchantGatewayId here is xPay's. Compare it with \
         the one that the portal shows, and {what_to_do}"
    )]
}

/// What to do next.
pub(super) fn next(service: Service) -> Vec<String> {
    let mut next = vec![
        "Send the request to Thales, through the portal or by hand. The Thales CA signs it, and what comes back is your \
         CUSTOMER_TLS_CLIENT_CERTIFICATE."
            .to_owned(),
        "Never send the private key: nobody but you has a use for it, Thales neither.".to_owned(),
        "Show the certificate and the key whenever you call TSH_INBOUND_HOST.".to_owned(),
        "One key and one request for each environment: pre-production and production share nothing.".to_owned(),
    ];
    if service == Service::D1 {
        next.push(
            "The Thales CA makes it valid for five years. To renew it: issuer-host csr --product d1 --renew CERTIFICATE"
                .to_owned(),
        );
    }
    next
}
