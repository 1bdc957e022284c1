// The network around what is going on, as SVG that is updated by key. A link that is not plainly in service differs by its
// stroke, by the shape on it, and by words; never by colour alone.

import { get } from "./api.js";
import { h, s, show, sync } from "./dom.js";
import { percent } from "./format.js";
import { around, fit, neighbours, places } from "./layout.js";
import { state } from "./live.js";

const small = 60; // up to so many routers the whole network is shown
const hops = 2,
  most = 120; // else what is near what is going on
const hot = 700; // thousandths of capacity from which on a link's load is written on it
const named = 90; // up to so many routers on the map each has its name

// kindOf says how a link is drawn, the worst first, and what is said of it.
function kindOf(mark) {
  if (!mark) return ["plain", ""];
  const owner = { detour: "drained by Detour", other: "drained by others" }[mark.drained];
  if (mark.down) return ["failed", owner ? `down, ${owner}` : "down"];
  if (owner) return [mark.drained === "detour" ? "ours" : "others", owner];
  return mark.firing ? ["alarm", "alarm"] : ["plain", ""];
}

const shapes = {
  ours: () => [s("circle", { r: "8" }), s("path", { d: "M-3 -4V4M3 -4V4" })],
  others: () => [s("rect", { x: "-7.5", y: "-7.5", width: "15", height: "15" }), s("path", { d: "M-4 0H4" })],
  failed: () => [s("path", { class: "cross", d: "M-6 -6L6 6M6 -6L-6 6" })],
  alarm: () => [s("path", { d: "M0 -9L9 7H-9Z" }), s("path", { d: "M0 -3V2M0 4V5" })],
};

const legend = [
  ["ours", "drained by Detour"],
  ["others", "drained by others"],
  ["failed", "down"],
  ["alarm", "alarm"],
];

function key() {
  const sample = (kind) =>
    s(
      "svg",
      { class: "sample", width: "46", height: "20", viewBox: "-23 -10 46 20", "aria-hidden": "true" },
      s("g", { class: `link ${kind}` }, strokes(kind, -22, 0, 22, 0)),
      s("g", { class: `mark ${kind}` }, shapes[kind]()),
    );
  return h(
    "ul",
    { class: "legend" },
    legend.map(([kind, text]) => h("li", {}, sample(kind), text)),
    h(
      "li",
      {},
      s(
        "svg",
        { class: "sample", width: "20", height: "20", viewBox: "-10 -10 20 20", "aria-hidden": "true" },
        s("circle", { class: "router unseen", r: "5" }),
      ),
      "router not seen",
    ),
  );
}

// strokes draws one link; ours is a double line.
function strokes(kind, x1, y1, x2, y2) {
  const line = (part) => s("line", { class: part, x1, y1, x2, y2 });
  return kind === "ours" ? [line("outer"), line("inner")] : [line("outer")];
}

export function atlas() {
  let topology = null,
    near = null,
    at = null,
    chart = null,
    whole = false,
    asking = false,
    behind = false,
    asked = -1,
    left = false;
  const links = s("g", {}),
    routers = s("g", {}),
    marks = s("g", {}),
    words = s("g", {});
  const picture = s(
    "svg",
    { class: "map", role: "img", "aria-label": "Map of the network around what is going on" },
    links,
    routers,
    marks,
    words,
  );
  const note = h("span", { class: "note" });
  const toggle = h("button", {
    type: "button",
    class: "quiet",
    "data-act": "whole",
    click: () => {
      whole = !whole;
      draw();
    },
  });
  const spoken = h("ul", { class: "spoken" });
  const root = h("section", { id: "map", "aria-label": "Map" }, h("h2", {}, "Map", note, toggle), picture, key(), spoken);
  const resized = new ResizeObserver(() => draw());
  resized.observe(picture);

  function chosen(marked) {
    if (whole || topology.routers.length <= small) return new Set(topology.routers.map((r) => r.name));
    const event = around(topology, near, marked, hops, most);
    return event.size ? event : new Set(topology.routers.map((r) => r.name));
  }

  function draw() {
    if (!topology || !chart || left) return;
    const began = performance.now();
    const width = Math.max(280, Math.round(picture.clientWidth || 600)),
      height = Math.round(Math.max(240, Math.min(520, width * 0.58)));
    const by = new Map(chart.marks.map((m) => [m.link, m]));
    const names = chosen(new Set(by.keys()));
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    picture.style.height = `${height}px`;
    picture.classList.toggle("dense", names.size > named);
    const where = fit(at, names, width, height, names.size > named ? 10 : 44);
    const drawn = lay(topology.links, chart.loads, by, where);
    sync(links, drawn, (d) => d.name, drawLink);
    const unseen = new Set(chart.unseen),
      labelled = names.size <= named ? names : ends(drawn);
    sync(
      routers,
      [...names].map((name) => ({
        name,
        x: where.get(name)[0],
        y: where.get(name)[1],
        unseen: unseen.has(name),
        labelled: labelled.has(name),
        small: names.size > named,
      })),
      (r) => r.name,
      drawRouter,
    );
    const loud = drawn.filter((d) => d.text);
    sync(marks, loud, (d) => d.name, drawMark);
    sync(
      words,
      loud.filter((_, n) => n < 40),
      (d) => d.name,
      drawWords,
    );
    sync(
      spoken,
      loud.slice(0, 40),
      (d) => d.name,
      (d) => h("li", {}, `${d.name}: ${d.text}`),
    );
    describe(names.size);
    performance.measure("map", { start: began, end: performance.now() });
    picture.dataset.drawn = String(chart.position);
  }

  function describe(shown) {
    const all = topology.routers.length;
    show(
      note,
      shown === all ? `${all} routers, ${topology.links.length} links` : `${shown} of ${all} routers: around what is going on`,
    );
    show(toggle, whole ? "Around the event" : "Whole network");
    toggle.hidden = all <= small;
  }

  async function load() {
    if (asking) {
      behind = true;
      return;
    }
    asking = true;
    try {
      if (!topology) {
        topology = await get("topology");
        near = neighbours(topology);
        at = places(topology, near);
      }
      asked = state.position;
      chart = await get("map");
      draw();
    } catch {
      asked = -1; // the age in the header says that nothing comes; the next change tries again
    } finally {
      asking = false;
    }
    if (behind) {
      behind = false;
      setTimeout(load, 300);
    }
  }

  const poll = setInterval(() => {
    asked = -1;
    load();
  }, 5_000); // loads and others' drains are no records
  return {
    root,
    refresh() {
      if (asked !== state.position) load();
    },
    leave() {
      left = true;
      resized.disconnect();
      clearInterval(poll);
    },
  };
}

// lay says how each link whose ends are shown is drawn. Parallel links lie side by side.
function lay(list, loads, by, where) {
  const drawn = [],
    beside = new Map();
  list.forEach((l, n) => {
    const a = where.get(l.a),
      b = where.get(l.b);
    if (!a || !b) return;
    const pair = l.a < l.b ? `${l.a} ${l.b}` : `${l.b} ${l.a}`;
    const nth = beside.get(pair) ?? 0;
    beside.set(pair, nth + 1);
    const mark = by.get(l.name),
      [kind, text] = kindOf(mark),
      load = loads[n] ?? -1;
    const length = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1,
      off = nth * 7;
    const dx = (-(b[1] - a[1]) / length) * off,
      dy = ((b[0] - a[0]) / length) * off;
    drawn.push({
      name: l.name,
      a: l.a,
      b: l.b,
      x1: a[0] + dx,
      y1: a[1] + dy,
      x2: b[0] + dx,
      y2: b[1] + dy,
      kind,
      text,
      hot: load >= hot,
      load: mark || load >= hot ? load : undefined,
      incident: mark?.incident,
    });
  });
  return drawn;
}

function ends(drawn) {
  const names = new Set();
  for (const d of drawn)
    if (d.text) {
      names.add(d.a);
      names.add(d.b);
    }
  return names;
}

const tip = (d) => `${d.name}${d.text ? `: ${d.text}` : ""}${d.load >= 0 ? `, ${percent(d.load)} full` : ""}`;

function drawLink(d) {
  return s(
    "g",
    { class: `link ${d.kind}${d.hot ? " hot" : ""}` },
    strokes(d.kind, d.x1, d.y1, d.x2, d.y2),
    s("title", {}, tip(d)),
    d.hot && s("text", { class: "load", x: (d.x1 + d.x2) / 2, y: (d.y1 + d.y2) / 2 - 4 }, percent(d.load)),
  );
}

function drawRouter(r) {
  return s(
    "g",
    { class: "place" },
    s("circle", { class: `router${r.unseen ? " unseen" : ""}`, cx: r.x, cy: r.y, r: r.small ? 2.5 : 5 }),
    s("title", {}, `${r.name}${r.unseen ? ": not seen" : ""}`),
    r.labelled && s("text", { x: r.x, y: r.y - 9 }, r.name.length > 14 ? `${r.name.slice(0, 13)}…` : r.name, r.unseen && " ?"),
  );
}

const middle = (d) => [(d.x1 + d.x2) / 2, (d.y1 + d.y2) / 2];

function drawMark(d) {
  const [x, y] = middle(d);
  return s("g", { class: `mark ${d.kind}`, transform: `translate(${x} ${y})` }, shapes[d.kind](), s("title", {}, tip(d)));
}

function drawWords(d) {
  const [x, y] = middle(d),
    steep = Math.abs(d.y2 - d.y1) > Math.abs(d.x2 - d.x1);
  return s(
    "text",
    { class: `word ${d.kind}`, x: steep ? x + 13 : x, y: steep ? y + 4 : y + 22, "text-anchor": steep ? "start" : "middle" },
    d.text,
  );
}
