//! A Java client with one `SSLContext` for all of its visits on one version, which come when the test says so.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::{Change, Prepared};
use crate::support::door::write;
use crate::support::{HOST, tool};

const VERSIONS: [&str; 2] = ["TLSv1.2", "TLSv1.3"];

/// How long a Java program may take to compile itself and to answer, on a machine that is busy with others.
const START: Duration = Duration::from_secs(60);

#[tokio::test]
async fn java_resumes_while_the_epoch_lasts_makes_a_full_handshake_after_a_rollover_and_is_refused_with_its_authority()
{
    let prepared = Prepared::new().await;
    let mut client = Client::resuming(&prepared).await;
    prepared.make(Change::RolledOver).await;
    for version in VERSIONS {
        assert_eq!(client.visit(&prepared, version).await, "full", "after the rollover, {version}");
        assert_eq!(client.visit(&prepared, version).await, "resumed", "after the rollover, {version}");
    }
    prepared.make(Change::Removed).await;
    client.is_refused(&prepared).await;
}

#[tokio::test]
async fn java_is_not_let_in_by_a_session_of_a_leaf_that_was_revoked() {
    let prepared = Prepared::new().await;
    let mut client = Client::resuming(&prepared).await;
    prepared.make(Change::Revoked).await;
    client.is_refused(&prepared).await;
}

/// A running Java program; killed when dropped.
struct Client {
    program: Child,
    questions: ChildStdin,
    answers: Option<BufReader<ChildStdout>>,
}

impl Client {
    /// The control arm: on each version it has made a full handshake, and then resumed.
    async fn resuming(prepared: &Prepared) -> Self {
        let directory = prepared.door.directory.path();
        let export = ["pkcs12", "-export", "-passout", "pass:changeit", "-in", "client.pem"];
        let keys = ["-inkey", "client.key", "-out", "client.p12"];
        tool::run(directory, "openssl", &[&export[..], &keys].concat(), "").await.expect_success("openssl pkcs12");
        write(directory, "Visits.java", JAVA);
        let mut client = Self::start(prepared);
        for version in VERSIONS {
            assert_eq!(client.visit(prepared, version).await, "full", "{version}");
            assert_eq!(client.visit(prepared, version).await, "resumed", "control, {version}");
        }
        client
    }

    fn start(prepared: &Prepared) -> Self {
        let port = prepared.door.server.address().port().to_string();
        let mut command = Command::new("java");
        command.current_dir(prepared.door.directory.path());
        command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djdk.net.hosts.file=hosts", "Visits.java"]);
        command.args([HOST, &port]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = command.spawn().expect("java is not installed here; the test script installs it");
        let (questions, answers) = (program.stdin.take().unwrap(), program.stdout.take().map(BufReader::new));
        Self { program, questions, answers }
    }

    /// One call over a connection of its own; what the client says of it is held against what the server has counted.
    async fn visit(&mut self, prepared: &Prepared, version: &str) -> String {
        let resumed = prepared.resumed().await;
        writeln!(self.questions, "{version}").unwrap();
        let mut answers = self.answers.take().unwrap();
        let reading = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            answers.read_line(&mut line).unwrap();
            (answers, line)
        });
        let Ok(read) = tokio::time::timeout(START, reading).await else {
            // Otherwise the reading thread, and with it the test, would wait for ever.
            let _ = self.program.kill();
            panic!("waited {START:?} in vain for the Java client");
        };
        let (answers, line) = read.unwrap();
        self.answers = Some(answers);
        let line = line.trim().to_owned();
        assert!(["full", "resumed", "refused"].contains(&line.as_str()), "{line:?}");
        assert_eq!(prepared.resumed().await - resumed, usize::from(line == "resumed"), "{line}, {version}");
        line
    }

    async fn is_refused(&mut self, prepared: &Prepared) {
        let arrivals = prepared.door.backend.all_arrivals();
        for version in VERSIONS {
            assert_eq!(self.visit(prepared, version).await, "refused", "{version}");
        }
        prepared.door.server.permits_return_to_zero().await;
        assert_eq!(prepared.door.backend.all_arrivals(), arrivals, "a refused caller reached the backend");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// One call for each line of its input, which names the version. A session is an old one when it is older than the call.
const JAVA: &str = r#"
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.HashMap;
import java.util.Map;
import javax.net.ssl.*;

public class Visits {
    public static void main(String[] arguments) throws Exception {
        KeyStore trust = KeyStore.getInstance("PKCS12");
        trust.load(null, null);
        try (FileInputStream root = new FileInputStream("root.pem")) {
            trust.setCertificateEntry("root", CertificateFactory.getInstance("X.509").generateCertificate(root));
        }
        TrustManagerFactory trusts = TrustManagerFactory.getInstance("PKIX");
        trusts.init(trust);
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (FileInputStream file = new FileInputStream("client.p12")) {
            store.load(file, "changeit".toCharArray());
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(store, "changeit".toCharArray());
        Map<String, SSLContext> contexts = new HashMap<>();
        for (String version : new String[] {"TLSv1.2", "TLSv1.3"}) {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(keys.getKeyManagers(), trusts.getTrustManagers(), null);
            contexts.put(version, context);
        }
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String version = input.readLine(); version != null; version = input.readLine()) {
            SSLContext context = contexts.get(version);
            System.out.println(visit(context, arguments[0], Integer.parseInt(arguments[1]), version));
        }
    }

    static String visit(SSLContext context, String host, int port, String version) throws Exception {
        // The clock of sessions has milliseconds: this call's begins in a new one.
        long last = System.currentTimeMillis();
        while (System.currentTimeMillis() == last) {
            Thread.sleep(1);
        }
        long start = System.currentTimeMillis();
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(host, port)) {
            socket.setEnabledProtocols(new String[] {version});
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            socket.setSSLParameters(parameters);
            String request = "POST /java HTTP/1.1\r\nHost: " + host
                + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            if (!answer.startsWith("HTTP/1.1 200")) {
                return answer.isEmpty() ? "refused" : "answered: " + answer.lines().findFirst().get();
            }
            return socket.getSession().getCreationTime() < start ? "resumed" : "full";
        } catch (IOException refused) {
            return "refused";
        }
    }
}
"#;
