//! One attack from beginning to end.

use std::env;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::attacks::{Attack, Kind, Without};
use crate::cgroup::Group;
use crate::disk::{self, SmallDisk};
use crate::gauges::Baseline;
use crate::honest;
use crate::place::Place;
use crate::program::Error;
use crate::program::client::{Call, Http};
use crate::program::metrics::Metrics;
use crate::program::serving::{self, Program};
use crate::row::{Laid, Row};

/// Descriptors that are left to a program that is to have none.
const FEW_DESCRIPTORS: u64 = 120;
/// What the attacking process may take to end.
const ENDS: Duration = Duration::from_secs(60);
/// Newcomers before anything is measured: what is set up once is set up.
const WARM_UP: usize = 50;

/// What was seen of the program while it was attacked.
#[derive(Default)]
struct Seen {
    resident: u64,
    permits: f64,
    last_permits: f64,
}

pub(crate) async fn lay(attack: &Attack, program: &Path, quick: bool) -> Result<Row, Error> {
    let group = match attack.without {
        Without::Memory => match Group::make() {
            Ok(group) => Some(group),
            Err(why) => return Ok(Row::NotRun(attack.name, why)),
        },
        _ => None,
    };
    let disk = match attack.without {
        Without::Disk => match SmallDisk::mount() {
            Ok(disk) => Some(disk),
            Err(why) => return Ok(Row::NotRun(attack.name, why)),
        },
        _ => None,
    };
    let prefix = group.as_ref().map(Group::prefix).unwrap_or_default();
    let inbox = disk.as_ref().map(SmallDisk::inbox);
    let mut place = Place::open(program, &prefix, inbox.as_deref()).await?;
    let newcomer = place.honest(Http::One)?;
    for _ in 0..WARM_UP {
        let status = newcomer.visit(&Call::query()).await?;
        if status != 200 {
            return Err(format!("an honest call was answered with {status} before any attack").into());
        }
    }
    let baseline = Baseline::of(&place.program).await?;
    let calm = beside(&place, sleep(Duration::from_secs(if quick { 2 } else { 8 }))).await?.0;

    let before = place.program.metrics().await?;
    let mut wrong = Vec::new();
    let allowed = match attack.without {
        Without::Descriptors => Some(place.program.limit_descriptors(FEW_DESCRIPTORS)?),
        _ => None,
    };
    let attacking = async {
        match &disk {
            Some(disk) => disk::fill(&place, disk, attack.time(quick)).await,
            None => Ok((tried(attack, &child(attack, &place, quick).await?), Vec::new())),
        }
    };
    let (attacked, (told, seen)) = Box::pin(beside(&place, watched(&place.program, attacking))).await?;
    let (tried, more) = told?;
    wrong.extend(more);
    if let Some(end) = place.program.ended()? {
        return Err(format!("the program ended: {end}").into());
    }
    if let Some(allowed) = allowed {
        if place.program.lines_with("accept_failed") == 0 {
            wrong.push("accept never failed: there were descriptors left".to_owned());
        }
        place.program.limit_descriptors(allowed)?;
        recovers(&place).await?;
    }
    let back = baseline.returned(&place.program, seen.resident).await?;
    let mut did = did(&place.program.metrics().await?, &before, &seen);
    if let Some(peak) = group.as_ref().and_then(Group::peak) {
        write!(did, "; the control group took {} MiB at most", peak >> 20)?;
    }
    recovers(&place).await?;
    let may_fail = attack.without == Without::Descriptors;
    let (resident_before, resident_peak) = (baseline.resident, seen.resident);
    let laid =
        Laid { name: attack.name, tried, did, calm, attacked, may_fail, resident_before, resident_peak, back, wrong };
    Ok(Row::Laid(Box::new(laid)))
}

/// Honest calls while something else goes on.
async fn beside<T>(place: &Place, other: impl Future<Output = T>) -> Result<(honest::Tally, T), Error> {
    let enough = CancellationToken::new();
    let (tally, other) = tokio::join!(honest::calls(place, enough.clone()), async {
        let other = other.await;
        enough.cancel();
        other
    });
    Ok((tally?, other))
}

async fn watched<T>(program: &Program, other: impl Future<Output = T>) -> (T, Seen) {
    let mut seen = Seen::default();
    let mut looks = interval(Duration::from_millis(250));
    tokio::pin!(other);
    loop {
        tokio::select! {
            done = &mut other => return (done, seen),
            _ = looks.tick() => {
                seen.resident = seen.resident.max(program.resident_bytes().unwrap_or_default());
                if let Ok(metrics) = program.metrics().await {
                    seen.last_permits = metrics.sum("issuer_host_connection_permits_in_use", &[]);
                    seen.permits = seen.permits.max(seen.last_permits);
                }
            }
        }
    }
}

/// The attacking process: it gives way to the program and to the honest caller, as one on another machine would leave them theirs.
async fn child(attack: &Attack, place: &Place, quick: bool) -> Result<Value, Error> {
    let kind = clap::ValueEnum::to_possible_value(&attack.kind).ok_or("an attack without a name")?;
    let child = Command::new("nice")
        .args(["-n", "10"])
        .arg(env::current_exe()?)
        .args(["attack", kind.get_name(), "--address", &place.program.address.to_string(), "--pki"])
        .arg(place.pki())
        .args([
            "--count",
            &attack.count(quick, serving::descriptors()).to_string(),
            "--seconds",
            &attack.time(quick).as_secs().to_string(),
        ])
        .stdout(Stdio::piped())
        .spawn()?;
    let ended = spawn_blocking(|| child.wait_with_output());
    let output = timeout(attack.time(quick) + ENDS, ended).await.map_err(|_| "the attack never ended")???;
    if !output.status.success() {
        return Err(format!("the attacking process ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn tried(attack: &Attack, told: &Value) -> String {
    let number = |name: &str| told.get(name).and_then(Value::as_u64).unwrap_or_default();
    let (attempts, most, bytes) = (number("attempts"), number("most_open"), number("bytes"));
    let closed = number("closed");
    match attack.kind {
        Kind::HugeBodies => format!("{attempts} bodies, {} MB sent, {closed} cut or answered", bytes / 1_000_000),
        Kind::Crowd => format!("{attempts} connections, {most} at once, {} MB sent", bytes / 1_000_000),
        _ => format!(
            "{attempts} connections, {most} at once, {closed} closed by the server, {} MB sent",
            bytes / 1_000_000
        ),
    }
}

/// What the counters say that the program did.
fn did(after: &Metrics, before: &Metrics, seen: &Seen) -> String {
    let mut words = vec![format!("connections held: {} at most, {} at the end", seen.permits, seen.last_permits)];
    for (name, label, what) in [
        ("issuer_host_handshakes_total", "reason", "handshakes"),
        ("issuer_host_handshakes_displaced_total", "", "displaced"),
        ("issuer_host_accept_errors_total", "", "accept failed"),
        ("issuer_host_requests_total", "status_class", "answered"),
        ("issuer_host_inbox_failures_total", "error", "not stored"),
    ] {
        for (value, count) in after.growth(before, name, label) {
            let value = if value.is_empty() && what == "handshakes" { "accepted".to_owned() } else { value };
            words.push(format!("{what} {value} {count}").replace("  ", " "));
        }
    }
    words.join(", ")
}

/// Honest calls are served again, soon.
async fn recovers(place: &Place) -> Result<(), Error> {
    let newcomer = place.honest(Http::Two)?;
    let again = async {
        while newcomer.visit(&Call::query()).await.is_ok_and(|status| status == 200).eq(&false) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(15), again).await.map_err(|_| "no honest call is served any more".into())
}
