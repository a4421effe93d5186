//! What is there after a crash: of the process, of the power, of the disk.
//!
//! The long version runs more rounds: `CAMPANILE_CRASH_ROUNDS=200 cargo test -p campanile-messaging --test crash`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a failure is found again by its seed")]

mod child;
mod damage;
mod disk;
mod fault;
mod kill;
mod model;
mod power_cut;
mod random;
mod shim;
mod trim;

/// How many rounds to run: `usual`, or as many as the environment asks for.
fn rounds(usual: u64) -> u64 {
    std::env::var("CAMPANILE_CRASH_ROUNDS").map_or(usual, |rounds| rounds.parse().unwrap())
}

/// The seed of all dice: printed where it matters.
fn seed() -> u64 {
    std::env::var("CAMPANILE_CRASH_SEED").map_or(4711, |seed| seed.parse().unwrap())
}

/// A folder in memory, where there is room for it: for tests in which nothing hangs on the disk below, and which would
/// wait for it most of the time.
fn fast_folder() -> tempfile::TempDir {
    const ROOM_BYTES: u64 = 2 << 30;
    let memory = std::path::Path::new("/dev/shm");
    let room = nix::sys::statvfs::statvfs(memory).map_or(0, |disk| disk.blocks_available() * disk.fragment_size());
    let made = if room < ROOM_BYTES { tempfile::tempdir() } else { tempfile::tempdir_in(memory) };
    made.unwrap()
}
