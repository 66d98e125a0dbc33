//! The days of three offices in Rust, as the table tells them: docs/clients/offices.json. The forms on paper in them are made, filled
//! in and read here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use comity::client::Client;
use comity::domain::agency::ActorKind;
use comity::wire::methods::{self, Method};
use comity::wire::raw_codec::RawCodec;
use comity::wire::v1;
use serde::Deserialize;
use serde_json::{Map, Value};
use tonic::client::Grpc;
use tonic::{Request, Response, Status};

use crate::clients::Exchange;
use crate::clients::telling::{Inbox, Party, Told, Written};
use crate::paper::with_requests;

/// The table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Days {
    shapes: Map<String, Value>,
    stories: Vec<Story>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    day: String,
    title: String,
    r#in: String,
    inboxes: Vec<String>,
    /// Times that are spoken of more than once.
    #[serde(default)]
    moments: Map<String, Value>,
    steps: Vec<Value>,
    /// Whose report is told, and which tables of it.
    counts: Vec<(String, Vec<String>)>,
}

impl Story {
    /// Everybody in it.
    fn names(&self) -> BTreeSet<&str> {
        let doing = self.steps.iter().filter_map(|step| step["who"].as_str());
        self.inboxes.iter().map(String::as_str).chain(doing).collect()
    }
}

/// What one of the parties does.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    who: String,
    does: Option<String>,
    refused: Option<String>,
    call: String,
    with: Value,
    /// What of the answer is known from then on, and under which name.
    #[serde(default)]
    keep: BTreeMap<String, String>,
}

/// How many, by the table of a report and the words of a row.
type Figures = BTreeMap<(String, Vec<String>), i64>;

/// An answer to any write.
struct Answered {
    json: Value,
    receipt: Option<v1::Receipt>,
}

impl Written for Answered {
    fn state(&self) -> String {
        let resource = ["detainer", "custody", "transfer"].iter().find_map(|resource| self.json.get(resource));
        let state = resource.unwrap()["state"].as_str().unwrap();
        state.split_once("_STATE_").unwrap().1.to_owned()
    }

    fn receipt(&self) -> Option<&v1::Receipt> {
        self.receipt.as_ref()
    }
}

pub(super) async fn play(exchange: &Exchange, table: &str) -> String {
    let days: Days = serde_json::from_str(table).unwrap();
    let mut table = Table { exchange, told: Told::default(), parties: BTreeMap::new() };
    for story in &days.stories {
        writeln!(table.told.lock().unwrap(), "== {}: {}", story.day, story.title).unwrap();
        for name in story.names() {
            table.seat(name).await;
        }
        let mut known = days.shapes.clone();
        known.insert("in".to_owned(), story.r#in.clone().into());
        let mut telling = Telling { table: &table, story, known };
        for (name, moment) in &story.moments {
            telling.known.insert(name.clone(), telling.meant(moment));
        }
        telling.play().await;
    }
    let told = table.told.lock().unwrap();
    told.clone()
}

/// Everybody, each connected once, and what they tell.
struct Table<'a> {
    exchange: &'a Exchange,
    told: Told,
    parties: BTreeMap<String, Party>,
}

impl Table<'_> {
    async fn seat(&mut self, name: &str) {
        if self.parties.contains_key(name) {
            return;
        }
        let (agency, actor) = seat(name);
        let client = self.exchange.client(agency, actor).await;
        self.parties.insert(name.to_owned(), Party { client, name: name.to_owned(), told: self.told.clone() });
    }
}

/// `us-ny-doccs`, or `us-ny-doccs-officer`.
fn seat(name: &str) -> (&str, ActorKind) {
    name.strip_suffix("-officer").map_or((name, ActorKind::System), |agency| (agency, ActorKind::Officer))
}

/// One story: who takes part, and what is known by now.
struct Telling<'a> {
    table: &'a Table<'a>,
    story: &'a Story,
    known: Map<String, Value>,
}

impl Telling<'_> {
    async fn play(mut self) {
        let mut inboxes: BTreeMap<&str, Inbox> = BTreeMap::new();
        for name in &self.story.inboxes {
            inboxes.insert(name, self.party(name).inbox(&self.story.r#in).await);
        }
        let mut before = Vec::new();
        for (name, _) in &self.story.counts {
            before.push(self.figures(name).await);
        }
        for step in &self.story.steps {
            if let Some(wait_s) = step["wait_s"].as_f64() {
                tokio::time::sleep(Duration::from_secs_f64(wait_s)).await;
            } else if let Some(detainer) = step["reads"].as_str() {
                let name = self.meant(&detainer.into());
                self.party(step["who"].as_str().unwrap()).reads(name.as_str().unwrap()).await;
            } else if step["opens"].is_string() {
                let name = step["who"].as_str().unwrap();
                self.party(name).opens(inboxes.get_mut(name).unwrap()).await;
            } else {
                self.call(Step::deserialize(step).unwrap()).await;
            }
        }
        for ((name, tables), before) in self.story.counts.iter().zip(before) {
            self.count(name, tables, &before).await;
        }
    }

    fn party(&self, name: &str) -> &Party {
        &self.table.parties[name]
    }

    async fn call(&mut self, step: Step) {
        let method = methods::named(&step.call).unwrap();
        let mut request = self.meant(&step.with);
        if request["enteredFromPaper"] == true && step.does.is_some() {
            request = self.on_paper(&step.who, method, &request);
        }
        let party = self.party(&step.who);
        let call = call(&party.client, method, &request);
        if let Some(what) = &step.refused {
            party.may_not(what, call).await;
            return;
        }
        let answer = party.does(step.does.as_deref().unwrap(), call).await;
        for (name, path) in step.keep {
            let kept = path.split('.').fold(&answer.json, |part, field| &part[field]);
            assert!(kept.is_string(), "{path} in {}", answer.json);
            self.known.insert(name, kept.clone());
        }
    }

    /// The request as it is read from a form that was rendered, filled in and sent back.
    fn on_paper(&self, officer: &str, method: &Method, request: &Value) -> Value {
        let directory = self.table.exchange.directory.path();
        let form = |arguments: &[&str]| {
            let run = Command::new(env!("CARGO_BIN_EXE_comity"))
                .arg("form")
                .args(arguments)
                .current_dir(directory)
                .output()
                .unwrap();
            assert!(run.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
            String::from_utf8(run.stdout).unwrap()
        };
        let (agency, _) = seat(officer);
        let (address, dir) = (self.table.exchange.address.as_str(), directory.to_str().unwrap());
        let seat = ["--as", agency, "--address", address, "--directory", dir];
        let name = request["name"].as_str().unwrap();
        form(&[&["render", name, "--out", "detainer.pdf"], seat.as_slice()].concat());
        let pdf = std::fs::read(directory.join("detainer.pdf")).unwrap();
        let filled_in = with_requests(&pdf, &[(method.name(), request.clone())]);
        std::fs::write(directory.join("returned.pdf"), filled_in).unwrap();
        let read: Value = serde_json::from_str(&form(&["read", "returned.pdf"])).unwrap();
        let mut meant = request.clone();
        meant["requestId"] = read["request"]["requestId"].clone();
        assert_eq!((&read["method"], &read["request"]), (&method.name().into(), &meant));
        read["request"].clone()
    }

    /// The table's value with what it refers to put in its place: `$now+60` is in a minute, `$name` what is known by it, and
    /// `{"$": "name", ...}` the same with some fields replaced.
    fn meant(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if text.starts_with("$now") => {
                let after = text["$now".len()..].parse().unwrap_or_default();
                let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(after);
                at.round(jiff::Unit::Millisecond).unwrap().to_string().into()
            }
            Value::String(text) if text.starts_with('$') => self.meant(&self.known[&text[1..]]),
            Value::Array(elements) => elements.iter().map(|element| self.meant(element)).collect(),
            Value::Object(parts) => {
                let base = parts.get("$").map(|name| self.meant(&self.known[name.as_str().unwrap()]));
                let mut meant = base.map_or_else(Map::new, |base| base.as_object().unwrap().clone());
                let parts = parts.iter().filter(|(key, _)| *key != "$");
                meant.extend(parts.map(|(key, part)| (key.clone(), self.meant(part))));
                meant.into()
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    async fn figures(&self, name: &str) -> Figures {
        let request = v1::GetReportRequest { parent: self.story.r#in.clone(), ..Default::default() };
        let answer = self.party(name).client.reports().get_report(request).await.unwrap().into_inner();
        let tables = answer.report.unwrap().tables.into_iter();
        let rows = tables.flat_map(|table| table.rows.into_iter().map(move |row| (table.name.clone(), row)));
        rows.map(|(table, row)| ((table, row.key.clone()), row.count())).collect()
    }

    /// Tells what of an agency's report is another count than at the beginning.
    async fn count(&self, name: &str, tables: &[String], before: &Figures) {
        let after = self.figures(name).await;
        for table in tables {
            let rows: BTreeSet<_> = before.keys().chain(after.keys()).filter(|row| row.0 == *table).collect();
            for row in rows {
                let of = |figures: &Figures| figures.get(row).copied().unwrap_or_default();
                let more = of(&after) - of(before);
                if more != 0 {
                    self.party(name).tell(&format!("counts in {table}"), &format!("{} {more:+}", row.1.join(" ")));
                }
            }
        }
    }
}

/// Calls any method that answers with one message, from JSON.
async fn call(client: &Client, method: &Method, request: &Value) -> Result<Response<Answered>, Status> {
    let request = method.request(&request.to_string()).unwrap();
    let path = method.path().parse().unwrap();
    let answer = Grpc::new(client.authorized()).unary(Request::new(request), path, RawCodec).await?;
    Ok(answer.map(|answer| Answered {
        json: method.answer(&answer).unwrap(),
        receipt: method.receipt_in(&[&[0; 5], answer.as_slice()].concat()),
    }))
}
