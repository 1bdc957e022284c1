// The first page: who is needed, what is done about what, where, and what happened.

import { get } from "./api.js";
import { control, h, show, sync } from "./dom.js";
import { clock, count, remaining, set, short } from "./format.js";
import { state } from "./live.js";
import { atlas } from "./map.js";
import { abort, approve, letGo, reject, undrain } from "./orders.js";
import { loud, tell } from "./records.js";

const most = 30; // of one kind on this page; the rest is one press away

const rank = { critical: 0, major: 1, minor: 2, warning: 3, info: 4 };
const worst = (a, b) => (rank[a.severity] ?? 9) - (rank[b.severity] ?? 9) || a.opened.localeCompare(b.opened);

function title(i) {
  return h(
    "h3",
    {},
    h("a", { href: `/incidents/${encodeURIComponent(i.id)}` }, i.id),
    h("span", { class: `chip phase ${i.phase}` }, i.phase),
    h("span", { class: `chip sev ${i.severity}` }, i.severity),
    i.mode === "dry-run" && h("span", { class: "chip" }, "dry run"),
  );
}

function why(i) {
  const unblock = i.unblock?.length
    ? h(
        "details",
        { open: i.phase === "waiting" },
        h("summary", {}, "What would change it"),
        h(
          "ul",
          {},
          i.unblock.map((u) => h("li", {}, u)),
        ),
      )
    : null;
  return [h("p", { class: "why" }, i.sentence), unblock];
}

const facts = (i, ...more) =>
  h(
    "p",
    { class: "facts" },
    h("span", {}, `${i.symptom} on ${i.target}`),
    h("span", {}, i.firing ? "firing" : "clear"),
    i.rule && h("span", {}, `rule ${i.rule}`),
    h("span", {}, `since ${clock(i.opened)}`),
    more.map((m) => m && h("span", {}, m)),
  );

// asked is a card that wants a decision.
function asked(i) {
  const q = i.question;
  return h(
    "article",
    { class: "card needs", tabindex: "0", "data-id": i.id, "aria-label": `${i.id} needs a decision` },
    h(
      "div",
      { class: "side" },
      h("b", { class: "left", "data-until": q.expires }, remaining(q.expires)),
      h("small", {}, "then it is no"),
    ),
    title(i),
    h("p", { class: "sentence" }, i.plan),
    why(i),
    facts(
      i,
      `plan ${short(q.plan)}`,
      `${q.approved.length} of ${count(q.quorum, "approval")}${q.approved.length ? ` (${q.approved.join(", ")})` : ""}`,
      q.checks.length > 0 && `for ${q.checks.join(", ")}`,
    ),
    h(
      "div",
      { class: "row" },
      control("Approve", "approve", "approver", () => approve(i), "primary"),
      control("Reject", "reject", "approver", () => reject(i)),
      control("Abort", "abort", "operator", () => abort(i)),
    ),
  );
}

function stuck(i) {
  return h(
    "article",
    { class: "card needs stuck", tabindex: "0", "data-id": i.id, "aria-label": `${i.id} needs a person` },
    title(i),
    why(i),
    facts(i),
    h(
      "div",
      { class: "row" },
      control("Abort", "abort", "operator", () => abort(i)),
      i.drained && control("Undrain", "undrain", "operator", () => undrain(i)),
      control("Let go", "let-go", "operator", () => letGo(i)),
    ),
  );
}

function active(i) {
  return h(
    "article",
    { class: "card active", tabindex: "0", "data-id": i.id, "aria-label": i.id },
    set(i.expires) &&
      h(
        "div",
        { class: "side" },
        h("b", { class: "left", "data-until": i.expires }, remaining(i.expires)),
        h("small", {}, "until it expires"),
      ),
    title(i),
    i.plan && h("p", { class: "sentence" }, i.plan),
    why(i),
    facts(i, "owner Detour", `${count(i.sets, "Set")}`, set(i.until) && `held until ${clock(i.until)}`),
    h(
      "div",
      { class: "row" },
      control("Abort", "abort", "operator", () => abort(i)),
      i.phase === "holding" && i.drained && control("Undrain", "undrain", "operator", () => undrain(i)),
    ),
  );
}

function other(i) {
  return h(
    "article",
    { class: "card", tabindex: "0", "data-id": i.id, "aria-label": i.id },
    title(i),
    why(i),
    facts(i),
    h(
      "div",
      { class: "row" },
      control("Abort", "abort", "operator", () => abort(i)),
    ),
  );
}

// standing are the phases in which something stands on routers, or is about to.
const standing = new Set(["acting", "verifying", "confirming", "holding", "reverting", "probation"]);

function section(id, name, empty) {
  const tally = h("span", { class: "count" }),
    list = h("div", { class: "cards" }),
    rest = h("p", { class: "note" });
  const root = h("section", { id, "aria-label": name }, h("h2", {}, name, tally), list, rest);
  return {
    root,
    set(items, make) {
      show(tally, items.length);
      const told = items.slice(0, most).map(({ position, ...i }) => i); // that an alarm has joined alone takes no button away
      sync(list, told, (i) => i.id, make);
      root.classList.toggle("empty", items.length === 0);
      if (items.length === 0) show(rest, empty);
      else if (items.length > most) show(rest, h("a", { href: "/incidents" }, `and ${items.length - most} more`));
      else show(rest);
    },
  };
}

function timeline() {
  const list = h("ol", { class: "timeline" });
  const root = h(
    "section",
    { id: "timeline", "aria-label": "Timeline" },
    h("h2", {}, "Timeline"),
    list,
    h("p", { class: "note" }, h("a", { href: "/ledger" }, "the whole ledger")),
  );
  const query = loud.map((k) => `kind=${k}`).join("&");
  let asking = false,
    behind = false,
    at = -1;
  async function refresh() {
    if (at === state.position) return;
    if (asking) {
      behind = true;
      return;
    }
    asking = true;
    try {
      const position = state.position;
      const found = await get(`ledger/search?${query}&limit=40`);
      at = position;
      sync(
        list,
        found.hits.slice(0, 60).map((e, n) => ({ ...e, n })),
        (e) => `${e.position} ${e.kind} ${e.incident ?? ""} ${e.body.change ?? ""}`,
        line,
      );
    } catch {
      at = -1; // the age in the header says that nothing comes; the next change tries again
    } finally {
      asking = false;
    }
    if (behind) {
      behind = false;
      setTimeout(refresh, 500);
    }
  }
  return { root, refresh };
}

function line(e) {
  const [text, tone] = tell(e);
  return h(
    "li",
    { class: tone },
    h("time", { datetime: e.at, title: `position ${e.position}, by ${e.by}` }, clock(e.at)),
    h("span", { class: "kind" }, e.kind),
    h("span", {}, e.incident && [h("a", { href: `/incidents/${encodeURIComponent(e.incident)}` }, e.incident), " "], text),
  );
}

// page is the first page.
export function page(root) {
  const needs = section("needs", "Needs you", "Nobody is waiting for you.");
  const acting = section("active", "Active mitigations", "Nothing of Detour's stands on a router.");
  const others = section("others", "Other open incidents", "None.");
  const map = atlas(),
    times = timeline();
  show(
    root,
    h("div", { class: "columns" }, h("div", {}, needs.root, acting.root, others.root), h("div", {}, map.root, times.root)),
  );
  function refresh() {
    const began = performance.now();
    const open = [...state.incidents.values()].sort(worst);
    const wanting = open.filter((i) => i.question).sort((a, b) => a.question.expires.localeCompare(b.question.expires));
    const wrong = open.filter((i) => i.phase === "stuck");
    needs.set([...wanting, ...wrong], (i) => (i.question ? asked(i) : stuck(i)));
    acting.set(
      open.filter((i) => standing.has(i.phase)),
      active,
    );
    others.set(
      open.filter((i) => !i.question && i.phase !== "stuck" && !standing.has(i.phase)),
      other,
    );
    document.title = `${wanting.length + wrong.length > 0 ? `(${wanting.length + wrong.length}) ` : ""}Detour`;
    performance.measure("now", { start: began, end: performance.now(), detail: open.length });
    map.refresh();
    times.refresh();
  }
  refresh();
  return { refresh, leave: map.leave, title: "Now" };
}
