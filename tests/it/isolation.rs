//! Environments never mix: whom a name leads to, what a connection may ask for, and what a reload leaves alone.

use rcgen::SanType;
use rustls::HandshakeKind;

use crate::support::hello::{FirstAnswer, Hello, UNRECOGNIZED_NAME};
use crate::support::neighbours::{ONE_LISTENER, call};
use crate::support::{
    Authority, Caller, Door, HOST, Neighbour, Neighbours, Pki, Refusal, Returning, Setup, Spec, eventually,
};

const EXACT: &str = "tsh.bank.test";
const WILDCARD: &str = "*.bank.test";
/// A name that the wildcard stands for.
const OTHER: &str = "d1.bank.test";

/// An environment of one host beside one of a wildcard that covers it.
async fn exact_beside_wildcard() -> (Neighbours, Neighbour, Neighbour) {
    let (exact, wildcard) = (Neighbour::new("exact", EXACT).await, Neighbour::new("wildcard", WILDCARD).await);
    (Neighbours::start(ONE_LISTENER, &[&wildcard, &exact]).await, exact, wildcard)
}

fn hello(name: Option<&str>) -> Hello<'_> {
    Hello { version: 0x0303, suites: &[0xc02b], name }
}

/// Either protocol.
fn protocols(caller: &Caller) -> [Caller; 2] {
    [caller.clone().alpn(&["http/1.1"]), caller.clone().h2()]
}

#[tokio::test]
async fn a_host_wins_over_a_wildcard_that_covers_it() {
    let (neighbours, exact, wildcard) = exact_beside_wildcard().await;
    for (own, other, name) in [(&exact, &wildcard, EXACT), (&wildcard, &exact, OTHER)] {
        for caller in protocols(&own.caller_for(&neighbours, name)) {
            let mut session = caller.session().await.unwrap();
            assert_eq!(call(&mut session, name, "/own").await, 200);
            assert_eq!(own.backend.received("/own").headers["issuer-host-environment"], own.name);
        }
        // The other environment's trust does not count here, whatever certificate it has for the name.
        let foreign = own.caller_for(&neighbours, name).presenting(&other.client);
        foreign.expect_refused("a client of the other environment").await;
    }
    assert_eq!((exact.backend.all_arrivals(), wildcard.backend.all_arrivals()), (2, 2));
    neighbours.server.permits_return_to_zero().await;
}

#[tokio::test]
async fn a_connection_carries_requests_for_the_name_that_it_was_opened_for_alone() {
    let (neighbours, exact, wildcard) = exact_beside_wildcard().await;
    for (own, name, others) in [(&wildcard, OTHER, [EXACT, "cof.bank.test"]), (&exact, EXACT, [OTHER, "cof.bank.test"])]
    {
        for caller in protocols(&own.caller_for(&neighbours, name)) {
            let mut session = caller.session().await.unwrap();
            // As a client does that coalesces: the certificate of the wildcard stands for all of these names.
            for other in others {
                assert_eq!(call(&mut session, name, "/right").await, 200, "control");
                assert_eq!(call(&mut session, other, "/wrong").await, 421, "{other} over {name}");
            }
            assert_eq!(call(&mut session, name, "/right").await, 200, "the connection is still good");
            assert_eq!(call(&mut session, &name.to_uppercase(), "/right").await, 200, "in any case");
            assert_eq!(call(&mut session, &format!("{name}.:8443"), "/right").await, 200, "with a dot and a port");
        }
    }
    for neighbour in [&exact, &wildcard] {
        assert_eq!(neighbour.backend.arrivals("/wrong"), 0, "{}", neighbour.name);
        assert_eq!(neighbour.backend.arrivals("/right"), 10, "{}", neighbour.name);
        // Two protocols, two wrong hosts, each under the name of the environment that was asked.
        let refused = format!(
            r#"issuer_host_requests_total{{environment="{}",product="tsh",operation="unknown",status_class="4xx",retryable="false"}} 4"#,
            neighbour.name
        );
        eventually("the refusals to be counted", async || neighbours.server.has_metric_line(&refused).await).await;
    }
}

#[tokio::test]
async fn a_wildcard_stands_for_one_label() {
    let wildcard = Neighbour::new("wildcard", WILDCARD).await;
    let neighbours = Neighbours::start(ONE_LISTENER, &[&wildcard]).await;
    let caller = wildcard.caller_for(&neighbours, OTHER);
    for name in ["a.bank.test", "A.Bank.Test", "a-b.bank.test", "xn--bcher-kva.bank.test"] {
        let answer = hello(Some(name)).ask(&caller).await;
        assert!(matches!(answer, FirstAnswer::ServerHello { .. }), "control: {name}: {answer:?}");
    }
    for name in ["bank.test", "a.b.bank.test", "abank.test", "a.bank.test.evil.test", "localhost"] {
        assert_eq!(hello(Some(name)).ask(&caller).await, UNRECOGNIZED_NAME, "{name}");
    }
    let refusal = wildcard.caller_for(&neighbours, "a.b.bank.test").expect_refused("two labels").await;
    assert!(matches!(refusal, Refusal::Alert(_)), "{refusal:?}");
    // Without a name in TLS, the wildcard alone on its listener takes what it stands for, and nothing else.
    for caller in protocols(&caller.without_name()) {
        let mut session = caller.session().await.unwrap();
        for (host, status) in [(OTHER, 200), ("bank.test", 421), ("a.b.bank.test", 421), ("127.0.0.1", 421)] {
            assert_eq!(call(&mut session, host, "/nameless").await, status, "{host}");
        }
    }
    assert_eq!(wildcard.backend.arrivals("/nameless"), 2);
}

#[tokio::test]
async fn case_and_a_dot_at_the_end_do_not_change_whom_a_name_leads_to() {
    let (neighbours, exact, wildcard) = exact_beside_wildcard().await;
    let caller = exact.caller(&neighbours);
    for (name, own, other) in [
        (EXACT, &exact, &wildcard),
        ("TSH.BANK.TEST", &exact, &wildcard),
        ("tsh.bank.test.", &exact, &wildcard),
        ("Tsh.Bank.Test.", &exact, &wildcard),
        (OTHER, &wildcard, &exact),
        ("D1.BANK.TEST", &wildcard, &exact),
        ("d1.bank.test.", &wildcard, &exact),
    ] {
        assert!(hello(Some(name)).is_shown(&caller, own.server.leaf()).await, "{name} does not lead to {}", own.name);
        assert!(!hello(Some(name)).is_shown(&caller, other.server.leaf()).await, "{name} leads to {}", other.name);
    }
    // The name that was asked for is compared with that of the request in the same way.
    for caller in protocols(&wildcard.caller_for(&neighbours, "D1.Bank.TEST")) {
        let mut session = caller.session().await.unwrap();
        assert_eq!(call(&mut session, OTHER, "/case").await, 200);
        assert_eq!(call(&mut session, EXACT, "/case").await, 421);
    }
    assert_eq!((exact.backend.arrivals("/case"), wildcard.backend.arrivals("/case")), (0, 2));
}

#[tokio::test]
async fn an_address_is_no_name_and_chooses_no_environment() {
    let mut pki = Pki::new();
    pki.server = pki.servers.issue(Spec::server(HOST).with(|params| {
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
    }));
    let door = Door::behind(pki, Setup::default()).await;
    // A client that connects to an address sends no name (RFC 6066, 3), and asks for a host all the same.
    for caller in protocols(&door.honest().name("127.0.0.1")) {
        let mut session = caller.session().await.unwrap();
        assert_eq!(call(&mut session, HOST, "/address").await, 200);
        assert_eq!(call(&mut session, "127.0.0.1", "/address").await, 421);
        assert_eq!(call(&mut session, "[::1]:8443", "/address").await, 421);
        assert_eq!(call(&mut session, HOST, "/address").await, 200, "the connection is still good");
    }
    assert_eq!(door.backend.arrivals("/address"), 4);

    let (neighbours, exact, wildcard) = exact_beside_wildcard().await;
    let caller = exact.caller(&neighbours);
    for name in [None, Some("127.0.0.1"), Some("192.0.2.7"), Some("[::1]"), Some("::1")] {
        let answer = hello(name).ask(&caller).await;
        assert!(!matches!(answer, FirstAnswer::ServerHello { .. }), "{name:?}: {answer:?}");
        for neighbour in [&exact, &wildcard] {
            assert!(!hello(name).is_shown(&caller, neighbour.server.leaf()).await, "{name:?}: {}", neighbour.name);
        }
    }
    caller.clone().without_name().expect_refused("a client without a name").await;
    let mut session = caller.session().await.unwrap();
    assert_eq!(call(&mut session, EXACT, "/named").await, 200, "control: the same client with a name");
}

#[tokio::test]
async fn an_environment_is_reached_on_its_own_listeners_alone() {
    let (mut one, mut other) = (Neighbour::new("one", EXACT).await, Neighbour::new("other", OTHER).await);
    (one.more, other.more) = ("listen = [\"127.0.0.1:0\"]", "listen = [\"127.0.0.2:0\"]");
    let neighbours = Neighbours::start(ONE_LISTENER, &[&one, &other]).await;
    let address = |ip: &str| {
        let listeners = neighbours.server.listeners();
        *listeners.iter().find(|address| address.ip().to_string() == ip).unwrap()
    };
    for (own, ip, elsewhere) in [(&one, "127.0.0.1", "127.0.0.2"), (&other, "127.0.0.2", "127.0.0.1")] {
        let caller = own.caller(&neighbours);
        let mut session = caller.clone().to(address(ip)).session().await.unwrap();
        assert_eq!(call(&mut session, own.host, "/own").await, 200);
        let mut session = caller.clone().without_name().to(address(ip)).session().await.unwrap();
        assert_eq!(call(&mut session, own.host, "/own").await, 200, "alone on its listener");
        assert_eq!(hello(Some(own.host)).ask(&caller.clone().to(address(elsewhere))).await, UNRECOGNIZED_NAME);
        caller.to(address(elsewhere)).expect_refused("a client at the listener of the other environment").await;
        assert_eq!(own.backend.arrivals("/own"), 2);
    }
}

#[tokio::test]
async fn a_reload_of_one_environment_leaves_epoch_sessions_and_connections_of_the_other() {
    let (one, other) = (Neighbour::new("one", EXACT).await, Neighbour::new("other", OTHER).await);
    let neighbours = Neighbours::start(ONE_LISTENER, &[&one, &other]).await;
    let returning = [&one, &other].map(|own| Returning::new(&own.caller(&neighbours)).named(own.host));
    for returning in &returning {
        returning.expect_resumption().await;
    }
    let mut kept = other.caller(&neighbours).h2().session().await.unwrap();
    assert_eq!(call(&mut kept, OTHER, "/kept").await, 200);

    // The first trusts somebody else from now on, and its own client no more.
    let stranger = Authority::root("Next Client Root of one");
    neighbours.replace("one-ca.pem", stranger.pem());
    let report = neighbours.server.reload().await;
    let outcomes = &report["environments"];
    assert_eq!(
        (&outcomes["one"]["outcome"], &outcomes["other"]["outcome"]),
        (&"installed".into(), &"unchanged".into())
    );
    let [epoch, others] = [neighbours.server.status_of("one").await, neighbours.server.status_of("other").await];
    assert_eq!((&epoch["epoch"], &others["epoch"]), (&2.into(), &1.into()), "{report}");
    for (name, epoch) in [("one", 2), ("other", 1)] {
        let line = format!(r#"issuer_host_epoch{{environment="{name}"}} {epoch}"#);
        assert!(neighbours.server.has_metric_line(&line).await, "{line}");
    }
    let [of_one, of_other] = returning;
    of_one.visit().await.expect_err("a client of the CA that is gone");
    assert_eq!(of_other.expect_visit("after the other's reload").await, HandshakeKind::Resumed);
    assert_eq!(call(&mut kept, OTHER, "/kept").await, 200, "its connection is kept");
    assert_eq!(neighbours.server.status_of("other").await["retired_connections"], 0);
    // The other's trust is what it was, and the first's new CA counts for the first alone.
    let newcomer = stranger.client("newcomer");
    other.caller(&neighbours).presenting(&newcomer).expect_refused("a client of the first's new CA").await;
    let mut session = one.caller(&neighbours).presenting(&newcomer).session().await.unwrap();
    assert_eq!(call(&mut session, EXACT, "/newcomer").await, 200);
}

#[tokio::test]
async fn what_happens_is_counted_under_the_environment_that_it_happens_to() {
    let (one, other) = (Neighbour::new("one", EXACT).await, Neighbour::new("other", OTHER).await);
    let neighbours = Neighbours::start(ONE_LISTENER, &[&one, &other]).await;
    for (own, foreign, calls) in [(&one, &other, 2), (&other, &one, 3)] {
        for _ in 0..calls {
            let mut session = own.caller(&neighbours).tls13().session().await.unwrap();
            assert_eq!(call(&mut session, own.host, "/counted").await, 200);
        }
        own.caller(&neighbours).presenting(&foreign.client).expect_refused("a foreign client").await;
    }
    for (environment, accepted) in [("one", 2), ("other", 3)] {
        let labels = [&*format!("environment=\"{environment}\""), r#"outcome="accepted""#, r#"tls_version="TLSv1.3""#];
        eventually("the handshakes to be counted", async || {
            neighbours.server.counted("issuer_host_handshakes_total", &labels).await == accepted
        })
        .await;
    }
    for line in [
        r#"issuer_host_handshakes_total{environment="one",outcome="failed",reason="unknown_issuer",tls_version="",session=""} 1"#,
        r#"issuer_host_handshakes_total{environment="other",outcome="failed",reason="unknown_issuer",tls_version="",session=""} 1"#,
        r#"issuer_host_requests_total{environment="one",product="tsh",operation="unknown",status_class="2xx",retryable=""} 2"#,
        r#"issuer_host_requests_total{environment="other",product="tsh",operation="unknown",status_class="2xx",retryable=""} 3"#,
    ] {
        eventually(line, async || neighbours.server.has_metric_line(line).await).await;
    }
}
