//! Notes how the SDK, and with it the plugin, is built: for the manifest, which a host reads before it loads anything.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let rustc = Command::new(var("RUSTC")).arg("--version").output();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    // Where cargo does not say, there are none beyond those of every processor of the target.
    let features: Vec<String> = var("CARGO_CFG_TARGET_FEATURE").split(',').map(|name| format!("\"{name}\"")).collect();
    let json = format!(
        "{{\"sdk\":\"{}\",\"abi\":{},\"rustc\":\"{}\",\"target\":\"{}\",\"features\":[{}],\"panic\":\"{}\",\"profile\":\"{}\"}}",
        var("CARGO_PKG_VERSION"),
        // The revision that `campanile-abi` of this SDK has; a test holds them together.
        1,
        rustc.replace(['"', '\\'], ""),
        var("TARGET"),
        features.join(","),
        var("CARGO_CFG_PANIC"),
        var("PROFILE"),
    );
    let path = Path::new(&var("OUT_DIR")).join("build.json");
    if let Err(error) = std::fs::write(&path, json) {
        println!("cargo::error=cannot write {}: {error}", path.display());
    }
}
