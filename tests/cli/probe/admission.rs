//! Whether the server takes the client's certificate (I1 to I6).

use rustls::version::{TLS12, TLS13};

use super::{Admits, Authority, CLIENT, Customer, HOST, Spec, TlsServer, XPAY, is_told};
use crate::pki::self_signed;

#[test]
fn a_client_certificate_that_is_refused_is_told_in_both_versions_of_tls() {
    let customer = Customer::new();
    let identity = customer.server(Spec::server(HOST));
    for version in [&TLS12, &TLS13] {
        let server = TlsServer::of_versions(&identity, &Admits::Only(&customer.clients), &[version], "");
        customer.shows(&Authority::root("Other CA").client(CLIENT));
        let output = customer.probe_port(server.port, &XPAY);
        let text = is_told(
            &output,
            1,
            &[
                "FAIL admission refused with the alert unknown_ca",
                "not endorsed yet, or the certificate of another environment (I1)",
                "> show the certificate that the Thales CA of this environment signed",
                "pass server's chain",
                "- HTTP not looked at",
            ],
        );
        assert!(text.contains("pass TLS TLS 1."), "{text}");
        customer.shows(&customer.clients.issue(Spec::client(CLIENT).expired()));
        let output = customer.probe_port(server.port, &XPAY);
        let words = [
            "FAIL own certificate it expired at",
            "alert certificate_expired: the client certificate has expired (",
            "(I6)",
            "2 steps failed",
        ];
        is_told(&output, 1, &words);
    }
    customer.shows(&self_signed(Spec::client("merchant-1")));
    let server = customer.thales();
    let merchant = ["--product", "merchant", "--environment", "sandbox"];
    let output = customer.probe_port(server.port, &merchant);
    is_told(&output, 1, &["CN=merchant-1, EC P-256", "> have Thales endorse this certificate for this environment"]);
}

#[test]
fn a_server_that_refuses_without_a_word_or_in_http_is_understood() {
    let customer = Customer::new();
    let identity = customer.server(Spec::server(HOST));
    let page = "HTTP/1.1 400 Bad Request\r\ncontent-length: 35\r\nconnection: close\r\n\r\n400 The SSL certificate error nginx";
    for (answer, words) in [
        (page, "FAIL admission refused, in HTTP: 400 Bad Request with a page about the SSL certificate: the"),
        ("", "FAIL admission the server cut the connection after the certificate was shown"),
    ] {
        let server = TlsServer::of_versions(&identity, &Admits::Only(&customer.clients), &[&TLS13], answer);
        is_told(&customer.probe_port(server.port, &[]), 1, &[words, "the server does not say why (I1)"]);
    }
}

#[test]
fn how_far_one_gets_without_a_certificate_is_a_warning() {
    let customer = Customer::new();
    let identity = customer.server(Spec::server(HOST));
    let without =
        |server: &TlsServer| customer.probe(&format!("{HOST}:{}", server.port), &["--server-ca", "server-ca.pem"]);
    for version in [&TLS12, &TLS13] {
        let server = TlsServer::of_versions(&identity, &Admits::Only(&customer.clients), &[version], "");
        let words = ["WARN admission the server asks for a certificate, and none was given", "- HTTP not looked at"];
        is_told(&without(&server), 0, &words);
    }
    let closed = TlsServer::start(&identity, &Admits::Only(&customer.clients));
    let own_ca = ["--server-ca", "server-ca.pem", "--times", "2", "--every", "10ms"];
    let text = is_told(
        &customer.probe(&format!("{HOST}:{}", closed.port), &own_ca),
        0,
        &["2 rounds: 0 passed, 2 with warnings, 0 failed."],
    );
    assert!(!text.contains("went through"), "{text}");
    let lenient = TlsServer::start(&identity, &Admits::OrNone(&customer.clients));
    is_told(&without(&lenient), 0, &["WARN admission the server asked for a certificate, and answers without one"]);
    let open = TlsServer::start(&identity, &Admits::Anybody);
    is_told(&without(&open), 0, &["WARN admission the server asked for no certificate (I1)"]);
    let text = is_told(&customer.probe_port(open.port, &[]), 0, &["so yours was not shown", "Nothing failed at"]);
    assert!(text.contains("pass HTTP 404"), "{text}");
}

#[test]
fn the_certificate_is_held_against_the_rules_before_anybody_is_called() {
    let customer = Customer::with_names([]);
    let output = customer.probe_port(443, &[&XPAY[..3], &["production"]].concat());
    let words = ["FAIL own certificate its CN TLSMA-ECDSA/TSP1/TSH/TSP.PPR is for pre-production", "(I5)", "NXDOMAIN"];
    is_told(&output, 1, &words);
    customer.shows(&customer.clients.client("TSP1"));
    is_told(
        &customer.probe_port(443, &XPAY),
        1,
        &["with this key it has to be TLSMA-ECDSA/<tspId>/TSH/TSP.<env> (I4)"],
    );
    customer.write("client-key.pem", &customer.servers.client("other").key_pem());
    let text =
        is_told(&customer.probe_port(443, &[]), 2, &["client.pem with client-key.pem: ", "the key does not belong"]);
    assert!(!text.contains("NXDOMAIN"), "nobody was asked: {text}");
}
