//! `issuer-host sign`, with requests of OpenSSL's, verified by OpenSSL and by Java.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use tempfile::TempDir;

use super::csr::words_of;
use super::pki::{Authority, Spec, pem};
use super::{run, text_of};

/// A directory with a CA's files in it, and requests of Thales'.
pub(crate) struct Desk {
    pub(crate) directory: TempDir,
    pub(crate) ca: Authority,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::of(Authority::root("Customer CA"))
    }

    pub(crate) fn of(ca: Authority) -> Self {
        let desk = Self { directory: TempDir::new().unwrap(), ca };
        desk.write("ca.pem", &desk.ca.pem());
        desk.write_secret("ca-key.pem", &desk.ca.key_pem());
        desk
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn write_secret(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.write(name, text);
        fs::set_permissions(self.path().join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// A new key and a request for it, by OpenSSL.
    pub(crate) fn request(&self, name: &str, key: &[&str], subject: &str) {
        let key_file = format!("{name}-key.pem");
        let csr = format!("{name}.csr");
        let fixed = ["req", "-new", "-nodes", "-utf8", "-keyout", &key_file, "-out", &csr, "-subj", subject];
        self.tool("openssl", &[&fixed[..], key].concat());
    }

    pub(crate) fn issuer_host(&self, arguments: &[&str]) -> Output {
        run(self.path(), arguments)
    }

    #[track_caller]
    pub(crate) fn sign(&self, name: &str, more: &[&str]) -> String {
        let output = self.try_sign(name, more);
        let text = text_of(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn try_sign(&self, name: &str, more: &[&str]) -> Output {
        let (csr, out) = (format!("{name}.csr"), format!("{name}.pem"));
        let fixed = ["sign", "--ca", "ca.pem", "--ca-key", "ca-key.pem", "--csr", &csr, "--out", &out];
        self.issuer_host(&[&fixed[..], more].concat())
    }

    /// What another tool prints, which has to succeed.
    #[track_caller]
    pub(crate) fn tool(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.try_tool(program, arguments);
        assert!(output.status.success(), "{program} {arguments:?}: {}", text_of(&output));
        text_of(&output)
    }

    pub(crate) fn try_tool(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path()).env("LC_ALL", "C");
        command.output().unwrap_or_else(|error| panic!("{program}: {error}; scripts/test.sh installs it"))
    }
}

pub(crate) const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P384: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
const RSA_2048: &[&str] = &["-newkey", "rsa:2048"];
pub(crate) const SUBJECT: &str = "/C=FR/O=Thales/OU=TSH/OU=Payments/CN=TLSMA-ECDSA\\/0042\\/TSH";

/// Asserts that `sign` refuses, says `words`, and writes nothing.
#[track_caller]
fn is_refused(desk: &Desk, more: &[&str], words: &str) {
    let output = desk.try_sign("thales", more);
    let text = words_of(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(words), "{words:?} is missing: {text}");
    assert!(!desk.path().join("thales.pem").exists(), "{text}");
    assert!(!text.contains("PRIVATE") && !text.contains(desk.ca.key_pem().lines().nth(1).unwrap()), "{text}");
}

#[test]
fn what_is_signed_is_verified_by_openssl_and_java_and_has_the_profile_of_a_client() {
    for (kind, subject) in [(P256, SUBJECT), (P384, "/O=Th\u{e9}sée/CN=p384"), (RSA_2048, "/CN=rsa")] {
        let desk = Desk::new();
        desk.request("thales", kind, subject);
        desk.sign("thales", &["--days", "30"]);
        desk.tool("openssl", &["verify", "-CAfile", "ca.pem", "-x509_strict", "-purpose", "sslclient", "thales.pem"]);
        let refused = desk.try_tool("openssl", &["verify", "-CAfile", "ca.pem", "-purpose", "sslserver", "thales.pem"]);
        assert!(!refused.status.success(), "control: it is no server's: {}", text_of(&refused));

        let text = desk.tool("openssl", &["x509", "-in", "thales.pem", "-noout", "-text"]);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for piece in [
            "Version: 3 (0x2)",
            "X509v3 Basic Constraints: critical CA:FALSE",
            "X509v3 Key Usage: critical Digital Signature X509v3",
            "X509v3 Extended Key Usage: TLS Web Client Authentication X509v3",
            "X509v3 Subject Key Identifier:",
            "X509v3 Authority Key Identifier:",
        ] {
            assert!(words.contains(piece), "{piece}: {text}");
        }
        let java = desk.tool("keytool", &["-printcert", "-file", "thales.pem"]);
        for piece in ["clientAuth", "DigitalSignature", "CA:false", "AuthorityKeyIdentifier"] {
            assert!(java.contains(piece), "{piece}: {java}");
        }
    }
}

#[test]
fn the_subject_and_the_key_are_the_request_s_octet_by_octet() {
    let desk = Desk::new();
    // Two attributes of one kind in one part, and string types that differ: TeletexString for what is not ASCII.
    desk.write(
        "subject.cnf",
        "[req]\ndistinguished_name = dn\nprompt = no\nutf8 = yes\nstring_mask = nombstr\n[dn]\nC = FR\nOU = b\n+OU = a\nO = \
         Thal\u{e8}s\nCN = TLSMA-RSA/0042/TSH\n",
    );
    let csr = ["req", "-new", "-nodes", "-config", "subject.cnf", "-keyout", "thales-key.pem", "-out", "thales.csr"];
    desk.tool("openssl", &[&csr[..], P256].concat());
    desk.sign("thales", &[]);
    let parsed = |name: &str| desk.tool("openssl", &["asn1parse", "-in", name]);
    let strings = |text: &str| -> Vec<String> {
        let of_name = |line: &&str| line.contains("STRING") && !line.contains("BIT") && !line.contains("OCTET");
        text.lines().filter(of_name).map(|line| line.split("prim:").nth(1).unwrap().to_owned()).collect()
    };
    let (of_request, of_certificate) = (strings(&parsed("thales.csr")), strings(&parsed("thales.pem")));
    assert!(of_request.iter().any(|text| text.contains("T61STRING")), "{of_request:?}");
    assert!(of_request.len() == 5 && of_certificate.ends_with(&of_request), "{of_request:?} {of_certificate:?}");
    let key = |what: &str, name: &str| desk.tool("openssl", &[what, "-in", name, "-noout", "-pubkey"]);
    assert_eq!(key("req", "thales.csr"), key("x509", "thales.pem"));
}

#[test]
fn it_says_what_to_send_back_and_what_to_trust() {
    let desk = Desk::new();
    desk.request("thales", P256, "/O=Thales/CN=TLSMA-ECDSA\\/0042\\/TSH");
    let told = text_of(&desk.try_sign("thales", &[]));
    assert!(
        told.contains("Where\n             it signs others too, narrow the door in the configuration:\n"),
        "{told}"
    );
    fs::remove_file(desk.path().join("thales.pem")).unwrap();
    let words = desk.sign("thales", &[]);
    for piece in [
        "certificate CN=TLSMA-ECDSA/0042/TSH,O=Thales",
        "send back thales.pem: the certificate; its CA is a root, which Thales need not present",
        "client_ca ca.pem, and nothing else (O5)",
        "client_subject.allow = [\"CN=TLSMA-ECDSA/0042/TSH, O=Thales\"]",
        "the certificate ends with its CA, before the usual 730 days",
    ] {
        assert!(words.contains(piece), "{piece}: {words}");
    }
    assert_eq!(desk.read("thales.pem").matches("BEGIN CERTIFICATE").count(), 1);
    let again = desk.try_sign("thales", &[]);
    assert_eq!(again.status.code(), Some(1), "{}", text_of(&again));
    assert!(words_of(&again).contains("nothing is overwritten"), "{}", text_of(&again));
}

#[test]
fn a_ca_below_a_root_is_sent_along() {
    let root = Authority::root("Customer Root");
    let desk = Desk::of(root.intermediate("Customer Issuing CA"));
    desk.write("root.pem", &root.pem());
    desk.write("ca.pem", &(root.pem() + &desk.ca.pem()));
    desk.request("thales", P256, SUBJECT);
    let words = desk.sign("thales", &["--days", "10"]);
    assert!(words.contains("the certificate and its CA, which is no root; Thales has to present both"), "{words}");
    assert!(words.contains("a file with nothing but certificate 2 (line "), "{words}");
    let sent = desk.read("thales.pem");
    assert_eq!(sent.matches("BEGIN CERTIFICATE").count(), 2);
    assert!(sent.ends_with(&desk.ca.pem()) && !sent.contains(&root.pem()), "{sent}");
    let untrusted =
        ["verify", "-CAfile", "root.pem", "-untrusted", "thales.pem", "-purpose", "sslclient", "thales.pem"];
    desk.tool("openssl", &untrusted);
}

#[test]
fn extensions_that_are_asked_for_are_named_and_left_out() {
    let desk = Desk::new();
    let wants_more = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "subjectAltName=DNS:bank.test"];
    desk.request("thales", &[P256, &wants_more].concat(), SUBJECT);
    let words = desk.sign("thales", &["--days", "10"]);
    assert!(words.contains("extensions that are not taken over: basicConstraints, subjectAltName"), "{words}");
    let text = desk.tool("openssl", &["x509", "-in", "thales.pem", "-noout", "-text"]);
    assert!(text.contains("CA:FALSE") && !text.contains("bank.test"), "{text}");
}

#[test]
fn an_authority_that_may_not_sign_is_refused() {
    let authority = |change: &dyn Fn(&mut rcgen::CertificateParams)| {
        Authority::root_of(Spec::authority("Odd CA").with(|params| change(params)))
    };
    for (ca, words) in [
        (
            authority(&|params| params.is_ca = IsCa::ExplicitNoCa),
            "is an end-entity certificate, which can sign no other",
        ),
        (authority(&|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]), "its keyUsage lacks keyCertSign"),
        (
            authority(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
            "its extendedKeyUsage lacks clientAuth",
        ),
        (Authority::root_of(Spec::authority("Odd CA").expired()), "CN=Odd CA) expired at"),
        (Authority::root_of(Spec::authority("Odd CA").not_yet_valid()), "is not valid before"),
    ] {
        let desk = Desk::of(ca);
        desk.request("thales", P256, SUBJECT);
        is_refused(&desk, &[], words);
    }
    // Control: a CA below which there is no further CA signs leaves.
    let desk = Desk::of(authority(&|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))));
    desk.request("thales", P256, SUBJECT);
    desk.sign("thales", &["--days", "10"]);
}

#[test]
fn files_that_are_something_else_are_refused() {
    let desk = Desk::new();
    desk.request("thales", P256, SUBJECT);
    let csr = desk.read("thales.csr");
    desk.write("ca-key.pem", &Authority::root("Other").key_pem());
    is_refused(
        &desk,
        &[],
        "ca-key.pem: the private key belongs to none of: certificate 1 (line 1, O=issuer-host tests,C=FR,CN=Customer CA",
    );
    desk.write("ca-key.pem", "nothing");
    is_refused(&desk, &[], "ca-key.pem: no PEM block found");
    desk.write_secret("ca-key.pem", &desk.ca.key_pem());
    desk.write("thales.csr", &desk.ca.pem());
    is_refused(&desk, &[], "thales.csr: line 1: a certificate in a file of a certificate request");
    desk.write("thales.csr", &csr.replace("CERTIFICATE REQUEST", "X509 CRL"));
    is_refused(&desk, &[], "a certificate revocation list in a file of a certificate request");
    let mut der = super::pki::der(&csr);
    *der.last_mut().unwrap() ^= 1;
    desk.write("thales.csr", &pem("CERTIFICATE REQUEST", &der));
    is_refused(&desk, &[], "is not signed by the key that it holds");
    fs::remove_file(desk.path().join("thales.csr")).unwrap();
    is_refused(&desk, &[], "thales.csr cannot be read");
    desk.write("thales.csr", &csr);
    is_refused(&desk, &["--days", "9999"], "give fewer days than 9999, or renew the CA first");
    let days = desk.try_sign("thales", &["--days", "0"]);
    assert_eq!(days.status.code(), Some(2), "{}", text_of(&days));
    desk.sign("thales", &["--days", "10"]);
}

#[test]
fn weak_keys_and_signatures_are_refused() {
    let desk = Desk::new();
    for (kind, words) in [
        (
            &["-newkey", "rsa:1024"][..],
            "RSA with 1024 bits; RSA with at least 2048 bits, EC P-256 or EC P-384 is needed",
        ),
        (&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "EC P-256 or EC P-384 is needed"),
        (&["-newkey", "rsa:2048", "-sha1"], "is signed with an algorithm that is no longer accepted (SHA-1?)"),
    ] {
        desk.request("thales", kind, SUBJECT);
        is_refused(&desk, &[], words);
    }
}

#[test]
fn a_key_that_others_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    desk.request("thales", P256, SUBJECT);
    fs::set_permissions(desk.path().join("ca-key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let words = desk.sign("thales", &["--days", "10"]);
    assert!(words.contains("others than its owner may read ca-key.pem"), "{words}");
    desk.request("other", P256, SUBJECT);
    desk.write_secret("ca-key.pem", &desk.ca.key_pem());
    assert!(!desk.sign("other", &["--days", "10"]).contains("others than its owner"), "control");
}
