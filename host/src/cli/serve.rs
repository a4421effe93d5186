//! `campanile serve`: a folder of messages for everybody who may.

mod log;
mod open;
mod system_topics;

use super::{DataFolder, Exit, signals, size};
use crate::wiring::data_folder;
use crate::wiring::messaging::{folder_in, socket_in};
use anyhow::bail;
use campanile_engine::spec::parse_duration;
use campanile_messaging::{Durability, Error, Messaging, Options};
use campanile_server::{Auth, Bounds, Limits, Report, Server, ServerOptions, TlsFiles};
use clap::{Args, ValueEnum};
use log::{log, warn};
use open::Opened;
use std::mem::discriminant;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use system_topics::SystemTopics;

/// How long requests that are being answered may take once it is told to stop.
const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// How often it is looked whether messages can be taken.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Serve topics over HTTP
///
/// Opens the messages of the data folder and answers over TCP, and on the Unix socket in the folder. Ctrl-C or SIGTERM end it:
/// requests that are being answered may end, then the folder is free for others.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  campanile serve
  campanile serve --no-auth              on this machine, for clients that send no token
  campanile serve --listen 0.0.0.0:8090 --tls-cert server.pem --tls-key server.key

On 127.0.0.1 everybody on this machine may read; to change anything needs a token. The first
one is made at the first start, in the file `token` of the data folder. On any other address
everything needs a token, and one must have been made before: `campanile tokens create`.

Exit codes: 0 told to stop, 1 it could not start, 2 the command line is wrong.")]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    data: DataFolder,
    /// The address; port 0 finds a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8090", value_parser = address)]
    listen: SocketAddr,
    /// Ask nobody for a token; on this machine only
    #[arg(long)]
    no_auth: bool,
    /// TLS: a file with the certificate and those that lead to its authority, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// TLS: a file with the certificate's private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// What an acknowledgement means
    #[arg(long, value_enum, default_value_t = Durable::Fsync)]
    durability: Durable,
    /// How old the transaction of a publication may be; unlimited: as old as it likes
    #[arg(long, value_name = "TIME", default_value = "90000s", value_parser = lifetime)]
    tx_max_lifetime: Lifetime,
    /// The largest body that is published or stored
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size::parse_bound)]
    max_publish_bytes: usize,
    /// The largest body of any other request
    #[arg(long, value_name = "SIZE", default_value = "10MiB", value_parser = size::parse_bound)]
    max_request_bytes: usize,
    /// Connections at the same time; more wait
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    max_connections: u32,
    /// Room that must be left on the disk: below it nothing is written
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size::parse)]
    min_free_bytes: u64,
    /// Memory for what was read
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = size::parse)]
    cache_bytes: u64,
}

/// What an acknowledgement means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Durable {
    /// The messages are on the disk: they outlive a power cut
    Fsync,
    /// The operating system has the messages: they outlive this process, and no power cut
    Relaxed,
}

/// How old a transaction may be; none: as old as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lifetime(Option<Duration>);

fn lifetime(text: &str) -> Result<Lifetime, String> {
    match text {
        "unlimited" => Ok(Lifetime(None)),
        time => parse_duration(time)
            .map(|time| Lifetime(Some(time)))
            .ok_or_else(|| "write a length of time such as 90000s or 25h, or unlimited".to_owned()),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let addresses = text.to_socket_addrs().map_err(|error| {
        format!("{error}; write an address of this machine and a port, such as 127.0.0.1:8090 or [::1]:8090")
    })?;
    addresses.into_iter().next().ok_or_else(|| "this name has no address".to_owned())
}

pub(super) fn run(args: &ServeArgs) -> anyhow::Result<Exit> {
    let data = data_folder(args.data.data.clone())?;
    let (stop, stopped) = sync_channel(1);
    signals::install(move || {
        log("stopping: requests that are being answered may end; once more ends at once");
        // It is received, or everything has ended.
        let _ = stop.send(());
    })?;
    let mut topics = SystemTopics::default();
    let (messaging, server) = match start(args, &data, &stopped, &mut topics) {
        Ok(Some(started)) => started,
        Ok(None) => return Ok(Exit::Done),
        Err(error) => {
            log(format_args!("error: {error:#}"));
            return Ok(Exit::Failed);
        }
    };
    watch(&messaging, &stopped, &mut topics);
    let begun = Instant::now();
    if !server.stop(STOP_DEADLINE) {
        warn(format_args!("requests were cut off that had no answer within {} s", STOP_DEADLINE.as_secs()));
    }
    drop(messaging);
    log(format_args!("stopped in {:.1} s", begun.elapsed().as_secs_f64()));
    Ok(Exit::Done)
}

/// Starts it; none if it was stopped before.
fn start(
    args: &ServeArgs,
    data: &Path,
    stopped: &Receiver<()>,
    topics: &mut SystemTopics,
) -> anyhow::Result<Option<(Messaging, Server)>> {
    let folder = folder_in(data);
    let store = Options {
        durability: match args.durability {
            Durable::Fsync => Durability::Fsync,
            Durable::Relaxed => Durability::Relaxed,
        },
        tx_max_lifetime: args.tx_max_lifetime.0,
        min_free_bytes: args.min_free_bytes,
        cache_bytes: args.cache_bytes,
        ..Options::default()
    };
    let begun = Instant::now();
    let messaging = match open::open(&folder, &store, stopped)? {
        Opened::Done(messaging) => messaging,
        Opened::Stopped => return Ok(None),
    };
    log(format_args!("opened {} in {:.1} s", folder.display(), begun.elapsed().as_secs_f64()));
    // Nobody meets a server without them.
    topics.create(&messaging);
    let mut options = ServerOptions::new(data);
    options.listen = Some(args.listen);
    options.socket = Some(socket_in(&folder));
    options.tls =
        args.tls_cert.clone().zip(args.tls_key.clone()).map(|(certificate, key)| TlsFiles { certificate, key });
    if args.no_auth {
        options.auth = Auth::Off;
    }
    options.report = Some(Report::new(|failure| log(format_args!("error: {failure}"))));
    options.limits =
        Limits { publish_bytes: args.max_publish_bytes, request_bytes: args.max_request_bytes, ..Limits::default() };
    options.bounds = Bounds { connections: args.max_connections as usize, ..Bounds::default() };
    let server = Server::start(messaging.clone(), options)?;
    let Some(address) = server.address() else { bail!("the system does not tell the address that is listened on") };
    if args.durability == Durable::Relaxed {
        warn(
            "--durability relaxed: messages are acknowledged before they are on the disk; a power cut loses the last ones",
        );
    }
    let scheme = if args.tls_cert.is_some() { "https" } else { "http" };
    log(format_args!("listening on {scheme}://{address}"));
    if args.no_auth {
        warn("--no-auth: everybody on this machine may read, publish and change topics");
    } else if address.ip().to_canonical().is_loopback() {
        let made = if server.made_first_token() { "made the first token: it is" } else { "the first token is" };
        log(format_args!("{made} in {}; `campanile tokens create` makes others", data.join("token").display()));
    } else if args.tls_cert.is_none() {
        warn("no TLS: tokens and messages can be read on the way; --tls-cert and --tls-key turn it on");
    }
    Ok(Some((messaging, server)))
}

/// Says what changes, until it is told to stop.
fn watch(messaging: &Messaging, stopped: &Receiver<()>, topics: &mut SystemTopics) {
    let mut refusal: Option<Error> = None;
    loop {
        topics.create(messaging);
        let now = messaging.check().err();
        let same = |before: &Error, error: &Error| discriminant(before) == discriminant(error);
        match (&refusal, &now) {
            // How much is free changes all the time.
            (Some(before), Some(error)) if same(before, error) => {}
            (_, Some(error)) => log(format_args!("error: messages are not taken: {error}")),
            (Some(_), None) => log("messages are taken again"),
            (None, None) => {}
        }
        refusal = now;
        if !matches!(stopped.recv_timeout(LOOK_EVERY), Err(RecvTimeoutError::Timeout)) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_time_or_unlimited() {
        assert_eq!(lifetime("unlimited"), Ok(Lifetime(None)));
        assert_eq!(lifetime("25h"), Ok(Lifetime(Some(Duration::from_secs(90_000)))));
        assert!(lifetime("forever").is_err());
    }

    #[test]
    fn an_address_has_a_port() {
        assert!(address("127.0.0.1:0").is_ok_and(|address| address.ip().is_loopback()));
        assert!(address("[::1]:8090").is_ok());
        assert!(address("127.0.0.1").is_err() && address("").is_err());
    }
}
