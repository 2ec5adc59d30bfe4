//! What changes around the program: a reload each second, rotations, and backends that are unwell.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::counts::Counts;
use crate::era::Moment;
use crate::place::{Health, Keys, Place, Trust};
use crate::program::Error;
use crate::program::backend::Mood;

/// Between two flaps, and how long one lasts.
const BETWEEN_FLAPS: Duration = Duration::from_secs(11);
const FLAP: Duration = Duration::from_secs(4);
/// For what was under way with the key before.
const SETTLES: Duration = Duration::from_millis(500);
/// For calls over connections to a backend that went away, and for those that it is slow to answer.
const RECOVERS: Duration = Duration::from_secs(3);

/// Each second a reload, and now and then something new to find in it, until `enough`.
pub(crate) async fn each_second(
    place: Arc<Place>,
    counts: Arc<Counts>,
    enough: CancellationToken,
) -> Result<(), Error> {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for second in 1_u64.. {
        tokio::select! {
            _ = seconds.tick() => {}
            () = enough.cancelled() => break,
        }
        match second {
            _ if second % 6 == 0 => trust(&place, &counts).await?,
            _ if second % 10 == 5 => {
                place.renew_server()?;
                reload(&place, &counts).await?;
                counts.count("server certificates renewed");
            }
            _ if second % 15 == 7 => keys(&place, &counts, second).await?,
            _ if second % 2 == 0 => reload(&place, &counts).await?,
            _ => {
                place.program.hang_up()?;
                counts.count("reloads asked for by SIGHUP");
            }
        }
    }
    Ok(())
}

/// The second client CA comes or goes.
async fn trust(place: &Place, counts: &Counts) -> Result<(), Error> {
    let Moment { value: before, .. } = place.trust.now();
    let comes = before == Trust::Removed;
    place.trust.set(Trust::Changing);
    place.write_trust(comes)?;
    reload(place, counts).await?;
    place.trust.set(if comes { Trust::Admitted } else { Trust::Removed });
    counts.count(if comes { "client CA added" } else { "client CA removed" });
    Ok(())
}

/// A new API key beside the old one, then without it.
async fn keys(place: &Place, counts: &Counts, number: u64) -> Result<(), Error> {
    let Moment { value: Keys { current: old, .. }, .. } = place.keys.now();
    let new = format!("key-number-{number}-0123456789-abcdefghij");
    place.write_keys(&[old.clone(), new.clone()])?;
    reload(place, counts).await?;
    place.keys.set(Keys { current: new.clone(), dead: None });
    sleep(SETTLES).await;
    place.write_keys(std::slice::from_ref(&new))?;
    reload(place, counts).await?;
    place.keys.set(Keys { current: new, dead: Some(old) });
    counts.count("API keys renewed");
    Ok(())
}

/// A reload, which has to find everything in order.
async fn reload(place: &Place, counts: &Counts) -> Result<(), Error> {
    let report = place.program.reload().await?;
    let environments = report.get("environments").and_then(serde_json::Value::as_object).ok_or("no report")?;
    let is_well = |outcome: &serde_json::Value| outcome == "installed" || outcome == "unchanged";
    let all = environments.len() == 2
        && environments.values().all(|environment| environment.get("outcome").is_some_and(is_well));
    if !all {
        counts.wrong(format!("a reload failed: {report}"));
    }
    counts.count("reloads asked for by the admin listener");
    Ok(())
}

/// Backends that are down, slow or failing every so often, until `enough`; then they are well.
pub(crate) async fn flaps(place: Arc<Place>, counts: Arc<Counts>, enough: CancellationToken) -> Result<(), Error> {
    let moods =
        [(Mood::Down, "backends down"), (Mood::Slow, "backends slow"), (Mood::Failing, "backends answering 500")];
    for (mood, name) in moods.into_iter().cycle() {
        if is_over(&enough, BETWEEN_FLAPS).await {
            break;
        }
        place.health.set(Health::Unwell);
        place.backends.iter().for_each(|backend| backend.set(mood));
        counts.count(name);
        let is_last = is_over(&enough, FLAP).await;
        place.backends.iter().for_each(|backend| backend.set(Mood::Well));
        sleep(RECOVERS).await;
        place.health.set(Health::Well);
        if is_last {
            break;
        }
    }
    Ok(())
}

async fn is_over(enough: &CancellationToken, time: Duration) -> bool {
    tokio::select! {
        () = enough.cancelled() => true,
        () = sleep(time) => false,
    }
}
