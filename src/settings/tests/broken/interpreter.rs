//! Broken settings of calls: second keys, operations, and what belongs to them.

use super::super::{MINIMAL, Place};
use super::report;

#[test]
fn the_second_keys_are_wrong() {
    let place = Place::new();
    place.write("secret.txt", "hunter2");
    let text = format!(
        r#"
{cof}
wrong_key = 503
[environments.a.api_keys]
bare = "hunter2"
[environments.a.api_keys.none]
usrname = "thales"
[environments.a.api_keys.two]
key = "hunter2"
key_file = "secret.txt"
username = "hunter2:hunter2"
[environments.a.api_keys.three]
key = 1234567
key_file = "hunter2"
key_sha256 = "hunter2"
expires = "2027-01-31"
[environments.a.api_keys.New-Key]
key_file = "secret.txt"
{d1}
[environments.b.api_keys.main]
key_file = "secret.txt"
[environments.b.tokens]
jwks_url = "http://idp.bank.example/keys"
lifetime = "30d"
scope = ["d1 cards", 'd"1']
credentials_in_boddy = true
{tsh}
tokens.signing_key = "hunter2=="
[environments.c.tokens.clients.bare]
[environments.c.tokens.clients.one]
id = "thales"
secrets.current.secret_file = "secret.txt"
secrets.next.secert_file = "secret.txt"
[environments.c.tokens.clients.two]
id = "thales"
secrets.current.secret_file = "secret.txt"
[environments.c.tokens.clients.three]
id = "thales"
secrets.current.secret_file = "secret.txt"
{idp}
[environments.d.tokens]
issuer = "https://user:hunter2@idp.bank.example"
jwks_url = "https://"
signing_key_file = "key.pem"
[environments.d.tokens.clients.one]
scopes = ["a"]
secrets.current.secret = "hunter2"
"#,
        cof = named("a", "cof"),
        d1 = named("b", "d1"),
        tsh = named("c", "tsh"),
        idp = named("d", "d1-ecom"),
    );
    let report = place.print(place.load(&text));
    assert!(!report.contains("hunter2") && !report.contains("1234567"), "{report}");
    insta::assert_snapshot!(report);
}

/// The minimal environment under another name, with another product and a host.
fn named(name: &str, product: &str) -> String {
    format!(
        "{}host = \"{name}.example\"",
        MINIMAL.replace("preprod", name).replace("\"tsh\"", &format!("\"{product}\""))
    )
}

#[test]
fn operations_and_what_belongs_to_them_are_wrong() {
    let text = format!(
        r#"
products_dir = "products"
{MINIMAL}
unknown = "refuse"
[environments.preprod.deadlines]
notification = 10
querry = "30s"
[environments.preprod.base_paths]
tsh = 1
cof = "/tsh-cof"
thsh = "/x"
[environments.preprod.operations.sendOTP]
product = "d1"
kind = "comand"
status = 404
headers = ["content-type", "content length: 5", "Content-Length: 5", "x-ok: yes"]
deduplication_owner = "us"
backend = "otpp"
deadline = "2h"
keys = ["operation"]
[environments.preprod.operations.sendotp]
[environments.preprod.operations."d1/x/y"]
[environments.preprod.operations."tshh/x"]
[environments.preprod.operations."x y"]
[environments.preprod.operations."tsh/x"]
methd = "POST"
[backends.otp]
[backends.Other]
url = "127.0.0.1"
"#
    );
    insta::assert_snapshot!(report(&text, &[("ISSUER_HOST__BACKENDS__THIRD__CA", "DIR/ca.pem")]));
}
