//! Generator makes records, for demonstrations and benchmarks.

mod distribution;
mod generator;
mod pace;
mod pattern;
mod random;

use campanile_sdk::export_plugin;
use generator::Generator;

export_plugin!(source Generator in "generator");
