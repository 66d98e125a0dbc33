// The operators' console: shows each snapshot that the gateway streams. It sends nothing and asks for nothing else.
"use strict";

const HISTORY_S = 300;
const RATE_OVER = 10;
const NEW_TRY_MS = 5000;
const DENIED = ["PERMISSION_DENIED", "UNAUTHENTICATED"];
const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => document.getElementById(id);
const count = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const decimal = new Intl.NumberFormat("en", { maximumFractionDigits: 1, minimumFractionDigits: 1 });

function element(name, attributes = {}, ...children) {
  const made = name === "svg" || name === "path" || name === "line" ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Changes what differs and nothing else, so that a screen reader speaks of changes alone.
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// A span of time in words: of two units at most.
function span(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const whole = Math.max(0, Math.floor(seconds));
  const first = units.findIndex(([, size]) => whole >= size);
  if (first < 0) return "0 s";
  const [unit, size] = units[first];
  const rest = units[first + 1] ? Math.floor((whole % size) / units[first + 1][1]) : 0;
  return `${Math.floor(whole / size)} ${unit}` + (rest > 0 ? ` ${rest} ${units[first + 1][0]}` : "");
}

const moment = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
const bytes = (value) => `${decimal.format(value / 2 ** 30)} GiB`;

// The figures of one snapshot, by name and labels.
class Figures {
  constructor(snapshot) {
    this.all = snapshot.figures;
  }
  of(name, labels = {}) {
    return this.all.filter((figure) => figure.name === name && Object.entries(labels).every(([key, value]) => figure.labels[key] === value));
  }
  one(name, labels = {}) {
    return this.of(name, labels)[0];
  }
  sum(name, labels = {}) {
    return this.of(name, labels).reduce((sum, figure) => sum + figure.value, 0);
  }
}

// A cell of a table. `figure` names the series that its number is read from.
const text = (words, kind = "") => ({ words, kind });
const state = (mark, word, kind) => ({ words: `${mark} ${word}`, kind });
function shown(figures, name, labels, format = count.format, kind = "") {
  const found = figures.one(name, labels);
  if (!found) return { words: "–", kind: "number none" };
  return { words: format(found.value), kind: `number ${kind}`, name, labels: JSON.stringify(labels), value: found.value };
}
const reckoned = (words, kind = "") => ({ words, kind: `number ${kind}` });
// A sum over several codes of calls: named by the labels of all of them.
function summed(figures, name, each) {
  const value = each.reduce((sum, labels) => sum + figures.sum(name, labels), 0);
  return { words: count.format(value), kind: "number", name, labels: JSON.stringify(each), value };
}

// Fills the body of a table. Rows and cells stay where they are, and only what differs is written.
function fill(id, rows, empty) {
  const body = byId(id);
  const columns = body.parentElement.tHead.rows[0].cells.length;
  const wanted = rows.length > 0 ? rows : [[{ words: empty, kind: "none", columns }]];
  while (body.rows.length > wanted.length) body.deleteRow(-1);
  wanted.forEach((cells, at) => {
    const row = body.rows[at] ?? body.insertRow();
    while (row.cells.length > cells.length) row.deleteCell(-1);
    cells.forEach((cell, column) => {
      const tag = column === 0 && !cell.columns ? "TH" : "TD";
      let node = row.cells[column];
      if (!node || node.tagName !== tag) {
        const made = element(tag, tag === "TH" ? { scope: "row" } : {});
        if (node) node.replaceWith(made);
        else row.append(made);
        node = made;
      }
      const kind = cell.kind.trim();
      if (node.className !== kind) node.className = kind;
      node.colSpan = cell.columns ?? 1;
      for (const [key, value] of [["metric", cell.name], ["labels", cell.labels], ["value", cell.value]]) {
        if (value === undefined) delete node.dataset[key];
        else node.dataset[key] = value;
      }
      say(node, cell.words);
    });
  });
}

// A curve over the last minutes, and beside it the same in numbers.
class Plot {
  constructor(id, title, unit, format) {
    Object.assign(this, { id, unit, format, points: [] });
    this.curve = element("path", { class: "curve" });
    const axis = element("line", { class: "axis", x1: 0, x2: 300, y1: 83.5, y2: 83.5 });
    const svg = element("svg", { viewBox: "0 0 300 84", preserveAspectRatio: "none", role: "img", "aria-label": `${title} over the last five minutes; the table below has it in numbers` }, axis, this.curve);
    this.top = element("span", {}, "–");
    const scale = element("div", { class: "scale", "aria-hidden": "true" }, this.top, element("span", {}, "5 min until now"));
    this.cells = ["now", "mean", "lowest", "highest"].map((word) => [word, element("td", {}, "–")]);
    const heads = this.cells.map(([word]) => element("th", { scope: "col" }, word));
    const table = element("table", {}, element("caption", { class: "in-words" }, unit), element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, element("tr", {}, ...this.cells.map(([, cell]) => cell))));
    byId("plots").append(element("figure", { id }, element("figcaption", {}, title), scale, svg, table));
  }
  // `null` leaves a gap.
  add(at, value) {
    this.points.push([at, value]);
    this.points = this.points.filter(([when]) => when > at - HISTORY_S);
    const known = this.points.map(([, point]) => point).filter((point) => point !== null);
    if (known.length === 0) return;
    const highest = Math.max(...known);
    const top = highest > 0 ? highest : 1;
    let drawn = "";
    let pen = "M";
    let before = at;
    for (const [when, point] of this.points) {
      if (point === null || when - before > 5) pen = "M";
      before = when;
      if (point === null) continue;
      drawn += `${pen}${(300 - ((at - when) / HISTORY_S) * 300).toFixed(1)} ${(82 - (point / top) * 78).toFixed(1)}`;
      pen = "L";
    }
    this.curve.setAttribute("d", drawn);
    say(this.top, `${this.format(highest)} ${this.unit}`);
    const mean = known.reduce((sum, point) => sum + point, 0) / known.length;
    const numbers = { now: value, mean, lowest: Math.min(...known), highest };
    for (const [word, cell] of this.cells) say(cell, numbers[word] === null ? "–" : this.format(numbers[word]));
  }
}

const plots = {
  calls: new Plot("plot-calls", "Calls a second", "calls a second", decimal.format),
  denials: new Plot("plot-denials", "Denials a second", "denials a second", decimal.format),
  queue: new Plot("plot-queue", "Jobs that wait for the writer", "jobs", count.format),
  commit: new Plot("plot-commit", "Time to commit", "ms, mean of a second", decimal.format),
};

let history = [];

// Growth a second of a sum since an earlier snapshot. `null` if it cannot be told.
function rate(now, before, sum) {
  if (!before) return null;
  const grown = sum(now.figures) - sum(before.figures);
  const passed = now.at - before.at;
  // It falls only when the gateway was started again.
  return grown < 0 || passed <= 0 ? null : grown / passed;
}

function plot(now, before) {
  plots.calls.add(now.at, rate(now, before, (figures) => figures.sum("comity_calls_total")));
  const denials = (figures) => figures.sum("comity_calls_denied_total") + figures.sum("comity_handshakes_refused_total");
  plots.denials.add(now.at, rate(now, before, denials));
  plots.queue.add(now.at, now.figures.sum("comity_queue_jobs"));
  const took = rate(now, before, (figures) => figures.sum("comity_commit_duration_seconds_sum"));
  const commits = rate(now, before, (figures) => figures.sum("comity_commit_duration_seconds_count"));
  plots.commit.add(now.at, commits ? (took / commits) * 1000 : null);
}

const named = (figures, name, label) => [...new Set(figures.of(name).map((figure) => figure.labels[label]))].sort();

function showLogs(figures) {
  const sampled = figures.one("comity_sampled_timestamp_seconds")?.value;
  say(byId("sampled"), sampled ? `Ages are as of ${moment(sampled)} UTC` : "Ages are not known yet");
  fill("heads", figures.of("comity_log_entries").map(({ labels }) => [
    text(labels.jurisdiction),
    text(labels.log),
    shown(figures, "comity_log_entries", labels),
    shown(figures, "comity_log_head_timestamp_seconds", labels, (head) => `${span(sampled - head)} old`),
    shown(figures, "comity_witness_lag_entries", labels),
  ]), "This gateway keeps no log.");
}

function showFlow(now, earlier) {
  const { figures } = now;
  const each = (value) => reckoned(value === null ? "–" : decimal.format(value));
  fill("agencies", named(figures, "comity_connections", "agency").map((agency) => {
    const codes = figures.of("comity_calls_total", { agency }).map((figure) => figure.labels.code);
    const errors = codes.filter((code) => code !== "OK" && !DENIED.includes(code)).map((code) => ({ agency, code }));
    const denied = DENIED.map((code) => ({ agency, code }));
    const sum = (all) => (then) => all.reduce((total, labels) => total + then.sum("comity_calls_total", labels), 0);
    return [
      text(agency),
      shown(figures, "comity_connections", { agency }),
      shown(figures, "comity_inbox_streams", { agency }),
      summed(figures, "comity_calls_total", [{ agency }]),
      each(rate(now, earlier, sum([{ agency }]))),
      summed(figures, "comity_calls_total", denied),
      each(rate(now, earlier, sum(denied))),
      summed(figures, "comity_calls_total", errors),
    ];
  }), "The registry names no agency.");
  const line = (what, name, format) => [text(what), shown(figures, name, {}, format)];
  fill("writer", [
    line("Calls in flight", "comity_calls_in_flight"),
    line("Jobs that wait for the writer", "comity_queue_jobs"),
    line("Most that may wait", "comity_queue_jobs_max"),
    line("Refused because the queue was full", "comity_queue_full_total"),
    line("Databases that are away", "comity_store_away"),
    line("Room left on the disk of the store", "comity_disk_available_bytes", bytes),
    line("Audit lines lost", "comity_audit_lines_lost_total"),
    line("Persons held past their hold", "comity_over_holds_total"),
    line("Hand-overs that the law did not allow", "comity_unlawful_hand_overs_total"),
  ], "");
}

function showBacklog(figures, snapshot, attend) {
  const waiting = figures.of("comity_inbox_waiting_entries");
  const oldest = (labels) => figures.sum("comity_inbox_oldest_waiting_seconds", labels);
  const open = waiting.filter((figure) => figure.value > 0);
  open.sort((one, other) => oldest(other.labels) - oldest(one.labels));
  fill("waiting", open.map(({ labels }) => {
    const behind = oldest(labels) > snapshot.behind_after_s;
    if (behind) attend(`${labels.agency} is behind in ${labels.jurisdiction}.`);
    return [
      text(labels.agency),
      text(labels.jurisdiction),
      shown(figures, "comity_inbox_waiting_entries", labels),
      shown(figures, "comity_inbox_oldest_waiting_seconds", labels, span),
      behind ? state("▲", "behind", "mind") : state("●", "waiting", "none"),
    ];
  }), "Nothing waits for anybody.");
  const idle = named(figures, "comity_inbox_waiting_entries", "agency").filter((agency) => !open.some(({ labels }) => labels.agency === agency));
  say(byId("idle"), idle.length > 0 ? `Idle everywhere: ${idle.join(", ")}.` : "");
}

function showDuties(figures, attend) {
  const late = { comity_clocks_overdue: "Legal clocks are overdue", comity_reviews_overdue: "Reviews are overdue", comity_obligations_overdue: "Obligations are overdue" };
  fill("agenda", named(figures, "comity_reviews_waiting", "jurisdiction").map((jurisdiction) => [
    text(jurisdiction),
    ...["comity_clocks_overdue", "comity_reviews_waiting", "comity_reviews_overdue", "comity_obligations_overdue"].map((name) => {
      const is = late[name] && figures.sum(name, { jurisdiction }) > 0;
      if (is) attend(`${late[name]} in ${jurisdiction}.`);
      return shown(figures, name, { jurisdiction }, (value) => (is ? `▲ ${count.format(value)}` : count.format(value)), is ? "mind" : "");
    }),
  ]), "The store has not been looked at yet.");
}

function showDenials(figures, { denied }) {
  const full = denied.over_s >= denied.window_s;
  say(byId("window"), full ? `the last ${denied.window_s / 60} minutes` : "the time since the start, less than 15 minutes ago");
  const names = { call: "comity_calls_denied_total", connection: "comity_handshakes_refused_total" };
  const rows = denied.reasons.map(({ what, reason, count: lately }) => [
    text(reason),
    text(what),
    reckoned(count.format(lately), "lately"),
    shown(figures, names[what], { reason }),
  ]);
  fill("denied", rows, "Nothing was denied.");
}

function showExpiries({ expiries, at }, attend) {
  fill("ending", expiries.map(({ what, name, labels, value, soon }) => {
    const whole = labels.agency ? `${labels.agency}: ${what}` : what;
    const left = value - Date.parse(at) / 1000;
    if (soon) attend(`${whole[0].toUpperCase()}${whole.slice(1)} ${left > 0 ? "ends soon" : "has ended"}.`);
    const ends = { words: moment(value), kind: "", name, labels: JSON.stringify(labels), value };
    const how = left <= 0 ? state("✗", "ended", "bad") : soon ? state("▲", "soon", "mind") : state("✓", "good", "well");
    return [text(whole), ends, reckoned(left > 0 ? span(left) : "–"), how];
  }), "Nothing is known to end.");
}

function show(snapshot) {
  const now = { at: Date.parse(snapshot.at) / 1000, figures: new Figures(snapshot) };
  const attention = [];
  const attend = (sentence) => attention.push(sentence);
  say(byId("phase"), snapshot.serving ? `✓ ${snapshot.phase}` : `✗ ${snapshot.phase}`);
  byId("phase").className = `badge ${snapshot.serving ? "well" : "bad"}`;
  byId("at").dateTime = snapshot.at;
  say(byId("at"), `${snapshot.at.slice(0, 19).replace("T", " ")} UTC`);
  fill("checks", snapshot.checks.map(({ name, needed, fault }) => {
    if (fault) attend(`Check ${name}: ${needed ? "calls are refused" : "look at it"}.`);
    const how = !fault ? state("✓", "ok", "well") : needed ? state("✗", "failed", "bad") : state("▲", "failed, ready all the same", "mind");
    return [text(name), how, text(fault ?? "", "text")];
  }), "");
  plot(now, history.at(-1));
  showLogs(now.figures);
  showFlow(now, history.at(-RATE_OVER) ?? history[0]);
  showBacklog(now.figures, snapshot, attend);
  showDuties(now.figures, attend);
  showDenials(now.figures, snapshot);
  showExpiries(snapshot, attend);
  const sentences = attention.length > 0 ? attention : ["Nothing needs attention."];
  // A list that only a change writes anew: it is read out.
  if (byId("attention").textContent !== sentences.join("")) {
    byId("attention").replaceChildren(element("ul", {}, ...sentences.map((sentence) => element("li", {}, sentence))));
  }
  history = [...history.slice(1 - RATE_OVER), now];
}

let stream;
let again;

function open() {
  stream = new EventSource("/console/events");
  stream.onmessage = (message) => {
    say(byId("connection"), "Live.");
    show(JSON.parse(message.data));
  };
  stream.onerror = () => {
    say(byId("connection"), "Not connected: what is shown is old. Trying again.");
    if (stream.readyState === EventSource.CLOSED) again = setTimeout(open, NEW_TRY_MS);
  };
}

byId("pause").addEventListener("click", () => {
  const pauses = byId("pause").getAttribute("aria-pressed") === "false";
  byId("pause").setAttribute("aria-pressed", String(pauses));
  clearTimeout(again);
  stream.close();
  if (pauses) say(byId("connection"), "Paused: nothing is updated.");
  else open();
});

open();
