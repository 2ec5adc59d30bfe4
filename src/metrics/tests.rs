use std::time::Duration;

use rustls_pki_types::UnixTime;

use super::*;

#[test]
fn what_happens_is_counted_under_its_environment() {
    let metrics = Metrics::new();
    let preprod = metrics.for_environment("preprod");
    preprod.handshake_accepted("TLSv1.3", true);
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
    preprod.second_key_refused("cof", "api_key_missing");
    preprod.request_began();
    let open = preprod.connection_opened();
    preprod.certificate_expires(
        CertificateKind::ClientCa,
        Some(UnixTime::since_unix_epoch(Duration::from_secs(4_000_000_000))),
    );
    preprod.crl_expires(Some(UnixTime::since_unix_epoch(Duration::from_secs(3_000_000_000))));
    preprod.epoch_installed(7);
    preprod.reloaded(ReloadOutcome::Kept);
    let text = metrics.encode();
    for line in [
        r#"issuer_host_handshakes_total{environment="preprod",outcome="accepted",reason="",tls_version="TLSv1.3"} 1"#,
        r#"issuer_host_handshakes_total{environment="preprod",outcome="failed",reason="expired",tls_version=""} 1"#,
        r#"issuer_host_handshakes_total{environment="",outcome="failed",reason="timeout",tls_version=""} 1"#,
        r#"issuer_host_requests_total{environment="preprod",product="cof",operation="notifyTokenUpdate",status_class="2xx",retryable=""} 1"#,
        r#"issuer_host_requests_total{environment="preprod",product="cof",operation="notifyTokenUpdate",status_class="5xx",retryable="true"} 2"#,
        r#"issuer_host_requests_total{environment="preprod",product="",operation="",status_class="none",retryable=""} 1"#,
        r#"issuer_host_second_key_refusals_total{environment="preprod",product="cof",reason="api_key_missing"} 1"#,
        r#"issuer_host_requests_in_flight{environment="preprod"} 1"#,
        r#"issuer_host_connections{environment="preprod"} 1"#,
        r#"issuer_host_request_duration_seconds_bucket{le="0.005",environment="preprod"} 4"#,
        r#"issuer_host_certificate_expiry_timestamp_seconds{environment="preprod",kind="client_ca"} 4000000000"#,
        r#"issuer_host_crl_next_update_timestamp_seconds{environment="preprod"} 3000000000"#,
        r#"issuer_host_resumed_handshakes_total{environment="preprod"} 1"#,
        r#"issuer_host_epoch{environment="preprod"} 7"#,
        r#"issuer_host_reloads_total{environment="preprod",outcome="kept"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"), "OpenMetrics ends with EOF");
    preprod.environment_removed();
    let text = metrics.encode();
    for line in [
        "issuer_host_certificate_expiry_timestamp_seconds{",
        "issuer_host_crl_next_update_timestamp_seconds{",
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
