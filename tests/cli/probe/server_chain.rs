//! The server's certificate and its chain (I8).

use rcgen::DnType;

use super::{Admits, Authority, Customer, HOST, Spec, TlsServer, is_told};

#[test]
fn a_server_that_is_not_to_be_trusted_is_told_with_its_whole_chain_and_nothing_is_sent_to_it() {
    let customer = Customer::new();
    let client = ["--client-certificate", "client.pem", "--client-key", "client-key.pem"];
    let own_ca = [&["--server-ca", "server-ca.pem"], &client[..]].concat();
    let other = Authority::root("Proxy CA");
    let issuing = customer.servers.intermediate("Server Issuing CA");
    let cases = [
        // What opens TLS on the way has a CA that Mozilla does not know.
        (
            other.intermediate("Proxy Issuing CA").issue(Spec::server(HOST)),
            &client[..],
            ["CN=Proxy CA, which Mozilla", "does not know (I8)", "most likely something on the way opens TLS"],
        ),
        (
            issuing.issue(Spec::server(HOST)).leaf_only(),
            &client[..],
            [
                "no other certificate was sent with it",
                "1. O=issuer-host tests,C=FR,CN=api.bank.test",
                "leaves its intermediates out",
            ],
        ),
        // The right root, and what stands below it is not sent.
        (
            issuing.issue(Spec::server(HOST)).leaf_only(),
            &own_ca[..],
            [
                "CN=Server Issuing CA, whose certificate",
                "neither in --server-ca nor sent with it",
                "the server leaves its intermediates out",
            ],
        ),
        (
            other.intermediate("Another CA").issue(Spec::server(HOST)),
            &own_ca[..],
            [
                "does not lead to a certificate of --server-ca",
                "1. O=issuer-host tests,C=FR,CN=api.bank.test",
                "leave --server-ca out",
            ],
        ),
        (
            issuing.issue(Spec::server("other.bank.test")),
            &own_ca[..],
            [
                "it is not for api.bank.test, but for other.bank.test",
                "2. O=issuer-host tests,C=FR,CN=Server Issuing CA",
                "something in between",
            ],
        ),
        (
            issuing.issue(Spec::server(HOST).expired()),
            &own_ca[..],
            ["CN=api.bank.test", "expired at", "is this machine's clock right?"],
        ),
        (
            issuing.issue(Spec::server(HOST).not_yet_valid()),
            &own_ca[..],
            ["CN=api.bank.test", "is not valid before", "is this machine's clock right?"],
        ),
    ];
    for (identity, arguments, words) in cases {
        let server = TlsServer::start(&identity, &Admits::Only(&customer.clients));
        let output = customer.probe(&format!("{HOST}:{}", server.port), arguments);
        let text = is_told(&output, 1, &words);
        assert!(text.contains("FAIL server's chain") && text.contains("SHA-256"), "{text}");
        assert!(text.contains("- TLS ended from here") && text.contains("- admission not looked at"), "{text}");
        assert_eq!(server.requests(), [] as [String; 0]);
    }
}

#[test]
fn the_ca_that_thales_names_is_looked_for() {
    let customer = Customer::new();
    let d1 = ["--product", "d1", "--environment", "preprod"];
    let output = customer.probe_port(customer.thales().port, &d1);
    is_told(
        &output,
        0,
        &[
            "WARN server's chain O=issuer-host tests,C=FR,CN=api.bank.test",
            "for D1 Thales names Amazon Trust Services",
            "(I8)",
        ],
    );
    let of_amazon = |name: &str| {
        Spec::authority(name).with(|params| params.distinguished_name.push(DnType::OrganizationName, "Amazon"))
    };
    let identity = customer.servers.intermediate_of(of_amazon("Amazon CA")).issue(Spec::server(HOST));
    let server = TlsServer::start(&identity, &Admits::Only(&customer.clients));
    let text = is_told(
        &customer.probe_port(server.port, &d1),
        0,
        &["pass server's chain O=issuer-host tests,C=FR,CN=api.bank.test"],
    );
    assert!(text.contains("can be called from here"), "{text}");
}
