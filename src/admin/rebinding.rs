//! Against DNS rebinding: a page in an operator's browser can have its own name resolve to 127.0.0.1, but it cannot make the
//! browser send another `Host`.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// On a loopback listener, only requests for loopback names are answered; elsewhere any name may be right.
pub(super) async fn refuse(State(bound): State<SocketAddr>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    // A browser always names a host; what names none is no page.
    if bound.ip().is_loopback() && !host.is_none_or(is_loopback) {
        return (StatusCode::MISDIRECTED_REQUEST, "this listener answers to localhost only\n").into_response();
    }
    next.run(request).await
}

fn is_loopback(host: &str) -> bool {
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || literal.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn loopback_has_few_names() {
        for host in ["localhost", "LOCALHOST:9090", "127.0.0.1", "127.0.0.1:9090", "[::1]", "[::1]:9090"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "attacker.example", "localhost.attacker.example:9090", "127.0.0.1.attacker.example", "10.0.0.1"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
