// The operators' console: shows each snapshot that the gateway streams. It sends nothing and asks for nothing else.
"use strict";

const RATE_OVER = 10;
const NEW_TRY_MS = 5000;
const DENIED = ["PERMISSION_DENIED", "UNAUTHENTICATED"];

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
    const has = (figure) => Object.entries(labels).every(([key, value]) => figure.labels[key] === value);
    return this.all.filter((figure) => figure.name === name && has(figure));
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
const state = (mark, word, kind) => text(`${mark} ${word}`, kind);
function shown(figures, name, labels, format = count.format, kind = "") {
  const found = figures.one(name, labels);
  if (!found) return reckoned("–", "none");
  return { ...reckoned(format(found.value), kind), name, labels: JSON.stringify(labels), value: found.value };
}
const reckoned = (words, kind = "") => text(words, `number ${kind}`.trim());
// A sum over several codes of calls: named by the labels of all of them.
function summed(figures, name, each) {
  const value = each.reduce((sum, labels) => sum + figures.sum(name, labels), 0);
  return { ...reckoned(count.format(value)), name, labels: JSON.stringify(each), value };
}

const plots = {
  calls: new Plot("plot-calls", "Calls a second", "calls a second", decimal.format),
  denials: new Plot("plot-denials", "Denials a second", "denials a second", decimal.format),
  queue: new Plot("plot-queue", "Jobs that wait for the writer", "jobs", count.format),
  commit: new Plot("plot-commit", "Time to commit, mean of a second", "ms", decimal.format),
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

const WRITER = [
  ["Calls in flight", "comity_calls_in_flight"],
  ["Jobs that wait for the writer", "comity_queue_jobs"],
  ["Most that may wait", "comity_queue_jobs_max"],
  ["Refused because the queue was full", "comity_queue_full_total"],
  ["Databases that are away", "comity_store_away"],
  ["Room left on the disk of the store", "comity_disk_available_bytes", bytes],
  ["Audit lines lost", "comity_audit_lines_lost_total"],
  ["Persons held past their hold", "comity_over_holds_total"],
  ["Hand-overs that the law did not allow", "comity_unlawful_hand_overs_total"],
];

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
  fill("writer", WRITER.map(([what, name, format]) => [text(what), shown(figures, name, {}, format)]), "");
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
  const waits = (agency) => open.some(({ labels }) => labels.agency === agency);
  const idle = named(figures, "comity_inbox_waiting_entries", "agency").filter((agency) => !waits(agency));
  say(byId("idle"), idle.length > 0 ? `Idle everywhere: ${idle.join(", ")}.` : "");
}

function showDuties(figures, attend) {
  const columns = [["clocks_overdue", "Legal clocks are overdue"], ["reviews_waiting"], ["reviews_overdue", "Reviews are overdue"], ["obligations_overdue", "Obligations are overdue"]];
  fill("agenda", named(figures, "comity_reviews_waiting", "jurisdiction").map((jurisdiction) => [
    text(jurisdiction),
    ...columns.map(([column, late]) => {
      const name = `comity_${column}`;
      if (!late || figures.sum(name, { jurisdiction }) === 0) return shown(figures, name, { jurisdiction });
      attend(`${late} in ${jurisdiction}.`);
      return shown(figures, name, { jurisdiction }, (value) => `▲ ${count.format(value)}`, "mind");
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
    const ends = { ...text(moment(value)), name, labels: JSON.stringify(labels), value };
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
