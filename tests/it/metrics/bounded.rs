//! Callers add no series, whatever they send.

use std::collections::BTreeSet;

use crate::support::series::{Sample, told};
use crate::support::{Authority, Door, Server, Session, request};

/// Random enough, and the same in each run.
struct Words(u64);

impl Words {
    fn next(&mut self) -> String {
        // The generator of Knuth's MMIX.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("w{:x}", self.0 >> 20)
    }
}

async fn series(server: &Server) -> BTreeSet<String> {
    told(server).await.iter().map(Sample::identity).collect()
}

/// Calls whose method, path, query and headers nobody knows.
async fn call_at_random(session: &mut Session, words: &mut Words, calls: usize) {
    for _ in 0..calls {
        let (method, path) =
            (words.next().to_ascii_uppercase(), format!("/{}/{}?{}", words.next(), words.next(), words.next()));
        let call = request(&method, &path)
            .header("x-correlation-id", words.next())
            .header("user-agent", words.next())
            .body(words.next().into())
            .unwrap();
        session.send(call).await.unwrap();
    }
}

/// Handshakes for names, and with certificates, that nobody knows.
async fn knock_at_random(door: &Door, words: &mut Words, times: usize) {
    for _ in 0..times {
        let (name, subject) = (format!("{}.test", words.next()), words.next());
        let stranger = Authority::root(&words.next()).client(&subject);
        door.stranger().presenting(&stranger).expect_refused("a certificate of nobody's").await;
        assert!(door.honest().name(&name).connect().await.is_err(), "{name} is not ours");
    }
}

#[tokio::test]
async fn thousands_of_calls_and_handshakes_that_nobody_knows_add_no_series() {
    let door = Door::open().await;
    let mut words = Words(7);
    let mut session = door.honest().h2().session().await.unwrap();
    // A few of each, so that every outcome has been seen.
    call_at_random(&mut session, &mut words, 20).await;
    knock_at_random(&door, &mut words, 3).await;
    let before = series(&door.server).await;
    call_at_random(&mut session, &mut words, 2000).await;
    knock_at_random(&door, &mut words, 40).await;
    let after = series(&door.server).await;
    let added: Vec<_> = after.difference(&before).collect();
    assert!(added.is_empty(), "{added:?}");
    assert!(door.server.counted("issuer_host_requests_total", &["operation=\"unknown\""]).await >= 2020);

    // Control: a call that is known does.
    let known = request("POST", "/issuer/igwapi/v2.0/checkCardEligibility").header("x-issuer-id", "ISSUER0001");
    session.send(known.body("{}".into()).unwrap()).await.unwrap();
    let added: Vec<_> = series(&door.server).await.difference(&before).cloned().collect();
    assert!(added.iter().any(|series| series.contains("checkCardEligibility")), "{added:?}");
}
