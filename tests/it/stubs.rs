//! Stubs made from proto/ alone, without a network, and compiled, in the languages whose examples are not run elsewhere
//! (Python and TypeScript: `clients`).
//!
//! C# is made and not compiled: what it would be compiled against comes from the registry of .NET, which the gate does not reach.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Where Debian keeps what Java's stubs need, and the sources that Go's need.
const JARS: [&str; 6] = ["protobuf", "grpc-api", "grpc-stub", "grpc-protobuf", "guava", "geronimo-annotation-1.3-spec"];
const GO_SOURCES: &str = "/usr/share/gocode";

/// A caller in Kotlin. Of Debian's packages none makes Kotlin's own stubs; Java's are what it calls by.
const KOTLIN: &str = "
import example.comity.v1.*
import com.google.rpc.ErrorInfo
import io.grpc.Channel

fun lodge(channel: Channel, parent: String, detainer: Detainer): Receipt =
    DetainerServiceGrpc.newBlockingStub(channel)
        .lodgeDetainer(LodgeDetainerRequest.newBuilder().setParent(parent).setDetainer(detainer).build())
        .receipt

fun isMissing(info: ErrorInfo) = info.domain == \"comity\" && info.reason == \"NOT_FOUND\"
";

#[test]
fn stubs_in_go_compile() {
    let Some(made) = made("go", &["--go_out", "--go-grpc_out"]) else { return };
    let source = made.join("src");
    std::fs::create_dir_all(&source).unwrap();
    std::fs::rename(made.join("comity.example"), source.join("comity.example")).unwrap();
    run(Command::new("go")
        .args(["build", "comity.example/comity/v1"])
        .env("GO111MODULE", "off")
        .env("GOPATH", format!("{}:{GO_SOURCES}", made.display()))
        .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-cache")));
}

#[test]
fn stubs_in_java_compile_and_kotlin_calls_by_them() {
    let Some(made) = made("java", &["--java_out", "--grpc-java_out"]) else { return };
    let classes = made.join("classes");
    let path: Vec<_> = JARS.iter().map(|jar| format!("/usr/share/java/{jar}.jar")).collect();
    let path = path.join(":");
    run(Command::new("javac")
        .args(["-proc:none", "-nowarn", "-cp", &path, "-d"])
        .arg(&classes)
        .args(files(&made, "java")));
    let caller = made.join("Caller.kt");
    std::fs::write(&caller, KOTLIN).unwrap();
    run(Command::new("kotlinc")
        .arg("-cp")
        .arg(format!("{path}:{}", classes.display()))
        .arg("-d")
        .arg(made.join("kotlin"))
        .arg(&caller));
    assert_eq!(files(&made.join("kotlin"), "class").len(), 1);
}

#[test]
fn stubs_in_csharp_kotlin_php_and_ruby_are_made_under_one_name() {
    let Some(made) = made("others", &["--csharp_out", "--kotlin_out", "--php_out", "--ruby_out"]) else { return };
    let check = |file: &str, said: &str| {
        let text = std::fs::read_to_string(made.join(file)).unwrap();
        assert!(text.contains(said), "{file} does not say {said}");
    };
    check("Detainer.cs", "namespace Comity.V1 {");
    check("example/comity/v1/DetainerKt.kt", "package example.comity.v1");
    check("Comity/V1/Detainer.php", "namespace Comity\\V1;");
    check("comity/v1/detainer_pb.rb", "module Comity\n  module V1");
}

/// What `protoc` makes. None: `tests/run` could not install it here, or was not asked, and that is said.
fn made(language: &str, outs: &[&str]) -> Option<PathBuf> {
    if std::env::var_os("COMITY_STUBS").is_none() {
        // Written past the test runner, which keeps to itself what a passing test prints.
        writeln!(std::io::stderr(), "LEFT OUT: stubs in {language} (run tests/run)").unwrap();
        return None;
    }
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stubs").join(language);
    let _ = std::fs::remove_dir_all(&made);
    std::fs::create_dir_all(&made).unwrap();
    let proto = Path::new(ROOT).join("proto");
    let mut protoc = Command::new("protoc");
    protoc.arg("-I").arg(&proto).arg("--plugin=protoc-gen-grpc-java=/usr/bin/grpc_java_plugin");
    protoc.args(outs.iter().map(|out| format!("{out}={}", made.display())));
    run(protoc.args(files(&proto, "proto")));
    Some(made)
}

/// The files below a directory whose names end so.
fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|has| has == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn run(command: &mut Command) {
    let run = command.output().unwrap();
    let (told, failed) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{command:?}:\n{told}{failed}");
}
