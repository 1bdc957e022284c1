// The ledger: search, proof, export.

import { get, part } from "./api.js";
import { h, show } from "./dom.js";
import { clock, short } from "./format.js";
import { state } from "./live.js";
import { prove } from "./proof.js";
import { kinds, tell } from "./records.js";

const size = 50;

function hit(e) {
  const [text, tone] = tell(e);
  return h(
    "details",
    { class: `hit ${tone}` },
    h(
      "summary",
      {},
      h("code", {}, e.position),
      h("time", { datetime: e.at }, clock(e.at)),
      h("span", { class: "kind" }, e.kind),
      e.incident && h("a", { href: `/incidents/${part(e.incident)}` }, e.incident),
      h("span", { class: "words" }, text),
    ),
    h(
      "p",
      { class: "facts" },
      h("span", {}, `by ${e.by}`),
      h("span", {}, "commit ", h("code", { title: e.digest }, short(e.digest))),
      e.kind === "observed" && h("span", {}, h("a", { href: `/why/${part(e.body.event)}` }, "what became of it")),
    ),
    h(
      "pre",
      { tabindex: "0" },
      ...JSON.stringify(e.body, null, 2)
        .split("\n")
        .flatMap((line) => [line, document.createTextNode("\n")]),
    ),
  );
}

function proof() {
  const out = h(
    "p",
    { class: "note", role: "status" },
    "Your browser computes every digest anew and checks that each commit names the one before.",
  );
  const start = h("input", { type: "number", min: "1", value: "1", "aria-label": "from position" });
  const go = h("button", { type: "button", "data-act": "prove", click: run }, "Prove");
  let running = null;
  async function run() {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    go.disabled = true;
    try {
      const found = await prove(
        Math.max(1, Number(start.value) || 1),
        (n, position) => show(out, `${n} commits hold so far, up to position ${position}`),
        mine.signal,
      );
      show(
        out,
        h("b", { class: found.ok ? "good" : "bad" }, found.ok ? "✓ intact: " : "✗ NOT INTACT: "),
        found.ok ? "" : `${found.wrong}; before it `,
        found.last
          ? [
              `${found.checked} commits up to position ${found.last.position}, `,
              h("code", { class: "digest" }, found.last.digest),
            ]
          : "no commits",
      );
    } catch (cause) {
      if (running === mine) show(out, h("b", { class: "bad" }, "Not proven: "), cause.message);
    } finally {
      go.disabled = false;
    }
  }
  return {
    root: h(
      "section",
      { "aria-label": "Proof" },
      h("h2", {}, "Proof"),
      h("div", { class: "row" }, h("label", { class: "inline" }, "from position ", start), go),
      out,
    ),
    leave: () => running?.abort(),
  };
}

// page is the page of the ledger; query is what the address says.
export function page(root, query) {
  const text = h("input", {
    name: "text",
    type: "search",
    placeholder: "words, a name, a digest",
    "aria-label": "Text",
    id: "search",
  });
  const kind = h(
    "select",
    { name: "kind", "aria-label": "Kind" },
    h("option", { value: "" }, "any record"),
    kinds.map((k) => h("option", { value: k }, k)),
  );
  const incident = h("input", {
    name: "incident",
    placeholder: "incident",
    "aria-label": "Incident",
    value: query.get("incident") ?? "",
  });
  const list = h("div", { class: "hits" }),
    note = h("p", { class: "note", role: "status" });
  const older = h("button", { type: "button", "data-act": "older", hidden: true, click: () => search(before) }, "Older");
  const chain = proof();
  let before = query.has("position") ? Number(query.get("position")) + 1 : 0,
    asked = 0,
    left = false;
  show(
    root,
    h(
      "section",
      { id: "ledger" },
      h("h1", {}, "Ledger", h("span", { class: "count" })),
      h(
        "form",
        {
          class: "row search",
          role: "search",
          submit: (e) => {
            e.preventDefault();
            search(0);
          },
        },
        text,
        kind,
        incident,
        h("button", { class: "primary", "data-act": "search" }, "Search"),
        h("a", { class: "button", "data-act": "export", href: "/api/v1/ledger/export", download: "detour-ledger.ndjson" }, "Export NDJSON"),
      ),
      note,
      list,
      older,
    ),
    chain.root,
  );

  async function search(from) {
    const mine = ++asked;
    const wanted = new URLSearchParams({ limit: size });
    for (const field of [text, kind, incident]) if (field.value) wanted.set(field.name, field.value);
    if (from) wanted.set("before", from);
    show(note, "Searching.");
    try {
      const found = await get(`ledger/search?${wanted}`);
      if (left || mine !== asked) return;
      if (!from) show(list);
      list.append(...found.hits.map(hit));
      before = found.before ?? 0;
      older.hidden = !before;
      show(note, `${list.children.length} records shown; ${found.read} commits looked at just now, the ledger has ${found.last}`);
      list.dataset.done = String(mine);
    } catch (problem) {
      if (!left && mine === asked)
        show(note, h("b", { class: "bad" }, problem.title), ` ${problem.message}. ${problem.remedy ?? ""}`);
    }
  }

  search(before);
  return {
    title: "Ledger",
    leave() {
      left = true;
      chain.leave();
    },
    refresh() {
      root.querySelector("h1 .count").textContent = String(state.position);
    },
  };
}
