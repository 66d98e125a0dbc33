//! Compiles proto/ without a `protoc`: generated stubs for `wire`, and the descriptor set for reflection.

use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
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
    tonic_prost_build::configure()
        // Refuses unknown fields in requests, which prost would drop.
        .codec_path("crate::wire::codec::StrictCodec")
        .compile_fds_with_config(files, messages)?;
    Ok(())
}
