//! Project keeps, drops, renames and casts fields.

mod cast;
mod plan;
mod project;

use campanile_sdk::export_plugin;
use project::Project;

export_plugin!(transform Project in "project");
