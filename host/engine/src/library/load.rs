//! Loading, in a fixed order; each step has its own message.

use super::cache::{CacheFolder, sha256_of};
use super::file::LibraryFile;
use super::problem::LibraryProblem;
use campanile_abi::load::{Library, LoadError};
use campanile_abi::{ABI_REVISION, OLDEST_ABI_REVISION};
use std::sync::OnceLock;

/// What of a library is refused before anything of it runs.
pub(super) fn check(file: &LibraryFile) -> Result<(), LibraryProblem> {
    let build = &file.manifest.build;
    let problem = |message: String, hint: &str| Err(LibraryProblem::new(&file.path, message, hint));
    if !(OLDEST_ABI_REVISION..=ABI_REVISION).contains(&build.abi) {
        let newer = build.abi > ABI_REVISION;
        return problem(
            format!(
                "was built for another revision of the boundary (host: {OLDEST_ABI_REVISION} to {ABI_REVISION}, plugin: \
                 {}, by SDK {})",
                build.abi, build.sdk
            ),
            if newer { "use a newer campanile, or build the plugin with an older SDK" } else { "build it again" },
        );
    }
    if !build.panic.is_empty() && build.panic != "unwind" {
        return problem(
            format!("was built with panic = {:?} (host: \"unwind\")", build.panic),
            "remove `panic` from the plugin's profile: a panic must not end the process",
        );
    }
    if let Some(feature) = build.features.iter().find(|feature| !has_feature(feature)) {
        return problem(
            format!("uses the processor's feature `{feature}`, which this machine lacks"),
            "build it without `-C target-cpu=native`, or on a machine like this one",
        );
    }
    if let (Some(needed), Some(here)) = (file.glibc, host_glibc())
        && needed > here
    {
        return problem(
            format!("needs glibc {}.{} (host: {}.{})", needed.0, needed.1, here.0, here.1),
            "build it on an older system, or run on a newer one",
        );
    }
    Ok(())
}

/// Whether the processor has a feature that the compiler may have used. What is unknown is believed.
fn has_feature(name: &str) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as detected;
        match name {
            "avx" => detected!("avx"),
            "avx2" => detected!("avx2"),
            "avx512f" => detected!("avx512f"),
            "bmi1" => detected!("bmi1"),
            "bmi2" => detected!("bmi2"),
            "fma" => detected!("fma"),
            "lzcnt" => detected!("lzcnt"),
            "popcnt" => detected!("popcnt"),
            "sse3" => detected!("sse3"),
            "ssse3" => detected!("ssse3"),
            "sse4.1" => detected!("sse4.1"),
            "sse4.2" => detected!("sse4.2"),
            _ => true,
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = name;
        true
    }
}

/// The version of glibc here.
fn host_glibc() -> Option<(u32, u32)> {
    static HERE: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *HERE.get_or_init(read_glibc)
}

/// From the library itself: asking it would need a call that the standard library does not have.
fn read_glibc() -> Option<(u32, u32)> {
    let candidates = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6"];
    let bytes = candidates.iter().find_map(|path| std::fs::read(path).ok())?;
    let mark = b"GNU C Library";
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    let text: String = bytes[at..].iter().take(200).map(|&byte| char::from(byte)).collect();
    let version = text.split("version ").nth(1)?;
    let (major, rest) = version.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Loads a library: the pinned hash, the private copy, then the loader and the layout.
pub(super) fn load(
    file: &LibraryFile,
    pin: Option<&str>,
    cache: &CacheFolder,
) -> Result<(Library, String), LibraryProblem> {
    let problem = |message: String, hint: &str| LibraryProblem::new(&file.path, message, hint);
    let (image, sha256) = if file.needs_its_folder {
        let sha256 = sha256_of(&file.path)
            .map_err(|error| problem(format!("cannot be read: {error}"), "check its permissions"))?;
        (file.path.clone(), sha256)
    } else {
        cache.copy_of(&file.path, pin.is_some())?
    };
    if let Some(pin) = pin
        && !pin.eq_ignore_ascii_case(&sha256)
    {
        return Err(problem(
            format!("is not the file that was pinned (pinned sha256: {pin}, file: {sha256})"),
            "restore the file, or pin the new one if the change is meant",
        ));
    }
    let library = Library::open(&image).map_err(|error| match error {
        LoadError::Open(words) => {
            problem(format!("cannot be loaded: {words}"), "install what it needs, or build it again")
        }
        LoadError::NoRoot => problem(
            "has a manifest, but does not export the plugin root".to_owned(),
            "build it again, without stripping",
        ),
        LoadError::Layout { summary, detail } => LibraryProblem {
            detail: Some(detail),
            ..problem(format!("does not fit the boundary: {summary}"), "build it with this version of the SDK")
        },
        LoadError::Revision { oldest, newest, library } => problem(
            format!("was built for revision {library} of the boundary (host: {oldest} to {newest})"),
            "build it with this version of the SDK",
        ),
        _ => problem("does not answer what every library answers".to_owned(), "build it again"),
    })?;
    if library.count() as usize != file.manifest.plugins.len() {
        return Err(problem(
            format!("holds {} plugins, but its manifest says {}", library.count(), file.manifest.plugins.len()),
            "build it again",
        ));
    }
    Ok((library, sha256))
}
