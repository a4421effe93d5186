//! TMS over HTTP, as a client that keeps its connection would speak it.

use super::{Client, Service, free_address};
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

const TOPIC: &str = "/v1/namespaces/default/topics/bench";

pub(super) fn start(program: &Path, folder: &Path) -> Result<Service> {
    let address = free_address()?;
    let mut command = Command::new(program);
    command
        .arg("serve")
        .arg("--no-auth")
        .arg("--data")
        .arg(folder.join("tms"))
        .arg("--listen")
        .arg(address.to_string());
    let process = super::start(&mut command, address)?;
    let mut connection = Connection::open(address)?;
    connection.request("PUT", TOPIC, "application/json", b"")?;
    Ok(Service { name: "TMS", address, connect: |address| Ok(Box::new(Connection::open(address)?)), _process: process })
}

struct Connection {
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream: BufReader::new(stream), body: Vec::new() })
    }

    fn request(&mut self, method: &str, path: &str, content: &str, body: &[u8]) -> Result<()> {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {content}\r\ncontent-length: {length}\r\n\r\n"
        );
        let stream = self.stream.get_mut();
        stream.write_all(&[head.as_bytes(), body].concat())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        ensure!(line.starts_with("HTTP/1.1 200"), "the answer is {line}");
        loop {
            line.clear();
            self.stream.read_line(&mut line).context("the answer ends too early")?;
            if line == "\r\n" {
                return Ok(());
            }
        }
    }
}

impl Client for Connection {
    fn publish(&mut self, batch: &[&[u8]]) -> Result<()> {
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        body.push(2); // no transaction
        long(batch.len(), &mut body);
        for message in batch {
            long(message.len(), &mut body);
            body.extend_from_slice(message);
        }
        body.push(0);
        self.request("POST", &format!("{TOPIC}/publish"), "avro/binary", &body)?;
        self.body = body;
        Ok(())
    }
}

/// A length as Avro writes it.
fn long(number: usize, out: &mut Vec<u8>) {
    let mut zigzag = (number as u64) << 1;
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}
