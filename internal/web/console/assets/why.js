// Why: of an incident, or of an event by its id, which check holds it, what would change that, and who can.

import { get, part } from "./api.js";
import { h, show } from "./dom.js";
import { state } from "./live.js";

// ask asks about an incident, and if there is none of that name, about an event.
async function ask(id) {
  try {
    return await get(`incidents/${part(id)}/why`);
  } catch (problem) {
    if (problem.status !== 404) throw problem;
  }
  return get(`events/${part(id)}/why`);
}

function event(w) {
  const e = w.event;
  return (
    e &&
    h(
      "section",
      { class: "card", id: "event" },
      h("h3", {}, "Event ", h("code", {}, e.event)),
      h(
        "p",
        { class: "why" },
        `It was ${e.disposition}, at position `,
        h("a", { href: `/ledger?position=${e.position}` }, e.position),
        e.detail && `: ${e.detail}`,
      ),
      w.remedy && [h("h4", {}, "What would have one like it acted on, and who can"), h("p", {}, w.remedy)],
    )
  );
}

const held = (checks) =>
  checks?.length > 0 && [
    h("h4", {}, "Held by"),
    h(
      "ul",
      { class: "held" },
      checks.map((c) =>
        h("li", {}, h("b", { class: "bad" }, c.name), `: ${c.value || "–"}, limit ${c.limit || "–"}${c.detail ? `; ${c.detail}` : ""}`),
      ),
    ),
  ];

function incident(i) {
  return (
    i &&
    h(
      "section",
      { class: "card lead", "data-id": i.incident, tabindex: "0", "aria-label": i.incident },
      h(
        "h3",
        {},
        h("a", { href: `/incidents/${part(i.incident)}` }, i.incident),
        h("span", { class: `chip phase ${i.phase}` }, i.phase),
      ),
      h("p", { class: "why" }, i.sentence),
      i.verdict && h("p", {}, `Verdict: ${i.verdict.sentence}`),
      i.verdict_now && h("p", {}, `Newest: ${i.verdict_now.sentence}`),
      held(i.held),
      i.unblock?.length > 0 && [
        h("h4", {}, "What would change it, and who can"),
        h(
          "ul",
          {},
          i.unblock.map((u) => h("li", {}, u)),
        ),
      ],
    )
  );
}

// page answers about id, if one is given; go turns to a page.
export function page(root, id, go) {
  const field = h("input", {
    name: "id",
    type: "search",
    required: true,
    value: id,
    placeholder: "an incident, or an event's id",
    "aria-label": "Incident or event",
  });
  const stage = h("div", { id: "why", "aria-live": "polite" });
  let at = null,
    asking = false,
    left = false;
  show(
    root,
    h("h1", {}, "Why"),
    h(
      "form",
      {
        class: "row search",
        role: "search",
        submit: (e) => {
          e.preventDefault();
          go(`/why/${part(field.value.trim())}`);
        },
      },
      field,
      h("button", {}, "Ask"),
    ),
    stage,
  );
  async function refresh() {
    if (id === "" || asking || at === state.position) return;
    asking = true;
    const position = state.position;
    try {
      const w = await ask(id);
      at = position;
      if (!left) show(stage, event(w), incident(w.incident));
    } catch (problem) {
      if (!left && (at === null || problem.status === 404)) {
        show(stage, h("p", { class: "wrong" }, `${problem.title}: ${problem.message}. ${problem.remedy ?? ""}`));
      }
    } finally {
      asking = false;
    }
    if (!left && at !== null && at !== state.position) setTimeout(refresh, 500);
  }
  return {
    refresh,
    focus: () => id === "" && field.focus(),
    leave() {
      left = true;
    },
    title: id || "Why",
  };
}
