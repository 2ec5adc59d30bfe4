//! A Java client with one `SSLContext` for all of its visits, which come when the test says so.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{Change, Prepared};
use crate::support::door::write;
use crate::support::{HOST, tool, within};

#[tokio::test]
async fn java_resumes_while_the_epoch_lasts_makes_a_full_handshake_after_a_rollover_and_is_refused_with_its_authority()
{
    let prepared = Prepared::new().await;
    let mut clients = Clients::resuming(&prepared).await;
    prepared.make(Change::RolledOver).await;
    for client in &mut clients.0 {
        assert_eq!(client.visit(&prepared).await, "full", "after the rollover, {}", client.version);
        assert_eq!(client.visit(&prepared).await, "resumed", "after the rollover, {}", client.version);
    }
    prepared.make(Change::Removed).await;
    clients.are_refused(&prepared).await;
}

#[tokio::test]
async fn java_is_not_let_in_by_a_session_of_a_leaf_that_was_revoked() {
    let prepared = Prepared::new().await;
    let mut clients = Clients::resuming(&prepared).await;
    prepared.make(Change::Revoked).await;
    clients.are_refused(&prepared).await;
}

/// One client for each version.
struct Clients(Vec<Client>);

impl Clients {
    /// The control arm: both have made a full handshake, and then resumed.
    async fn resuming(prepared: &Prepared) -> Self {
        let directory = prepared.door.directory.path();
        let export = ["pkcs12", "-export", "-passout", "pass:changeit", "-in", "client.pem"];
        let keys = ["-inkey", "client.key", "-out", "client.p12"];
        tool::run(directory, "openssl", &[&export[..], &keys].concat(), "").await.expect_success("openssl pkcs12");
        write(directory, "Visits.java", JAVA);
        let mut clients = Self(["TLSv1.2", "TLSv1.3"].map(|version| Client::start(prepared, version)).into());
        for client in &mut clients.0 {
            assert_eq!(client.visit(prepared).await, "full", "{}", client.version);
            assert_eq!(client.visit(prepared).await, "resumed", "control, {}", client.version);
        }
        clients
    }

    async fn are_refused(&mut self, prepared: &Prepared) {
        let arrivals = prepared.door.backend.all_arrivals();
        for client in &mut self.0 {
            assert_eq!(client.visit(prepared).await, "refused", "{}", client.version);
        }
        prepared.door.server.permits_return_to_zero().await;
        assert_eq!(prepared.door.backend.all_arrivals(), arrivals, "a refused caller reached the backend");
    }
}

/// A running Java program; killed when dropped.
struct Client {
    version: &'static str,
    program: Child,
    questions: ChildStdin,
    answers: Option<BufReader<ChildStdout>>,
}

impl Client {
    fn start(prepared: &Prepared, version: &'static str) -> Self {
        let port = prepared.door.server.address().port().to_string();
        let mut command = Command::new("java");
        command.current_dir(prepared.door.directory.path()).args(["-Djdk.net.hosts.file=hosts", "Visits.java"]);
        command.args([HOST, &port, version]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = command.spawn().expect("java is not installed here; the test script installs it");
        let (questions, answers) = (program.stdin.take().unwrap(), program.stdout.take().map(BufReader::new));
        Self { version, program, questions, answers }
    }

    /// One call over a connection of its own; what the client says of it is held against what the server has counted.
    async fn visit(&mut self, prepared: &Prepared) -> String {
        let resumed = prepared.resumed().await;
        self.questions.write_all(b"visit\n").unwrap();
        let mut answers = self.answers.take().unwrap();
        let reading = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            answers.read_line(&mut line).unwrap();
            (answers, line)
        });
        let (answers, line) = within("the Java client", reading).await.unwrap();
        self.answers = Some(answers);
        let line = line.trim().to_owned();
        assert!(["full", "resumed", "refused"].contains(&line.as_str()), "{line:?}");
        assert_eq!(prepared.resumed().await - resumed, usize::from(line == "resumed"), "{line}, {}", self.version);
        line
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// One call for each line of its input. A session is an old one when it is older than the call.
const JAVA: &str = r#"
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
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
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trusts.getTrustManagers(), null);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        while (input.readLine() != null) {
            System.out.println(visit(context, arguments[0], Integer.parseInt(arguments[1]), arguments[2]));
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
