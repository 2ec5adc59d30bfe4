//! Renewals: the subject stays.

use std::fs;

use rcgen::{DnType, DnValue};
use tempfile::TempDir;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use super::{der, succeeds, words_of};
use crate::pki::{Authority, Spec};
use crate::run;

#[test]
fn a_renewal_takes_the_subject_octet_by_octet() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    let authority = Authority::root("Thales CA");
    let client = |common_name: &str| {
        authority.issue(Spec::client(common_name).with(|params| {
            // Not the types of strings, nor the order, of a new request.
            let name = &mut params.distinguished_name;
            name.push(DnType::LocalityName, DnValue::BmpString("Paris".try_into().unwrap()));
            name.push(DnType::OrganizationalUnitName, DnValue::PrintableString("Cards".try_into().unwrap()));
            name.push(DnType::StateOrProvinceName, "Ile-de-France");
        }))
    };
    let old = client("TLSMA-ECDSA/TSP0001/TSH/TSP.PPR");
    fs::write(here.join("old.pem"), old.chain_pem()).unwrap();
    let text = succeeds(here, &["csr", "--product", "xpay", "--renew", "old.pem", "--out-dir", "renewed"]);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("xPay, pre-production") && words.contains("EC P-256"), "{text}");
    let (_, old) = x509_parser::parse_x509_certificate(old.leaf()).unwrap();
    let request = der(here, "renewed/client.csr");
    let (_, request) = X509CertificationRequest::from_der(&request).unwrap();
    assert_eq!(request.certification_request_info.subject.as_raw(), old.subject().as_raw());

    let renew = |more: &[&'static str]| {
        let output =
            run(here, &[&["csr", "--product", "xpay", "--renew", "old.pem", "--out-dir", "no"], more].concat());
        (output.status.code(), words_of(&output))
    };
    let (code, text) = renew(&["--key", "rsa-4096"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("requirement I4") && text.contains("must begin with TLSMA-RSA/"), "{text}");
    let (code, text) = renew(&["--organization", "Other"]);
    assert_eq!(code, Some(2), "{text}");
    let lacking = |change: fn(&mut rcgen::DistinguishedName)| {
        let spec = Spec::client("TLSMA-ECDSA/TSP0001/TSH/TSP.PPR");
        let old = authority.issue(spec.with(|params| {
            let name = &mut params.distinguished_name;
            name.push(DnType::LocalityName, "Paris");
            name.push(DnType::StateOrProvinceName, "Ile-de-France");
            name.push(DnType::OrganizationalUnitName, "Cards");
            change(name);
        }));
        fs::write(here.join("old.pem"), old.chain_pem()).unwrap();
        renew(&[])
    };
    for (change, words) in [
        ((|name| name.push(DnType::OrganizationName, " ")) as fn(&mut rcgen::DistinguishedName), "O is empty"),
        (|name| name.push(DnType::OrganizationalUnitName, "Cards "), "OU begins or ends with a blank"),
        (|name| assert!(name.remove(DnType::StateOrProvinceName)), "the subject has no ST:"),
        (
            |name| {
                for kind in [DnType::CountryName, DnType::LocalityName, DnType::OrganizationName] {
                    name.remove(kind);
                }
            },
            "the subject has no C, L, O:",
        ),
    ] {
        let (code, text) = lacking(change);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("requirement I3 (") && text.contains(words), "{words}: {text}");
        assert!(!here.join("no").exists());
    }
    fs::write(here.join("old.pem"), client("someone else").chain_pem()).unwrap();
    assert!(renew(&[]).1.contains("requirement I4"));
    fs::write(here.join("old.pem"), authority.pem()).unwrap();
    assert!(renew(&[]).1.contains("begins with a CA certificate"));
    assert!(!here.join("no").exists());
}

#[test]
fn a_renewal_for_d1_whose_name_ends_as_those_of_xpay_do_deserves_a_look() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    let authority = Authority::root("Thales CA");
    let renewed = |common_name: &str, product: &str, out: &str| {
        let old = authority.issue(Spec::client(common_name).with(|params| {
            for kind in [DnType::StateOrProvinceName, DnType::LocalityName, DnType::OrganizationalUnitName] {
                params.distinguished_name.push(kind, "Paris");
            }
        }));
        fs::write(here.join("old.pem"), old.chain_pem()).unwrap();
        let text = succeeds(here, &["csr", "--product", product, "--renew", "old.pem", "--out-dir", out]);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let look = "what follows the merchantGatewayId here is xPay's. Compare it with the one that the portal shows";
    let text = renewed("TLSMA-ECDSA/GW-1/TSH/TSP.PPR", "d1", "one");
    assert!(text.contains(look) && text.contains("make a new request with --cn-template, without --renew"), "{text}");
    for (common_name, product, out) in
        [("TLSMA-ECDSA/GW-1/D1/MG.PPR", "d1", "two"), ("TLSMA-ECDSA/TSP0001/TSH/TSP.PPR", "xpay", "three")]
    {
        let text = renewed(common_name, product, out);
        assert!(!text.contains("Look:"), "control: {text}");
    }
}
