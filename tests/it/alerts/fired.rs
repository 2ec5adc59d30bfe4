//! Every rule fires when what it is about happens to a real server, and nothing else does.

use std::collections::BTreeSet;

use super::history::History;
use super::{admin, availability, calls, door, expiry, inbox, process, promtool, reloads, rules, tokens, well};

/// An alert of a severity, as it fires.
struct Fired {
    alert: &'static str,
    severity: &'static str,
    /// Those that the rule leaves, but `job`, `instance` and `file`.
    labels: &'static [(&'static str, &'static str)],
}

/// What happens, and what comes of it.
struct Row {
    cause: &'static str,
    /// Everything that fires.
    alerts: &'static [Fired],
    /// Alerts of which it depends on chance whether they fire as well.
    beside: &'static [&'static str],
}

/// Each line is a test.
macro_rules! fire {
    ($(
        $area:ident::$cause:ident => [$($severity:ident $alert:ident($($label:ident = $value:literal),*)),+ $(,)?]
        $(beside [$($beside:ident),+])?;
    )*) => {
        const ALL: &[Row] = &[$(Row {
            cause: stringify!($cause),
            alerts: &[$(Fired {
                alert: stringify!($alert),
                severity: stringify!($severity),
                labels: &[$((stringify!($label), $value)),*],
            }),+],
            beside: &[$($(stringify!($beside)),+)?],
        }),*];

        $(
            #[tokio::test]
            #[ignore = "needs promtool: scripts/test.sh installs it and runs it"]
            async fn $cause() {
                expect(stringify!($cause), &Box::pin($area::$cause()).await);
            }
        )*
    };
}

fire! {
    availability::the_only_server_is_killed => [page IssuerHostDown(), ticket IssuerHostDown()];
    availability::one_of_two_servers_is_killed => [ticket IssuerHostDown()];
    availability::the_only_server_is_not_ready => [page IssuerHostNotReady(), ticket IssuerHostNotReady()];
    availability::one_of_two_servers_is_not_ready => [ticket IssuerHostNotReady()];

    expiry::everything_ends_within_a_week => [
        page IssuerHostServerCertificateExpiring(environment = "preprod", kind = "server_chain"),
        page IssuerHostServerCertificateExpiring(environment = "preprod", kind = "endorsed_chain"),
        page IssuerHostClientCaExpiring(environment = "preprod"),
        page IssuerHostBackendCertificateExpiring(environment = "preprod"),
        page IssuerHostRevocationListExpiring(environment = "preprod"),
        ticket IssuerHostSecondKeyExpiring(environment = "preprod", kind = "api_key", name = "main"),
        ticket IssuerHostSecondKeyExpiring(environment = "preprod", kind = "client_secret", name = "thales/current"),
    ];
    expiry::everything_ends_within_a_month => [
        ticket IssuerHostServerCertificateExpiring(environment = "preprod", kind = "server_chain"),
        ticket IssuerHostServerCertificateExpiring(environment = "preprod", kind = "endorsed_chain"),
        ticket IssuerHostClientCaExpiring(environment = "preprod"),
        ticket IssuerHostBackendCertificateExpiring(environment = "preprod"),
        ticket IssuerHostRevocationListExpiring(environment = "preprod"),
    ];

    reloads::a_private_key_is_cut_off => [ticket IssuerHostReloadFailing(environment = "preprod")];
    reloads::a_setting_is_misspelt => [ticket IssuerHostConfigurationRefused()];
    reloads::a_setting_changes_that_counts_from_the_next_start_on => [ticket IssuerHostRestartNeeded()];

    door::the_callers_ca_is_taken_away => [
        page IssuerHostCallersRefused(environment = "preprod"),
        ticket IssuerHostCallersRefused(environment = "preprod", reason = "unknown_issuer"),
    ];
    door::the_ca_of_the_only_connection_is_taken_away => [
        page IssuerHostCallersRefused(environment = "preprod"),
        ticket IssuerHostCallersRefused(environment = "preprod", reason = "unknown_issuer"),
    ];
    door::strangers_show_certificates_of_their_own => [
        ticket IssuerHostCallersRefused(environment = "preprod", reason = "unknown_issuer"),
    ];
    door::connections_reach_their_limit => [page IssuerHostConnectionPermitsExhausted()];
    door::connections_reach_their_limit_and_end => [page IssuerHostConnectionPermitsExhausted()];
    door::more_handshakes_are_begun_than_may_be => [ticket IssuerHostHandshakesDisplaced()];
    door::no_descriptor_is_left_for_a_connection => [page IssuerHostAcceptFailing()];
    process::nearly_all_descriptors_are_in_use => [ticket IssuerHostFileDescriptorsLow()];

    admin::wrong_tokens_are_shown_to_the_admin_listener => [ticket IssuerHostAdminGuessed()];

    calls::a_backend_answers_500_to_every_tenth_call => [
        page IssuerHostErrorsHigh(environment = "preprod", product = "d1", operation = "getConsumerInformation"),
    ];
    calls::a_backend_answers_500_every_quarter_of_an_hour => [
        page IssuerHostErrorsHigh(environment = "preprod", product = "d1", operation = "getConsumerInformation"),
    ];
    calls::a_backend_breaks_off_every_quarter_of_an_hour => [
        ticket IssuerHostBackendFailing(environment = "preprod", reason = "broken"),
        page IssuerHostErrorsHigh(environment = "preprod", product = "d1", operation = "getConsumerInformation"),
    ];
    calls::a_backend_breaks_off_every_thirtieth_call => [
        ticket IssuerHostBackendFailing(environment = "preprod", reason = "broken"),
    ];
    calls::nobody_listens_where_the_backend_was => [
        ticket IssuerHostBackendFailing(environment = "preprod", reason = "unavailable"),
        page IssuerHostErrorsHigh(environment = "preprod", product = "d1", operation = "getConsumerInformation"),
    ];
    calls::a_backend_takes_six_seconds => [
        page IssuerHostLatencyHigh(environment = "preprod", product = "d1", operation = "getConsumerInformation"),
    ];
    calls::a_backend_takes_more_than_a_second => [
        ticket IssuerHostLatencyHigh(environment = "preprod", product = "d1", operation = "getConsumerInformation"),
    ];
    calls::calls_come_without_a_token => [
        page IssuerHostWrongSecondKey(environment = "preprod", product = "d1", reason = "missing"),
    ];
    calls::a_call_comes_without_a_token_every_quarter_of_an_hour => [
        page IssuerHostWrongSecondKey(environment = "preprod", product = "d1", reason = "missing"),
    ];
    calls::calls_come_that_no_operation_knows => [
        ticket IssuerHostUnknownOperations(environment = "preprod", product = "d1"),
    ];
    calls::one_call_comes_that_no_operation_knows => [
        ticket IssuerHostUnknownOperations(environment = "preprod", product = "d1"),
    ];

    tokens::a_client_shows_a_secret_that_is_wrong => [
        page IssuerHostTokensRefused(environment = "preprod", reason = "invalid_client"),
    ];
    tokens::a_client_shows_a_wrong_secret_every_quarter_of_an_hour => [
        page IssuerHostTokensRefused(environment = "preprod", reason = "invalid_client"),
    ];
    tokens::an_identity_provider_never_answered => [
        page IssuerHostJwksStale(environment = "preprod"),
        ticket IssuerHostJwksStale(environment = "preprod"),
        page IssuerHostWrongSecondKey(environment = "preprod", product = "d1", reason = "no_keys"),
        page IssuerHostErrorsHigh(environment = "preprod", product = "d1", operation = "getConsumerInformation"),
    ];
    // The tokens that have it asked are refused as well, or put off, by how long ago it was asked before.
    tokens::an_identity_provider_answers_no_more => [
        ticket IssuerHostJwksStale(environment = "preprod"),
    ] beside [IssuerHostWrongSecondKey, IssuerHostErrorsHigh];
    tokens::an_identity_provider_has_not_answered_for_half_a_day => [
        page IssuerHostJwksStale(environment = "preprod"),
        ticket IssuerHostJwksStale(environment = "preprod"),
    ] beside [IssuerHostWrongSecondKey, IssuerHostErrorsHigh];

    inbox::the_database_is_taken_away => [
        page IssuerHostInboxStoreFailing(error = "read-only"),
        page IssuerHostErrorsHigh(environment = "preprod", product = "d1", operation = "notifyCardOperationV1"),
    ];
    inbox::the_inbox_takes_no_more => [page IssuerHostInboxFull()];
    inbox::a_notification_is_refused_for_good => [
        ticket IssuerHostInboxDeadLetters(environment = "preprod", product = "d1", operation = "notifyCardOperationV1"),
    ];
    inbox::a_notification_is_refused_for_now => [
        page IssuerHostInboxDelayed(environment = "preprod", product = "d1", operation = "notifyCardOperationV1"),
        ticket IssuerHostInboxDelayed(environment = "preprod", product = "d1", operation = "notifyCardOperationV1"),
    ];
    inbox::whoever_takes_deliveries_breaks_them_off => [ticket IssuerHostInboxDestinationDown(environment = "preprod")];
}

impl Fired {
    /// As its series' labels.
    fn written(&self) -> String {
        let labels = self.labels.iter().map(|(name, value)| format!(",{name}=\"{value}\""));
        format!("{{alertname=\"{}\",severity=\"{}\"{}}}", self.alert, self.severity, labels.collect::<String>())
    }
}

/// That of these servers fires what stands in the table for `cause`, and nothing else.
#[track_caller]
fn expect(cause: &str, servers: &[History]) {
    let row = ALL.iter().find(|row| row.cause == cause).unwrap();
    let alerts: Vec<_> = row.alerts.iter().map(Fired::written).collect();
    if let Err(problem) = promtool::fires(servers, &alerts, row.beside) {
        panic!("{cause}: {problem}");
    }
}

#[test]
fn every_rule_is_fired_by_one_of_these_tests() {
    let fired = ALL.iter().flat_map(|row| row.alerts);
    let fired: BTreeSet<_> = fired.map(|it| (it.alert.to_owned(), it.severity.to_owned())).collect();
    let rules: BTreeSet<_> = rules::all().into_iter().map(|rule| (rule.alert, rule.severity)).collect();
    assert_eq!(fired, rules);
}

#[tokio::test]
#[ignore = "needs promtool: scripts/test.sh installs it and runs it"]
async fn nothing_fires_of_servers_that_are_well_and_called_for_hours() {
    let (everything, inbox, provider) =
        tokio::join!(Box::pin(well::everything()), Box::pin(well::inbox()), Box::pin(well::identity_provider()));
    let well = [everything, inbox, provider];
    promtool::fires(&well, &[], &[]).unwrap_or_else(|problem| panic!("{problem}"));

    // Control: it would be noticed.
    let missing = promtool::fires(&well, &["{alertname=\"IssuerHostDown\"}".to_owned()], &[]);
    assert!(missing.unwrap_err().contains("IssuerHostDown"));
}

/// What a server tells that is called four times an hour for hours, until so many of these calls fail in each way there is, and nobody
/// calls any more.
async fn fires_of_seldom_calls(failures: u32) -> Result<String, String> {
    let mut alerts = Vec::new();
    if failures > 1 {
        let operation = &[("environment", "preprod"), ("product", "d1"), ("operation", "getConsumerInformation")];
        let backend = &[("environment", "preprod"), ("reason", "broken")];
        let second_key = &[("environment", "preprod"), ("product", "d1-ecom"), ("reason", "missing")];
        let token = &[("environment", "preprod"), ("reason", "invalid_client")];
        alerts = vec![
            Fired { alert: "IssuerHostErrorsHigh", severity: "page", labels: operation },
            Fired { alert: "IssuerHostBackendFailing", severity: "ticket", labels: backend },
            Fired { alert: "IssuerHostWrongSecondKey", severity: "page", labels: second_key },
            Fired { alert: "IssuerHostTokensRefused", severity: "page", labels: token },
        ];
    }
    let alerts: Vec<_> = alerts.iter().map(Fired::written).collect();
    promtool::fires(&[Box::pin(well::seldom_called(failures)).await], &alerts, &[])
}

#[tokio::test]
#[ignore = "needs promtool: scripts/test.sh installs it and runs it"]
async fn nothing_fires_of_one_failure_among_calls_that_come_seldom() {
    for failures in [1, 3] {
        // Control: it does of three.
        let outcome = fires_of_seldom_calls(failures).await;
        outcome.unwrap_or_else(|problem| panic!("{failures} failures: {problem}"));
    }
}
