use super::*;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_session_ends_when_nobody_uses_it_and_after_half_a_day_all_the_same() {
    let (sessions, start) = (Sessions::default(), Instant::now());
    let open = || sessions.open(start).unwrap().id;
    let lives = |id: &str, now, used| sessions.find(id, now, used).is_some();
    let (used, idle, watched) = (open(), open(), open());
    assert!(used != idle && used.len() == 43);
    for minutes in (0..720).step_by(29) {
        assert!(lives(&used, start + minutes * MINUTE, true), "{minutes}");
        // A page that is left open is no use of it.
        assert_eq!(lives(&watched, start + minutes * MINUTE, false), minutes < 30, "{minutes}");
    }
    assert!(!lives(&idle, start + 30 * MINUTE, true));
    assert!(!lives(&used, start + 720 * MINUTE, true));
    for unknown in ["", "x", &used[1..]] {
        assert!(!lives(unknown, start, true), "{unknown}");
    }
    let next = sessions.open(start + 720 * MINUTE).unwrap();
    assert_eq!((next.over.len(), next.displaced), (3, None), "who opens one learns which are over");
}

#[test]
fn a_session_that_was_closed_is_gone_and_others_are_not() {
    let (sessions, now) = (Sessions::default(), Instant::now());
    let (one, other) = (sessions.open(now).unwrap(), sessions.open(now).unwrap());
    assert_eq!((sessions.close(&one.id), sessions.close(&one.id)), (Some(one.label), None));
    assert!(sessions.find(&one.id, now, true).is_none());
    assert_eq!(sessions.find(&other.id, now, true).unwrap().label, other.label);
}

#[test]
fn sessions_are_bounded_and_the_stalest_gives_way() {
    let (sessions, start) = (Sessions::default(), Instant::now());
    let opened: Vec<_> = (0..).zip(0..MOST).map(|(at, _)| sessions.open(start + at * MINUTE / 60).unwrap()).collect();
    let (later, lives) = (start + 2 * MINUTE, |id: &str, now| sessions.find(id, now, true).is_some());
    assert!(opened.iter().all(|one| one.displaced.is_none()) && lives(&opened[0].id, later));
    assert_eq!(sessions.open(later).unwrap().displaced, Some(opened[1].label));
    assert!(lives(&opened[0].id, later) && !lives(&opened[1].id, later));
    assert_eq!(sessions.0.lock().unwrap().len(), MOST);
}

#[test]
fn a_session_is_meant_by_its_own_second_secret_alone() {
    let (sessions, now) = (Sessions::default(), Instant::now());
    let (one, other) = (sessions.open(now).unwrap(), sessions.open(now).unwrap());
    let found = sessions.find(&one.id, now, true).unwrap();
    for wrong in ["", "1", &one.id, &other.secret, &one.secret[1..]] {
        assert!(!found.is_meant(wrong.as_bytes()), "{wrong}");
    }
    assert!(found.is_meant(one.secret.as_bytes()), "control");
}

#[test]
fn what_is_kept_and_what_is_told_is_neither_id_nor_secret() {
    let sessions = Sessions::default();
    let Opened { id, secret, label, .. } = sessions.open(Instant::now()).unwrap();
    let kept = format!("{sessions:?} {label} {:?}", sessions.find(&id, Instant::now(), true));
    assert!(!kept.contains(&id) && !kept.contains(&secret), "{kept}");
}

fn called(host: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::HOST, host.parse().unwrap())])
}

#[test]
fn a_cookie_is_for_this_host_alone_and_behind_tls_it_says_so() {
    let headers = called("localhost:9090");
    let text = |id, tls| cookie(id, &headers, tls).unwrap().to_str().unwrap().to_owned();
    assert_eq!(text(Some("id"), false), "issuer-host-session-9090=id; Path=/; HttpOnly; SameSite=Strict");
    assert_eq!(text(Some("id"), true), "__Host-issuer-host-session-9090=id; Path=/; HttpOnly; SameSite=Strict; Secure");
    assert!(text(None, false).ends_with("; Max-Age=0"));
}

#[test]
fn servers_on_several_ports_of_a_host_have_a_cookie_each_and_no_other_cookie_hides_ours() {
    let written = "a=b; issuer-host-session-9090=not-ours; issuer-host-session-9091=other; issuer-host-session=plain";
    for (host, ids) in [
        ("localhost:9090", &["not-ours", "ours"][..]),
        ("localhost:9091", &["other"]),
        ("[::1]:9091", &["other"]),
        ("localhost", &["plain"]),
        ("[::1]", &["plain"]),
        ("localhost:9092", &[]),
    ] {
        let mut headers = called(host);
        headers.append(header::COOKIE, written.parse().unwrap());
        headers.append(
            header::COOKIE,
            "issuer-host-session-9090=ours; __Host-issuer-host-session-9090=tls".parse().unwrap(),
        );
        assert_eq!(shown(&headers, false).collect::<Vec<_>>(), ids, "{host}");
        assert_eq!(shown(&headers, true).count(), usize::from(host == "localhost:9090"), "{host}");
    }
}

#[test]
fn of_cookies_without_end_the_first_few_are_looked_at() {
    let mut headers = called("localhost:9090");
    headers.append(header::COOKIE, "issuer-host-session-9090=x; ".repeat(500).parse().unwrap());
    assert_eq!(shown(&headers, false).count(), 8);
}
