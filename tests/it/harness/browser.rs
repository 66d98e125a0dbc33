//! A browser without a window, spoken to over a pipe in the protocol of its developer tools.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// The browser, by `COMITY_CHROMIUM` or by name. Without it something is left out, and that is said.
#[expect(clippy::disallowed_methods, reason = "told by whoever runs the tests")]
pub(crate) fn installed(what: &str) -> Option<String> {
    let named = std::env::var("COMITY_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let mut asked = std::process::Command::new(&named);
    let found = asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success()).then_some(named);
    if found.is_none() {
        // Written past the test runner, which keeps to itself what a passing test prints.
        writeln!(std::io::stderr(), "LEFT OUT: {what} (run tests/run)").unwrap();
    }
    found
}

/// What every browser of the tests is started with: no window, and nobody to ask but this machine.
pub(crate) fn arguments(profile: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        // A request to anywhere else fails, and a request that fails is an error in the console.
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        "--disable-background-networking",
    ]
    .map(OsString::from)
    .into();
    arguments.push(format!("--user-data-dir={}", profile.display()).into());
    arguments
}

/// A page in a browser. Both end when this is dropped.
pub(crate) struct Page {
    session: String,
    next: u64,
    /// What the page has done since it was opened, as the browser tells it.
    events: Vec<Value>,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _child: Child,
    _profile: TempDir,
}

impl Page {
    /// Opens an address, of this width in pixels.
    pub(crate) async fn open(browser: &str, address: &str, width: u32) -> Self {
        let profile = tempfile::tempdir().unwrap();
        // It reads commands from descriptor 3 and answers on 4, each message ended by a zero.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null 1>&2", browser])
            .args(arguments(profile.path()))
            .args(["--remote-debugging-pipe", "about:blank"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let session = String::new();
        let mut page = Self { session, next: 0, events: Vec::new(), input, output, _child: child, _profile: profile };
        let target = page.tell("Target.createTarget", json!({ "url": "about:blank" })).await;
        let attached = json!({ "targetId": target["targetId"], "flatten": true });
        page.session = page.tell("Target.attachToTarget", attached).await["sessionId"].as_str().unwrap().to_owned();
        for part in ["Runtime", "Network", "Log", "Page"] {
            page.tell(&format!("{part}.enable"), json!({})).await;
        }
        page.set_width(width).await;
        let navigated = page.tell("Page.navigate", json!({ "url": address })).await;
        assert!(navigated["errorText"].is_null(), "{navigated}");
        page
    }

    /// Gives a command to the browser and returns what it answers.
    async fn tell(&mut self, method: &str, parameters: Value) -> Value {
        self.next += 1;
        let mut command = json!({ "id": self.next, "method": method, "params": parameters });
        if !self.session.is_empty() {
            command["sessionId"] = self.session.clone().into();
        }
        self.input.write_all(format!("{command}\0").as_bytes()).await.unwrap();
        loop {
            let mut message = Vec::new();
            let read = tokio::time::timeout(PATIENCE, self.output.read_until(0, &mut message)).await;
            assert!(read.expect("the browser does not answer").unwrap() > 0, "the browser has ended");
            let message: Value = serde_json::from_slice(&message[..message.len() - 1]).unwrap();
            if message["id"] == self.next {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    /// The value of an expression in the page, once it is known.
    pub(crate) async fn value(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let found = self.tell("Runtime.evaluate", asked).await;
        assert!(found["exceptionDetails"].is_null(), "{expression}: {found}");
        found["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.value(expression).await != Value::Bool(true) {
            assert!(begun.elapsed() < PATIENCE, "it never came to be: {expression}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Presses a key and lets it go.
    pub(crate) async fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            " " => (32, " "),
            other => panic!("a key that the tests do not know: {other}"),
        };
        let key = |kind: &str| json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code, "text": text });
        self.tell("Input.dispatchKeyEvent", key("keyDown")).await;
        let mut up = key("keyUp");
        up["text"] = "".into();
        self.tell("Input.dispatchKeyEvent", up).await;
    }

    /// The width of the window, in pixels.
    pub(crate) async fn set_width(&mut self, width: u32) {
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Whether whoever looks prefers dark colours.
    pub(crate) async fn prefer(&mut self, colours: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": colours }]);
        self.tell("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Keeps a picture of the whole page under target/tmp, to be looked at.
    pub(crate) async fn picture(&mut self, name: &str) -> PathBuf {
        let size = self.tell("Page.getLayoutMetrics", json!({})).await["cssContentSize"].clone();
        let whole = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let wanted = json!({ "captureBeyondViewport": true, "clip": whole });
        let taken = self.tell("Page.captureScreenshot", wanted).await;
        let picture = base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, picture).unwrap();
        path
    }

    /// Each address that was asked for, and each error or warning that the browser wrote into its console.
    pub(crate) fn requests_and_complaints(&self) -> (Vec<String>, Vec<String>) {
        let (mut requests, mut complaints) = (Vec::new(), Vec::new());
        for event in &self.events {
            let of = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Network.requestWillBeSent" => requests.push(of["request"]["url"].as_str().unwrap().to_owned()),
                "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded" => {
                    complaints.push(of.to_string());
                }
                _ => {}
            }
        }
        (requests, complaints)
    }
}
