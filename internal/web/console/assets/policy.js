// What each rule has done lately, and which policy each replica goes by.

import { get } from "./api.js";
import { h, show } from "./dom.js";
import { clock, count, short } from "./format.js";
import { state } from "./live.js";

const tallies = (of) =>
  Object.entries(of)
    .sort((a, b) => b[1] - a[1])
    .map(([name, n]) => h("li", {}, h("b", {}, n), ` ${name}`));

function rule(r) {
  const figure = (n, name) => h("div", { class: "figure" }, h("b", {}, n), h("span", {}, name));
  return h(
    "article",
    { class: `card${r.in_force ? "" : " gone"}` },
    h(
      "h3",
      {},
      r.name,
      r.in_force ? h("span", { class: "chip" }, r.autonomy) : h("span", { class: "chip warn" }, "no longer in the policy"),
    ),
    r.in_force &&
      h(
        "p",
        { class: "facts" },
        h("span", {}, `${r.remediation} for ${r.kinds.join(", ")}`),
        r.when && h("span", {}, h("code", {}, r.when)),
      ),
    h(
      "div",
      { class: "figures" },
      figure(r.incidents, "incidents"),
      figure(r.open, "open"),
      figure(r.asked, "asked"),
      figure(r.approved, "approved"),
      figure(r.drained, "drained"),
      figure(r.sets, "Sets"),
    ),
    r.incidents === 0
      ? h("p", { class: "note" }, "It has answered nothing.")
      : h(
          "div",
          { class: "two" },
          Object.keys(r.outcomes).length > 0 &&
            h("div", {}, h("h4", {}, "Ended as"), h("ul", { class: "tallies" }, tallies(r.outcomes))),
          Object.keys(r.held).length > 0 &&
            h("div", {}, h("h4", {}, "Newest plan held or refused by"), h("ul", { class: "tallies" }, tallies(r.held))),
        ),
  );
}

function replicas(list, mine) {
  return h(
    "section",
    {},
    h("h2", {}, "Replicas"),
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["Replica", "Policy", "Mode", "From", "Since", "Refused since"].map((t) => h("th", { scope: "col" }, t)),
          ),
        ),
        h(
          "tbody",
          {},
          list.map((p) =>
            h(
              "tr",
              { class: p.policy === mine ? "" : "no" },
              [
                p.replica,
                h("code", { title: p.policy }, short(p.policy)),
                p.mode,
                p.source,
                clock(p.since),
                p.refused?.why ?? "",
              ].map((c) => h("td", {}, c)),
            ),
          ),
        ),
      ),
    ),
  );
}

// page is the page of the policy.
export function page(root) {
  let at = null,
    asking = false,
    left = false;
  const stage = h("div", {}, h("p", { class: "note" }, "Loading."));
  show(root, h("h1", {}, "Policy"), stage);
  async function refresh() {
    if (asking || at === state.position) return;
    asking = true;
    try {
      const position = state.position;
      const [rules, policies] = await Promise.all([get("policy/rules"), get("policy")]);
      at = position;
      show(
        stage,
        h(
          "p",
          { class: "note" },
          `What became of the incidents opened since ${clock(rules.since)}, by rule; policy `,
          h("code", { title: rules.policy }, short(rules.policy)),
          " is in force here.",
          !rules.whole && h("b", {}, " There were more than this replica remembers: the ledger has them all."),
          ` ${count(rules.rules.filter((r) => r.in_force).length, "rule")}.`,
        ),
        h("div", { class: "cards" }, rules.rules.map(rule)),
        replicas(policies.replicas, rules.policy),
      );
    } catch {
      at = null; // the age in the header says that nothing comes; the next change tries again
    } finally {
      asking = false;
    }
    if (!left && at !== null && at !== state.position) setTimeout(refresh, 500); // it has changed meanwhile
  }
  refresh();
  return {
    refresh,
    leave() {
      left = true;
    },
    title: "Policy",
  };
}
