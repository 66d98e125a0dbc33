// What the console's page is made of: elements, the rows of tables, and plots.
"use strict";

const HISTORY_S = 300;
const [HTML, SVG] = ["http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"];
const DRAWN = ["svg", "path", "line"];

const byId = (id) => document.getElementById(id);
const count = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const decimal = new Intl.NumberFormat("en", { maximumFractionDigits: 1, minimumFractionDigits: 1 });

function element(name, attributes = {}, ...children) {
  const made = document.createElementNS(DRAWN.includes(name) ? SVG : HTML, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Changes what differs and nothing else, so that a screen reader speaks of changes alone.
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
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
      if (node?.tagName !== tag) {
        node?.remove();
        node = element(tag.toLowerCase(), tag === "TH" ? { scope: "row" } : {});
        row.insertBefore(node, row.cells[column] ?? null);
      }
      if (node.className !== cell.kind) node.className = cell.kind;
      node.colSpan = cell.columns ?? 1;
      delete node.dataset.metric;
      if (cell.name) Object.assign(node.dataset, { metric: cell.name, labels: cell.labels, value: cell.value });
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
    const label = `${title} over the last five minutes; the table below has it in numbers`;
    const svg = element("svg", { viewBox: "0 0 300 84", preserveAspectRatio: "none", role: "img", "aria-label": label }, axis, this.curve);
    this.top = element("span", {}, "–");
    const scale = element("div", { class: "scale", "aria-hidden": "true" }, this.top, element("span", {}, "5 min until now"));
    this.cells = ["now", "mean", "lowest", "highest"].map((word) => [word, element("td", {}, "–")]);
    const heads = this.cells.map(([word]) => element("th", { scope: "col" }, word));
    const row = element("tr", {}, ...this.cells.map(([, cell]) => cell));
    const body = [element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, row)];
    const table = element("table", {}, element("caption", {}, unit), ...body);
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
    // Lifted where nothing is known, and where nothing was told for a while.
    const drawn = this.points.map(([when, point], nth) => {
      if (point === null) return "";
      const [before, last] = this.points[nth - 1] ?? [0, null];
      const x = 300 - ((at - when) / HISTORY_S) * 300;
      return `${last === null || when - before > 5 ? "M" : "L"}${x.toFixed(1)} ${(82 - (point / top) * 78).toFixed(1)}`;
    });
    this.curve.setAttribute("d", drawn.join(""));
    say(this.top, `${this.format(highest)} ${this.unit}`);
    const mean = known.reduce((sum, point) => sum + point, 0) / known.length;
    const numbers = { now: value, mean, lowest: Math.min(...known), highest };
    for (const [word, cell] of this.cells) say(cell, numbers[word] === null ? "–" : this.format(numbers[word]));
  }
}
