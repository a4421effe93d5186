//! TMS over HTTP against other services that acknowledge what is on the disk: Redis streams with `appendfsync always`, NATS
//! JetStream with `sync_interval: always`. All on loopback, in turns, over connections that stay open.

mod http;
mod nats;
mod redis;

use crate::messaging::{Scratch, median, timed};
use crate::random::Random;
use crate::{beside, say};
use anyhow::{Context, Result, bail};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes of a message.
const MESSAGE_BYTES: usize = 200;
/// Messages that are acknowledged together.
const BATCH: usize = 1_024;
/// Batches of all clients together in a turn.
const BATCHES: usize = 64;
/// Turns of each; the median counts.
const TURNS: usize = 5;
/// How many clients publish at once.
const CLIENTS: [usize; 2] = [1, 16];
/// How long a service may take to start.
const START: Duration = Duration::from_secs(20);

/// A client of a service: one connection.
trait Client: Send {
    /// Publishes a batch and waits until all of it is acknowledged.
    fn publish(&mut self, batch: &[&[u8]]) -> Result<()>;
}

/// A service that runs for the benchmark.
struct Service {
    name: &'static str,
    address: SocketAddr,
    connect: fn(SocketAddr) -> Result<Box<dyn Client>>,
    _process: Process,
}

/// A process that ends with the benchmark.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Prints the rates of all services that are here.
pub(crate) fn measure(folder: &Path) -> Result<()> {
    let scratch = Scratch::new(folder)?;
    let mut services = vec![http::start(&beside("campanile")?, scratch.path())?];
    for (name, started) in [("redis", redis::start(scratch.path())), ("nats", nats::start(scratch.path()))] {
        match started {
            Ok(service) => services.push(service),
            Err(why) => say(format_args!("{name} is left out: {why:#}"))?,
        }
    }
    let mut bytes = vec![0; BATCH * MESSAGE_BYTES];
    Random::new(11).fill(&mut bytes);
    let batch: Vec<&[u8]> = bytes.chunks(MESSAGE_BYTES).collect();
    say(format_args!(
        "batches of {BATCH} messages of {MESSAGE_BYTES} bytes, each acknowledged when it is on the disk"
    ))?;
    for clients in CLIENTS {
        let mut times = vec![Vec::new(); services.len()];
        for _ in 0..TURNS {
            for (service, times) in services.iter().zip(&mut times) {
                times.push(turn(service, clients, &batch).with_context(|| service.name)?);
            }
        }
        let rates: Vec<f64> =
            times.into_iter().map(|times| (BATCHES * BATCH) as f64 / median(times).as_secs_f64()).collect();
        for (service, rate) in services.iter().zip(&rates) {
            let ratio = rates[0] / rate;
            say(format_args!(
                "{clients:>2} clients, {:<26} {rate:>10.0} messages/s, TMS is {ratio:.2} times that",
                service.name
            ))?;
        }
    }
    Ok(())
}

fn turn(service: &Service, clients: usize, batch: &[&[u8]]) -> Result<Duration> {
    let mut connections = (0..clients).map(|_| (service.connect)(service.address)).collect::<Result<Vec<_>>>()?;
    timed(|| {
        std::thread::scope(|scope| {
            let publish =
                |connection: &mut Box<dyn Client>| (0..BATCHES / clients).try_for_each(|_| connection.publish(batch));
            let threads: Vec<_> = connections.iter_mut().map(|c| scope.spawn(move || publish(c))).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    })
}

/// Starts a program and waits until it takes connections.
fn start(command: &mut Command, address: SocketAddr) -> Result<Process> {
    let program = command.get_program().to_owned();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut process = Process(child.with_context(|| format!("{} cannot be started", program.display()))?);
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        if let Some(status) = process.0.try_wait()? {
            bail!("{} ended with {status}", program.display());
        }
        if began.elapsed() > START {
            bail!("{} does not answer at {address}", program.display());
        }
        std::thread::yield_now();
    }
    Ok(process)
}

/// An address on loopback that nobody uses.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
