//! Names: asked for as their TTL wants it, and told of where they come to nothing.

use std::net::IpAddr;

use hickory_resolver::proto::op::ResponseCode;
use serde_json::Value;

use super::{Admits, Customer, HOST, LOOPBACK, Says, Spec, TlsServer, command, is_told, rounds, step, text_of};

#[test]
fn a_name_that_comes_to_nothing_is_told_by_its_reason() {
    let code = |code| Says::Code(code);
    let customer = Customer::with_names([
        ("empty.bank.test", code(ResponseCode::NoError)),
        ("broken.bank.test", code(ResponseCode::ServFail)),
        ("private.bank.test", code(ResponseCode::Refused)),
        ("silent.bank.test", Says::Silence),
    ]);
    let silent = format!("by UDP and TCP at port {}?", customer.names.address.port());
    for (host, words) in [
        ("none.bank.test", ["there is no such name (NXDOMAIN)", "> is it spelt as Thales gives it?"]),
        ("empty.bank.test", ["no address (neither A nor AAAA", "> compare with another name server (--dns)"]),
        ("broken.bank.test", ["the name server failed (SERVFAIL)", "DNSSEC check fails: ask another one"]),
        ("private.bank.test", ["refuses to answer (REFUSED)", "> it does not answer this machine"]),
        ("silent.bank.test", ["no answer from the name server within 300ms", &silent]),
    ] {
        let timeout = if host.starts_with("silent") { "300ms" } else { "20s" };
        let text = is_told(&customer.probe(host, &["--timeout", timeout]), 1, &words);
        assert!(text.contains(&customer.names.address.to_string()), "{text}");
        assert!(
            text.contains("- TCP not looked at: it did not get that far") && text.contains("1 step failed"),
            "{text}"
        );
    }
}

#[test]
fn within_its_ttl_a_name_is_asked_for_once_and_without_one_before_every_connection() {
    let customer = Customer::with_names([
        (HOST, Says::Addresses(3600, vec![LOOPBACK])),
        ("now.bank.test", Says::Addresses(0, vec![LOOPBACK])),
    ]);
    let server = customer.thales();
    let again = ["--times", "3", "--every", "10ms"];
    let text = is_told(
        &customer.probe_port(server.port, &again),
        0,
        &["round 3 of 3", "3 rounds: 3 passed, 0 with warnings, 0 failed."],
    );
    assert!(text.contains("127.0.0.1; from the last answer, which may be used for 3"), "{text}");
    assert_eq!(customer.names.times(HOST), 1);
    customer.probe(&format!("now.bank.test:{}", server.port), &again);
    // For TCP and for TLS of each round.
    assert_eq!(customer.names.times("now.bank.test"), 6);
}

#[test]
fn addresses_that_change_are_told_and_followed() {
    let says = |octet| Box::new(Says::Addresses(0, vec![[127, 0, 0, octet]]));
    let customer = Customer::with_names([(HOST, Says::First(2, says(1), says(2)))]);
    let server = customer.thales();
    let output = customer.probe_port(server.port, &["--times", "2", "--every", "10ms"]);
    is_told(&output, 0, &["changed: 127.0.0.2 came", "changed: 127.0.0.1 went"]);
    let called: Vec<_> = server.called_at().iter().map(IpAddr::to_string).collect();
    assert_eq!(called, ["127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2"]);
}

#[test]
fn a_host_of_thales_at_an_address_of_one_s_own_deserves_a_look() {
    let thales = "api.d1.thalescloud.io";
    let says = |address| Says::Addresses(60, vec![address]);
    for address in [LOOPBACK, [10, 1, 2, 3], [169, 254, 1, 1], [198, 18, 0, 1]] {
        let customer = Customer::with_names([(thales, says(address)), (HOST, says(address))]);
        // Nobody listens there, or an ordinary server does: it is the name that is looked at.
        let timeout = ["--timeout", "100ms", "--format", "json"];
        let of = |host: &str| step(&rounds(&customer.probe(&format!("{host}:9"), &timeout))[0], "name").clone();
        let found = of(thales);
        assert_eq!((&found["verdict"], &found["requirement"]), (&Value::from("warn"), &Value::from("I9")), "{found}");
        let details = found["details"].to_string();
        assert!(details.contains("a name server of your own answers for Thales' name"), "{found}");
        assert!(found["to_do"].to_string().contains("public name server (--dns)"), "{found}");
        assert_eq!(of(HOST)["verdict"], "pass", "control: the name of a bank");
    }
    let customer = Customer::with_names([(thales, says([192, 0, 2, 7]))]);
    let output = customer.probe(thales, &["--timeout", "100ms", "--format", "json"]);
    assert_eq!(step(&rounds(&output)[0], "name")["verdict"], "pass", "control: an address of the internet");
}

#[test]
fn of_many_addresses_the_first_are_called_and_all_are_counted() {
    let all: Vec<_> = (1..=200).map(|octet| [127, 0, 0, octet]).collect();
    let customer = Customer::with_names([(HOST, Says::OverTcp(60, all))]);
    let server = customer.thales();
    let words = ["127.0.0.16 and 184 more; TTL 60 s", "200 addresses; the first 16 are called", "127.0.0.16:"];
    let text = is_told(&customer.probe_port(server.port, &[]), 0, &words);
    assert!(!text.contains("127.0.0.17"), "{text}");
    let mut called: Vec<_> = server.called_at();
    called.sort();
    called.dedup();
    assert_eq!(called.len(), 16, "{called:?}");
    let round = &rounds(&customer.probe_port(server.port, &["--format", "json"]))[0];
    let facts = &step(round, "name")["facts"];
    assert_eq!((facts["addresses"].as_array().unwrap().len(), &facts["addresses_in_all"]), (16, &Value::from(200)));
}

#[test]
fn an_alias_is_told_and_the_least_ttl_on_the_way_counts() {
    let customer = Customer::with_names([
        (HOST, Says::Alias(5, "edge.bank.test")),
        ("edge.bank.test", Says::Addresses(60, vec![LOOPBACK])),
    ]);
    let server = customer.thales();
    let output = customer.probe_port(server.port, &[]);
    is_told(&output, 0, &["127.0.0.1; TTL 5 s;", "stands for edge.bank.test"]);
}

#[test]
fn an_address_is_no_name_and_is_taken_on_request_alone() {
    let customer = Customer::new();
    let identity = customer.server(Spec::server("127.0.0.1"));
    let server = TlsServer::start(&identity, &Admits::Only(&customer.clients));
    let (place, dns) = (format!("127.0.0.1:{}", server.port), customer.names.address.to_string());
    let refused = customer.probe(&place, &[]);
    is_told(&refused, 2, &["127.0.0.1 is an address: Thales' addresses change", "(I9)", "--allow-address"]);
    assert_eq!(server.called_at(), [] as [IpAddr; 0]);
    let own = ["--server-ca", "server-ca.pem", "--client-certificate", "client.pem", "--client-key", "client-key.pem"];
    let arguments = [&["probe", &place, "--dns", &dns, "--allow-address"], &own[..]].concat();
    let output = command(customer.directory.path(), &arguments).output().unwrap();
    is_told(&output, 0, &["WARN name not resolved: an address was given", "no SNI", "accepted"]);
    assert_eq!(customer.names.asked(), []);
}

#[test]
fn a_name_for_which_no_name_server_is_asked_is_told_in_words() {
    let customer = Customer::with_names([]);
    for host in ["api.bank.invalid", "INVALID", "a.onion."] {
        let text = is_told(
            &customer.probe(host, &[]),
            1,
            &["there are no names below .", ": no name server was asked", "write the name as Thales gives it"],
        );
        assert!(!text.contains("NXDOMAIN") && !text.contains("asked: "), "{text}");
    }
    let identity = customer.server(Spec::server("api.localhost"));
    let server = TlsServer::start(&identity, &Admits::Only(&customer.clients));
    let own = ["--server-ca", "server-ca.pem", "--timeout", "2s"];
    let output = customer.probe(&format!("api.localhost:{}", server.port), &own);
    let text = text_of(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("every machine's name for itself: no name server was asked"), "{text}");
    assert_eq!(customer.names.asked(), []);
    is_told(&customer.probe("invalid.bank.test", &[]), 1, &["NXDOMAIN"]);
    assert_eq!(customer.names.times("invalid.bank.test"), 1, "control");
}
