//! Other people's clients: accepted with a certificate, refused without.

use crate::support::door::write;
use crate::support::tool::{self, Finished};
use crate::support::{Door, HOST};

#[tokio::test]
async fn curl_is_served_over_every_version_and_protocol() {
    let door = prepared().await;
    for version in ["--tlsv1.2", "--tlsv1.3"] {
        let limit = ["--tls-max", version.trim_start_matches("--tlsv")];
        for protocol in ["--http1.1", "--http2"] {
            let options = [&[version, protocol][..], &limit].concat();
            let path = format!("/curl/{}", options.concat().replace(['-', '.'], ""));
            let with =
                curl(&door, &path, &[&options[..], &["--cert", "client.pem", "--key", "client.key"]].concat()).await;
            assert_eq!(with.expect_success("curl with a certificate").trim(), "received", "{options:?}");
            let received = door.backend.received(&path);
            assert_eq!((received.method.as_str(), received.body.as_ref()), ("POST", &b"{\"card\":\"1\"}"[..]));
            let without = curl(&door, "/curl/without", &options).await;
            assert!(!without.succeeded(), "curl without a certificate and with {options:?}: {}", without.text());
        }
    }
    assert_eq!(door.backend.arrivals("/curl/without"), 0);
    door.server.permits_return_to_zero().await;
}

#[tokio::test]
async fn openssl_is_served_over_both_versions_and_sees_the_client_authorities() {
    let door = prepared().await;
    for version in ["-tls1_2", "-tls1_3"] {
        let with =
            s_client(&door, &[version, "-cert", "client.pem", "-key", "client.key", "-cert_chain", "issuing.pem"])
                .await;
        let text = with.text();
        assert!(text.contains("HTTP/1.1 200") && text.contains("received"), "{version}: {text}");
        assert!(text.contains("Verify return code: 0 (ok)"), "{version}: {text}");
        assert!(text.contains("Acceptable client certificate CA names") && text.contains("CN = Client Root"), "{text}");
        assert!(text.contains("Secure Renegotiation IS") || version == "-tls1_3", "{text}");
        let without = s_client(&door, &[version]).await.text();
        assert!(
            !without.contains("HTTP/1.1") && without.contains("alert"),
            "{version} without a certificate: {without}"
        );
    }
    for old in ["-tls1", "-tls1_1"] {
        let refused =
            s_client(&door, &[old, "-cert", "client.pem", "-key", "client.key", "-cipher", "ALL:@SECLEVEL=0"]).await;
        assert!(!refused.text().contains("HTTP/1.1 200"), "{old}: {}", refused.text());
    }
    assert_eq!(door.backend.all_arrivals(), 2);
    door.server.permits_return_to_zero().await;
}

#[tokio::test]
async fn java_is_served_over_both_versions_and_protocols() {
    let door = prepared().await;
    let pkcs12 = ["pkcs12", "-export", "-passout", "pass:changeit"];
    let keys = ["-in", "client.pem", "-inkey", "client.key", "-out", "client.p12"];
    tool::run(door.directory.path(), "openssl", &[&pkcs12[..], &keys].concat(), "")
        .await
        .expect_success("openssl pkcs12");
    write(door.directory.path(), "Call.java", JAVA);
    write(door.directory.path(), "hosts", &format!("127.0.0.1 {HOST}\n"));
    let url = format!("https://{HOST}:{}/java", door.server.address().port());
    // The light collector and compiler: it runs for seconds, beside all the other tests.
    let light = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
    let arguments = [&light[..], &["-Djdk.net.hosts.file=hosts", "Call.java", &url]].concat();
    let text = tool::run(door.directory.path(), "java", &arguments, "").await.expect_success("the Java client");
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| line.starts_with("TLS")).collect();
    let expected = [
        "TLSv1.2 HTTP_1_1 with: 200 received",
        "TLSv1.2 HTTP_1_1 without: refused",
        "TLSv1.2 HTTP_2 with: 200 received",
        "TLSv1.2 HTTP_2 without: refused",
        "TLSv1.3 HTTP_1_1 with: 200 received",
        "TLSv1.3 HTTP_1_1 without: refused",
        "TLSv1.3 HTTP_2 with: 200 received",
        "TLSv1.3 HTTP_2 without: refused",
    ];
    assert_eq!(lines, expected, "{text}");
    assert_eq!(door.backend.arrivals("/java"), 4);
    door.server.permits_return_to_zero().await;
}

#[tokio::test]
async fn node_is_served_where_it_is_installed() {
    if !tool::is_installed("node") {
        println!("node is not installed here; curl, openssl and java are what this suite demands");
        return;
    }
    let door = prepared().await;
    write(door.directory.path(), "call.js", NODE);
    let port = door.server.address().port().to_string();
    for version in ["TLSv1.2", "TLSv1.3"] {
        let text = tool::run(door.directory.path(), "node", &["call.js", &port, HOST, version], "")
            .await
            .expect_success("node");
        assert_eq!(text.trim(), "with: 200 received\nwithout: refused", "{version}");
    }
    assert_eq!(door.backend.arrivals("/node"), 2);
}

/// A door with the honest client's files in its directory.
async fn prepared() -> Door {
    let door = Door::open().await;
    let directory = door.directory.path();
    write(directory, "client.pem", &door.pki.honest.chain_pem());
    write(directory, "client.key", &door.pki.honest.key_pem());
    write(directory, "issuing.pem", &door.pki.issuing.pem());
    write(directory, "root.pem", &door.pki.servers.pem());
    door
}

async fn curl(door: &Door, path: &str, options: &[&str]) -> Finished {
    let port = door.server.address().port();
    let (resolve, url) = (format!("{HOST}:{port}:127.0.0.1"), format!("https://{HOST}:{port}{path}"));
    let call = ["-sS", "--noproxy", "*", "--cacert", "root.pem", "--resolve", &resolve, "-d", "{\"card\":\"1\"}", &url];
    tool::run(door.directory.path(), "curl", &[&call[..], options].concat(), "").await
}

async fn s_client(door: &Door, options: &[&str]) -> Finished {
    let address = door.server.address().to_string();
    let call = ["s_client", "-ign_eof", "-connect", &address, "-servername", HOST, "-CAfile", "root.pem", "-msg"];
    let request = format!("GET /openssl HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    tool::run(door.directory.path(), "openssl", &[&call[..], options].concat(), &request).await
}

/// Calls with and without a client certificate, over both TLS versions and both HTTP versions.
const JAVA: &str = r#"
import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

public class Call {
    public static void main(String[] arguments) throws Exception {
        for (String tls : new String[] {"TLSv1.2", "TLSv1.3"}) {
            for (HttpClient.Version http : HttpClient.Version.values()) {
                for (boolean with : new boolean[] {true, false}) {
                    String outcome = call(arguments[0], tls, http, with);
                    System.out.println(tls + " " + http + (with ? " with: " : " without: ") + outcome);
                }
            }
        }
        System.exit(0);
    }

    static String call(String url, String tls, HttpClient.Version http, boolean with) throws Exception {
        KeyStore trust = KeyStore.getInstance("PKCS12");
        trust.load(null, null);
        try (FileInputStream root = new FileInputStream("root.pem")) {
            trust.setCertificateEntry("root", CertificateFactory.getInstance("X.509").generateCertificate(root));
        }
        TrustManagerFactory trusts = TrustManagerFactory.getInstance("PKIX");
        trusts.init(trust);
        KeyManager[] keys = null;
        if (with) {
            KeyStore store = KeyStore.getInstance("PKCS12");
            try (FileInputStream file = new FileInputStream("client.p12")) {
                store.load(file, "changeit".toCharArray());
            }
            KeyManagerFactory factory = KeyManagerFactory.getInstance("PKIX");
            factory.init(store, "changeit".toCharArray());
            keys = factory.getKeyManagers();
        }
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys, trusts.getTrustManagers(), null);
        SSLParameters parameters = new SSLParameters();
        parameters.setProtocols(new String[] {tls});
        HttpClient client = HttpClient.newBuilder().sslContext(context).sslParameters(parameters).version(http).build();
        // Whoever hears nothing more has no answer either; the test must not hang on it.
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).timeout(java.time.Duration.ofSeconds(30))
            .POST(HttpRequest.BodyPublishers.ofString("{\"card\":\"1\"}")).build();
        try {
            HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
            if (response.version() != http) {
                return "spoke " + response.version();
            }
            return response.statusCode() + " " + response.body();
        } catch (java.io.IOException refused) {
            return with ? refused.toString() : "refused";
        }
    }
}
"#;

/// Calls with and without a client certificate.
const NODE: &str = r"
const https = require('https');
const fs = require('fs');
const [port, servername, version] = process.argv.slice(2);
const call = (label, credential) => new Promise((done) => {
  const options = { host: '127.0.0.1', port, servername, path: '/node', method: 'POST', headers: { host: servername },
    ca: fs.readFileSync('root.pem'), minVersion: version, maxVersion: version, agent: false, ...credential };
  const request = https.request(options, (response) => {
    let body = '';
    response.on('data', (chunk) => { body += chunk; });
    response.on('end', () => { console.log(`${label}: ${response.statusCode} ${body}`); done(); });
  });
  request.on('error', () => { console.log(`${label}: refused`); done(); });
  request.end('{}');
});
(async () => {
  await call('with', { cert: fs.readFileSync('client.pem'), key: fs.readFileSync('client.key') });
  await call('without', {});
})();
";
