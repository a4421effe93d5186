//! Redis streams: a batch is a pipeline of XADD, acknowledged when the log is on the disk.

use super::{Client, Service, free_address};
use anyhow::{Result, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

pub(super) fn start(folder: &Path) -> Result<Service> {
    let address = free_address()?;
    let folder = folder.join("redis");
    std::fs::create_dir_all(&folder)?;
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string()]);
    command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""]).arg("--dir").arg(&folder);
    let process = super::start(&mut command, address)?;
    let connect = |address| Ok(Box::new(Connection::open(address)?) as Box<dyn Client>);
    Ok(Service { name: "Redis stream", address, connect, _process: process })
}

struct Connection {
    stream: BufReader<TcpStream>,
    commands: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream: BufReader::with_capacity(64 << 10, stream), commands: Vec::new() })
    }
}

impl Client for Connection {
    fn publish(&mut self, batch: &[&[u8]]) -> Result<()> {
        self.commands.clear();
        for message in batch {
            write!(self.commands, "*5\r\n$4\r\nXADD\r\n$5\r\nbench\r\n$1\r\n*\r\n$1\r\nm\r\n${}\r\n", message.len())?;
            self.commands.extend_from_slice(message);
            self.commands.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&self.commands)?;
        let mut line = String::new();
        for _ in batch {
            line.clear();
            self.stream.read_line(&mut line)?;
            ensure!(line.starts_with('$'), "the answer is {line}");
            let length: u64 = line[1..].trim_end().parse()?;
            let skipped = std::io::copy(&mut self.stream.by_ref().take(length + 2), &mut std::io::sink())?;
            ensure!(skipped == length + 2, "the answer ends too early");
        }
        Ok(())
    }
}
