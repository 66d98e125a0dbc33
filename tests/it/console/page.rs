//! The console in a browser while agencies call.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::task::JoinHandle;
use tonic::Code;

use crate::clients::installed;
use crate::console::{PATIENCE, Series, is_same, scrape, sum};
use crate::harness::World;
use crate::harness::browser::{self, Page};
use crate::harness::requests::detainer_for;
use crate::watching::scrape::a_story;

const WHAT: &str = "the console in a browser";
const WIDE: u32 = 1400;
const NARROW: u32 = 360;

/// Every number on the page that is one of the metrics: of which, and what it is.
const NUMBERS: &str = "[...document.querySelectorAll('[data-metric]')].map((cell) => \
    ({ name: cell.dataset.metric, labels: JSON.parse(cell.dataset.labels), value: Number(cell.dataset.value), \
       text: cell.textContent }))";

/// A number as the page has it.
#[derive(Debug)]
struct Number {
    name: String,
    /// Several for a sum over several codes.
    labels: Vec<BTreeMap<String, String>>,
    value: f64,
    text: String,
}

impl Number {
    fn of(found: &Value) -> Self {
        let labels = found["labels"].clone();
        let labels = if labels.is_array() { labels } else { Value::Array(vec![labels]) };
        Self {
            name: found["name"].as_str().unwrap().to_owned(),
            labels: serde_json::from_value(labels).unwrap(),
            value: found["value"].as_f64().unwrap(),
            text: found["text"].as_str().unwrap().to_owned(),
        }
    }

    /// The same by the metrics.
    fn expected(&self, scraped: &Series) -> f64 {
        self.labels.iter().map(|labels| sum(scraped, &self.name, labels)).sum()
    }

    /// What is to be read of it.
    fn assert_legible(&self) {
        let whole = || self.text.trim_start_matches("▲ ").replace(',', "").parse::<f64>();
        if self.name.ends_with("_expiry_timestamp_seconds") {
            let minute = Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(self.value);
            assert_eq!(self.text, minute.strftime("%Y-%m-%d %H:%M").to_string(), "{self:?}");
        } else if self.name.ends_with("_seconds") || self.name.ends_with("_bytes") {
            assert!(self.text.split(' ').count() >= 2, "a number with its unit: {self:?}");
        } else {
            assert!(whole().is_ok_and(|read| is_same(read, self.value)), "{self:?}");
        }
    }
}

async fn numbers(page: &mut Page) -> Vec<Number> {
    page.value(NUMBERS).await.as_array().unwrap().iter().map(Number::of).collect()
}

/// Opens the console, and returns once it shows something.
async fn open(browser: &str, ops: SocketAddr) -> Page {
    let mut page = Page::open(browser, &format!("http://{ops}/console"), WIDE).await;
    page.until("document.getElementById('connection')?.textContent === 'Live.'").await;
    page
}

/// Agencies that call until they are told to stop.
struct Load {
    done: Arc<AtomicBool>,
    callers: Vec<JoinHandle<()>>,
}

impl Load {
    fn begin(world: &World) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let mut callers = Vec::new();
        for (party, may) in [(world.ice(), true), (world.doccs(), false)] {
            let done = Arc::clone(&done);
            callers.push(tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    let lodged = party.lodge(detainer_for("us-ny-doccs")).await;
                    if may {
                        lodged.accepted();
                    } else {
                        lodged.refused(Code::PermissionDenied, "METHOD_DENIED");
                    }
                }
            }));
        }
        Self { done, callers }
    }

    async fn end(self) {
        self.done.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.await.unwrap();
        }
    }
}

/// Counters only grow: what the page shows lies between a scrape before and one after.
async fn assert_between_two_scrapes(page: &mut Page, ops: SocketAddr) {
    let before = scrape(ops).await;
    let seen = page.value("document.getElementById('at').dateTime").await;
    // The next snapshot but one was taken after that scrape.
    for _ in 0..2 {
        let now = page.value("document.getElementById('at').dateTime").await;
        page.until(&format!("document.getElementById('at').dateTime > {now}")).await;
    }
    let shown = numbers(page).await;
    let after = scrape(ops).await;
    let counters: Vec<&Number> = shown.iter().filter(|number| number.name.ends_with("_total")).collect();
    assert!(counters.len() > 20, "{counters:?}");
    for number in counters {
        let (least, most) = (number.expected(&before), number.expected(&after));
        assert!(least <= number.value && number.value <= most, "{least} to {most} since {seen}: {number:?}");
    }
}

/// Once nobody calls any more, each number is that of the metrics.
async fn assert_equal_to_a_scrape(page: &mut Page, ops: SocketAddr) {
    let begun = Instant::now();
    let shown = loop {
        let shown = numbers(page).await;
        let now = scrape(ops).await;
        let differs = |number: &&Number| !is_same(number.value, number.expected(&now));
        let different: Vec<&Number> = shown.iter().filter(differs).collect();
        if different.is_empty() {
            break shown;
        }
        assert!(begun.elapsed() < PATIENCE, "{different:?}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    assert!(shown.len() > 60, "{} numbers", shown.len());
    for number in &shown {
        number.assert_legible();
    }
    let named: BTreeSet<&str> = shown.iter().map(|number| number.name.as_str()).collect();
    for name in [
        "comity_calls_total",
        "comity_connections",
        "comity_log_entries",
        "comity_log_head_timestamp_seconds",
        "comity_inbox_waiting_entries",
        "comity_inbox_oldest_waiting_seconds",
        "comity_reviews_waiting",
        "comity_clocks_overdue",
        "comity_calls_denied_total",
        "comity_certificate_expiry_timestamp_seconds",
        "comity_partner_certificate_expiry_timestamp_seconds",
    ] {
        assert!(named.contains(name), "{name} is not on the page: {named:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_shows_what_the_metrics_say_while_agencies_call() {
    let Some(browser) = browser::installed(WHAT) else { return };
    let world = World::start();
    a_story(&world).await;
    let ops = world.gateway().ops();
    let mut page = open(&browser, ops).await;
    let load = Load::begin(&world);
    assert_between_two_scrapes(&mut page, ops).await;
    // Each plot has a curve, and the same in numbers.
    page.until(
        "[...document.querySelectorAll('#plots .curve')].every((curve) => curve.getAttribute('d')?.includes('L'))",
    )
    .await;
    for plot in ["plot-calls", "plot-denials", "plot-commit"] {
        let highest =
            format!("Number(document.querySelector('#{plot} td:last-child').textContent.replace(',', '')) > 0");
        page.until(&highest).await;
    }
    load.end().await;
    world.pass(SignedDuration::from_hours(1));
    world.gateway().sample();
    assert_equal_to_a_scrape(&mut page, ops).await;
    let attention = page.value("document.getElementById('attention').textContent").await;
    assert!(attention.as_str().unwrap().contains("us-ny-doccs is behind in us-ny."), "{attention}");
    let denied = page.value("document.getElementById('denied').textContent").await;
    assert!(denied.as_str().unwrap().contains("METHOD_DENIED"), "{denied}");
    // Opened later, it shows what was denied before.
    let mut later = open(&browser, ops).await;
    later.until(&format!("document.getElementById('denied').textContent === {denied}")).await;
    let (requests, complaints) = page.requests_and_complaints();
    assert!(complaints.is_empty(), "{complaints:?}");
    let own = format!("http://{ops}/console");
    assert!(requests.len() >= 5, "{requests:?}");
    assert!(
        requests.iter().all(|url| url.starts_with(&own) || url == "data:," || url == "about:blank"),
        "{requests:?}"
    );
}

#[tokio::test]
async fn the_console_is_worked_from_the_keyboard_and_can_be_paused() {
    let Some(browser) = browser::installed(WHAT) else { return };
    let world = World::start();
    a_story(&world).await;
    let mut page = open(&browser, world.gateway().ops()).await;
    let focused = "(() => { const at = document.activeElement, style = getComputedStyle(at); \
        return { id: at.id, words: at.textContent.slice(0, 40), \
        visible: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && at.getBoundingClientRect().left >= 0 }; })()";
    let mut reached = Vec::new();
    for _ in 0..40 {
        page.press("Tab").await;
        let at = page.value(focused).await;
        if at["visible"] != Value::Bool(true) {
            break;
        }
        reached.push(at["words"].as_str().unwrap().to_owned());
    }
    assert_eq!(reached[..3], ["Skip to what needs attention", "Pause updates", "Readiness"], "{reached:?}");
    // Each section by its link, and each table that may have to be scrolled.
    assert_eq!(reached.len(), 2 + 7 + 8, "{reached:?}");
    page.value("document.getElementById('pause').focus()").await;
    page.press("Enter").await;
    page.until("document.getElementById('connection').textContent === 'Paused: nothing is updated.'").await;
    assert_eq!(page.value("stream.readyState === EventSource.CLOSED").await, Value::Bool(true));
    assert_eq!(page.value("document.getElementById('pause').getAttribute('aria-pressed')").await, "true");
    page.press(" ").await;
    page.until("document.getElementById('connection').textContent === 'Live.'").await;
    assert_eq!(page.value("document.getElementById('pause').getAttribute('aria-pressed')").await, "false");
    // What is read out by itself are words that change with the gateway's condition, and no number.
    let live = "[...document.querySelectorAll('[role=status], [aria-live]')].map((node) => node.textContent).join(' ')";
    let spoken = page.value(live).await;
    assert!(!spoken.as_str().unwrap().contains(|word: char| word.is_ascii_digit()), "{spoken}");
}

/// A gateway that has gone is not shown as one that runs.
#[tokio::test]
async fn the_console_says_when_it_is_no_longer_told() {
    let Some(browser) = browser::installed(WHAT) else { return };
    let mut world = World::start();
    let mut page = open(&browser, world.gateway().ops()).await;
    world.stop().await;
    page.until("document.getElementById('connection').textContent.startsWith('Not connected')").await;
}

#[tokio::test]
async fn axe_finds_nothing_serious_in_the_console() {
    let Some(browser) = browser::installed(WHAT) else { return };
    let Some(modules) = installed("COMITY_AXE_MODULES", "the console's accessibility") else { return };
    let axe = std::fs::read_to_string(Path::new(&modules).join("axe-core/axe.min.js")).unwrap();
    let world = World::start();
    a_story(&world).await;
    world.pass(SignedDuration::from_hours(1));
    world.gateway().sample();
    let mut page = open(&browser, world.gateway().ops()).await;
    page.until("document.getElementById('attention').textContent.includes('is behind')").await;
    page.value(&format!("{axe}; typeof axe")).await;
    for (colours, width) in [("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW)] {
        page.prefer(colours).await;
        page.set_width(width).await;
        let found = "axe.run(document).then((found) => ({ rules: found.passes.length, wrong: found.violations.map((of) => \
            `${of.impact} ${of.id}: ${of.nodes.map((node) => node.html).join(' ')}`) }))";
        let found = page.value(found).await;
        assert!(found["rules"].as_u64().unwrap() > 20, "{found}");
        println!("{colours}, {width} pixels: {} rules hold, {}", found["rules"], found["wrong"]);
        let wrong: Vec<&str> = found["wrong"].as_array().unwrap().iter().map(|of| of.as_str().unwrap()).collect();
        assert!(wrong.iter().all(|of| !of.starts_with("serious") && !of.starts_with("critical")), "{wrong:#?}");
        let sideways = page.value("document.documentElement.scrollWidth > innerWidth").await;
        assert_eq!(sideways, Value::Bool(false), "the page itself scrolls sideways at {width} pixels");
        println!("{}", page.picture(&format!("console-{colours}-{width}.png")).await.display());
    }
}
