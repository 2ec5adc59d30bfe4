//! The lines that are printed.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use issuer_host::app::InboxSetup;
use issuer_host::inbox::InboxOptions;
use issuer_host::inbox::entry::State;
use issuer_host::inbox::store::Store;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::fill::fill;
use crate::load::{CONNECTIONS, Callers, Run};
use crate::median::median;
use crate::pki::{Authority, Keys};
use crate::server::{Server, store};
use crate::{Error, disk};

/// What is measured, and how long.
pub(crate) struct Report<'r> {
    pub(crate) directory: &'r Path,
    pub(crate) postgres: Option<String>,
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
}

impl Report<'_> {
    /// Acknowledged notifications per second.
    pub(crate) async fn rates(&self) -> Result<(), Error> {
        let callers = self.callers()?;
        println!(
            "acknowledged notifications of 1 KiB over {CONNECTIONS} connections, server on one core; medians of {}",
            self.rounds
        );
        let mut fsyncs = Vec::new();
        let mut of: Vec<(String, Vec<Run>)> = Vec::new();
        let mut stores = vec![("nothing is kept", "none".to_owned())];
        stores.push(("SQLite", format!("sqlite:{}", self.directory.join("rate.db").display())));
        stores.extend(self.database("rate").await?.map(|url| ("PostgreSQL", url)));
        for _ in 0..self.rounds {
            fsyncs.push(disk::fsyncs_per_second(self.directory, self.time / 2)?);
            for (name, store) in &stores {
                let server = Server::start(store, self.directory, false)?;
                // What is new is slow once.
                callers.run(server.address, self.time / 5).await?;
                let run = callers.run(server.address, self.time).await?;
                server.stop()?;
                match of.iter_mut().find(|(known, _)| known == name) {
                    Some((_, runs)) => runs.push(run),
                    None => of.push(((*name).to_owned(), vec![run])),
                }
            }
        }
        let fsync = median(fsyncs);
        println!("{:<18} {:>9.0}/s  {:>8.3} ms each", "fsync of 4 KiB", fsync, 1000.0 / fsync);
        let bare = of.first().map_or(f64::NAN, |(_, runs)| median(runs.iter().map(|run| run.rate)));
        for (name, runs) in &of {
            let [rate, mean, p99] =
                [|run: &Run| run.rate, |run: &Run| run.mean, |run: &Run| run.p99].map(|of| median(runs.iter().map(of)));
            let refused: u64 = runs.iter().map(|run| run.refused).sum();
            println!(
                "{name:<18} {rate:>9.0}/s  mean {:>7.2} ms  p99 {:>7.2} ms ({:.1} x mean)  {:>6.2} x nothing kept  {:>6.1} x fsync  refused {refused}",
                mean * 1000.0,
                p99 * 1000.0,
                p99 / mean,
                rate / bare,
                rate / fsync,
            );
        }
        Ok(())
    }

    /// What many entries that wait change.
    pub(crate) async fn million(&self, many: usize) -> Result<(), Error> {
        let callers = self.callers()?;
        println!(
            "\nwith {many} entries that wait, each for itself, beside a store with few, in turns; medians of {}",
            self.rounds
        );
        // Few: enough for deliveries to go on for as long as is measured.
        let sizes = [("few", many.min(30_000)), ("many", many)];
        let file = |size| format!("sqlite:{}", self.directory.join(size).with_extension("db").display());
        let mut engines = vec![("SQLite", sizes.iter().map(|(size, _)| file(size)).collect())];
        let mut databases = Vec::new();
        for (size, _) in sizes {
            databases.extend(self.database(size).await?);
        }
        if !databases.is_empty() {
            engines.push(("PostgreSQL", databases));
        }
        for (name, stores) in engines {
            for (argument, (_, waiting)) in stores.iter().zip(sizes) {
                let store = open(argument, true).await?;
                fill(&store, waiting).await?;
                store.close().await;
            }
            // In turns, so that whatever else happens to the disk happens to both.
            let mut of = [Vec::new(), Vec::new()];
            for _ in 0..self.rounds {
                for (argument, of) in stores.iter().zip(&mut of) {
                    of.push(Standing::measure(self, &callers, argument).await?);
                }
            }
            let [few, many] = of.map(|of| Standing::median(&of));
            println!(
                "{name:<11} start {:.2} s  received {:.0}/s ({:.2} x)  delivered {:.0}/s ({:.2} x)  memory {:.0} MiB ({:+.0} MiB)",
                many.start,
                many.received,
                many.received / few.received,
                many.delivered,
                many.delivered / few.delivered,
                many.memory,
                many.memory - few.memory,
            );
        }
        Ok(())
    }

    /// A database of its own, whose name tells what it is for; it stays.
    async fn database(&self, purpose: &str) -> Result<Option<String>, Error> {
        let Some(url) = &self.postgres else { return Ok(None) };
        let name = format!("bench_{purpose}_{}", std::process::id());
        let mut connection = PgConnection::connect(url).await?;
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
        connection.close().await?;
        let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (server, _) = address.rsplit_once('/').ok_or("the url names no database")?;
        Ok(Some(format!("{server}/{name}?{parameters}")))
    }

    fn callers(&self) -> Result<Callers, Error> {
        let (clients, servers) = (Authority::new("client", Keys::P256)?, Authority::new("server", Keys::P256)?);
        let identity = servers.server()?;
        std::fs::write(self.directory.join("client-ca.pem"), &clients.root_pem)?;
        std::fs::write(self.directory.join("server-chain.pem"), &identity.chain_pem)?;
        std::fs::write(self.directory.join("server-key.pem"), &identity.key_pem)?;
        Callers::new(&servers.root_pem, &clients.client("bench")?)
    }
}

/// What a server does with so many entries that wait.
struct Standing {
    start: f64,
    received: f64,
    delivered: f64,
    /// MiB.
    memory: f64,
}

impl Standing {
    async fn measure(report: &Report<'_>, callers: &Callers, argument: &str) -> Result<Self, Error> {
        let begun = Instant::now();
        let server = Server::start(argument, report.directory, false)?;
        let start = begun.elapsed().as_secs_f64();
        callers.run(server.address, report.time / 5).await?;
        let received = callers.run(server.address, report.time).await?.rate;
        server.stop()?;

        let server = Server::start(argument, report.directory, true)?;
        let store = open(argument, false).await?;
        let (from, begun) = (delivered(&store).await?, Instant::now());
        tokio::time::sleep(report.time).await;
        #[allow(clippy::cast_precision_loss, reason = "counts of entries and bytes")]
        let (delivered, memory) = (
            (delivered(&store).await? - from) as f64 / begun.elapsed().as_secs_f64(),
            server.memory()? as f64 / f64::from(1 << 20),
        );
        store.close().await;
        server.stop()?;
        Ok(Self { start, received, delivered, memory })
    }

    fn median(of: &[Self]) -> Self {
        let median_of = |what: fn(&Self) -> f64| median(of.iter().map(what));
        Self {
            start: median_of(|standing| standing.start),
            received: median_of(|standing| standing.received),
            delivered: median_of(|standing| standing.delivered),
            memory: median_of(|standing| standing.memory),
        }
    }
}

async fn open(argument: &str, exclusive: bool) -> Result<Arc<dyn Store>, Error> {
    let setup = InboxSetup { store: store(argument), master_keys: None, options: InboxOptions::default() };
    Ok(setup.open(exclusive).await?)
}

async fn delivered(store: &Arc<dyn Store>) -> Result<u64, Error> {
    let counts = store.counts().await?;
    Ok(counts.iter().filter(|count| count.state == State::Delivered).map(|count| count.entries).sum())
}
