//! NATS JetStream: a batch is published at once, and each message's acknowledgement awaited.

use super::{Client, Service, free_address};
use anyhow::{Result, bail, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the server is, where it is not on the path.
const SERVER: &str = "NATS_SERVER";

pub(super) fn start(folder: &Path) -> Result<Service> {
    let address = free_address()?;
    let folder = folder.join("nats");
    std::fs::create_dir_all(&folder)?;
    let settings = folder.join("nats.conf");
    let store = folder.display();
    std::fs::write(&settings, format!("jetstream {{ store_dir: \"{store}\", sync_interval: always }}\n"))?;
    let server = std::env::var_os(SERVER).map_or_else(|| PathBuf::from("nats-server"), PathBuf::from);
    let mut command = Command::new(server);
    command.args(["-a", "127.0.0.1", "-p", &address.port().to_string(), "-c"]).arg(&settings);
    let process = super::start(&mut command, address)?;
    let mut connection = Connection::open(address)?;
    let stream = r#"{"name":"BENCH","subjects":["bench"],"storage":"file","retention":"limits"}"#;
    let answer = connection.ask("$JS.API.STREAM.CREATE.BENCH", stream.as_bytes())?;
    ensure!(!answer.contains("\"error\""), "JetStream answers {answer}");
    let connect = |address| Ok(Box::new(Connection::open(address)?) as Box<dyn Client>);
    Ok(Service { name: "NATS JetStream", address, connect, _process: process })
}

struct Connection {
    stream: BufReader<TcpStream>,
    commands: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut connection = Connection { stream: BufReader::with_capacity(64 << 10, stream), commands: Vec::new() };
        let inbox = connection.inbox()?;
        write!(connection.stream.get_mut(), "CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB {inbox} 1\r\n")?;
        Ok(connection)
    }

    /// Where answers come.
    fn inbox(&self) -> Result<String> {
        Ok(format!("_INBOX.bench{}", self.stream.get_ref().local_addr()?.port()))
    }

    fn ask(&mut self, subject: &str, body: &[u8]) -> Result<String> {
        let inbox = self.inbox()?;
        write!(self.stream.get_mut(), "PUB {subject} {inbox} {}\r\n", body.len())?;
        self.stream.get_mut().write_all(&[body, b"\r\n"].concat())?;
        self.answer()
    }

    /// The next message that comes.
    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        loop {
            line.clear();
            ensure!(self.stream.read_line(&mut line)? > 0, "the connection was closed");
            match line.split_whitespace().next() {
                Some("MSG") => break,
                Some("PING") => self.stream.get_mut().write_all(b"PONG\r\n")?,
                Some("INFO" | "PONG" | "+OK") => {}
                _ => bail!("the server says {line}"),
            }
        }
        let length: usize = line.split_whitespace().last().unwrap_or_default().parse()?;
        let mut body = vec![0; length + 2];
        self.stream.read_exact(&mut body)?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

impl Client for Connection {
    fn publish(&mut self, batch: &[&[u8]]) -> Result<()> {
        let inbox = self.inbox()?;
        self.commands.clear();
        for message in batch {
            write!(self.commands, "PUB bench {inbox} {}\r\n", message.len())?;
            self.commands.extend_from_slice(message);
            self.commands.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&self.commands)?;
        for _ in batch {
            let answer = self.answer()?;
            ensure!(answer.contains("\"seq\""), "the acknowledgement is {answer}");
        }
        Ok(())
    }
}
