//! `issuer-host crl`, verified by OpenSSL and by Java; and the whole way of a CA of one's own, up to the server that refuses.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rcgen::KeyUsagePurpose;

use super::csr::words_of;
use super::pki::{Authority, Spec, der, pem};
use super::sign::{Desk, P256};
use super::{HOST, Operator, text_of};

fn try_crl(desk: &Desk, more: &[&str]) -> Output {
    let fixed = ["crl", "--ca", "ca.pem", "--ca-key", "ca-key.pem", "--out", "ca.crl"];
    desk.issuer_host(&[&fixed[..], more].concat())
}

#[track_caller]
fn crl(desk: &Desk, more: &[&str]) -> String {
    let output = try_crl(desk, more);
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asserts that `crl` refuses, says `words`, and leaves the list as it is.
#[track_caller]
fn is_refused(desk: &Desk, more: &[&str], words: &str) {
    let before = fs::read(desk.path().join("ca.crl")).ok();
    let output = try_crl(desk, more);
    let text = words_of(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(words), "{words:?} is missing: {text}");
    assert_eq!(fs::read(desk.path().join("ca.crl")).ok(), before, "{text}");
    let left: Vec<_> = fs::read_dir(desk.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".new")), "{left:?}");
}

fn list(desk: &Desk) -> serde_json::Value {
    let output = desk.issuer_host(&["crl", "--ca", "ca.pem", "--out", "ca.crl", "--list", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A desk with certificates that its CA has signed.
fn with_certificates(names: &[&str]) -> Desk {
    let desk = Desk::new();
    for name in names {
        desk.request(name, P256, &format!("/O=Thales/CN={name}"));
        desk.sign(name, &["--days", "30"]);
    }
    desk
}

#[test]
fn a_list_is_made_and_continued_and_openssl_and_java_agree() {
    let desk = with_certificates(&["one", "two", "three"]);
    let words = crl(&desk, &["--new"]);
    assert!(
        words.contains("ca.crl: list 1 of O=issuer-host tests,C=FR,CN=Customer CA")
            && words.contains("crl = [\"ca.crl\"]"),
        "{words}"
    );
    let words = crl(&desk, &["--revoke", "one.pem", "--reason", "keyCompromise"]);
    assert!(words.contains("revoked: CN=one,O=Thales, serial ") && words.contains("list 2 of"), "{words}");
    let serial = desk.tool("openssl", &["x509", "-in", "two.pem", "-noout", "-serial"]);
    let serial = serial.trim().strip_prefix("serial=").unwrap();
    crl(&desk, &["--revoke", serial, "--days", "7"]);

    desk.tool("openssl", &["crl", "-in", "ca.crl", "-CAfile", "ca.pem", "-noout", "-verify"]);
    let text = desk.tool("openssl", &["crl", "-in", "ca.crl", "-noout", "-text"]);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for piece in ["Version 2", "X509v3 CRL Number: 3 Revoked", "Key Compromise", "Authority Key Identifier"] {
        assert!(text.contains(piece), "{piece}: {text}");
    }
    let verify = ["verify", "-crl_check", "-CAfile", "ca.pem", "-CRLfile", "ca.crl", "-purpose", "sslclient"];
    for (name, is_good) in [("one.pem", false), ("two.pem", false), ("three.pem", true)] {
        let verified = desk.try_tool("openssl", &[&verify[..], &[name]].concat());
        assert_eq!(verified.status.success(), is_good, "{name}: {}", text_of(&verified));
        assert_eq!(text_of(&verified).contains("certificate revoked"), !is_good, "{}", text_of(&verified));
    }
    let java = desk.tool("keytool", &["-printcrl", "-file", "ca.crl"]);
    assert!(java.contains("X.509 CRL v2") && java.contains("Revoked Certificates: 2"), "{java}");
    assert_eq!(java.to_uppercase().replace('_', " ").matches("KEY COMPROMISE").count(), 1, "{java}");

    let shown = list(&desk);
    assert_eq!((&shown["number"], &shown["revoked"][0]["reason"]), (&"3".into(), &"keyCompromise".into()), "{shown}");
    assert_eq!(shown["revoked"][1]["serial"], serial.to_lowercase(), "{shown}");
    let text = text_of(&desk.issuer_host(&["crl", "--ca", "ca.pem", "--out", "ca.crl", "--list"]));
    assert!(text.contains("revoked      2\n") && text.contains(", keyCompromise\n"), "{text}");
}

#[test]
fn a_list_that_is_gone_is_not_begun_anew_nor_one_that_is_there() {
    let desk = with_certificates(&["one"]);
    is_refused(&desk, &[], "there is no ca.crl, and whoever stands on a list that was lost would be admitted again");
    is_refused(&desk, &["--revoke", "one.pem"], "there is no ca.crl");
    crl(&desk, &["--new", "--revoke", "one.pem"]);
    is_refused(&desk, &["--new"], "ca.crl is there already");
    crl(&desk, &[]);
    assert_eq!((&list(&desk)["number"], list(&desk)["revoked"].as_array().unwrap().len()), (&"2".into(), 1));
}

#[test]
fn who_is_revoked_is_told_after_it_is_so_and_though_nobody_can_be_told() {
    let desk = with_certificates(&["one"]);
    crl(&desk, &["--new"]);
    let revoke = ["crl", "--ca", "ca.pem", "--ca-key", "ca-key.pem", "--out", "ca.crl", "--revoke", "one.pem"];
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_issuer-host"));
    let output = command.args(revoke).current_dir(desk.path()).stdout(full).output().unwrap();
    assert_eq!(list(&desk)["revoked"].as_array().unwrap().len(), 1, "{}", text_of(&output));

    fs::create_dir(desk.path().join(".ca.crl.new")).unwrap();
    desk.request("two", P256, "/O=Thales/CN=two");
    desk.sign("two", &["--days", "30"]);
    let output = try_crl(&desk, &["--revoke", "two.pem"]);
    assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));
    assert!(!text_of(&output).contains("revoked:"), "{}", text_of(&output));
}

#[test]
fn who_is_on_the_list_stays_as_he_is() {
    let desk = with_certificates(&["one"]);
    crl(&desk, &["--new", "--revoke", "one.pem", "--reason", "keyCompromise"]);
    let before = list(&desk)["revoked"].clone();
    let words = crl(&desk, &["--revoke", "one.pem", "--reason", "superseded"]);
    assert!(words.contains("CN=one,O=Thales is on the list since"), "{words}");
    assert_eq!(list(&desk)["revoked"], before);
    assert_eq!(list(&desk)["number"], "2");
}

#[test]
fn a_list_that_is_der_stays_der() {
    let desk = with_certificates(&["one"]);
    crl(&desk, &["--new"]);
    let der = der(&desk.read("ca.crl"));
    fs::write(desk.path().join("ca.crl"), der).unwrap();
    crl(&desk, &["--revoke", "one.pem"]);
    let next = fs::read(desk.path().join("ca.crl")).unwrap();
    assert_eq!(next[0], 0x30, "it is DER");
    assert_eq!(list(&desk)["revoked"].as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_revoked_is_told_and_changes_nothing() {
    let desk = with_certificates(&["one"]);
    crl(&desk, &["--new", "--revoke", "one.pem"]);
    let strange = Authority::root("Strange CA").client("strange");
    desk.write("strange.pem", &strange.chain_pem());
    is_refused(&desk, &["--revoke", "strange.pem"], "was issued by O=issuer-host tests,C=FR,CN=Strange CA");
    desk.write("strange.pem", &desk.ca.impostor().client("strange").chain_pem());
    is_refused(&desk, &["--revoke", "strange.pem"], "but not the signature of its key");
    is_refused(&desk, &["--revoke", "ca.pem"], "is the CA itself");
    is_refused(&desk, &["--revoke", "nowhere.pem"], "there is no such file, and \"nowhere.pem\" is no serial number");
    is_refused(&desk, &["--revoke", "ca-key.pem"], "a private key in a file of certificates");
    is_refused(&desk, &["--revoke", "one.csr"], "a certificate request (CSR) in a file of certificates");
    let reason_alone = try_crl(&desk, &["--reason", "superseded"]);
    assert_eq!(reason_alone.status.code(), Some(2), "{}", text_of(&reason_alone));
}

#[test]
fn a_certificate_with_a_negative_serial_number_is_revoked_for_whoever_verifies() {
    let desk = with_certificates(&["one"]);
    let fixed = ["x509", "-req", "-in", "one.csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-days", "30"];
    desk.tool("openssl", &[&fixed[..], &["-set_serial", "-5", "-out", "negative.pem"]].concat());
    crl(&desk, &["--new"]);
    let verify = ["verify", "-crl_check", "-CAfile", "ca.pem", "-CRLfile", "ca.crl", "negative.pem"];
    desk.tool("openssl", &verify);
    crl(&desk, &["--revoke", "negative.pem"]);
    assert!(text_of(&desk.try_tool("openssl", &verify)).contains("certificate revoked"));
}

#[test]
fn of_a_file_with_several_certificates_the_one_that_the_ca_has_issued_is_revoked() {
    let desk = with_certificates(&["one", "two"]);
    crl(&desk, &["--new"]);
    let strange = Authority::root("Strange CA").client("strange").chain_pem();
    let [one, two, ca] = ["one.pem", "two.pem", "ca.pem"].map(|name| desk.read(name));
    desk.write("both.pem", &format!("{one}{two}"));
    is_refused(&desk, &["--revoke", "both.pem"], "both.pem: 2 of the 2 certificates in it were issued by");
    desk.write("none.pem", &format!("{ca}{strange}"));
    is_refused(&desk, &["--revoke", "none.pem"], "certificates in it was issued by O=issuer-host tests");
    desk.write("chain.pem", &format!("{strange}{two}{ca}"));
    let words = crl(&desk, &["--revoke", "chain.pem"]);
    assert!(
        words.contains("revoked: CN=two,O=Thales (line ") && words.contains(" of chain.pem, the one of"),
        "{words}"
    );
    let serial = desk.tool("openssl", &["x509", "-in", "two.pem", "-noout", "-serial"]);
    let serial = serial.trim().strip_prefix("serial=").unwrap().to_lowercase();
    assert_eq!(list(&desk)["revoked"].as_array().unwrap().len(), 1);
    assert_eq!(list(&desk)["revoked"][0]["serial"], serial);
}

#[test]
fn a_list_that_is_not_the_ca_s_is_neither_continued_nor_overwritten() {
    let desk = with_certificates(&["one"]);
    let week = time::Duration::days(7);
    for (text, words) in [
        (Authority::root("Strange CA").crl(1, &[], week), "CN=Strange CA"),
        (desk.ca.impostor().crl(1, &[], week), "the list bears the CA's name, but not its key's signature"),
        (desk.ca.crl(1, &[], week).repeat(2), "there are 2 revocation lists in it"),
        (desk.ca.pem(), "this is a certificate, not a certificate revocation list"),
        (pem("X509 CRL", &[0x30; 60]), "this is not a certificate revocation list"),
        (String::new(), "there is no certificate revocation list in it"),
    ] {
        desk.write("ca.crl", &text);
        is_refused(&desk, &["--revoke", "one.pem"], words);
    }
    desk.write("ca.crl", &desk.ca.crl(41, &[], time::Duration::seconds(-10)));
    crl(&desk, &["--revoke", "one.pem"]);
    assert_eq!(list(&desk)["number"], "42", "control: an expired one goes on");
}

#[test]
fn a_ca_that_may_not_sign_lists_is_refused() {
    let without = Spec::authority("Odd CA").with(|params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    is_refused(&Desk::of(Authority::root_of(without)), &["--new"], "its keyUsage lacks cRLSign");
    let any = Spec::authority("Odd CA").with(|params| params.key_usages = Vec::new());
    crl(&Desk::of(Authority::root_of(any)), &["--new"]);
}

#[test]
fn from_a_request_to_a_server_that_admits_its_certificate_until_it_is_revoked() {
    let desk = with_certificates(&["thales", "other"]);
    crl(&desk, &["--new", "--days", "1"]);
    let operator = Operator::new();
    let shared = operator.directory.path();
    for name in ["ca.pem", "ca.crl"] {
        operator.write(name, &desk.read(name));
    }
    operator.write("server-root.pem", &operator.servers.pem());
    operator
        .edit("client_ca = \"client-ca.pem\"", "client_ca = \"ca.pem\"\ncrl = [\"ca.crl\"]\nrevocation = \"require\"");
    // Nobody is behind the server: whom it admits gets an answer that says so.
    operator.edit("http://127.0.0.1:8080", "http://127.0.0.1:1");
    operator.edit("[admin]\n", "[log]\nformat = \"json\"\n\n[admin]\n");
    let server = Server::start(&operator);
    let admits = |name: &str| server.admits(&desk, name);
    assert!(admits("thales") && admits("other"));
    let strange = Authority::root("Strange CA").client("strange");
    desk.write("strange.pem", &strange.chain_pem());
    desk.write("strange-key.pem", &strange.key_pem());
    assert!(!admits("strange"), "control: not everybody is admitted");

    let list = shared.join("ca.crl");
    let list = list.to_str().unwrap();
    let fixed = ["crl", "--ca", "ca.pem", "--ca-key", "ca-key.pem", "--out", list, "--revoke", "thales.pem"];
    let output = desk.issuer_host(&fixed);
    assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    let end = Instant::now() + Duration::from_secs(90);
    while admits("thales") {
        assert!(Instant::now() < end, "who was revoked is still admitted");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(admits("other"), "control: another certificate of this CA still is");
}

/// The real server, ended when it is dropped.
struct Server {
    process: Child,
    address: SocketAddr,
    root: PathBuf,
}

impl Server {
    fn start(operator: &Operator) -> Self {
        let directory = operator.directory.path();
        let mut process = Command::new(env!("CARGO_BIN_EXE_issuer-host"))
            .args(["serve", "--config", "issuer-host.toml"])
            .current_dir(directory)
            .env_clear()
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut events = log.by_ref().map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap());
        let line = events.find(|event| event["event"] == "listening").expect("it does not listen");
        let address = line["address"].as_str().unwrap().parse().unwrap();
        // Somebody has to read it to its end.
        std::thread::spawn(move || log.for_each(drop));
        Self { process, address, root: directory.join("server-root.pem") }
    }

    /// Whether the holder of a certificate of the desk gets an answer, on a connection of its own.
    fn admits(&self, desk: &Desk, name: &str) -> bool {
        let port = self.address.port();
        let output = Command::new("curl")
            .args([
                "--silent",
                "--noproxy",
                "*",
                "--output",
                "/dev/null",
                "--write-out",
                "%{http_code}",
                "--max-time",
                "20",
            ])
            .args(["--cert", &format!("{name}.pem"), "--key", &format!("{name}-key.pem")])
            .args(["--resolve", &format!("{HOST}:{port}:127.0.0.1")])
            .arg("--cacert")
            .arg(&self.root)
            .arg(format!("https://{HOST}:{port}/"))
            .current_dir(desk.path())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout) != "000"
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
