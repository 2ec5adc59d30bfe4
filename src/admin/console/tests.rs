use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use tower::ServiceExt as _;

use super::look::InboxSeen;
use super::page::{Regions, login, page};
use super::problems::{Severity, problems};
use super::seen::RefusalSeen;
use super::testing::{calls, environment, quiet, refusal, sources, stranger, with_inbox};
use crate::inbox::report::EntryReport;

/// What a stranger may write into a certificate, with what ends an attribute, an element, a line and an event.
const HOSTILE: &str = "CN=<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\r\n\r\nevent: regions\u{2028}&lt;";

pub(super) fn dead(operation: &str, problem: &str) -> EntryReport {
    EntryReport {
        sequence: 1,
        id: "0198c0de-0000-7000-8000-000000000001".into(),
        state: "dead",
        environment: "preprod".into(),
        product: "d1".into(),
        operation: operation.into(),
        destination: String::new(),
        received_at: "2026-11-20T10:00:00Z".into(),
        attempts: 9,
        replays: 0,
        next_attempt: None,
        settled_at: None,
        last_problem: Some(problem.into()),
        client_subject: HOSTILE.into(),
        client_sha256: "00".repeat(32),
        correlation_id: Some(problem.into()),
        traceparent: None,
        method: "POST".into(),
        key_id: None,
        stored_bytes: 10,
    }
}

#[test]
fn nothing_that_others_write_becomes_a_part_of_the_page() {
    let mut seen = with_inbox(InboxSeen { dead: vec![dead(HOSTILE, HOSTILE)], ..InboxSeen::default() });
    seen.refusals = vec![refusal(1, HOSTILE)];
    seen.refusals[0].address = HOSTILE.into();
    seen.calls = vec![calls(HOSTILE, 1, 1)];
    let mut hostile = environment("preprod");
    hostile.anchors[0].subject = HOSTILE.into();
    hostile.last_reload.problem = Some(HOSTILE.into());
    hostile.host = Some(HOSTILE.into());
    seen.status.environments.push(hostile);
    let written = page(&seen, false).unwrap();
    assert!(!written.contains("<script>") && !written.contains("<img") && !written.contains("onerror=alert(2)>"));
    assert!(written.matches("&#60;script&#62;alert(1)").count() >= 8, "control: it is shown, as text");
}

#[test]
fn no_quote_of_others_ends_an_attribute() {
    let mut seen = with_inbox(InboxSeen { dead: vec![dead("\" autofocus onfocus=\"x", "")], ..InboxSeen::default() });
    seen.refusals = vec![refusal(1, "marked\" title=\"b")];
    let written = page(&seen, false).unwrap();
    assert!(!written.contains("\" autofocus onfocus") && !written.contains("marked\" title"), "{written}");
    assert!(written.contains("data-name=\"&#34; autofocus"), "control: it stands in an attribute");
}

#[test]
fn a_page_asks_for_nothing_from_elsewhere_and_has_nothing_inline() {
    let mut seen = with_inbox(InboxSeen { dead: vec![dead("notify", "refused")], ..InboxSeen::default() });
    seen.refusals = vec![refusal(1, "CN=stranger")];
    seen.calls = vec![calls("notify", 1, 1)];
    for written in [page(&seen, false).unwrap(), login().unwrap()] {
        for foreign in ["http://", "https://", "src=\"//", "href=\"//", "style=", "<style", " onclick", "<script>"] {
            let own = written.replace("http://127.0.0.1:8080", "");
            assert!(!own.contains(foreign), "{foreign}");
        }
    }
}

#[test]
fn where_nothing_is_wrong_the_first_screen_says_so() {
    let regions = Regions::render(&quiet()).unwrap();
    assert!(regions.problems.contains("<strong>Nothing.</strong>"), "{}", regions.problems);
    assert!(regions.overview.contains("Ready") && regions.overview.contains("3 d 4 h"), "{}", regions.overview);
}

#[test]
fn what_is_wrong_is_told_the_worst_first() {
    let mut seen = with_inbox(InboxSeen { dead: vec![dead("notify", "refused")], more: true, ..InboxSeen::default() });
    seen.refusals = vec![refusal(1, "CN=stranger"), refusal(14, "CN=other"), refusal(16, "CN=before")];
    let scanner = RefusalSeen { subject: None, sha256: None, ..stranger(0, "") };
    seen.refusals.extend([scanner, stranger(0, "CN=stranger")]);
    seen.calls = vec![calls("notify", 18, 1), calls("refund", 1, 0)];
    seen.status.environments = vec![environment("preprod")];
    let reload = &mut seen.status.environments[0].last_reload;
    (reload.problem, reload.since) = (Some("client_ca: not a CA".into()), Some("2026-11-23T09:54:00Z".into()));
    let inbox = seen.status.inbox.as_mut().unwrap();
    inbox.full = true;
    inbox.destinations[0].breaker = "open";
    let told: Vec<_> = problems(&seen).into_iter().map(|problem| (problem.severity, problem.title)).collect();
    let expected = [
        (Severity::Page, "preprod: an API key expired 25 hours ago"),
        (Severity::Page, "The inbox is full"),
        (Severity::Page, "preprod: 1 of 19 calls were answered with an error (5xx) within the last 15 minutes"),
        (Severity::Page, "preprod: a revocation list expires in 20 hours"),
        (
            Severity::Ticket,
            "preprod: 2 callers with certificates of a Client CA were refused within the last 15 minutes (expired)",
        ),
        (Severity::Ticket, "preprod: new files were refused, first 6 minutes ago: epoch 3 stays in force"),
        (Severity::Ticket, "preprod: deliveries to http://127.0.0.1:8080 fail"),
        (Severity::Ticket, "More than 1 notifications could not be delivered"),
        (Severity::Ticket, "preprod: the server certificate expires in 20 days"),
        (Severity::Ticket, "preprod: a Client CA expires in 89 days"),
    ];
    assert_eq!(told, expected.map(|(severity, title)| (severity, title.to_owned())));
    seen.calls = vec![calls("notify", 20, 1)];
    let control = problems(&seen);
    assert!(!control.iter().any(|problem| problem.title.contains("5xx")), "1 of 21 is no alarm");
}

#[test]
fn strangers_alone_do_not_look_like_an_outage() {
    let refused = |seen: &crate::admin::console::look::Seen| {
        let found = problems(seen).into_iter().filter(|problem| problem.title.contains("refused"));
        found.map(|problem| (problem.title, problem.detail, problem.to_do)).collect::<Vec<_>>()
    };
    let mut seen = quiet();
    seen.refusals = vec![stranger(1, "CN=TLSMA/0001")];
    assert_eq!(refused(&seen), [], "others are connected");
    seen.status.environments[0].live_connections = 0;
    assert_eq!(refused(&seen), [], "nobody ever called");
    // Whoever called is gone, and somebody with a certificate of another CA knocks: a stranger, or Thales with a new one.
    seen.calls = vec![calls("notify", 18, 0)];
    let told = refused(&seen);
    assert_eq!(told.len(), 1, "{told:?}");
    let (_, details, to_do) = &told[0];
    assert!(details.contains("claims to be CN=TLSMA/0001") && details.contains("Anybody"), "{details}");
    assert!(to_do.contains("never from a connection"), "{to_do}");
    seen.status.environments[0].live_connections = 1;
    assert_eq!(refused(&seen), []);
    seen.refusals = vec![refusal(1, "CN=TLSMA/0001")];
    assert_eq!(refused(&seen).len(), 1, "control: a certificate of the Client CA");
}

#[test]
fn a_name_that_anybody_can_write_is_shown_as_a_claim() {
    let mut seen = quiet();
    let shown = |seen: &crate::admin::console::look::Seen| Regions::render(seen).unwrap().refusals;
    seen.refusals = vec![stranger(1, "CN=TLSMA/0001")];
    assert!(shown(&seen).contains("a claim: anybody can write this name"), "{}", shown(&seen));
    seen.refusals = vec![refusal(1, "CN=TLSMA/0001")];
    assert!(!shown(&seen).contains("a claim") && shown(&seen).contains("issued by client_ca"), "control");
}

#[test]
fn a_server_that_is_not_ready_and_a_configuration_that_was_refused_come_first() {
    let mut seen = quiet();
    seen.readiness = "starting";
    seen.status.configuration = Some(crate::admin::ConfigurationStatus {
        at: "2026-11-23T09:59:50Z".into(),
        since: Some("2026-11-23T09:58:00Z".into()),
        problem: Some("unknown key: lisen".into()),
        applied: false,
        needs_restart: vec!["admin.listen".into()],
    });
    let told = problems(&seen);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].title.contains("not ready") && told[1].title.contains("refused, first 2 minutes ago"), "{told:?}");
    assert_eq!((told[1].detail.as_str(), told[2].detail.as_str()), ("unknown key: lisen", "admin.listen"));
    assert!(told[1].title.ends_with("the one before stays in force"), "{told:?}");
    seen.status.configuration.as_mut().unwrap().applied = true;
    let told = problems(&seen);
    assert!(told[1].title.starts_with("A part of the configuration was refused"), "{told:?}");
}

#[test]
fn what_waits_for_a_backend_that_is_gone_is_shown() {
    let key =
        |name: &str| crate::inbox::store::DestinationKey { environment: "preprod".into(), destination: name.into() };
    let seen = with_inbox(InboxSeen { waiting: vec![(key(""), 3), (key("gone"), 2)], ..InboxSeen::default() });
    let shown = super::inbox::inbox(&seen).unwrap().destinations;
    let told: Vec<_> = shown.iter().map(|one| (one.backend.as_str(), one.state, one.pending)).collect();
    assert_eq!(told, [("own backend", "up", 3), ("backend gone", "not configured", 2)]);
}

#[test]
fn each_button_says_which_notification_it_is_for() {
    let seen = with_inbox(InboxSeen { dead: vec![dead("notify", "refused")], ..InboxSeen::default() });
    let regions = Regions::render(&seen).unwrap();
    for verb in ["Replay", "Discard"] {
        let name = format!("{verb}<span class=\"unseen\"> notify 0198c0de-0000-7000-8000-000000000001</span>");
        assert!(regions.inbox.contains(&name), "{verb}");
    }
}

#[tokio::test]
async fn the_page_allows_its_own_files_alone() {
    let seen = Arc::new(Mutex::new(quiet()));
    let console = super::routes(sources(&seen)).merge(super::assets());
    let answered =
        async |path: &str| console.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let page = answered("/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(
        policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe") && !policy.contains('*'),
        "{policy}"
    );
    let written = String::from_utf8(to_bytes(page.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap();
    let files: Vec<_> = written.split('"').filter(|value| value.starts_with("/console/")).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        assert_eq!(answered(file).await.status(), StatusCode::OK, "{file}");
    }
}

#[test]
fn who_has_no_token_is_told_nothing() {
    let form = super::login_page();
    assert_eq!(form.status(), StatusCode::UNAUTHORIZED);
    assert!(form.headers().contains_key("content-security-policy"));
    assert!(!login().unwrap().contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_scripts_no_browser_puts_the_token_into_an_address() {
    let written = login().unwrap();
    // A form without a method asks for `?name=value`; an input without a name is not sent at all.
    let puts = |page: &str| {
        !page.contains("<form id=\"login\" class=\"scripted\" method=\"post\"") || page.contains(" name=\"token\"")
    };
    assert!(!puts(&written), "{written}");
    for careless in
        [written.replace(" method=\"post\"", ""), written.replace("id=\"token\"", "id=\"token\" name=\"token\"")]
    {
        assert!(puts(&careless), "control");
    }
}
