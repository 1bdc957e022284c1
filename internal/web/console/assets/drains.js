// Drain debt: every drain that stands, whose it is, why, since when, until when, and what it costs.

import { get, part } from "./api.js";
import { control, h, show, sync } from "./dom.js";
import { clock, percent, rate, remaining, set, span } from "./format.js";
import { now, state } from "./live.js";
import { gate, undrain } from "./orders.js";

function cost(d) {
  const p = d.verdict?.prospect;
  if (!p) return ["not computed", "not computed"];
  if (p.missing) return [`not known: ${p.missing}`, "not known"];
  const { drained = {}, in_service: before = {} } = p;
  const one = (o) => `${percent(o.worst_permil)} ${o.worst_link ?? ""}`;
  const two = (o) =>
    o.failures ? `${percent(o.survive_permil)}${o.survive_failure ? ` if ${o.survive_failure} fails` : ""}` : "not looked at";
  return [
    `${one(drained)}; in service ${percent(before.worst_permil)}${drained.cut_off_bps ? `; ${rate(drained.cut_off_bps)} cut off` : ""}`,
    `${two(drained)}; in service ${percent(before.survive_permil)}`,
  ];
}

function row(d) {
  const ours = d.owner !== "other",
    [capacity, failure] = cost(d);
  const cell = (name, ...body) => h("td", { "data-name": name }, body);
  return h(
    "tr",
    { class: ours ? "ours" : "others" },
    h("th", { scope: "row" }, d.link),
    cell("Owner", ours ? "‖ Detour" : "▢ others"),
    cell(
      "Why",
      d.incident ? h("a", { href: `/incidents/${part(d.incident)}` }, d.incident) : "not on the ledger",
      d.phase ? ` ${d.phase}` : "",
      ours && !d.seen && h("b", {}, " not seen on routers"),
    ),
    cell("Since", set(d.since) ? [clock(d.since), h("br"), h("small", { "data-since": d.since }, span(now() - Date.parse(d.since)))] : "not known"),
    cell(
      "Expires",
      set(d.expires)
        ? [clock(d.expires), h("br"), h("small", { "data-until": d.expires }, remaining(d.expires))]
        : "never by itself",
    ),
    cell("Fullest link", capacity),
    cell("One more failure (N-1)", failure),
    cell(
      "",
      ours &&
        d.phase === "holding" &&
        control("Undrain", `undrain ${d.incident}`, "operator", () => undrain({ id: d.incident, target: d.link })),
    ),
  );
}

// page is the page of the drains.
export function page(root) {
  let at = -1,
    asking = false,
    left = false;
  const body = h("tbody"),
    note = h("p", { class: "note" }, "Loading."),
    tally = h("span", { class: "count" });
  show(
    root,
    h(
      "section",
      { id: "drains" },
      h("h1", {}, "Drain debt", tally),
      note,
      h(
        "div",
        { class: "scroll" },
        h(
          "table",
          { class: "wide" },
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              ["Link", "Owner", "Why", "Since", "Expires", "Fullest link", "One more failure (N-1)", ""].map((t) =>
                h("th", { scope: "col" }, t),
              ),
            ),
          ),
          body,
        ),
      ),
    ),
  );
  async function refresh() {
    if (asking || at === state.position) return;
    asking = true;
    try {
      const list = await get("drains");
      at = list.position;
      show(tally, list.drains.length);
      show(
        note,
        `${list.drains.length ? "" : "None, as far as that shows. "}${list.routers_seen} of ${list.routers} routers have fresh telemetry; drains of others on the rest do not show.`,
      );
      sync(
        body,
        list.drains,
        (d) => `${d.link} ${d.incident ?? ""}`,
        row,
      );
      body.dataset.position = String(list.position);
      gate();
    } catch {
      at = -1; // the age in the header says that nothing comes; the next change tries again
    } finally {
      asking = false;
    }
    if (!left && at >= 0 && at < state.position) setTimeout(refresh, 500); // it has changed meanwhile
  }
  const poll = setInterval(() => {
    at = -1;
    refresh();
  }, 5_000); // others' drains are no records
  refresh();
  return {
    refresh,
    leave() {
      left = true;
      clearInterval(poll);
    },
    title: "Drains",
  };
}
