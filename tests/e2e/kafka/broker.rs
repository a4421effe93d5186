//! A real Kafka, run by `tests/kafka/kafka`. `CAMPANILE_KAFKA_DIR` is the folder of one that runs; without it the tests say
//! so and pass, except where `CI=true`.

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// What a broker of tests has for users, as `tests/kafka/README.md` says.
pub(crate) const USER: (&str, &str) = ("campanile", "tower-of-bells");
pub(crate) const GUEST: (&str, &str) = ("guest", "may-only-read");
pub(crate) const KEY_PASSWORD: &str = "key-of-the-tower";

/// A broker.
pub(crate) struct Broker {
    folder: PathBuf,
    /// Of one that the test has started itself.
    _own: Option<TempDir>,
}

/// A message as Kafka's own consumer prints it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Received {
    pub(crate) partition: String,
    /// `name:value`, parted by commas; nothing where there are none.
    pub(crate) headers: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) value: String,
}

impl Received {
    fn of(line: &str) -> Received {
        let columns: Vec<&str> = line.splitn(4, '\t').collect();
        let [partition, headers, key, value] = columns[..] else { panic!("no message: {line}") };
        Received {
            partition: partition.to_owned(),
            headers: (headers != "NO_HEADERS").then(|| headers.to_owned()),
            key: (key != "null").then(|| key.to_owned()),
            value: value.to_owned(),
        }
    }

    /// The value as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.value).unwrap_or_else(|error| panic!("{error}: {}", self.value))
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Runs a verb of the launcher, with lines for its standard input.
fn launch(words: &[&str]) -> Output {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/kafka/kafka");
    let launcher = variable("CAMPANILE_KAFKA_LAUNCHER").map_or(ours, PathBuf::from);
    // A relative one is meant from where the tests were started: the root of the repository.
    let launcher =
        if launcher.exists() { launcher } else { Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(launcher) };
    Command::new(&launcher).args(words).output().unwrap_or_else(|error| panic!("{}: {error}", launcher.display()))
}

/// Runs a verb that has to succeed; what it printed.
#[track_caller]
fn done(words: &[&str]) -> String {
    let output = launch(words);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "kafka {}: {}{}", words.join(" "), text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

impl Broker {
    /// The one that all tests share.
    pub(crate) fn shared() -> Option<Broker> {
        if let Some(folder) = variable("CAMPANILE_KAFKA_DIR") {
            return Some(Broker { folder: folder.into(), _own: None });
        }
        let ci = variable("CI").as_deref() == Some("true");
        assert!(
            !ci,
            "a Kafka is required in CI: set CAMPANILE_KAFKA_DIR to the folder of one that tests/kafka/kafka started"
        );
        // Past the harness, which keeps what a passing test prints.
        let _ = writeln!(std::io::stderr(), "skipped: no Kafka, see tests/kafka/README.md");
        None
    }

    /// One of the test's own, to be killed.
    pub(crate) fn own() -> Option<Broker> {
        Broker::shared()?;
        let own = TempDir::new().unwrap();
        let folder = own.path().join("broker");
        done(&["start", "--dir", folder.to_str().unwrap()]);
        Some(Broker { folder, _own: Some(own) })
    }

    fn dir(&self) -> &str {
        self.folder.to_str().unwrap()
    }

    /// The address of a listener, by the name of its protocol.
    #[track_caller]
    pub(crate) fn address(&self, protocol: &str) -> String {
        let listeners = std::fs::read_to_string(self.folder.join("listeners")).unwrap();
        let address = listeners.lines().find_map(|line| line.strip_prefix(protocol)?.strip_prefix('='));
        address.unwrap_or_else(|| panic!("no listener {protocol}")).to_owned()
    }

    /// The address without encryption and login.
    pub(crate) fn plaintext(&self) -> String {
        self.address("plaintext")
    }

    /// A file of its certificates.
    pub(crate) fn certificate(&self, name: &str) -> String {
        self.folder.join("tls").join(name).display().to_string()
    }

    /// A name that no topic has.
    pub(crate) fn unused(&self, name: &str) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        format!("{name}-{since}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
    }

    /// A topic of the test's own.
    #[track_caller]
    pub(crate) fn topic(&self, name: &str, partitions: u32, config: &[&str]) -> String {
        let name = self.unused(name);
        let partitions = partitions.to_string();
        let mut words = vec!["topic", "--dir", self.dir(), "--create", &name, "--partitions", &partitions];
        config.iter().for_each(|entry| words.extend(["--config", entry]));
        done(&words);
        name
    }

    /// What `topic --describe` prints.
    #[track_caller]
    pub(crate) fn describe(&self, topic: &str) -> String {
        done(&["topic", "--dir", self.dir(), "--describe", topic])
    }

    /// Nobody but this user may write to the topic.
    #[track_caller]
    pub(crate) fn allow(&self, user: &str, topic: &str) {
        done(&["allow", "--dir", self.dir(), user, topic]);
    }

    /// All messages of a topic, which are at least so many.
    #[track_caller]
    pub(crate) fn messages(&self, topic: &str, at_least: u64) -> Vec<Received> {
        let columns = ["--print-partition", "--print-headers", "--print-key"];
        let words = ["consume", "--dir", self.dir(), topic, "--timeout-ms", "4000"];
        let printed = done(&[&words[..], &columns[..]].concat());
        let messages: Vec<Received> = printed.lines().map(Received::of).collect();
        assert!(messages.len() as u64 >= at_least, "{} of {at_least} messages came", messages.len());
        messages
    }

    /// The values of all messages of a topic but for those of transactions that are not committed.
    #[track_caller]
    pub(crate) fn committed(&self, topic: &str) -> Vec<String> {
        let words = ["consume", "--dir", self.dir(), topic, "--timeout-ms", "4000", "--isolation", "read_committed"];
        done(&words).lines().map(str::to_owned).collect()
    }

    /// How many bytes the topic has on the disk.
    pub(crate) fn bytes(&self, topic: &str) -> u64 {
        let entries = std::fs::read_dir(self.folder.join("data")).unwrap().flatten();
        let partitions = entries.filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.rsplit_once('-').is_some_and(|(name, _)| name == topic)
        });
        let logs = partitions.flat_map(|partition| std::fs::read_dir(partition.path()).unwrap().flatten());
        let logs = logs.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "log"));
        logs.filter_map(|entry| entry.metadata().ok()).map(|found| found.len()).sum()
    }

    /// Kills it as a crash does.
    #[track_caller]
    pub(crate) fn kill(&self) {
        done(&["kill", "--dir", self.dir()]);
    }

    /// Starts it again, with what it had on the disk.
    #[track_caller]
    pub(crate) fn resume(&self) {
        done(&["resume", "--dir", self.dir()]);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self._own.is_some() {
            // It has ended where this fails.
            let _ = launch(&["stop", "--dir", self.dir(), "--rm"]);
        }
    }
}
