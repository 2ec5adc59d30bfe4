use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::*;
use crate::admin::console::health::Health;
use crate::admin::console::look::InboxSeen;
use crate::admin::console::seen::SlotSeen;
use crate::admin::console::testing::{NOW, calls, certificate, environment, quiet, refusal, with_inbox};
use crate::admin::{ConfigurationStatus, SecondKeyStatus};
use crate::inbox::OldestPending;
use crate::metrics::Trouble;

const RULES: &str = include_str!("../../../../deploy/prometheus/rules.yaml");

/// Alerts of which no server can tell, and why.
const UNTOLD: [(&str, &str); 1] = [("IssuerHostDown", "nobody is there to say it")];

fn trouble(kind: TroubleKind, of: &str, reason: &'static str, minutes: u64, words: &str) -> RecentTrouble {
    let of_server =
        !matches!(kind, TroubleKind::SecondKey | TroubleKind::Token | TroubleKind::Keys | TroubleKind::Backend);
    let environment = if of_server { String::new() } else { "preprod".to_owned() };
    RecentTrouble {
        trouble: Trouble { kind, environment, of: of.to_owned(), reason },
        last: ago(minutes),
        times: if minutes < 15 { 2 } else { 0 },
        hourly: 3,
        words: words.to_owned(),
    }
}

fn ago(minutes: u64) -> SystemTime {
    SystemTime::from(NOW) - Duration::from_secs(minutes * 60)
}

fn with(troubles: impl IntoIterator<Item = RecentTrouble>) -> Seen {
    let mut seen = quiet();
    seen.health.troubles = troubles.into_iter().collect();
    seen
}

/// The only problem.
#[track_caller]
fn only(seen: &Seen) -> Problem {
    let mut told = problems(seen);
    assert_eq!(told.len(), 1, "{told:#?}");
    told.remove(0)
}

fn oldest(minutes: u64) -> OldestPending {
    OldestPending {
        environment: "preprod".into(),
        product: "d1".into(),
        operation: "notify".into(),
        since: ago(minutes),
    }
}

/// A server of which everything is wrong.
fn ruined() -> Seen {
    let mut seen = with_inbox(InboxSeen { problem: Some("the disk is gone".into()), ..InboxSeen::default() });
    let dead = with_inbox(InboxSeen::default());
    seen.inbox = dead.inbox;
    seen.readiness = "starting";
    seen.status.configuration = Some(ConfigurationStatus {
        at: "2026-11-23T09:58:00Z".into(),
        since: None,
        problem: Some("unknown key".into()),
        applied: false,
        needs_restart: vec!["admin.listen".into()],
    });
    seen.status.environments = vec![environment("preprod")];
    seen.status.environments[0].last_reload.problem = Some("not a CA".into());
    seen.status.environments[0].api_keys.push(SecondKeyStatus {
        name: "next".into(),
        expires: Some("2026-11-30T09:00:00Z".into()),
        expired: false,
    });
    seen.status.environments[0].backends[0].client_certificate =
        vec![certificate("CN=to-the-backend", "2026-11-28T09:00:00Z")];
    seen.status.connections_limit = seen.status.connections;
    let inbox = seen.status.inbox.as_mut().unwrap();
    (inbox.full, inbox.destinations[0].breaker) = (true, "open");
    seen.refusals = vec![refusal(1, "CN=stranger")];
    let slow = Some(Duration::from_secs(9));
    seen.calls = vec![calls("notify", 1, 1), calls("unknown", 1, 0)];
    seen.calls[0].p99_lately = slow;
    seen.health.descriptors = Some((900, 1000));
    seen.health.oldest_pending = vec![oldest(20)];
    seen.health.troubles = vec![
        trouble(TroubleKind::Permits, "", "", 1, ""),
        trouble(TroubleKind::Accept, "", "", 1, ""),
        trouble(TroubleKind::Displaced, "", "", 1, ""),
        trouble(TroubleKind::Admin, "", "wrong_token", 1, ""),
        trouble(TroubleKind::SecondKey, "d1", "wrong", 1, ""),
        trouble(TroubleKind::Token, "", "invalid_client", 1, ""),
        trouble(TroubleKind::Keys, "", "", 1, "no route"),
        trouble(TroubleKind::Backend, "", "unavailable", 1, "Connection refused"),
        trouble(TroubleKind::Store, "", "unavailable", 1, ""),
    ];
    seen
}

fn alerts() -> BTreeSet<&'static str> {
    RULES.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

#[test]
fn each_alert_has_a_problem_that_names_its_runbook_and_each_problem_has_an_alert() {
    let mut told = problems(&ruined());
    let mut dead = with_inbox(InboxSeen {
        dead: vec![crate::admin::console::tests::dead("notify", "refused")],
        ..InboxSeen::default()
    });
    dead.health = Health::default();
    told.extend(problems(&dead));
    let told: BTreeSet<_> = told.iter().map(|problem| problem.runbook.clone()).collect();
    let alerts = alerts();
    assert!(alerts.len() > 20 && UNTOLD.iter().all(|(alert, _)| alerts.contains(alert)), "control: {alerts:?}");
    let expected: BTreeSet<_> = alerts
        .into_iter()
        .filter(|alert| UNTOLD.iter().all(|(untold, _)| untold != alert))
        .map(|alert| format!("docs/runbook/{alert}.md"))
        .collect();
    assert_eq!(told, expected);
    assert!(problems(&quiet()).is_empty(), "control: of a server that is well there is none");
}

/// The severities that an alert may have.
fn severities(alert: &str) -> BTreeSet<&'static str> {
    let rules = RULES.split("- alert: ").skip(1).filter(|rule| rule.lines().next() == Some(alert));
    rules.filter_map(|rule| rule.lines().find_map(|line| line.trim().strip_prefix("severity: "))).collect()
}

#[test]
fn a_problem_is_as_bad_as_its_alert() {
    for problem in problems(&ruined()) {
        let alert = problem.runbook.trim_start_matches("docs/runbook/").trim_end_matches(".md");
        assert!(severities(alert).contains(problem.severity_name()), "{alert}: {problem:?}");
    }
}

#[test]
fn connections_that_ran_out_are_told_with_their_limit_while_they_are_and_for_a_while_after() {
    let mut seen = with([]);
    (seen.status.connections, seen.status.connections_limit) = (8, 8);
    assert_eq!(only(&seen).title, "All 8 connections are in use: new callers wait");
    seen.status.connections = 7;
    assert_eq!(problems(&seen), [], "control: one is left");
    seen.health.troubles = vec![trouble(TroubleKind::Permits, "", "", 3, "")];
    let problem = only(&seen);
    assert_eq!(problem.title, "All 8 connections were in use, 2 times within the last 15 minutes");
    assert_eq!((problem.severity, problem.detail.as_str()), (Severity::Page, "Last 3 minutes ago; 7 of 8 are in use."));
}

#[test]
fn a_backend_that_fails_is_named_with_its_address_and_what_happened() {
    let words = "tcp connect error: Connection refused (os error 111)";
    let problem = only(&with([
        trouble(TroubleKind::Backend, "", "timeout", 9, "no answer within 30 s"),
        trouble(TroubleKind::Backend, "", "unavailable", 2, words),
    ]));
    let title = "preprod: the backend at http://127.0.0.1:8080 gave no answer 4 times within the last 15 minutes";
    assert_eq!((problem.title.as_str(), problem.severity), (title, Severity::Ticket));
    assert_eq!(problem.detail, format!("unavailable, 2 minutes ago: {words}"));
    assert_eq!(problem.environment.as_deref(), Some("preprod"));
}

#[test]
fn what_fails_seldom_is_told_for_the_hour() {
    let told = |kind, of: &str, reason: &'static str| {
        let titles = [2, 20].map(|minutes| only(&with([trouble(kind, of, reason, minutes, "")])).title);
        assert!(titles[0].contains("2 ") && titles[0].ends_with("within the last 15 minutes"), "control: {titles:?}");
        assert!(titles[1].contains("3 ") && titles[1].ends_with("within the last hour"), "{titles:?}");
    };
    told(TroubleKind::Backend, "", "unavailable");
    told(TroubleKind::SecondKey, "d1", "wrong");
    told(TroubleKind::Token, "", "invalid_client");
}

#[test]
fn calls_that_come_seldom_are_judged_by_the_hour() {
    // A call each twenty minutes, the last one twenty minutes ago, of which so many failed.
    let told = |failed: usize, others: u64| {
        let mut seen = quiet();
        let mut seldom = calls("deliverOtp", 0, 0);
        let empty = SlotSeen { p99: None, ..seldom.slots[0] };
        seldom.slots = vec![empty; 60];
        for (call, slot) in [0, 20, 39].into_iter().enumerate() {
            let (succeeded, failed) = if call < failed { (0, 1) } else { (1, 0) };
            seldom.slots[slot] = SlotSeen { succeeded, failed, ..empty };
        }
        seldom.slots[1].refused = others;
        seen.calls = vec![seldom];
        problems(&seen)
    };
    let of_two = told(2, 0);
    assert_eq!(of_two.len(), 1, "{of_two:#?}");
    assert_eq!(of_two[0].title, "preprod: 2 of 3 calls were answered with an error (5xx) within the last hour");
    assert_eq!((of_two[0].severity, of_two[0].detail.as_str()), (Severity::Page, "Of: deliverOtp"));
    assert_eq!(told(1, 0), [], "control: one failure, and others that went well");
    assert_eq!(told(2, 1), [], "control: half of them");
    assert_eq!(told(3, 0).len(), 1);
    assert_eq!(told(3, 57), [], "control: not few");
}

#[test]
fn errors_point_at_what_causes_them() {
    let advice = |kind, reason| {
        let mut seen = with([trouble(kind, "", reason, 1, "")]);
        seen.calls = vec![calls("notify", 1, 1)];
        problems(&seen).into_iter().find(|problem| problem.title.contains("5xx")).unwrap().to_do
    };
    let backend = advice(TroubleKind::Backend, "unavailable");
    assert!(backend.contains("http://127.0.0.1:8080 does not answer (unavailable)"), "{backend}");
    for (kind, reason, at) in
        [(TroubleKind::Store, "unavailable", "its store, not"), (TroubleKind::Keys, "", "identity provider")]
    {
        let told = advice(kind, reason);
        assert!(told.contains(at) && told.contains("not to the backend"), "{told}");
    }
    let alone = advice(TroubleKind::Displaced, "");
    assert!(alone.contains("The backend answered"), "control: nothing else is wrong: {alone}");
}

#[test]
fn second_keys_and_tokens_that_were_refused_are_told_by_product_and_reason() {
    let problem = only(&with([trouble(TroubleKind::SecondKey, "d1", "issuer_id_unknown", 1, "")]));
    let title = "preprod: 2 calls of d1 were refused for the second key (issuer_id_unknown) within the last 15 minutes";
    assert_eq!((problem.title.as_str(), problem.severity), (title, Severity::Page));
    assert!(problem.detail.starts_with("The issuer id"), "{}", problem.detail);
    let problem = only(&with([trouble(TroubleKind::Token, "", "secret_expired", 1, "")]));
    assert!(problem.title.contains("access token were refused (secret_expired)"), "{}", problem.title);
}

#[test]
fn keys_of_an_identity_provider_wake_somebody_when_they_are_missing_or_old() {
    let told = |fetched: Option<u64>| {
        let mut seen = with([trouble(TroubleKind::Keys, "", "", 5, "no route to host")]);
        seen.health.keys_fetched = fetched.map(|minutes| ("preprod".to_owned(), ago(minutes))).into_iter().collect();
        problems(&seen).into_iter().map(|problem| problem.severity).collect::<Vec<_>>()
    };
    assert_eq!(told(None), [Severity::Page]);
    assert_eq!(told(Some(13 * 60)), [Severity::Page]);
    assert_eq!(told(Some(60)), [Severity::Ticket]);
    assert_eq!(told(Some(4)), [], "control: they were fetched since");
}

#[test]
fn what_waits_too_long_in_the_inbox_is_told_and_a_store_that_fails_too() {
    let mut seen = with_inbox(InboxSeen::default());
    seen.health.oldest_pending = vec![oldest(14)];
    assert_eq!(problems(&seen), [], "control: deliveries take a while");
    for (minutes, severity) in [(16, Severity::Ticket), (61, Severity::Page)] {
        seen.health.oldest_pending = vec![oldest(minutes)];
        assert_eq!(only(&seen).severity, severity);
    }
    seen.health.oldest_pending.clear();
    seen.health.troubles = vec![trouble(TroubleKind::Store, "", "full", 1, "")];
    assert_eq!(problems(&seen), [], "control: that it is full is told elsewhere");
    seen.health.troubles = vec![trouble(TroubleKind::Store, "", "read-only", 1, "")];
    let problem = only(&seen);
    assert!(problem.title.contains("store (sqlite) failed") && problem.detail.contains("read-only"), "{problem:?}");
}

#[test]
fn refusals_are_told_by_environment_and_reason_and_wake_somebody_where_nobody_else_is_admitted() {
    let mut seen = quiet();
    seen.refusals = vec![refusal(1, "CN=a"), refusal(2, "CN=b"), refusal(3, "CN=c")];
    seen.refusals[2].reason = "revoked";
    let told = |seen: &Seen| problems(seen).into_iter().map(|one| (one.severity, one.title)).collect::<Vec<_>>();
    let of_two = told(&seen);
    assert_eq!(of_two.len(), 2, "{of_two:?}");
    assert!(of_two.iter().all(|(severity, title)| *severity == Severity::Ticket && title.starts_with("preprod: ")));
    assert!(
        of_two[1].1.contains("1 caller with a certificate of a Client CA was") && of_two[1].1.contains("(revoked)")
    );
    seen.status.environments[0].live_connections = 0;
    for (admitted, severity) in [(11, Severity::Page), (9, Severity::Ticket), (25 * 60, Severity::Ticket)] {
        seen.health.admitted = [("preprod".to_owned(), ago(admitted))].into();
        assert!(told(&seen).iter().all(|(told, _)| *told == severity), "{admitted}");
    }
}

#[test]
fn a_key_that_ends_wakes_nobody_and_the_last_one_does() {
    let mut seen = quiet();
    seen.status.environments = vec![environment("preprod")];
    let of_keys = |seen: &Seen| {
        let all = problems(seen).into_iter().filter(|one| one.title.contains("API key"));
        all.map(|one| (one.severity, one.runbook)).collect::<Vec<_>>()
    };
    assert_eq!(of_keys(&seen), [(Severity::Page, "docs/runbook/IssuerHostWrongSecondKey.md".to_owned())]);
    let next = SecondKeyStatus { name: "next".into(), expires: None, expired: false };
    seen.status.environments[0].api_keys.push(next);
    assert_eq!(of_keys(&seen), [(Severity::Ticket, "docs/runbook/IssuerHostSecondKeyExpiring.md".to_owned())]);
}

#[test]
fn what_fails_now_comes_before_what_will() {
    let mut seen = quiet();
    seen.status.environments = vec![environment("preprod")];
    seen.health.troubles = vec![trouble(TroubleKind::Accept, "", "", 1, "")];
    let told = problems(&seen);
    let order: Vec<_> = told.iter().map(|problem| (problem.severity, problem.to_come)).collect();
    assert!(order.is_sorted() && order.contains(&(Severity::Page, true)), "{told:#?}");
    assert_eq!(told[0].runbook, "docs/runbook/IssuerHostAcceptFailing.md");
}
