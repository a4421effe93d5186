#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use super::*;
use crate::TlsFiles;
use crate::auth::{Grant, Right};
use crate::client::{Client, Error as ClientError, Remote};
use crate::testing::{DEADLINE, MESSAGES, alerts, options as store};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use tempfile::TempDir;

/// A data folder with a store that has the topic `default:alerts`.
struct Data {
    folder: TempDir,
    messaging: Messaging,
}

impl Data {
    fn new() -> Data {
        let folder = tempfile::tempdir().unwrap();
        let messaging = Messaging::open(&folder.path().join("messaging"), store()).unwrap();
        messaging.create_topic(&alerts(), None).unwrap();
        Data { folder, messaging }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// On loopback, at a free port.
    fn options(&self) -> ServerOptions {
        ServerOptions { listen: Some("127.0.0.1:0".parse().unwrap()), threads: 1, ..ServerOptions::new(self.path()) }
    }

    fn start(&self, options: ServerOptions) -> Server {
        Server::start(self.messaging.clone(), options).unwrap()
    }

    fn refused(&self, options: ServerOptions) -> String {
        Server::start(self.messaging.clone(), options).unwrap_err().to_string()
    }
}

fn client(server: &Server, token: Option<String>) -> Client {
    let url = format!("http://{}", server.address().unwrap());
    Client::remote(&Remote { url, token, authorities: None }).unwrap()
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address().unwrap()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Sends this, and reads until the server ends the connection.
fn exchange(server: &Server, text: &str) -> String {
    let mut stream = connect(server);
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn request(line: &str, rest: &str) -> String {
    format!("{line} HTTP/1.1\r\nhost: localhost\r\n{rest}\r\n")
}

#[test]
fn a_server_answers_until_it_is_stopped() {
    let data = Data::new();
    let server = data.start(data.options());
    assert_ne!(server.address().unwrap().port(), 0);
    let client = client(&server, None);
    client.health().unwrap();
    assert!(server.stop(DEADLINE));
    assert!(matches!(client.health(), Err(ClientError::Unreachable { .. })));
}

#[test]
fn the_first_token_lies_in_a_file_and_opens_all() {
    let data = Data::new();
    let server = data.start(data.options());
    assert!(server.made_first_token());
    let token = Tokens::of(data.path()).first().unwrap();
    assert!(matches!(client(&server, None).publish(&alerts(), &[b"x"], None), Err(ClientError::Refused(_))));
    // Also to one who sends much before it reads.
    let large = vec![b'x'; 8 << 20];
    for secret in [None, Some("cmpn_unknown".to_owned())] {
        let refused = client(&server, secret).publish(&alerts(), &[&large], None);
        assert!(matches!(refused, Err(ClientError::Refused(_))), "{refused:?}");
    }
    client(&server, token.clone()).publish(&alerts(), &[b"x"], None).unwrap();
    drop(server);
    let server = data.start(data.options());
    assert!(!server.made_first_token());
    client(&server, token).publish(&alerts(), &[b"y"], None).unwrap();
}

#[test]
fn without_tokens_all_may_write_on_loopback_alone() {
    let data = Data::new();
    let open = ServerOptions { auth: Auth::Off, ..data.options() };
    let server = data.start(open.clone());
    client(&server, None).publish(&alerts(), &[b"x"], None).unwrap();
    assert!(!data.path().join("tokens.json").exists());
    let refused = data.refused(ServerOptions { listen: Some("0.0.0.0:0".parse().unwrap()), ..open });
    assert!(refused.contains("leave out --no-auth"), "{refused}");
}

#[test]
fn an_address_that_others_reach_needs_tokens_for_all() {
    let data = Data::new();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let options = ServerOptions { listen: Some(address.parse().unwrap()), ..data.options() };
        let refused = data.refused(options);
        assert!(refused.contains("campanile tokens create NAME --right admin --namespace '*'"), "{refused}");
    }
    assert!(!data.path().join("token").exists());
    let grant = Grant { namespace: "default".to_owned(), right: Right::Read };
    let token = Tokens::of(data.path()).create("reader", &[grant]).unwrap();
    let server = data.start(ServerOptions { listen: Some("0.0.0.0:0".parse().unwrap()), ..data.options() });
    let url = format!("http://127.0.0.1:{}", server.address().unwrap().port());
    let client = |token| Client::remote(&Remote { url: url.clone(), token, authorities: None }).unwrap();
    assert!(matches!(client(None).topics("default"), Err(ClientError::Refused(_))));
    assert!(matches!(client(None).health(), Err(ClientError::Refused(_))));
    assert_eq!(client(Some(token)).topics("default").unwrap(), ["alerts"]);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let data = Data::new();
    let server = data.start(data.options());
    let refused = data.refused(ServerOptions { listen: server.address(), ..data.options() });
    assert!(
        refused.contains(&server.address().unwrap().to_string()) && refused.contains("another process"),
        "{refused}"
    );
}

#[test]
fn a_follower_keeps_no_server_from_stopping() {
    let data = Data::new();
    let server = data.start(data.options());
    let mut follower = BufReader::new(connect(&server));
    let head = request(&format!("GET {MESSAGES}"), "accept: text/event-stream\r\n");
    follower.get_mut().write_all(head.as_bytes()).unwrap();
    let mut line = String::new();
    follower.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    assert!(server.stop(DEADLINE));
    follower.read_to_string(&mut line).unwrap();
    assert!(line.ends_with("0\r\n\r\n"), "{line}");
}

#[test]
fn a_client_that_sends_half_a_head_is_cut_off() {
    let data = Data::new();
    let bounds = Bounds { header_timeout: Duration::from_millis(50), connections: 1, ..Bounds::default() };
    let server = data.start(ServerOptions { bounds, ..data.options() });
    let mut slow = connect(&server);
    slow.write_all(b"GET /healthz HT").unwrap();
    let _silent = connect(&server);
    // The only place is free again once the others have had their time.
    assert!(exchange(&server, &request("GET /healthz", "connection: close\r\n")).ends_with("ok\n"));
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).unwrap();
}

#[test]
fn a_client_that_sends_half_a_body_is_told_and_cut_off() {
    let data = Data::new();
    let bounds = Bounds { body_idle_timeout: Duration::from_millis(50), ..Bounds::default() };
    let server = data.start(ServerOptions { bounds, auth: Auth::Off, ..data.options() });
    let body = "connection: close\r\ncontent-length: 100\r\ncontent-type: avro/binary\r\n";
    let answer = exchange(&server, &(request(&format!("POST {MESSAGES}"), body) + "[\"half"));
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body-too-slow"), "{answer}");
    let answer = exchange(&server, &(request("POST /v1/namespaces/default/topics/alerts/publish", body) + "half"));
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let data = Data::new();
    data.messaging.publish(&alerts(), campanile_messaging::Publish::new(&[&vec![b'x'; 32 << 20]])).unwrap();
    let bounds = Bounds { write_timeout: Duration::from_millis(50), connections: 1, ..Bounds::default() };
    let server = data.start(ServerOptions { bounds, ..data.options() });
    let mut stuck = connect(&server);
    stuck.write_all(request(&format!("GET {MESSAGES}"), "").as_bytes()).unwrap();
    assert!(exchange(&server, &request("GET /healthz", "connection: close\r\n")).ends_with("ok\n"));
}

#[test]
fn a_client_that_leaves_makes_room() {
    let data = Data::new();
    let server = data.start(ServerOptions { bounds: Bounds { connections: 1, ..Bounds::default() }, ..data.options() });
    for (query, rest) in [("?wait=60s", ""), ("", "accept: text/event-stream\r\n")] {
        let mut waiting = connect(&server);
        waiting.write_all(request(&format!("GET {MESSAGES}{query}"), rest).as_bytes()).unwrap();
        if !rest.is_empty() {
            // It is being followed.
            waiting.read_exact(&mut [0; 12]).unwrap();
        }
        drop(waiting);
        assert!(exchange(&server, &request("GET /healthz", "connection: close\r\n")).ends_with("ok\n"));
    }
}

#[test]
fn answers_are_compressed_for_whoever_asks_and_unknown_paths_say_nothing() {
    let data = Data::new();
    let server = data.start(data.options());
    let head = |path: &str| request(&format!("GET {path}"), "connection: close\r\naccept-encoding: gzip\r\n");
    data.messaging.publish(&alerts(), campanile_messaging::Publish::new(&[&[b'x'; 1_000]])).unwrap();
    let mut stream = connect(&server);
    stream.write_all(head(MESSAGES).as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("content-encoding: gzip") && answer.len() < 1_000);
    let answer = exchange(&server, &head("/nothing/here"));
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

/// A certificate for localhost and its key, in files.
fn certificate(folder: &Path) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    fs::write(&files.certificate, made.cert.pem()).unwrap();
    fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

#[test]
fn tls_is_spoken_with_those_who_trust_the_certificate() {
    let data = Data::new();
    let files = certificate(data.path());
    let server = data.start(ServerOptions { tls: Some(files.clone()), ..data.options() });
    let url = format!("https://localhost:{}", server.address().unwrap().port());
    let token = Tokens::of(data.path()).first().unwrap();
    let client = |authorities| Client::remote(&Remote { url: url.clone(), token: token.clone(), authorities }).unwrap();
    let trusting = client(Some(files.certificate));
    trusting.publish(&alerts(), &[b"secret"], None).unwrap();
    assert_eq!(trusting.topics("default").unwrap(), ["alerts"]);
    let Err(ClientError::Unreachable { why, .. }) = client(None).health() else { panic!("an unknown certificate") };
    assert!(why.contains("certificate"), "{why}");
    // Whoever speaks no TLS gets no word of HTTP.
    assert!(!exchange_bytes(&server, &request("GET /healthz", "")).starts_with(b"HTTP"));
}

fn exchange_bytes(server: &Server, text: &str) -> Vec<u8> {
    let mut stream = connect(server);
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let data = Data::new();
    let good = certificate(data.path());
    let other_folder = data.path().join("other");
    fs::create_dir(&other_folder).unwrap();
    let other = certificate(&other_folder);
    let text = data.path().join("text.pem");
    fs::write(&text, "no PEM at all\n").unwrap();
    let missing = data.path().join("missing.pem");
    for (certificate, key, named, why) in [
        (&missing, &good.key, "missing.pem", "No such file"),
        (&good.certificate, &missing, "missing.pem", "No such file"),
        (&text, &good.key, "text.pem", "no certificate"),
        (&good.certificate, &text, "text.pem", "no private key"),
        (&good.key, &good.key, "key.pem", "no certificate"),
        (&good.certificate, &good.certificate, "cert.pem", "no private key"),
        (&good.certificate, &other.key, "key.pem", "must be that of the first certificate"),
    ] {
        let tls = Some(TlsFiles { certificate: certificate.clone(), key: key.clone() });
        let refused = data.refused(ServerOptions { tls, ..data.options() });
        assert!(refused.contains(named) && refused.contains(why), "{refused}");
    }
}

#[test]
fn the_socket_is_its_owners_alone_and_asks_nothing() {
    let data = Data::new();
    let path = data.path().join("socket");
    fs::write(&path, "left over").unwrap();
    let server = data.start(ServerOptions { listen: None, socket: Some(path.clone()), ..data.options() });
    assert_eq!(server.address(), None);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let client = Client::socket(&path).unwrap();
    let audit = campanile_messaging::TopicId::new("system", "audit").unwrap();
    client.create_topic(&audit, None).unwrap();
    client.publish(&audit, &[b"only from inside"], None).unwrap();
    assert!(server.stop(DEADLINE));
    assert!(!path.exists());
}

#[test]
fn a_socket_may_lie_deep() {
    let data = Data::new();
    let deep = data.path().join("d".repeat(120)).join("e".repeat(120));
    fs::create_dir_all(&deep).unwrap();
    let path = deep.join("socket");
    let server = data.start(ServerOptions { listen: None, socket: Some(path.clone()), ..data.options() });
    let client = Client::socket(&path).unwrap();
    client.health().unwrap();
    client.health().unwrap();
    drop(server);
    assert!(matches!(client.health(), Err(ClientError::Unreachable { .. })));
}
