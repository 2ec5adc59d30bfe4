use rcgen::{DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P384_SHA384};

use super::*;
use crate::pki::minting::{Minted, ca, client, now, server, valid};

/// What is said against a certificate: requirement, gravity, and all words.
fn said(
    certificate: &Minted,
    product: InboundProduct,
    environment: InboundEnvironment,
) -> Vec<(&'static str, Gravity, String)> {
    let concerns = Concern::all(&certificate.facts(), Some(product), Some(environment), now());
    let words = |concern: Concern| {
        let text = format!("{}: {}", concern.found, concern.to_do);
        (concern.requirement.name(), concern.gravity, text)
    };
    concerns.into_iter().map(words).collect()
}

#[track_caller]
fn only(said: &[(&'static str, Gravity, String)], requirement: &str, gravity: Gravity, words: &str) {
    let [(about, how_bad, text)] = said else { panic!("{said:?}") };
    assert_eq!((*about, *how_bad), (requirement, gravity), "{text}");
    assert!(text.contains(words), "{text}");
}

const XPAY: InboundProduct = InboundProduct::XPay;
const MERCHANT: InboundProduct = InboundProduct::Merchant;
const PREPROD: InboundEnvironment = InboundEnvironment::Preprod;
const SANDBOX: InboundEnvironment = InboundEnvironment::Sandbox;

fn signed(name: &str) -> Minted {
    Minted::self_signed(ca("Thales CA")).issue(client(name))
}

#[test]
fn certificates_as_thales_wants_them_deserve_no_word() {
    assert_eq!(said(&signed("TLSMA-ECDSA/TSP1/TSH/TSP.PPR"), XPAY, PREPROD), []);
    assert_eq!(said(&signed("TLSMA-ECDSA/GATEWAY1/whatever"), InboundProduct::D1, PREPROD), []);
    let own = Minted::self_signed(valid(client("merchant-1"), 2029, 2031));
    assert_eq!(said(&own, MERCHANT, SANDBOX), []);
    assert_eq!(Concern::all(&own.facts(), None, None, now()), []);
}

#[test]
fn a_certificate_out_of_its_time_is_refused_and_one_that_ends_soon_is_warned_of() {
    let ca = Minted::self_signed(ca("Thales CA"));
    let of = |from, to| ca.issue(valid(client("TLSMA-ECDSA/TSP1/TSH/TSP.PPR"), from, to));
    only(&said(&of(2020, 2030), XPAY, PREPROD), "I6", Gravity::Failure, "expired at 2030-01-01 00:00 UTC: send Thales");
    only(&said(&of(2031, 2032), XPAY, PREPROD), "I6", Gravity::Failure, "not valid before 2031-01-01");
    let mut ending = client("TLSMA-ECDSA/TSP1/TSH/TSP.PPR");
    ending.not_after = rcgen::date_time_ymd(2030, 6, 12);
    only(&said(&ca.issue(ending), XPAY, PREPROD), "I6", Gravity::Warning, "expires in 10 days");
    let long = Minted::self_signed(valid(client("merchant-1"), 2029, 2032));
    only(&said(&long, MERCHANT, SANDBOX), "I6", Gravity::Failure, "2 years at most");
    assert_eq!(said(&long, InboundProduct::D1, PREPROD).len(), 2, "control: D1's rules are others");
}

#[test]
fn keys_that_a_product_does_not_take_are_refused() {
    let p384 =
        Minted::self_signed(ca("Thales CA")).issue_for(client("TLSMA-ECDSA/TSP1/TSH/TSP.PPR"), &PKCS_ECDSA_P384_SHA384);
    only(
        &said(&p384, XPAY, PREPROD),
        "I2",
        Gravity::Failure,
        "its key is EC P-384; xPay takes EC P-256 or RSA with 4096 bits",
    );
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let own = Minted::self_signed_with(valid(client("merchant-1"), 2029, 2031), key);
    assert_eq!(said(&own, MERCHANT, SANDBOX), [], "control");
}

#[test]
fn whoever_signed_it_has_to_be_the_one_that_the_product_wants() {
    let own = Minted::self_signed(client("TLSMA-ECDSA/TSP1/TSH/TSP.PPR"));
    only(&said(&own, XPAY, PREPROD), "I1", Gravity::Failure, "self-signed; xPay takes what the Thales CA has signed");
    let foreign = Minted::self_signed(ca("Bank CA")).issue(valid(client("merchant-1"), 2029, 2031));
    only(&said(&foreign, MERCHANT, SANDBOX), "I1", Gravity::Warning, "it was issued by CN=Bank CA");
}

#[test]
fn a_certificate_that_is_no_client_s_is_refused() {
    let issuer = Minted::self_signed(ca("Thales CA"));
    let server = issuer.issue(server("TLSMA-ECDSA/TSP1/TSH/TSP.PPR", &["issuer.test"]));
    only(&said(&server, XPAY, PREPROD), "I1", Gravity::Failure, "lacks clientAuth");
    let below = issuer.issue(ca("TLSMA-ECDSA/TSP1/TSH/TSP.PPR"));
    only(&said(&below, XPAY, PREPROD), "I1", Gravity::Failure, "the certificate of a CA");
}

#[test]
fn a_common_name_has_the_pattern_of_its_key_and_the_code_of_its_environment() {
    for name in ["TSP1", "TLSMA-RSA/TSP1/TSH/TSP.PPR", "TLSMA-ECDSA/TSP1/TSP.PPR", "TLSMA-ECDSA//TSH/TSP.PPR", ""] {
        only(
            &said(&signed(name), XPAY, PREPROD),
            "I4",
            Gravity::Failure,
            "with this key it has to be TLSMA-ECDSA/<tspId>/TSH",
        );
    }
    only(
        &said(&signed("TLSMA-RSA/G1/x"), InboundProduct::D1, PREPROD),
        "I4",
        Gravity::Failure,
        "TLSMA-ECDSA/<merchant",
    );
    let other = signed("TLSMA-ECDSA/TSP1/TSH/TSP.PRD");
    only(
        &said(&other, XPAY, PREPROD),
        "I5",
        Gravity::Failure,
        "is for production, and the host that is called is pre-",
    );
    assert_eq!(said(&other, XPAY, InboundEnvironment::Production), [], "control");
    only(&said(&signed("TLSMA-ECDSA/T/TSH/TSP.XYZ"), XPAY, PREPROD), "I5", Gravity::Warning, "neither .PPR");
    let mut unnamed = client("x");
    unnamed.distinguished_name = DistinguishedName::new();
    unnamed.distinguished_name.push(DnType::OrganizationName, "Bank");
    let unnamed = Minted::self_signed(ca("Thales CA")).issue(unnamed);
    only(&said(&unnamed, XPAY, PREPROD), "I4", Gravity::Failure, "its CN is missing; ");
}
