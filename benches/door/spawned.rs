//! Servers that are started for what is measured: until they answer, and how many instructions they take.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

use crate::Error;
use crate::arguments::{Instructions, Start};
use crate::client::Client;
use crate::load::run;
use crate::record::{Details, Measured};
use crate::target::Program;

/// A server that does not answer by then does not come up. Under valgrind everything takes fifty times as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two attempts; what this adds to a start is below anything that is told of it.
const ATTEMPT: Duration = Duration::from_micros(200);

/// How callgrind is run: nothing is kept but the number that it prints in the end.
const CALLGRIND: &str = "valgrind --tool=callgrind --callgrind-out-file=/dev/null --trace-children=yes";

/// A server that is killed when this is dropped.
struct Spawned {
    child: Child,
    begun: Instant,
}

impl Spawned {
    fn start(command: &str) -> Result<Self, Error> {
        let begun = Instant::now();
        let child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Self { child, begun })
    }

    /// The time from its start until it has answered a newcomer.
    async fn answers(&mut self, client: &Client, program: &Program) -> Result<Duration, Error> {
        loop {
            if let Ok(Ok(_)) = timeout(PATIENCE, client.visit(program.address)).await {
                return Ok(self.begun.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{}: ended with {status}: {}", program.name, self.said()?).into());
            }
            if self.begun.elapsed() > PATIENCE {
                return Err(format!("{}: does not answer", program.name).into());
            }
            // Nothing else runs here, and a timer of tokio takes a millisecond at least.
            thread::sleep(ATTEMPT);
        }
    }

    /// Asks it to end as a terminal does, and hands out what it has written to standard error.
    fn interrupt(mut self) -> Result<String, Error> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::INT)?;
        let said = self.said()?;
        self.child.wait()?;
        Ok(said)
    }

    fn said(&mut self) -> Result<String, Error> {
        let mut said = Vec::new();
        if let Some(stderr) = &mut self.child.stderr {
            stderr.read_to_end(&mut said)?;
        }
        Ok(String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts every server in turn, and publishes the time until a newcomer's POST is answered.
///
/// # Errors
/// When a server does not come up.
pub(crate) async fn start(start: &Start) -> Result<(), Error> {
    let client = start.caller.client()?;
    let mut measured: Vec<(&Program, Vec<f64>)> = start.servers.iter().map(|program| (program, Vec::new())).collect();
    for number in 0..start.starts {
        let mut order: Vec<_> = measured.iter_mut().collect();
        if number % 2 == 1 {
            order.reverse();
        }
        for (program, times) in order {
            let mut spawned = Spawned::start(&program.command)?;
            times.push(spawned.answers(&client, program).await?.as_secs_f64() * 1e3);
        }
    }
    let measured = measured
        .into_iter()
        .map(|(program, rounds)| Measured { name: program.name.clone(), rounds, details: Details::default() })
        .collect();
    start.row.publish("ms", measured)
}

/// Counts the instructions of one operation in user space: those of a run with three times as many operations less those of a run
/// with the number that was asked for, so that start and end fall out.
///
/// # Errors
/// When a server does not come up, or an operation fails.
pub(crate) async fn instructions(instructions: &Instructions) -> Result<(), Error> {
    let client = instructions.caller.client()?;
    let mut measured = Vec::new();
    for program in &instructions.servers {
        let few = collected(instructions, &client, program, instructions.operations).await?;
        let many = collected(instructions, &client, program, instructions.operations * 3).await?;
        let each = (many - few) / f64::from(instructions.operations * 2);
        let details = Details {
            note: Some(format!("callgrind, {} operations", instructions.operations * 2)),
            ..Details::default()
        };
        measured.push(Measured { name: program.name.clone(), rounds: vec![each], details });
    }
    instructions.row.publish("instructions/op", measured)
}

async fn collected(options: &Instructions, client: &Client, program: &Program, operations: u32) -> Result<f64, Error> {
    let mut spawned = Spawned::start(&format!("{CALLGRIND} {}", program.command))?;
    spawned.answers(client, program).await?;
    run(client, program.address, options.operation, operations, options.concurrency).await?;
    let said = spawned.interrupt()?;
    let count = said.lines().find_map(|line| Some(line.split_once("Collected :")?.1.trim()));
    Ok(count.ok_or_else(|| format!("{}: callgrind counted nothing: {said}", program.name))?.parse()?)
}
