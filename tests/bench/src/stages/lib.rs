//! Stages that the benchmark of durable runs is made of: a source that knows when each record is due, and a publisher that
//! notes when each alert came.

mod beat;
mod bell;
mod clock;
#[path = "../random.rs"]
#[allow(dead_code, reason = "the program uses more of it")]
mod random;

use beat::Beat;
use bell::Bell;

campanile_sdk::export_plugin! {
    source Beat,
    alertpublisher Bell,
}
