//! TCP and the handshake before any certificate.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::{Customer, HOST, LOOPBACK, Says, is_told};
use crate::tls_server::{drain, serve};

#[test]
fn a_port_that_does_not_answer_is_told_for_each_address() {
    let customer = Customer::with_names([
        (HOST, Says::Addresses(60, vec![LOOPBACK, [127, 0, 0, 2]])),
        ("one.bank.test", Says::Addresses(60, vec![LOOPBACK])),
    ]);
    // One address is listened on, and the other is not.
    let server = customer.thales();
    let only = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = only.local_addr().unwrap().port();
    let timeout = ["--timeout", "300ms"];
    let words = ["WARN TCP 1 of 2 addresses are reached", "127.0.0.2:", "refused: nothing listens at that port"];
    is_told(&customer.probe(&format!("{HOST}:{port}"), &timeout), 1, &words);
    drop(only);
    is_told(
        &customer.probe(&format!("{HOST}:{port}"), &timeout),
        1,
        &["FAIL TCP none of 2 addresses is reached (I10)"],
    );
    let one = customer.probe(&format!("one.bank.test:{port}"), &timeout);
    is_told(&one, 1, &["FAIL TCP 127.0.0.1:", "> is the port right?", "- TLS not looked at"]);
    let text = is_told(&customer.probe_port(server.port, &[]), 0, &["pass TCP 127.0.0.1:"]);
    assert!(!text.contains("refused"), "control: {text}");
}

#[test]
fn a_handshake_that_comes_to_nothing_is_told_by_its_symptom() {
    let customer = Customer::new();
    let deaf = serve(|mut stream| {
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let output = customer.probe_port(deaf, &["--timeout", "300ms"]);
    is_told(
        &output,
        1,
        &["FAIL TLS TCP works, but the handshake had no end within 300 ms", "opens or filters TLS on the way"],
    );
    let cut = serve(|mut stream| {
        let _ = stream.read(&mut [0; 10]);
    });
    let output = customer.probe_port(cut, &[]);
    is_told(&output, 1, &["FAIL TLS the connection was cut in the middle of the handshake", "filters by name (SNI)"]);
    let plain = serve(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        drain(&mut stream);
    });
    let output = customer.probe_port(plain, &[]);
    is_told(&output, 1, &["FAIL TLS what answers there speaks no TLS", "answers in plain HTTP?"]);
    // An alert (21) with unrecognized_name (112).
    let nameless = serve(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 112]);
        drain(&mut stream);
    });
    let output = customer.probe_port(nameless, &[]);
    is_told(&output, 1, &["the server knows no such name", "> call the host by the name that Thales gives"]);
}
