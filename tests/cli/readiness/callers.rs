//! O5 to O7: whom the client CA admits.

use rcgen::KeyUsagePurpose;

use super::super::broken::isrg_root_x2;
use super::super::pki::{Authority, Spec};
use super::{Operator, lasting, ready};

#[test]
fn a_leaf_stands_in_the_client_ca() {
    let operator = ready();
    operator.write("client-ca.pem", &operator.clients.client("TSH").chain_pem());
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_client_ca_is_not_there() {
    let operator = ready();
    operator.edit("\"client-ca.pem\"", "\"nowhere.pem\"");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_client_ca_is_no_pem() {
    let operator = ready();
    operator.write("client-ca.pem", "the Thales Client CA");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_client_ca_has_expired() {
    let operator = ready();
    operator.write("client-ca.pem", &Authority::root_of(Spec::authority("Former Root").expired()).pem());
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_client_ca_ends_soon() {
    let operator = ready();
    operator.write("client-ca.pem", &Authority::root_of(Spec::authority("Client Root").valid(-1, 60)).pem());
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn one_client_ca_of_several_has_expired() {
    let operator = ready();
    let former = Authority::root_of(Spec::authority("Former Root").expired());
    operator.write("client-ca.pem", &(former.pem() + &operator.clients.pem()));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_client_ca_may_not_sign_certificates() {
    let operator = ready();
    let spec = lasting("Client Root").with(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    operator.write("client-ca.pem", &Authority::root_of(spec).pem());
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_client_ca_has_a_weak_key() {
    let operator = ready();
    operator.write("client-ca.pem", include_str!("../../../src/pki/testdata/rsa-1024-ca.pem"));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_client_ca_is_one_of_the_public_web() {
    let operator = ready();
    operator.write("client-ca.pem", &isrg_root_x2());
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_client_ca_is_the_sample() {
    let operator = ready();
    operator.write("client-ca.pem", include_str!("../../../certs-sample/thales-client-ca.pem"));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_client_ca_is_the_server_s_own() {
    let operator = ready();
    operator.write("client-ca.pem", &operator.servers.pem());
    insta::assert_snapshot!(operator.shortcomings(&[]));
    operator.edit("private_key", "client_subject.allow = [\"CN=tsh-*\"]\nprivate_key");
    assert_eq!(operator.shortcomings(&["--strict"]), "exit code 0", "control: it is narrowed to Thales (O7)");
}

#[test]
fn the_sample_server_ca_is_one_s_own_as_any_other() {
    let operator = Operator::with_samples();
    let told = |operator: &Operator| String::from_utf8(operator.run("check").stdout).unwrap();
    assert!(told(&operator).contains("no client CA is one of the server's own chain"), "control: {}", told(&operator));
    operator.write("client-ca.pem", include_str!("../../../certs-sample/server-ca.pem"));
    let told = told(&operator).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("not for production is a CA of your own server chain"), "{told}");
}

#[test]
fn the_client_ca_admits_the_customer_itself() {
    let operator = ready();
    operator.write("own.pem", &operator.clients.client("TLSMA-ECDSA/1234567890/TSH/TSP.PPR").chain_pem());
    operator.write("old.pem", &operator.clients.issue(Spec::client("former").expired()).chain_pem());
    let arguments = ["--own-client-certificate", "own.pem", "--own-client-certificate", "old.pem"];
    insta::assert_snapshot!(operator.shortcomings(&arguments));
}

#[test]
fn the_line_that_keeps_the_customer_out_does_so_as_it_is_printed() {
    for name in
        ["TLSMA-ECDSA/1234567890/TSH/TSP.PPR", "Bank, \\ of 'blanks' and a name that is so long that it fills a line"]
    {
        let operator = ready();
        operator.write("own.pem", &(operator.clients.client(name).chain_pem() + &operator.clients.pem()));
        let arguments = ["check", "--config", "issuer-host.toml", "--own-client-certificate", "own.pem"];
        let output = super::run(operator.directory.path(), &arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        let line = text.lines().map(str::trim).find(|line| line.starts_with("client_subject.deny")).unwrap();
        operator.edit("private_key", &format!("{line}\nprivate_key"));
        assert_eq!(
            operator.shortcomings(&["--strict", "--own-client-certificate", "own.pem"]),
            "exit code 0",
            "{line}"
        );
    }
    let operator = ready();
    operator.write("own.pem", &operator.clients.client("bank-*").chain_pem());
    let told = operator.shortcomings(&["--own-client-certificate", "own.pem"]);
    assert!(told.contains("no line is given here: the subject has a * in it") && !told.contains("bank-*\"]"), "{told}");
}

#[test]
fn a_certificate_of_one_s_own_proves_nothing_without_its_cas_or_a_revocation_list() {
    let operator = ready();
    let own = operator.clients.intermediate_of(lasting("Customers")).client("bank");
    let arguments = ["--own-client-certificate", "own.pem"];
    operator.write("own.pem", &own.leaf_only().chain_pem());
    let told = operator.shortcomings(&arguments);
    assert!(told.contains("O5 warn") && told.contains("Give the file with all its CAs"), "{told}");
    operator.write("own.pem", &own.chain_pem());
    let told = operator.shortcomings(&arguments);
    assert!(told.contains("O5 fail") && told.contains("passes for Thales"), "control: {told}");

    operator.edit("private_key", "crl = [\"a.crl\"]\nrevocation = \"require\"\nprivate_key");
    operator.write("a.crl", &operator.clients.crl(1, &[], time::Duration::days(30)));
    let told = operator.shortcomings(&arguments);
    assert!(told.contains("O5 warn") && told.contains("the revocation status of the path is not known"), "{told}");
}

#[test]
fn a_certificate_of_one_s_own_is_judged_by_its_ca_where_its_dates_keep_it_out_as_well() {
    let operator = ready();
    let foreign = Authority::root_of(Spec::authority("Foreign Root").valid(-60, 60));
    let former = foreign.issue(Spec::client("former").expired());
    operator.write("own.pem", &(former.chain_pem() + &foreign.pem()));
    let arguments = ["--strict", "--own-client-certificate", "own.pem"];
    assert_eq!(operator.shortcomings(&arguments), "exit code 0");
    operator.write("own.pem", &former.leaf_only().chain_pem());
    let told = operator.shortcomings(&arguments);
    assert!(told.contains("the CAs above it are missing"), "{told}");

    let clients = Authority::root_of(Spec::authority("Client Root").valid(-60, 3650));
    operator.write("client-ca.pem", &clients.pem());
    let between = clients.intermediate_of(Spec::authority("Former Issuing CA").valid(-40, -5));
    for own in [between.issue(Spec::client("former").expired()), between.issue(Spec::client("present").valid(-10, 30))]
    {
        operator.write("own.pem", &(own.chain_pem() + &clients.pem()));
        let told = operator.shortcomings(&arguments);
        assert!(told.contains("is kept out by its dates alone: a certificate of the path has expired"), "{told}");
    }
}

#[test]
fn a_certificate_of_one_s_own_that_is_kept_out_by_chance_is_no_pass() {
    let operator = ready();
    let arguments = ["--own-client-certificate", "own.pem"];
    // The same name, another key: with the right CA above it, it may be another matter.
    let own = operator.clients.client("bank");
    operator.write("own.pem", &(own.chain_pem() + &operator.clients.pem()));
    operator.write("client-ca.pem", &Authority::root_of(lasting("Client Root")).pem());
    let told = operator.shortcomings(&arguments);
    assert!(told.contains("O5 warn") && told.contains("not for good: a signature does not verify"), "{told}");
}

#[test]
fn a_certificate_of_one_s_own_that_is_none_is_a_mistake() {
    let operator = ready();
    operator.write("own.pem", "");
    let client = operator.clients.client("bank").leaf_only().chain_pem();
    operator.write("reversed.pem", &(operator.clients.pem() + &client));
    for (file, words) in [
        ("own.pem", "own.pem"),
        ("reversed.pem", "the client certificate goes first"),
        ("none.pem", "--own-client-certificate: none.pem cannot be read"),
    ] {
        let output = operator.report(&["--own-client-certificate", file]);
        assert_eq!(output.status.code(), Some(2), "no requirement was looked at");
        let told = String::from_utf8(output.stderr).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(words) && output.stdout.is_empty(), "{told}");
    }
}

#[test]
fn a_revocation_list_has_expired() {
    let operator = ready();
    operator.edit("private_key", "crl = [\"a.crl\"]\nprivate_key");
    operator.write("a.crl", &operator.clients.crl(1, &[], time::Duration::seconds(-10)));
    insta::assert_snapshot!(operator.shortcomings(&[]));
    operator.write("a.crl", &operator.clients.crl(2, &[], time::Duration::days(30)));
    assert_eq!(operator.shortcomings(&["--strict"]), "exit code 0", "control");
}
