//! What is shipped beside the binary names only what there is: the unit, the image, the manifests, the package, the manual.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use comity::config::{Config, named_files};
use comity::sandbox::{CONFIG_FILE, Sandbox};
use serde_json::Value;

use crate::harness::probe::probe;
use crate::harness::process::{Served, comity, ready_line, said};
use crate::harness::sandbox_directory;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shipped(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The values of a key of the unit.
fn of_unit<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

#[test]
fn the_unit_starts_a_gateway_as_it_is_written() {
    let unit = shipped("packaging/comity.service");
    assert_eq!(of_unit(&unit, "Type"), ["notify"]);
    assert_eq!(of_unit(&unit, "User"), ["comity"]);
    assert!(shipped("packaging/comity.sysusers").lines().any(|line| line.starts_with("u comity ")));
    let start = of_unit(&unit, "ExecStart")[0].strip_prefix("/usr/bin/comity ").unwrap();
    let directory = sandbox_directory();
    let mut config = Sandbox::establish(directory.path()).unwrap().config;
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.server.ops_listen = "127.0.0.1:0".parse().unwrap();
    fs::write(directory.path().join(CONFIG_FILE), toml::to_string(&config).unwrap()).unwrap();
    // Each place is one that the unit makes, or lets be written to.
    let here = |argument: &str| {
        let made = [("ConfigurationDirectory", "/etc/comity/"), ("LogsDirectory", "/var/log/comity/")];
        let place = made.iter().find_map(|(key, place)| {
            assert_eq!(of_unit(&unit, key), ["comity"]);
            argument.strip_prefix(place)
        });
        place.map_or_else(|| argument.to_owned(), |name| directory.path().join(name).display().to_string())
    };
    let arguments: Vec<String> = start.split(' ').map(here).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_comity"));
    let mut child = command.args(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    ready_line(&mut child);
    assert!(directory.path().join("audit.log").exists());
    child.kill().unwrap();
    child.wait().unwrap();
}

/// An output, if the program is on this machine.
fn output_of(program: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    if output.is_err() {
        eprintln!("LEFT OUT: {program} is not on this machine");
    }
    output.ok()
}

#[test]
fn systemd_knows_every_line_of_the_unit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("comity.service");
    let unit = shipped("packaging/comity.service");
    // What is not installed here is not what is looked at.
    let start = of_unit(&unit, "ExecStart")[0];
    let unit = unit.replace(start, "/bin/true");
    fs::write(&path, unit).unwrap();
    let path = path.to_str().unwrap();
    let Some(verified) = output_of("systemd-analyze", &["verify", "--man=no", path]) else { return };
    let said = String::from_utf8(verified.stderr).unwrap();
    assert!(!said.contains("comity.service"), "{said}");
    // A lower number is less exposed: 10 is a service without any protection.
    let threshold = ["security", "--offline=yes", "--threshold=15", path];
    let exposed = output_of("systemd-analyze", &threshold).unwrap();
    assert!(exposed.status.success(), "{}", String::from_utf8_lossy(&exposed.stdout));
}

/// The manifests that the kustomization names.
fn manifests() -> Vec<Value> {
    let folder = Path::new("packaging/kubernetes");
    let read = |name: &str| -> Vec<Value> {
        let text = shipped(folder.join(name).to_str().unwrap());
        // As Kubernetes reads a mode: 0440 is octal, as in YAML 1.1.
        let options = serde_saphyr::options! { legacy_octal_numbers: true };
        serde_saphyr::from_multiple_with_options(&text, options).unwrap()
    };
    let all = read("kustomization.yaml").remove(0);
    let named = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    for generated in all["configMapGenerator"].as_array().unwrap() {
        for file in named(&generated["files"]) {
            assert!(root().join(folder).join(&file).is_file(), "{file}");
        }
    }
    named(&all["resources"]).iter().flat_map(|name| read(name)).collect()
}

/// The gateways' container, their pod, and the volumes that each pod claims for itself.
fn container(manifests: &[Value]) -> (Value, Value, Vec<String>) {
    let set = &manifests.iter().find(|manifest| manifest["kind"] == "StatefulSet").unwrap()["spec"];
    let pod = set["template"]["spec"].clone();
    let claims = set["volumeClaimTemplates"].as_array().unwrap().iter();
    let claimed = claims.map(|claim| claim["metadata"]["name"].as_str().unwrap().to_owned()).collect();
    (pod["containers"][0].clone(), pod, claimed)
}

#[test]
fn every_path_of_the_gateways_in_a_cluster_is_mounted() {
    let (container, pod, claimed) = container(&manifests());
    let config = Config::read(&root().join("packaging/kubernetes/comity.toml")).unwrap();
    let mounts: Vec<(&str, &str)> = container["volumeMounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mount| (mount["mountPath"].as_str().unwrap(), mount["name"].as_str().unwrap()))
        .collect();
    let volumes = pod["volumes"].as_array().unwrap();
    let volume = |name: &str| volumes.iter().find(|volume| volume["name"] == name);
    let mounted = |path: &Path| mounts.iter().find(|(place, _)| path.starts_with(place)).map(|(_, name)| *name);
    let url = toml::to_string(&config.store).unwrap();
    let in_url = ["sslrootcert=", "passfile="].map(|name| {
        let after = url.split_once(name).unwrap().1;
        PathBuf::from(after.split(['&', '"', '\'']).next().unwrap())
    });
    let mut paths: Vec<(PathBuf, bool)> = named_files(&config)
        .into_iter()
        .map(|file| (file.path, file.is_secret || file.key == "keys.directory"))
        .collect();
    paths.extend(in_url.map(|path| (path, true)));
    assert!(paths.len() >= 6, "{paths:?}");
    for (path, is_secret) in &paths {
        let name = mounted(path).unwrap_or_else(|| panic!("{} is mounted nowhere", path.display()));
        let volume = volume(name).unwrap_or_else(|| panic!("there is no volume {name}"));
        // A gateway refuses a secret that others may read.
        let secret = volume.get("secret");
        assert!(secret.is_some() || !is_secret, "{} is no secret", path.display());
        assert!(secret.is_none_or(|secret| secret["defaultMode"] == 0o440), "{volume:?}");
    }
    let used = mounts.iter().map(|(_, name)| *name).collect::<BTreeSet<_>>().len();
    assert_eq!(used, volumes.len() + claimed.len(), "mounted in vain");
    assert!(pod["securityContext"]["fsGroup"] == 65_532 && pod["securityContext"]["runAsNonRoot"] == true);
    let arguments: Vec<&str> =
        container["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(mounted(Path::new(arguments[2])), Some("config"));
    // Audit lines are kept when a pod goes, and a root that may only be read takes none.
    let audited = arguments.iter().position(|word| *word == "--audit-log").expect("no audit log is kept") + 1;
    assert_eq!(mounted(Path::new(arguments[audited])), claimed.first().map(String::as_str));
    let elsewhere = tempfile::tempdir().unwrap();
    let audit_log = elsewhere.path().join("audit.log");
    let arguments = [&arguments[..audited], &[audit_log.to_str().unwrap()]].concat();
    // Known to the command line, and refused only because it is not there.
    let unread = said(comity(arguments[0]).args(&arguments[1..]), 1);
    assert!(unread.contains("/etc/comity/comity.toml cannot be read"), "{unread}");
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(grace * 1_000 > config.server.drain_timeout_ms, "killed while it drains");
}

#[tokio::test]
async fn probes_of_the_cluster_are_answered() {
    let manifests = manifests();
    let (container, ..) = container(&manifests);
    let config = Config::read(&root().join("packaging/kubernetes/comity.toml")).unwrap();
    let ports = container["ports"].as_array().unwrap();
    let port =
        |name: &Value| ports.iter().find(|port| port["name"] == *name).unwrap()["containerPort"].as_u64().unwrap();
    let served = Served::start("error", |_| {});
    for name in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let asked = &container[name]["httpGet"];
        assert_eq!(port(&asked["port"]), u64::from(config.server.ops_listen.port()), "{name}");
        let answer = probe(served.ops, asked["path"].as_str().unwrap()).await;
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{name}: {}", String::from_utf8_lossy(&answer));
    }
    let service = manifests.iter().find(|manifest| manifest["kind"] == "Service").unwrap();
    assert_eq!(port(&service["spec"]["ports"][0]["targetPort"]), u64::from(config.server.listen.port()));
    // From the node, so not by this machine's name for itself.
    assert!(config.server.listen.ip().is_unspecified() && config.server.ops_listen.ip().is_unspecified());
}

#[test]
fn kustomize_builds_what_is_there() {
    let folder = root().join("packaging/kubernetes");
    let Some(built) = output_of("kubectl", &["kustomize", folder.to_str().unwrap()]) else { return };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// The words of the instructions of one kind in the Dockerfile, with lines that go on put together.
fn instructions(kind: &str) -> Vec<String> {
    let text = shipped("Dockerfile").replace("\\\n", " ");
    text.lines().filter_map(|line| line.strip_prefix(kind)?.strip_prefix(' ')).map(str::to_owned).collect()
}

/// A command as the Dockerfile has it: a list in JSON.
fn command_in(instruction: &str) -> Vec<String> {
    serde_json::from_str(&instruction[instruction.find('[').unwrap()..]).unwrap()
}

#[test]
fn the_image_says_how_it_is_and_starts_as_a_user() {
    let served = Served::start("error", |_| {});
    let health = command_in(&instructions("HEALTHCHECK")[0]);
    assert_eq!(health[0], "/usr/bin/comity");
    said(comity(&health[1]).args(&health[2..]).args(["--ops", &served.ops.to_string()]), 0);
    let (entry, command) = (command_in(&instructions("ENTRYPOINT")[0]), command_in(&instructions("CMD")[0]));
    assert_eq!(entry, ["/usr/bin/comity"]);
    let unread = said(comity(&command[0]).args(&command[1..]), 1);
    assert!(unread.contains("/etc/comity/comity.toml cannot be read"), "{unread}");
    assert_eq!(instructions("USER"), ["65532:65532"]);
    // The toolchain of the image is that of the crate.
    let manifest: toml::Table = toml::from_str(&shipped("Cargo.toml")).unwrap();
    let version = manifest["package"]["rust-version"].as_str().unwrap();
    assert!(instructions("FROM")[0].starts_with(&format!("rust:{version}-")), "{version}");
    // Only what a build reads is sent to it, and all of that.
    let ignored = shipped(".dockerignore");
    for kept in ignored.lines().filter_map(|line| line.strip_prefix('!')) {
        assert!(root().join(kept).exists(), "{kept}");
    }
    for read in ["Cargo.lock", "build.rs", "src", "proto", "policies", "benches"] {
        assert!(ignored.lines().any(|line| line == format!("!{read}")), "{read}");
    }
}

#[test]
fn the_package_holds_what_is_made_and_what_is_here() {
    let manifest: toml::Table = toml::from_str(&shipped("Cargo.toml")).unwrap();
    let deb = &manifest["package"]["metadata"]["deb"];
    let script = shipped("packaging/build-deb");
    for asset in deb["assets"].as_array().unwrap() {
        let source = asset[0].as_str().unwrap();
        let (folder, name) = source.rsplit_once('/').unwrap_or(("", source));
        match source.strip_prefix("target/packaging/") {
            Some(made) => assert!(script.contains(&format!("$made/{}", made.trim_end_matches("/*.1"))), "{made}"),
            None if folder == "target/release" => assert_eq!(name, "comity"),
            None => assert!(root().join(source.replace("/*.md", "")).exists(), "{source}"),
        }
    }
    for path in [&deb["maintainer-scripts"], &deb["systemd-units"]["unit-scripts"]] {
        assert!(root().join(path.as_str().unwrap()).is_dir());
    }
    assert!(shipped("packaging/debian/postinst").ends_with("#DEBHELPER#\n"));
    // What an operator changes is left alone by the next package.
    assert_eq!(deb["conf-files"][0].as_str().unwrap(), "/etc/comity/comity.toml");
}

/// Every command there is, by the words that lead to it.
fn commands(path: &[String]) -> Vec<Vec<String>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comity"));
    let help = said(command.args(path).arg("--help").env("COLUMNS", "100"), 0);
    let mut found = vec![path.to_owned()];
    let listed = help.split_once("Commands:\n").map_or("", |(_, listed)| listed);
    let lines = listed.lines().take_while(|line| !line.is_empty());
    for line in lines.filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap();
        if name != "help" {
            found.extend(commands(&[path, &[name.to_owned()]].concat()));
        }
    }
    found
}

#[test]
fn every_command_has_a_page_in_the_manual() {
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man");
    said(comity("man").arg("--out").arg(&pages), 0);
    let commands = commands(&[]);
    assert!(commands.len() > 35, "{commands:?}");
    let mut wanted = BTreeSet::new();
    for words in commands {
        let page = [&["comity".to_owned()][..], &words].concat().join("-");
        wanted.insert(format!("{page}.1"));
    }
    let made: BTreeSet<String> =
        fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(made, wanted);
    for name in &made {
        let page = pages.join(name);
        // As wide as the longest example, which cannot be broken.
        let arguments = ["-man", "-ww", "-rLL=160n", "-Tutf8", "-k", "-z", page.to_str().unwrap()];
        let Some(shown) = output_of("groff", &arguments) else {
            return;
        };
        assert!(
            shown.status.success() && shown.stderr.is_empty(),
            "{name}: {}",
            String::from_utf8_lossy(&shown.stderr)
        );
    }
}
