//! TMS publishes alerts to topics of the messaging service, and reads and writes records there.

mod decimal;
mod decode;
mod format;
mod from;
mod page;
mod position;
mod print;
mod publisher;
mod saved;
mod sink;
mod source;
mod topic;

use campanile_sdk::export_plugin;
use publisher::TmsPublisher;
use sink::TmsSink;
use source::TmsSource;

export_plugin! {
    alertpublisher TmsPublisher as "TMS" in "publisher",
    source TmsSource as "TMS" in "source",
    sink TmsSink as "TMS" in "sink",
}
