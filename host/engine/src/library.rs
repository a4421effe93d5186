//! Plugin libraries: found in folders, read without running them, checked step by step, loaded once and for ever.

mod cache;
mod file;
mod linked;
mod load;
mod problem;
mod registry;

pub use cache::{CacheFolder, default_cache_folder};
pub use file::LibraryFile;
pub use linked::LinkedPlugin;
pub use problem::LibraryProblem;
pub use registry::{Artifact, Found, LibraryEntry, Registry};
