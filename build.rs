//! Compiles proto/ without a `protoc`: generated stubs for `wire`, and the descriptor set for reflection.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rustc-env=COMITY_VERSION={} ({})", env!("CARGO_PKG_VERSION"), commit());
    let mut files: Vec<PathBuf> = Vec::new();
    // What an error holds belongs to the contract: whoever asks for it by reflection is to find it.
    for folder in ["proto/comity/v1", "proto/google/rpc"] {
        for entry in fs::read_dir(folder)? {
            files.push(entry?.path());
        }
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true).open_files(files)?;

    // `encode_file_descriptor_set` keeps our own field options; `file_descriptor_set` drops them and serves only
    // for generating code.
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(out.join("comity.descriptor.bin"), compiler.encode_file_descriptor_set())?;
    let files = compiler.file_descriptor_set();
    let mut messages = tonic_prost_build::Config::new();
    messages.enable_type_names();
    // The library that reads and writes the details of errors has these.
    messages.extern_path(".google.rpc", "::tonic_types::pb");
    tonic_prost_build::configure()
        // Refuses unknown fields in requests, which prost would drop.
        .codec_path("crate::wire::codec::StrictCodec")
        .compile_fds_with_config(files, messages)?;
    Ok(())
}

/// Of which commit it is built, as `--version` says: told by whoever packs it in `COMITY_COMMIT`, or else by git. A source
/// archive has neither.
fn commit() -> String {
    println!("cargo:rerun-if-env-changed=COMITY_COMMIT");
    if let Some(told) =
        env::var_os("COMITY_COMMIT").and_then(|told| told.into_string().ok()).filter(|told| !told.is_empty())
    {
        return format!("commit {told}");
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    // Of this very directory: an archive may be unpacked below a repository of something else.
    let root = git(&["rev-parse", "--show-toplevel"]).and_then(|root| Path::new(&root).canonicalize().ok());
    let here = env::var_os("CARGO_MANIFEST_DIR").and_then(|here| Path::new(&here).canonicalize().ok());
    if root.is_none() || root != here {
        return "commit unknown".to_owned();
    }
    // A build for development is not made anew at each commit.
    if env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        for file in ["HEAD", "logs/HEAD", "index"] {
            let path = git(&["rev-parse", "--git-path", file]).filter(|path| Path::new(path).exists());
            if let Some(path) = path {
                println!("cargo:rerun-if-changed={path}");
            }
        }
    }
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "commit unknown".to_owned() };
    let is_changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|changes| !changes.is_empty());
    format!("commit {commit}{}", if is_changed { ", changed since" } else { "" })
}
