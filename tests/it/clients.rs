//! Four stories and the days of three offices, each told over the wire in Rust, Python and TypeScript with the same outcome:
//! docs/clients/outcome.txt and docs/clients/offices.txt. The other two are the examples in docs/clients, with stubs made from proto/
//! alone.

mod forks;
mod offices;
mod requests;
mod stock;
mod stories;
mod telling;

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use comity::client::{Client, Config};
use comity::domain::agency::ActorKind;
use comity::sandbox::{CONFIG_FILE, Sandbox};
use tempfile::TempDir;

use crate::harness::copy;
use crate::harness::process::dev;

/// What is printed, under the name of its file.
const OUTCOME: (&str, &str) = ("outcome.txt", include_str!("../../docs/clients/outcome.txt"));
const DAYS: &str = "offices.txt";
const DAYS_TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/clients/offices.json");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const CHILD_TIMEOUT_S: &str = "120";
/// Of some five hundred calls, at twenty a second.
const DAYS_TIMEOUT_S: &str = "400";
/// Some ten answers to writes, the handshake included.
const LINE_BREAKS_AFTER_BYTES: u64 = 20_000;

/// `comity dev` as a process of its own, stopped with the test.
struct Exchange {
    child: Child,
    address: String,
    directory: TempDir,
}

impl Exchange {
    /// As `comity dev` is when nothing is asked of it, but for the port.
    fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let (child, grpc) = dev(directory.path());
        Self { child, address: format!("localhost:{}", grpc.port()), directory }
    }

    /// One that takes a few calls at a time, on a line that breaks. Whoever does not come back when told to, with the
    /// request id that was sent and the cursor that was reached, tells another story or none.
    fn trying() -> Self {
        let mut exchange = Self::start();
        exchange.end();
        let path = exchange.directory.path().join(CONFIG_FILE);
        let mut config: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        config.insert("rate".to_owned(), "requests_per_s = 20\nburst = 2".parse::<toml::Table>().unwrap().into());
        std::fs::write(&path, config.to_string()).unwrap();
        let (child, grpc) = dev(exchange.directory.path());
        exchange.child = child;
        exchange.address = breaking_line(format!("localhost:{}", grpc.port())).unwrap();
        exchange
    }

    async fn client(&self, agency: &str, actor: ActorKind) -> Client {
        let sandbox = Sandbox::establish(self.directory.path()).unwrap();
        let (credentials, token) = (sandbox.credentials(agency).unwrap(), sandbox.token(agency, actor).unwrap());
        Client::connect(Config::new(&self.address, "localhost", credentials, token)).await.unwrap()
    }

    fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What a program prints that is given the directory, the address, and what else it takes.
    fn tell(&self, program: &mut Command, more: &[&str]) -> String {
        run(program.arg(self.directory.path()).arg(&self.address).args(more))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.end();
    }
}

/// Passes connections on, and breaks each when the gateway has said so much: more often than not inside an answer.
fn breaking_line(to: String) -> io::Result<String> {
    let listener = TcpListener::bind("localhost:0")?;
    let address = format!("localhost:{}", listener.local_addr()?.port());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, gateway) = (client?, TcpStream::connect(&to)?);
            let (mut asking, mut asked) = (client.try_clone()?, gateway.try_clone()?);
            std::thread::spawn(move || io::copy(&mut asking, &mut asked));
            std::thread::spawn(move || {
                io::copy(&mut (&gateway).take(LINE_BREAKS_AFTER_BYTES), &mut &client)?;
                client.shutdown(Shutdown::Both)?;
                gateway.shutdown(Shutdown::Both)
            });
        }
        Ok::<_, io::Error>(())
    });
    Ok(address)
}

#[tokio::test]
async fn the_four_stories_in_rust() {
    let exchange = Exchange::start();
    let told = stories::play(&exchange).await;
    check("Rust", &told, OUTCOME);
}

#[tokio::test]
async fn the_days_of_three_offices_in_rust() {
    let exchange = Exchange::start();
    let told = offices::play(&exchange, &document("clients/offices.json")).await;
    check("Rust", &told, (DAYS, &told_of_days()));
}

#[test]
fn the_days_of_three_offices_in_python() {
    let Some(python) = installed("COMITY_PYTHON", "the days of three offices in Python") else { return };
    let stubs = python_stubs(&python, "python-offices");
    let mut days = limited_to(DAYS_TIMEOUT_S, &python);
    days.arg(Path::new(ROOT).join("docs/clients/python/offices.py"));
    days.env("PYTHONPATH", &stubs).env("PYTHONDONTWRITEBYTECODE", "1");
    check("Python", &Exchange::trying().tell(&mut days, &[DAYS_TABLE]), (DAYS, &told_of_days()));
}

#[test]
fn the_days_of_three_offices_in_typescript() {
    let Some(modules) = installed("COMITY_NODE_MODULES", "the days of three offices in TypeScript") else { return };
    let package = typescript_package(&modules, "typescript-offices");
    let mut days = limited_to(DAYS_TIMEOUT_S, "node");
    days.arg(package.join("dist/src/offices.js"));
    check("TypeScript", &Exchange::trying().tell(&mut days, &[DAYS_TABLE]), (DAYS, &told_of_days()));
}

/// Each figure that docs/offices.md shows under the title of a story is one that the story leaves, and no story is left out.
#[test]
fn the_document_of_the_days_shows_the_figures_that_they_leave() {
    let (days, document) = (told_of_days(), document("offices.md"));
    for story in days.split("== ").skip(1) {
        let (heading, told) = story.split_once('\n').unwrap();
        let (_, title) = heading.split_once(": ").unwrap();
        let lines: Vec<&str> = told.lines().collect();
        let section = document.split("\n### ").find(|section| section.to_lowercase().starts_with(title));
        let section = section.unwrap_or_else(|| panic!("docs/offices.md does not tell {title}"));
        let shown: Vec<&str> = section.lines().filter(|line| line.contains(" counts in ")).collect();
        assert!(shown.len() > 1, "{title}: docs/offices.md shows no figures");
        for figure in shown {
            assert!(lines.contains(&figure), "{title}: {figure}");
        }
    }
}

#[test]
fn the_four_stories_in_python() {
    let Some(python) = installed("COMITY_PYTHON", "the stories in Python") else { return };
    let stubs = python_stubs(&python, "python");
    let mut stories = limited(&python);
    stories.arg(Path::new(ROOT).join("docs/clients/python/stories.py"));
    stories.env("PYTHONPATH", &stubs).env("PYTHONDONTWRITEBYTECODE", "1");
    check("Python", &Exchange::trying().tell(&mut stories, &[]), OUTCOME);
}

#[test]
fn the_four_stories_in_typescript() {
    let Some(modules) = installed("COMITY_NODE_MODULES", "the stories in TypeScript") else { return };
    let package = typescript_package(&modules, "typescript");
    let mut stories = limited("node");
    stories.arg(package.join("dist/src/stories.js"));
    check("TypeScript", &Exchange::trying().tell(&mut stories, &[]), OUTCOME);
}

/// What the days of the three offices print.
fn told_of_days() -> String {
    document("clients/offices.txt")
}

/// A file of docs/.
fn document(name: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join("docs").join(name)).unwrap()
}

/// The messages of `proto/` for Python, in a directory of this name.
pub(crate) fn python_stubs(python: &OsStr, name: &str) -> PathBuf {
    let stubs = scratch(name);
    let proto = Path::new(ROOT).join("proto");
    let protos = std::fs::read_dir(proto.join("comity/v1")).unwrap().map(|entry| entry.unwrap().path());
    let out = |kind: &str| format!("--{kind}={}", stubs.display());
    run(Command::new(python)
        .args(["-m", "grpc_tools.protoc", "-I"])
        .arg(&proto)
        .args([out("python_out"), out("pyi_out"), out("grpc_python_out")])
        .args(protos));
    stubs
}

/// The example in TypeScript, compiled, in a directory of this name.
pub(crate) fn typescript_package(modules: &OsStr, name: &str) -> PathBuf {
    let package = scratch(name);
    copy(&Path::new(ROOT).join("docs/clients/typescript"), &package);
    std::os::unix::fs::symlink(modules, package.join("node_modules")).unwrap();
    let proto = Path::new(ROOT).join("proto");
    run(Command::new("npm").args(["run", "build"]).current_dir(&package).env("COMITY_PROTO", proto));
    package
}

/// The same lines, to the byte.
#[track_caller]
fn check(language: &str, told: &str, (file, outcome): (&str, &str)) {
    // Kept, so that a change that is meant can be taken over: docs/clients.
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(file), told).unwrap();
    let differ = outcome.lines().zip(told.lines()).position(|(expected, line)| expected != line);
    let from = differ.unwrap_or_else(|| outcome.lines().count().min(told.lines().count()));
    let rest = |text: &str| text.lines().skip(from).take(3).collect::<Vec<_>>().join("\n");
    let (expected, line) = (rest(outcome), rest(told));
    assert!(outcome == told, "{language} differs from line {}:\n{line}\nexpected:\n{expected}", from + 1);
}

/// What `tests/run` installs and names. Without it something is left out, and that is said.
pub(crate) fn installed(variable: &str, what: &str) -> Option<OsString> {
    let found = std::env::var_os(variable);
    if found.is_none() {
        // Written past the test runner, which keeps to itself what a passing test prints.
        writeln!(io::stderr(), "LEFT OUT: {what} (run tests/run)").unwrap();
    }
    found
}

/// A program that ends, told to or not: a client that never reaches the end of its inbox would read for ever.
pub(crate) fn limited(program: impl AsRef<OsStr>) -> Command {
    limited_to(CHILD_TIMEOUT_S, program)
}

/// The same, for so many seconds.
pub(crate) fn limited_to(timeout_s: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.arg(timeout_s).arg(program);
    command
}

/// An empty directory below target/.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn run(command: &mut Command) -> String {
    let run = command.stdin(Stdio::null()).output().unwrap();
    let (told, failed) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{command:?}:\n{told}{failed}");
    told.into_owned()
}
