// The hand-over: what whoever comes on duty must know.

import { get, part } from "./api.js";
import { h, show, sync } from "./dom.js";
import { clock, remaining, set } from "./format.js";
import { state } from "./live.js";

// sections in the order in which they matter, with what is said of an empty one.
const sections = [
  ["stuck", "Needs a person"],
  ["asking", "People are asked"],
  ["standing", "Stands", "Nothing of Detour's stands on a router."],
  ["ready", "May be undrained"],
  ["waiting", "Waits"],
  ["refused", "Was refused"],
  ["expired", "Expired"],
];

const line = (l) =>
  h(
    "article",
    { class: "card", tabindex: "0", "data-id": l.incident, "aria-label": l.incident },
    h(
      "h3",
      {},
      h("a", { href: `/incidents/${part(l.incident)}` }, l.incident),
      h("span", { class: `chip phase ${l.phase}` }, l.phase),
      h("span", { class: `chip sev ${l.severity}` }, l.severity),
      l.mode === "dry-run" && h("span", { class: "chip" }, "dry run"),
    ),
    h("p", { class: "why" }, l.sentence),
    h(
      "p",
      { class: "facts" },
      h("span", {}, l.target),
      set(l.clear) && h("span", {}, `clear since ${clock(l.clear)}`),
      set(l.until) && h("span", {}, `not released before ${clock(l.until)}`),
      set(l.expires) && h("span", {}, `expires ${clock(l.expires)}, `, h("b", { "data-until": l.expires }, remaining(l.expires))),
      set(l.expired) && h("span", {}, `expired ${clock(l.expired)}`),
    ),
    l.held.length > 0 &&
      h(
        "ul",
        { class: "held" },
        l.held.map((c) => h("li", {}, h("b", { class: "bad" }, c.name), `: ${c.value || "–"}, limit ${c.limit || "–"}`)),
      ),
    l.unblock.length > 0 &&
      h(
        "details",
        { open: true },
        h("summary", {}, "What would change it, and who can"),
        h(
          "ul",
          {},
          l.unblock.map((u) => h("li", {}, u)),
        ),
      ),
  );

const span = (told) =>
  h(
    "p",
    { class: "note" },
    `${clock(told.since)} to ${clock(told.at)}, ledger position ${told.position}`,
    !told.whole && ". Not all that ended is remembered any more: the ledger has it.",
  );

function section(name, empty, s) {
  return h(
    "section",
    { "aria-label": name },
    h("h2", {}, name, h("span", { class: "count" }, s.count)),
    s.count === 0 && h("p", { class: "note" }, empty),
    h("div", { class: "cards" }, s.lines.map(line)),
    s.count > s.lines.length && h("p", { class: "note" }, `and ${s.count - s.lines.length} more`),
  );
}

const lengths = ["4h", "8h", "12h", "24h", "72h", "168h"];

// page is the hand-over; query is what the address says.
export function page(root, query) {
  let at = null,
    asking = false,
    left = false;
  const since = h(
    "select",
    {
      "aria-label": "Since",
      change: () => {
        at = null;
        refresh();
      },
    },
    lengths.map((l) => h("option", { value: l }, `${l} ago`)),
  );
  since.value = lengths.includes(query.get("since")) ? query.get("since") : "12h";
  const stage = h("div", { id: "handover" }, h("p", { class: "note" }, "Loading."));
  show(root, h("h1", {}, "Hand-over"), h("p", { class: "row" }, h("label", { class: "inline" }, "What ended since ", since)), stage);
  async function refresh() {
    if (asking || at === state.position) return;
    asking = true;
    const position = state.position,
      length = since.value;
    try {
      const told = await get(`handover?since=${part(length)}`);
      if (left) return;
      at = length === since.value ? position : -1;
      const ended = Object.entries(told.ended);
      const parts = [
        { key: "span", of: [told.since, told.at, told.position, told.whole], make: () => span(told) },
        ...sections
          .filter(([key, , empty]) => told[key].count > 0 || empty)
          .map(([key, name, empty]) => ({ key, of: told[key], make: () => section(name, empty, told[key]) })),
        { key: "ended", of: ended, make: () => h("p", { class: "facts" }, ended.map(([outcome, n]) => h("span", {}, `${n} ${outcome}`))) },
      ];
      sync(
        stage,
        parts,
        (p) => p.key,
        (p) => p.make(),
      );
    } catch (problem) {
      if (!left && at === null) show(stage, h("p", { class: "wrong" }, `${problem.title}: ${problem.message}`));
    } finally {
      asking = false;
    }
    if (!left && at !== null && at !== state.position) setTimeout(refresh, 500);
  }
  return {
    refresh,
    leave() {
      left = true;
    },
    title: "Hand-over",
  };
}
