//! The publisher of Kafka, as a library, beside a loop by hand over rdkafka with the same settings, which writes the same
//! messages, and one that has them ready.
//!
//! The brokers have to let topics be made; those of this benchmark stay behind, as `campanile-bench-…`.

use crate::say;
use anyhow::{Context, Result, bail, ensure};
use campanile_sdk::proxy::{
    AlertOut, AlertsIn, Answer, Downstream, ErrorsIn, HostServices, Incoming, PatchIn, Plugin, ServicesHandle, Stage,
};
use campanile_sdk::{Kind, Outcome};
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Alerts of a measurement of speed.
const ALERTS: usize = 200_000;
/// Alerts in a call: what a pipeline has where it says nothing, and more.
const CALLS: [usize; 2] = [512, 10_000];
/// Alerts that go one by one.
const SINGLE: usize = 3_000;
/// Of these, the first that are not counted.
const WARM_UP: usize = 300;
/// Measurements of each kind, in turns; the middle one counts.
const REPEATS: usize = 5;
const PARTITIONS: i32 = 3;
const USERS: usize = 1_000;
const RUN: &str = "01a1ffeabcc3-a9924f1d";
/// How often a wait looks whether all reports are in, should it not be told.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The settings of both.
fn settings() -> Value {
    json!({ "linger.ms": 0, "queue.buffering.max.messages": 1_000_000 })
}

/// Prints both tables.
pub(crate) fn measure(brokers: &str, library: &Path) -> Result<()> {
    let loaded = campanile_abi::load::Library::open(library);
    let loaded = loaded.map_err(|error| anyhow::anyhow!("{}: {error:?}", library.display()))?;
    let plugin = Plugin::new(&loaded, 0, Kind::AlertPublisher).context("the library's first plugin is no publisher")?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let topic = format!("campanile-bench-{since}");
    let alerts: Vec<AlertOut> = (0..ALERTS).map(alert).collect();
    let mut ready = Vec::new();
    for alert in &alerts {
        let mut value = Vec::new();
        write(alert, &mut value)?;
        ready.push((alert, value));
    }

    let mut with_headers = Publisher::open(&plugin, brokers, &topic, true)?;
    let mut without = Publisher::open(&plugin, brokers, &topic, false)?;
    let bare = Bare::connect(brokers, &topic)?;
    // The first message of an idempotent producer waits for its number.
    with_headers.publish(&alerts[..1])?;
    without.publish(&alerts[..1])?;
    bare.write(&alerts[..1], false)?;

    say(format_args!(
        "| alerts in a call | headers | by hand, alerts/s | publisher | ratio | by hand, ready messages |"
    ))?;
    say(format_args!("|---|---|---|---|---|---|"))?;
    for call in CALLS {
        for headers in [false, true] {
            let publisher = if headers { &mut with_headers } else { &mut without };
            let mut rows = Vec::new();
            for _ in 0..REPEATS {
                let by_hand = rate(|| alerts.chunks(call).try_for_each(|call| bare.write(call, headers)))?;
                let ours = rate(|| alerts.chunks(call).try_for_each(|call| publisher.publish(call)))?;
                let ready = rate(|| ready.chunks(call).try_for_each(|call| bare.send(call)))?;
                rows.push([by_hand, ours, ours / by_hand, ready]);
            }
            let [by_hand, ours, ratio, ready] = std::array::from_fn(|column| {
                let mut all: Vec<f64> = rows.iter().map(|row: &[f64; 4]| row[column]).collect();
                all.sort_by(f64::total_cmp);
                all[REPEATS / 2]
            });
            let with = if headers { "with" } else { "without" };
            say(format_args!("| {call} | {with} | {by_hand:.0} | {ours:.0} | {ratio:.2} | {ready:.0} |"))?;
        }
    }

    say(format_args!(""))?;
    say(format_args!("| one alert, until its report is in | p50, ms | p99 |"))?;
    say(format_args!("|---|---|---|"))?;
    let mut number = 0;
    latency("by hand", || bare.write(next(&alerts, &mut number), false))?;
    latency("publisher", || without.publish(next(&alerts, &mut number)))?;
    latency("publisher with headers", || with_headers.publish(next(&alerts, &mut number)))
}

fn alert(number: usize) -> AlertOut {
    let pair = |key: &str, value: String| (key.to_owned(), value);
    AlertOut {
        id: format!("{RUN}/too fast/{number}"),
        stage: "too fast".to_owned(),
        payload: vec![
            pair("userid", format!("u{}", number % USERS)),
            pair("heartbeat", format!("{}", 150 + number % 50)),
            pair("location", "49.35833, 8.17167".to_owned()),
        ],
        time_ms: 1_716_200_000_000 + number as i64,
        group_by: String::new(),
        more: String::new(),
    }
}

/// The envelope, as one writes it by hand.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    namespace: &'a str,
    pipeline_name: &'a str,
    stage_name: &'a str,
    payload: Pairs<'a>,
    run_id: &'a str,
    id: &'a str,
    time: String,
}

struct Pairs<'a>(&'a [(String, String)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// Writes the value of a message, as the publisher does.
fn write(alert: &AlertOut, value: &mut Vec<u8>) -> Result<()> {
    let mut time = Vec::with_capacity(24);
    campanile_sdk::text::write_timestamp(alert.time_ms * 1_000, &mut time);
    let envelope = Envelope {
        namespace: "default",
        pipeline_name: "bench",
        stage_name: &alert.stage,
        payload: Pairs(&alert.payload),
        run_id: RUN,
        id: &alert.id,
        time: String::from_utf8(time)?,
    };
    value.clear();
    Ok(serde_json::to_writer(value, &envelope)?)
}

fn headers(alert: &AlertOut) -> OwnedHeaders {
    let all = [
        ("content-type", "application/json"),
        ("id", &alert.id),
        ("namespace", "default"),
        ("pipelineName", "bench"),
        ("stageName", &alert.stage),
        ("runId", RUN),
    ];
    let empty = OwnedHeaders::new_with_capacity(all.len());
    all.into_iter().fold(empty, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
}

fn next<'a, T>(all: &'a [T], number: &mut usize) -> &'a [T] {
    *number = (*number + 1) % all.len();
    &all[*number..=*number]
}

fn rate(run: impl FnOnce() -> Result<()>) -> Result<f64> {
    let begun = Instant::now();
    run()?;
    Ok(ALERTS as f64 / begun.elapsed().as_secs_f64())
}

fn latency(name: &str, mut publish: impl FnMut() -> Result<()>) -> Result<()> {
    let mut took = Vec::with_capacity(SINGLE);
    for _ in 0..SINGLE {
        let begun = Instant::now();
        publish()?;
        took.push(begun.elapsed());
    }
    let mut took = took.split_off(WARM_UP);
    took.sort_unstable();
    let ms = |part: f64| took[(took.len() as f64 * part) as usize].as_secs_f64() * 1e3;
    say(format_args!("| {name} | {:.2} | {:.2} |", ms(0.5), ms(0.99)))
}

/// The plugin.
struct Publisher(Stage);

impl Publisher {
    fn open(plugin: &Plugin, brokers: &str, topic: &str, headers: bool) -> Result<Publisher> {
        let properties = json!({
            "brokers": brokers, "topic": topic, "key": ["userid"], "headers": headers, "autoCreateTopic": true,
            "partitions": PARTITIONS, "producerProperties": settings(),
        });
        let told = |error: campanile_sdk::Error| anyhow::anyhow!("{error}");
        let mut stage = plugin.create(&properties).map_err(told)?;
        stage.open(&[], ServicesHandle::new(Arc::new(Nobody)), &mut Nobody).map_err(told)?;
        Ok(Publisher(stage))
    }

    fn publish(&mut self, alerts: &[AlertOut]) -> Result<()> {
        let (outcomes, result) = self.0.publish(alerts);
        result.map_err(|error| anyhow::anyhow!("{error}"))?;
        ensure!(outcomes.iter().all(|outcome| *outcome == Outcome::Done), "not every alert was published");
        Ok(())
    }
}

/// A producer of rdkafka.
struct Bare {
    producer: ThreadedProducer<Reports>,
    topic: String,
}

/// Counts reports, and wakes who waits for so many.
struct Reports {
    done: AtomicUsize,
    failed: AtomicUsize,
    wanted: AtomicUsize,
    waits: Thread,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.failed.fetch_add(usize::from(result.is_err()), Ordering::Relaxed);
        if self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.wanted.load(Ordering::Acquire) {
            self.waits.unpark();
        }
    }
}

impl Bare {
    fn connect(brokers: &str, topic: &str) -> Result<Bare> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("enable.idempotence", "true").set("acks", "all");
        config.set("partitioner", "murmur2_random").set("message.timeout.ms", "120000");
        for (name, value) in settings().as_object().into_iter().flatten() {
            config.set(name, value.to_string());
        }
        let count = || AtomicUsize::new(0);
        let reports = Reports { done: count(), failed: count(), wanted: count(), waits: std::thread::current() };
        Ok(Bare { producer: config.create_with_context(reports)?, topic: topic.to_owned() })
    }

    /// Writes messages and sends them; returns when all reports are in.
    fn write(&self, alerts: &[AlertOut], with_headers: bool) -> Result<()> {
        let wanted = self.begin(alerts.len());
        let mut value = Vec::new();
        for alert in alerts {
            write(alert, &mut value)?;
            self.enqueue(&alert.payload[0].1, &value, with_headers.then(|| headers(alert)))?;
        }
        self.wait(wanted)
    }

    /// Sends messages that are ready; returns when all reports are in.
    fn send(&self, messages: &[(&AlertOut, Vec<u8>)]) -> Result<()> {
        let wanted = self.begin(messages.len());
        for (alert, value) in messages {
            self.enqueue(&alert.payload[0].1, value, None)?;
        }
        self.wait(wanted)
    }

    fn enqueue(&self, key: &str, value: &[u8], headers: Option<OwnedHeaders>) -> Result<()> {
        let mut record = BaseRecord::to(&self.topic).key(key).payload(value);
        record.headers = headers;
        while let Err((error, back)) = self.producer.send(record) {
            let KafkaError::MessageProduction(Code::QueueFull) = error else { bail!(error) };
            record = back;
            std::thread::park_timeout(LOOK_EVERY);
        }
        Ok(())
    }

    fn reports(&self) -> &Reports {
        rdkafka::producer::Producer::client(&self.producer).context()
    }

    fn begin(&self, messages: usize) -> usize {
        let wanted = self.reports().done.load(Ordering::Acquire) + messages;
        self.reports().wanted.store(wanted, Ordering::Release);
        wanted
    }

    fn wait(&self, wanted: usize) -> Result<()> {
        while self.reports().done.load(Ordering::Acquire) < wanted {
            std::thread::park_timeout(LOOK_EVERY);
        }
        ensure!(self.reports().failed.load(Ordering::Relaxed) == 0, "a message was not delivered");
        Ok(())
    }
}

/// A host that offers nothing, and takes nothing.
struct Nobody;

impl HostServices for Nobody {
    fn text(&self, what: u32) -> &str {
        match what {
            campanile_abi::text::NAMESPACE => "default",
            campanile_abi::text::PIPELINE => "bench",
            campanile_abi::text::RUN => RUN,
            campanile_abi::text::STAGE => "bell",
            _ => "{}",
        }
    }
    fn log_enabled(&self, _: u32) -> bool {
        false
    }
    fn log(&self, _: u32, _: &str, _: &str) {}
    fn count(&self, _: &str, _: u64) {}
    fn gauge(&self, _: &str, _: f64) {}
    fn now_ms(&self) -> i64 {
        0
    }
    fn cancelled(&self) -> bool {
        false
    }
    fn secret(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
}

impl Downstream for Nobody {
    fn alerts_wanted(&self) -> bool {
        false
    }
    fn selection(&mut self, _: u32, _: Option<&[u32]>, _: usize) -> Answer {
        Answer::Stop
    }
    fn patch(&mut self, _: u32, _: PatchIn<'_>) -> Answer {
        Answer::Stop
    }
    fn batch(&mut self, _: u32, _: Incoming, _: Option<&[u32]>, _: Option<&[u64]>) -> Answer {
        Answer::Stop
    }
    fn errors(&mut self, _: ErrorsIn<'_>) -> Answer {
        Answer::Stop
    }
    fn alerts(&mut self, _: AlertsIn<'_>) -> Answer {
        Answer::Stop
    }
    fn broken(&mut self, _: String) {}
}
