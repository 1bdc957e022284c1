// The list of all incidents. However long it is, only the rows that can be seen are in the document, also while what stands in
// them is still on its way.

import { get } from "./api.js";
import { h, show, sync } from "./dom.js";
import { clock } from "./format.js";
import { now, state } from "./live.js";

const chunk = 200,
  spare = 10; // rows asked for at a time, and drawn beyond what is seen

const filters = [
  ["open=true", "Open"],
  ["open=false", "Ended"],
  ["", "All"],
  ["phase=asking", "Asking"],
  ["phase=waiting", "Waiting"],
  ["phase=holding", "Holding"],
  ["phase=stuck", "Stuck"],
];

// page is the page of the list.
export function page(root) {
  let rows = [],
    total = 0,
    asked = new Set(),
    generation = 0,
    filter = filters[0][0],
    at = -1;
  const tally = h("span", { class: "count" });
  const inner = h("div", { class: "rows", role: "presentation" });
  const view = h(
    "div",
    { class: "long", tabindex: "0", role: "list", "aria-label": "Incidents, scroll for more", scroll: () => draw() },
    inner,
  );
  const pick = h(
    "div",
    { class: "row filters", role: "group", "aria-label": "Which" },
    filters.map(([query, name]) =>
      h(
        "button",
        {
          type: "button",
          "data-act": name,
          "aria-pressed": String(query === filter),
          click: (e) => {
            filter = query;
            for (const b of pick.children) b.setAttribute("aria-pressed", String(b === e.currentTarget));
            view.scrollTop = 0;
            anew();
          },
        },
        name,
      ),
    ),
  );
  show(root, h("section", { id: "incidents" }, h("h1", {}, "Incidents", tally), pick, view));

  const height = () => (view.clientWidth < 600 ? 92 : 58); // of one row, as the style has it

  async function fetchPart(n) {
    if (asked.has(n)) return;
    asked.add(n);
    const mine = generation;
    try {
      const position = state.position;
      const part = await get(`incidents?${filter}&skip=${n * chunk}&limit=${chunk}`);
      if (mine !== generation) return;
      part.incidents.forEach((i, k) => {
        rows[n * chunk + k] = i;
      });
      total = n * chunk + part.incidents.length + part.more;
      rows.length = total;
      at = position;
      draw();
    } catch {
      asked.delete(n); // the age in the header says that nothing comes; a scroll or a change tries again
    }
  }

  function anew() {
    generation++;
    asked = new Set();
    fetchPart(Math.floor(view.scrollTop / height() / chunk));
  }

  function draw() {
    const began = performance.now();
    show(tally, total);
    inner.style.height = `${Math.max(total, 1) * height()}px`;
    const first = Math.max(0, Math.floor(view.scrollTop / height()) - spare);
    const last = Math.min(total, first + Math.ceil(view.clientHeight / height()) + 2 * spare);
    const seen = [];
    for (let n = first; n < last; n++) {
      seen.push({ n, y: n * height(), i: rows[n] ?? null });
      fetchPart(Math.floor(n / chunk));
    }
    sync(inner, seen, (r) => r.n, drawRow);
    inner.dataset.total = String(total);
    performance.measure("list", { start: began, end: performance.now(), detail: seen.length });
  }

  function drawRow({ n, y, i }) {
    const place = { class: "line", role: "listitem", tabindex: "0", "aria-posinset": n + 1, "aria-setsize": total };
    const row = i ? lineOf(i, place) : h("article", { ...place, "aria-busy": "true" }, "…");
    row.style.top = `${y}px`;
    return row;
  }

  function lineOf(i, place) {
    return h(
      "article",
      { ...place, "data-id": i.id },
      h("a", { href: `/incidents/${encodeURIComponent(i.id)}`, tabindex: "-1" }, i.id),
      h("span", { class: `chip phase ${i.phase}` }, i.phase === "closed" ? i.outcome : i.phase),
      h("span", { class: `chip sev ${i.severity}` }, i.severity),
      h("span", { class: "target" }, `${i.symptom} on ${i.target}`),
      h("time", { datetime: i.opened }, clock(i.opened)),
      h("span", { class: "why" }, i.sentence),
    );
  }

  anew();
  const resized = new ResizeObserver(() => draw());
  resized.observe(view);
  let due = 0;
  return {
    title: "Incidents",
    refresh() {
      if (at === state.position || due) return;
      due = setTimeout(() => {
        due = 0;
        anew();
      }, 1000);
    },
    leave() {
      resized.disconnect();
      clearTimeout(due);
      generation++;
    },
  };
}
