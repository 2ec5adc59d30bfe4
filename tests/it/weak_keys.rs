//! Keys and signatures that are too weak. OpenSSL makes and uses them, since no modern library would.

use crate::support::door::write;
use crate::support::{Door, HOST, Identity, tool};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;

const EXTENSIONS: &str = "keyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n";

#[tokio::test]
async fn an_rsa_key_of_1024_bits_is_refused() {
    let door = Door::open().await;
    for (bits, welcome) in [("2048", true), ("1024", false)] {
        let name = format!("rsa-{bits}");
        issue(&door, &name, &["-newkey", &format!("rsa:{bits}")], "-sha256").await;
        for version in ["-tls1_2", "-tls1_3"] {
            assert_eq!(call(&door, &name, version).await, welcome, "RSA {bits} over {version}");
        }
    }
}

#[tokio::test]
async fn a_sha1_signature_is_refused() {
    let door = Door::open().await;
    let p256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    issue(&door, "sha256", &p256, "-sha256").await;
    issue(&door, "sha1", &p256, "-sha1").await;
    door.stranger().presenting(&load(&door, "sha256")).expect_accepted("a leaf signed with SHA-256").await;
    let caller = door.stranger().presenting(&load(&door, "sha1"));
    caller.clone().tls12().expect_refused("a leaf signed with SHA-1").await;
    caller.tls13().expect_refused("a leaf signed with SHA-1").await;
}

/// Makes `NAME.pem` and `NAME.key` under the client CA, signed with `digest`.
async fn issue(door: &Door, name: &str, key: &[&str], digest: &str) {
    let directory = door.directory.path();
    write(directory, "ca.pem", &door.pki.clients.pem());
    write(directory, "ca.key", &door.pki.clients.key_pem());
    write(directory, "leaf.ext", EXTENSIONS);
    let (request, key_file, leaf) = (format!("{name}.csr"), format!("{name}.key"), format!("{name}.pem"));
    let subject = format!("/O=issuer-host tests/CN={name}");
    let arguments =
        [&["req", "-new", "-nodes", "-subj", &subject, "-keyout", &key_file, "-out", &request], key].concat();
    tool::run(directory, "openssl", &arguments, "").await.expect_success("openssl req");
    let arguments = [
        "x509",
        "-req",
        "-in",
        &request,
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "30",
        "-extfile",
        "leaf.ext",
        "-out",
        &leaf,
        digest,
    ];
    tool::run(directory, "openssl", &arguments, "").await.expect_success("openssl x509");
}

/// Whether a call of `openssl s_client` with the leaf is answered.
async fn call(door: &Door, name: &str, version: &str) -> bool {
    let (address, certificate, key) = (door.server.address().to_string(), format!("{name}.pem"), format!("{name}.key"));
    let arguments = [
        "s_client",
        "-quiet",
        "-connect",
        &address,
        "-servername",
        HOST,
        "-cert",
        &certificate,
        "-key",
        &key,
        version,
        "-cipher",
        "ALL:@SECLEVEL=0",
    ];
    let request = format!("GET /weak HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n");
    tool::run(door.directory.path(), "openssl", &arguments, &request).await.text().contains("HTTP/1.1 200")
}

fn load(door: &Door, name: &str) -> Identity {
    let directory = door.directory.path();
    let leaf = CertificateDer::from_pem_file(directory.join(format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(directory.join(format!("{name}.key"))).unwrap();
    Identity { chain: vec![leaf], key }
}
