//! Reloads while callers keep calling: nobody notices.

use std::time::{Duration, Instant};

use crate::support::door::BY_HAND;
use crate::support::{Authority, Door, Setup, Steady};

/// Between the beginnings of two reloads.
const PACE: Duration = Duration::from_millis(100);

/// A minute's worth of reloads where `ISSUER_HOST_TEST_FULL=1` asks for it, else six seconds' worth.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_reloads_a_second_fail_no_request_of_whom_every_epoch_admits() {
    let reloads = if std::env::var_os("ISSUER_HOST_TEST_FULL").is_some_and(|full| full == "1") { 600 } else { 60 };
    let door = Door::with(Setup { server: BY_HAND, ..Setup::default() }).await;
    let other = Authority::root("Other Client Root");
    let newcomer = door.stranger().presenting(&other.client("newcomer"));

    let mut callers = Vec::new();
    for number in 0..16 {
        let caller = if number % 2 == 0 { door.honest() } else { door.honest().h2() };
        let kept = number % 4 < 2;
        callers.push(if kept {
            Steady::keeping(caller.session().await.unwrap(), "/called")
        } else {
            Steady::anew(caller, "/called")
        });
    }
    for caller in &callers {
        caller.serves(1).await;
    }

    let began = Instant::now();
    for number in 1..=reloads {
        let both = number % 2 == 1;
        if both {
            door.replace_anchors(&[&door.pki.clients, &other]);
        } else {
            door.replace_anchors(&[&door.pki.clients]);
        }
        let report = door.server.reload().await;
        let report = &report["environments"]["preprod"];
        assert_eq!((&report["outcome"], &report["to"]), (&"installed".into(), &(number + 1).into()), "{report}");
        if number % 20 == 19 {
            // Control: these are other epochs indeed.
            newcomer.expect_accepted("a client of the other CA").await;
        }
        tokio::time::sleep((PACE * number).saturating_sub(began.elapsed())).await;
    }
    let elapsed = began.elapsed();
    for caller in &callers {
        caller.serves(1).await;
    }

    let mut served = 0;
    let mut failures = Vec::new();
    for caller in callers {
        let tally = caller.stop().await;
        served += tally.served;
        failures.extend(tally.failures);
    }
    println!("{reloads} reloads in {elapsed:?}: {served} requests served, {} failed", failures.len());
    assert_eq!(failures, [""; 0]);
    assert_eq!(door.server.reloads("installed").await, usize::try_from(reloads).unwrap());
    assert_eq!(door.server.epoch().await, u64::from(reloads) + 1);
    // The newcomer's own connections may still have been there when its CA went.
    let retired = door.server.events("client_retired");
    assert!(retired.iter().all(|event| event["subject"].to_string().contains("CN=newcomer")), "{retired:?}");
    newcomer.expect_refused("a client of the CA that is gone").await;
    door.is_unharmed().await;
}
