//! A server that runs.

use campanile_tests::{Ended, Running, Scene};
use std::io::{Read, Write};
use std::net::TcpStream;

/// `campanile serve` of the folder `data`, listening on a port that was free.
pub(super) struct Service {
    running: Running,
    /// `http://127.0.0.1:PORT`
    pub(super) url: String,
}

impl Service {
    pub(super) fn start(scene: &Scene, args: &[&str]) -> Service {
        Service::listening(scene, "127.0.0.1:0", args)
    }

    pub(super) fn listening(scene: &Scene, address: &str, args: &[&str]) -> Service {
        let serve = ["serve", "--data", "data", "--listen", address];
        let mut running = Running::start(scene.command(serve.iter().chain(args)));
        let url = running.says("it listens", |_, said| {
            let (_, behind) = said.split_once("listening on ")?;
            let (url, _) = behind.split_once('\n')?;
            Some(url.to_owned())
        });
        Service { running, url }
    }

    /// Its address and port.
    pub(super) fn address(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    /// Looks until it says this.
    #[track_caller]
    pub(super) fn until_says(&mut self, words: &str) {
        self.running.says(words, |_, said| said.contains(words).then_some(()));
    }

    pub(super) fn kill(self) {
        self.running.signal("KILL");
        let _ = self.running.wait();
    }

    /// Tells it to end, and waits.
    pub(super) fn stop(self) -> Ended {
        self.running.signal("TERM");
        self.running.wait()
    }

    /// What it answers to these words.
    pub(super) fn answer(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// What it answers to a request: code, content type, body.
    pub(super) fn request(
        &self,
        method: &str,
        path: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> (u16, String, Vec<u8>) {
        // In this version of HTTP an answer ends with its connection, and comes in one piece.
        let mut request = format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len());
        if let Some(content_type) = content_type {
            request.push_str(&format!("Content-Type: {content_type}\r\n"));
        }
        request.push_str("\r\n");
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        let kind =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-type: ").map(str::to_owned));
        (code, kind.unwrap_or_default(), answer.split_off(end + 4))
    }
}
