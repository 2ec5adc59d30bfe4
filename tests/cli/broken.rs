//! Broken configurations, and what `check` and `serve` print about them. Each snapshot is a page of the product: review it as
//! one.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, Issuer, KeyPair, PublicKeyData,
    SignatureAlgorithm,
};

use super::pki::{Authority, Spec};
use super::{BAD_CONFIGURATION, HOST, Operator, SOUND};

/// What `serve` prints on standard error, with exit code 78. `check` tells each problem in its report, with the setting and where it
/// was written, and nowhere else.
#[track_caller]
fn report(operator: &Operator) -> String {
    let [checked, served] = ["check", "serve"].map(|subcommand| operator.run(subcommand));
    for output in [&checked, &served] {
        assert_eq!(output.status.code(), Some(BAD_CONFIGURATION), "{}", super::text_of(output));
    }
    assert!(served.stdout.is_empty() && checked.stderr.is_empty(), "{}", super::text_of(&served));
    let table = String::from_utf8(checked.stdout).unwrap();
    assert!(table.contains("FAIL") && table.contains("A server does not start"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    let text = String::from_utf8(served.stderr).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let headed = |line: &str| line.split_once(". ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    let settings = text.lines().filter(|line| headed(line)).filter_map(|line| Some(line.split_once(". ")?.1));
    let settings: Vec<_> = settings.collect();
    assert!(!settings.is_empty(), "{text}");
    let json = super::run(operator.directory.path(), &["check", "--config", "issuer-host.toml", "--format", "json"]);
    assert_eq!((json.status.code(), &json.stderr), (Some(BAD_CONFIGURATION), &Vec::new()));
    let json = String::from_utf8(json.stdout).unwrap();
    let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
    for setting in settings {
        let told = format!("{setting}:");
        assert!(table.contains(&told) && json.contains(&told), "{told} is missing: {table}\n{json}");
    }
    super::without_times(&text)
}

#[test]
fn certificates_are_not_what_they_should_be() {
    let operator = Operator::new();
    operator.write("client-ca.pem", &operator.clients.client("TSH").chain_pem());
    let issuing = operator.servers.intermediate("Server Issuing CA");
    let expired = issuing.issue(Spec::server("other.bank.test").expired());
    operator.write("server-chain.pem", &expired.chain_pem());
    insta::assert_snapshot!(report(&operator));
}

#[test]
fn files_hold_something_else() {
    let operator = Operator::new();
    operator.write("client-ca.pem", &operator.clients.key_pem());
    std::fs::write(operator.directory.path().join("server-chain.pem"), operator.servers.certificate()).unwrap();
    operator.write("server-key.pem", "");
    insta::assert_snapshot!(report(&operator));
}

#[test]
fn files_are_missing_or_directories() {
    let operator = Operator::new();
    std::fs::create_dir(operator.directory.path().join("tls")).unwrap();
    operator.edit("client-ca.pem", "tls");
    operator.edit("server-key.pem", "tls/none.pem");
    // What is there is looked at all the same.
    operator.write("server-chain.pem", &operator.servers.issue(Spec::server(HOST).expired()).chain_pem());
    insta::assert_snapshot!(report(&operator));
}

#[test]
fn the_server_chain_is_in_the_wrong_order_and_the_key_another_one() {
    let operator = Operator::new();
    let identity = operator.servers.intermediate("Server CA 1").intermediate("Server CA 2").issue(Spec::server(HOST));
    let [leaf, second, first] = [0, 1, 2].map(|at| identity.chain[at].clone());
    operator.write("server-chain.pem", &identity.behind(vec![leaf, first, second]).chain_pem());
    insta::assert_snapshot!(report(&operator));
}

#[test]
fn the_client_ca_has_expired() {
    let operator = Operator::new();
    let former = Authority::root_of(Spec::authority("Former Root").expired());
    let coming = Authority::root_of(Spec::authority("Coming Root").not_yet_valid());
    operator.write("client-ca.pem", &format!("{}{}", former.pem(), coming.pem()));
    insta::assert_snapshot!(report(&operator));
}

#[test]
fn the_client_ca_is_one_of_the_public_web() {
    let operator = Operator::new();
    operator.write("client-ca.pem", &isrg_root_x2());
    insta::assert_snapshot!(report(&operator));
    // Whoever insists is served, and told.
    operator.edit("[environments.preprod]\n", "[environments.preprod]\nallow_public_client_ca = true\n");
    let words = operator.falls_short();
    assert!(words.contains("whoever it vouches for is admitted"), "{words}");
}

#[test]
fn the_sample_ca_is_trusted_where_others_reach_the_server() {
    let operator = Operator::with_samples();
    assert_eq!(operator.run("check").status.code(), Some(0), "on loopback it is fine");
    operator.edit("[\"127.0.0.1:0\"]", "[\"0.0.0.0:0\"]");
    insta::assert_snapshot!(report(&operator));
    operator.edit("[environments.preprod]\n", "[environments.preprod]\nallow_sample_certificates = true\n");
    let output = operator.run("check");
    assert_eq!(output.status.code(), Some(0), "{}", super::text_of(&output));
    assert!(super::text_of(&output).contains("belongs to the sample PKI"), "{}", super::text_of(&output));
}

#[test]
fn the_backend_s_tls_is_wrong() {
    let operator = Operator::new();
    let client = operator.clients.client("issuer-host");
    operator.write("backend-ca.pem", &client.key_pem());
    operator.write("backend-client.pem", &client.chain_pem());
    operator.write("backend-client-key.pem", &operator.clients.client("other").key_pem());
    operator.edit(
        "\"http://127.0.0.1:8080\"",
        "\"https://127.0.0.1:8080\"\nca = \"backend-ca.pem\"\nclient_certificate = \"backend-client.pem\"\n\
         client_key_file = \"backend-client-key.pem\"",
    );
    insta::assert_snapshot!(report(&operator));
}

#[test]
fn subject_patterns_are_none() {
    let operator = Operator::new();
    operator.edit(
        "private_key",
        "client_subject.allow = [\"CN=tsh-*\", \"tsh-*\"]\nclient_subject.deny = [\"O=\"]\nprivate_key",
    );
    insta::assert_snapshot!(report(&operator));
}

#[test]
fn keys_are_misspelt_and_values_of_the_wrong_type() {
    let operator = Operator::new();
    operator.edit("customer_id = \"ISSUER0001\"", "custmer_id = \"ISSUER0001\"");
    operator.edit("product = \"tsh\"", "product = 1");
    operator.edit("[server]\n", "[server]\nhandshake_timeout = 5\nmax_connections = \"many\"\n");
    insta::assert_snapshot!(report(&operator));
}

#[test]
fn an_inbox_cannot_be_used() {
    let operator = Operator::new();
    operator.write("inbox-keys", "first:c2hvcnQ=\n");
    operator.write("secret", "whsec_c2hvcnQ=");
    operator.write("token", "short");
    operator.edit("url = ", "signing_secret_file = \"secret\"\nurl = ");
    operator.edit("[admin]\n", "[admin]\ntoken_file = \"token\"\n");
    operator.edit("[server]\n", "[inbox]\nurl = \"sqlite:inbox.db\"\nkey_file = \"inbox-keys\"\n\n[server]\n");
    insta::assert_snapshot!(report(&operator));
}

#[test]
fn listeners_and_hosts_collide() {
    let operator = Operator::new();
    let second = SOUND.split_once("[environments").unwrap().1.replace("preprod", "production");
    let text = format!("{SOUND}\n[environments{second}").replace(":0\"", ":18443\"");
    operator.write("issuer-host.toml", &text);
    insta::assert_snapshot!(report(&operator));
}

#[test]
fn everything_is_wrong_at_once() {
    let operator = Operator::new();
    operator.write("client-ca.pem", &operator.clients.client("TSH").chain_pem());
    operator.write("server-key.pem", &operator.servers.client("other").key_pem());
    operator.edit("[server]\n", "[server]\nlisten_on = 1\n");
    operator.edit("product = \"tsh\"", "product = \"tsx\"\nclient_subject.deny = [\"everybody\"]");
    operator.edit("http://127.0.0.1:8080", "127.0.0.1:8080");
    insta::assert_snapshot!(report(&operator));
}

/// A key of which only the public half is known.
struct Known(Vec<u8>);

impl PublicKeyData for Known {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P384_SHA384
    }
}

/// A certificate with the name and key of ISRG Root X2, which Mozilla trusts, signed by somebody else.
pub(super) fn isrg_root_x2() -> String {
    let printable = |text: &str| DnValue::PrintableString(text.try_into().unwrap());
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, printable("US"));
    params.distinguished_name.push(DnType::OrganizationName, printable("Internet Security Research Group"));
    params.distinguished_name.push(DnType::CommonName, printable("ISRG Root X2"));
    let is_x2 =
        |root: &&rustls_pki_types::TrustAnchor<'_>| root.subject.windows(12).any(|part| part == b"ISRG Root X2");
    let root = webpki_roots::TLS_SERVER_ROOTS.iter().find(is_x2).unwrap();
    // An uncompressed point on P-384 ends the SubjectPublicKeyInfo.
    let point = root.subject_public_key_info[root.subject_public_key_info.len() - 97..].to_vec();
    let (somebody, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
    params.signed_by(&Known(point), &Issuer::from_params(&somebody, &key)).unwrap().pem()
}
