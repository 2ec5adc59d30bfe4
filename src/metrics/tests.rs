use std::time::Duration;

use rustls_pki_types::UnixTime;

use super::*;

fn unix(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn what_happens_is_counted_under_its_environment() {
    let metrics = Metrics::new();
    let preprod = metrics.for_environment("preprod");
    preprod.handshake_accepted("TLSv1.3", SessionKind::Resumed);
    preprod.handshake_accepted("TLSv1.2", SessionKind::Full);
    preprod.handshake_accepted("TLSv1.2", SessionKind::Remembered);
    metrics.handshake_failed(Some("preprod"), "expired");
    metrics.handshake_failed(None, "timeout");
    preprod.request_began();
    let end = RequestEnd {
        product: "cof",
        operation: "notifyTokenUpdate",
        status: Some(204),
        retryable: None,
        elapsed: Duration::from_millis(3),
    };
    preprod.request_ended(end);
    for _ in 0..2 {
        preprod.request_began();
        preprod.request_ended(RequestEnd { status: Some(503), retryable: Some(true), ..end });
    }
    preprod.request_began();
    preprod.request_ended(RequestEnd { product: "", operation: "", status: None, ..end });
    preprod.second_key_refused("cof", "algorithm");
    preprod.request_began();
    let open = preprod.connection_opened();
    preprod.certificates_end([
        (CertificateKind::ClientCa, "/tls/ca.pem".into(), unix(4_100_000_000)),
        (CertificateKind::ClientCa, "/tls/ca.pem".into(), unix(4_000_000_000)),
        (CertificateKind::ServerChain, String::new(), unix(4_200_000_000)),
    ]);
    preprod.revocation_lists_end([("/tls/ca.crl".into(), unix(3_000_000_000))]);
    preprod.second_keys_end([(SecondKeyKind::ApiKey, "spring".into(), at(3_100_000_000))]);
    preprod.epoch_installed(7);
    preprod.reloaded(ReloadOutcome::Installed, at(2_000_000_000));
    preprod.reloaded(ReloadOutcome::Kept, at(2_000_000_001));
    let text = metrics.encode();
    for line in [
        r#"issuer_host_handshakes_total{environment="preprod",outcome="accepted",reason="",tls_version="TLSv1.3",session="resumed"} 1"#,
        r#"issuer_host_handshakes_total{environment="preprod",outcome="accepted",reason="",tls_version="TLSv1.2",session="full"} 1"#,
        r#"issuer_host_handshakes_total{environment="preprod",outcome="accepted",reason="",tls_version="TLSv1.2",session="remembered"} 1"#,
        r#"issuer_host_handshakes_total{environment="preprod",outcome="failed",reason="expired",tls_version="",session=""} 1"#,
        r#"issuer_host_handshakes_total{environment="",outcome="failed",reason="timeout",tls_version="",session=""} 1"#,
        r#"issuer_host_requests_total{environment="preprod",product="cof",operation="notifyTokenUpdate",status_class="2xx",retryable=""} 1"#,
        r#"issuer_host_requests_total{environment="preprod",product="cof",operation="notifyTokenUpdate",status_class="5xx",retryable="true"} 2"#,
        r#"issuer_host_requests_total{environment="preprod",product="",operation="",status_class="none",retryable=""} 1"#,
        r#"issuer_host_second_key_refusals_total{environment="preprod",product="cof",reason="algorithm"} 1"#,
        r#"issuer_host_requests_in_flight{environment="preprod"} 1"#,
        r#"issuer_host_connections{environment="preprod"} 1"#,
        r#"issuer_host_request_duration_seconds_bucket{le="0.005",environment="preprod",product="cof",operation="notifyTokenUpdate"} 3"#,
        r#"issuer_host_certificate_expiry_timestamp_seconds{environment="preprod",kind="client_ca",file="/tls/ca.pem"} 4000000000"#,
        r#"issuer_host_certificate_expiry_timestamp_seconds{environment="preprod",kind="server_chain",file=""} 4200000000"#,
        r#"issuer_host_second_key_expiry_timestamp_seconds{environment="preprod",kind="api_key",name="spring"} 3100000000"#,
        r#"issuer_host_crl_next_update_timestamp_seconds{environment="preprod",file="/tls/ca.crl"} 3000000000"#,
        r#"issuer_host_epoch{environment="preprod"} 7"#,
        r#"issuer_host_reloads_total{environment="preprod",outcome="kept"} 1"#,
        r#"issuer_host_reload_last_success_timestamp_seconds{environment="preprod"} 2000000000"#,
        r#"issuer_host_reload_failing{environment="preprod"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"), "OpenMetrics ends with EOF");
    preprod.environment_removed();
    let text = metrics.encode();
    for line in [
        "issuer_host_certificate_expiry_timestamp_seconds{",
        "issuer_host_crl_next_update_timestamp_seconds{",
        "issuer_host_second_key_expiry_timestamp_seconds{",
        "issuer_host_reload_last_success_timestamp_seconds{",
        "issuer_host_reload_failing{",
        "issuer_host_epoch{",
    ] {
        assert!(!text.contains(line), "{line} is still in\n{text}");
    }
    assert!(
        text.contains(r#"issuer_host_reloads_total{environment="preprod",outcome="kept"} 1"#),
        "what was counted stays"
    );
    drop(open);
    assert!(metrics.encode().contains(r#"issuer_host_connections{environment="preprod"} 0"#));
}

#[test]
fn a_file_that_is_no_longer_used_is_told_of_no_more_and_the_others_stay() {
    let metrics = Metrics::new();
    let (preprod, production) = (metrics.for_environment("preprod"), metrics.for_environment("production"));
    for environment in [&preprod, &production] {
        environment.certificates_end([(CertificateKind::ClientCa, "/tls/old.pem".into(), unix(4_000_000_000))]);
    }
    preprod.certificates_end([(CertificateKind::ClientCa, "/tls/new.pem".into(), unix(4_000_000_000))]);
    let text = metrics.encode();
    let of = |environment: &str, file: &str| {
        format!("expiry_timestamp_seconds{{environment=\"{environment}\",kind=\"client_ca\",file=\"{file}\"}}")
    };
    assert!(text.contains(&of("preprod", "/tls/new.pem")) && !text.contains(&of("preprod", "/tls/old.pem")), "{text}");
    assert!(text.contains(&of("production", "/tls/old.pem")), "{text}");
}

#[test]
fn all_rows_of_the_table_are_told_in_its_order_and_no_others() {
    let text = Metrics::new().encode();
    let told = |kind: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(&format!("# {kind} ")));
        lines
            .map(|line| line.split_once(' ').unwrap())
            .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
            .collect::<Vec<_>>()
    };
    let rows = |of: fn(&table::Metric) -> String| {
        table::ALL
            .iter()
            .map(|row| (row.name().to_owned(), of(row)))
            .filter(|(_, text)| !text.is_empty())
            .collect::<Vec<_>>()
    };
    assert_eq!(told("HELP"), rows(|row| format!("{}.", row.help())));
    assert_eq!(told("TYPE"), rows(|row| row.kind().name().to_owned()));
    assert_eq!(told("UNIT"), rows(|row| row.unit().to_owned()));
}

#[test]
fn an_environment_that_comes_again_goes_on_with_its_counts_and_begins_its_last_hour_anew() {
    let metrics = Metrics::new();
    let end =
        RequestEnd { product: "cof", operation: "a", status: Some(204), retryable: None, elapsed: Duration::ZERO };
    let recent = || metrics.recent().iter().map(|operation| operation.last(MINUTES).requests()).collect::<Vec<_>>();
    let preprod = metrics.for_environment("preprod");
    preprod.request_began();
    preprod.request_ended(end);
    assert_eq!(recent(), [1]);
    preprod.environment_removed();
    assert_eq!(recent(), [0; 0]);
    let preprod = metrics.for_environment("preprod");
    preprod.request_began();
    preprod.request_ended(end);
    assert_eq!(recent(), [1]);
    let line = r#"issuer_host_requests_total{environment="preprod",product="cof",operation="a",status_class="2xx",retryable=""} 2"#;
    assert!(metrics.encode().contains(line));
}

#[test]
fn what_may_be_called_is_told_before_it_is_so_that_a_first_failure_is_seen_to_grow() {
    let metrics = Metrics::new();
    let preprod = metrics.for_environment("preprod");
    preprod.operation_expected("d1", "deliverOtp");
    preprod.second_key_expected("d1", true);
    preprod.second_key_expected("tsh", false);
    let tokens = preprod.token_requests();
    let told = |line: &str, count: u64| metrics.encode().contains(&format!("{line} {count}\n"));
    let of = |class: &str, retryable: &str| {
        let names = r#"environment="preprod",product="d1",operation="deliverOtp""#;
        format!("issuer_host_requests_total{{{names},status_class=\"{class}\",retryable=\"{retryable}\"}}")
    };
    let second_key = |product: &str, reason: &str| {
        let labels = format!("environment=\"preprod\",product=\"{product}\",reason=\"{reason}\"");
        format!("issuer_host_second_key_refusals_total{{{labels}}}")
    };
    let token = |outcome: &str, reason: &str| {
        let labels = format!("environment=\"preprod\",outcome=\"{outcome}\",reason=\"{reason}\"");
        format!("issuer_host_token_requests_total{{{labels}}}")
    };
    let (failed, wrong, refused) = (of("5xx", "true"), second_key("d1", "wrong"), token("refused", "invalid_client"));
    for line in [
        &failed,
        &of("5xx", ""),
        &of("2xx", ""),
        &wrong,
        &second_key("tsh", "issuer_id_unknown"),
        &refused,
        &token("issued", ""),
    ] {
        assert!(told(line, 0), "{line}");
    }
    let text = metrics.encode();
    for line in [of("4xx", "false"), second_key("tsh", "wrong"), second_key("cof", "wrong"), token("refused", "")] {
        assert!(!text.contains(&line), "control: {line}");
    }
    assert_eq!(metrics.recent(), [], "what was never called is not among the calls of the last hour");

    preprod.request_began();
    preprod.request_ended(RequestEnd {
        product: "d1",
        operation: "deliverOtp",
        status: Some(502),
        retryable: Some(true),
        elapsed: Duration::ZERO,
    });
    preprod.second_key_refused("d1", "wrong");
    tokens.refused("invalid_client");
    for line in [failed, wrong, refused] {
        assert!(told(&line, 1), "{line}");
    }
}
