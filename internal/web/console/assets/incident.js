// One incident, whole: why it stands where it stands, and everything that this rests on.

import { get, part } from "./api.js";
import { control, h, show, sync } from "./dom.js";
import { clock, count, number, percent, rate, remaining, set, short } from "./format.js";
import { state } from "./live.js";
import { abort, approve, gate, letGo, reject, undrain } from "./orders.js";
import { tell } from "./records.js";

const block = (name, ...body) => h("section", { "aria-label": name }, h("h2", {}, name), body);

function table(heads, rows, more) {
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      more,
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          heads.map((t) => h("th", { scope: "col" }, t)),
        ),
      ),
      h("tbody", {}, rows),
    ),
  );
}

const row = (cells, attributes) =>
  h(
    "tr",
    attributes,
    cells.map((c) => h("td", {}, c)),
  );

function pairs(list) {
  return h(
    "dl",
    {},
    list.filter(([, v]) => v !== undefined && v !== "" && v !== null).map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]),
  );
}

function checks(list) {
  const sorted = [...list].sort((a, b) => a.ok - b.ok);
  return table(
    ["Check", "", "Value", "Limit", "What it means"],
    sorted.map((c) =>
      row(
        [
          c.name,
          c.ok ? "✓ passed" : "✗ says no",
          c.value ?? "",
          c.limit ?? "",
          [c.detail ?? "", c.remedy && h("span", { class: "remedy" }, ` To unblock: ${c.remedy}`)],
        ],
        { class: c.ok ? "" : "no" },
      ),
    ),
    { class: "checks" },
  );
}

function evidence(i) {
  const a = i.alarm ?? {},
    more = Object.entries({ ...a.evidence, ...a.labels });
  return block(
    "Evidence",
    pairs([
      ["Symptom", `${i.symptom}, ${i.severity}`],
      ["Where", `${i.target.kind} ${i.target.name}`],
      [
        "Measured",
        a.unit
          ? `${number(a.value)} ${a.unit}, threshold ${number(a.threshold)}${a.window ? `, over ${a.window}` : ""}`
          : undefined,
      ],
      ["Observed", set(a.observed_at) ? clock(a.observed_at) : undefined],
      ["Capacity", i.target.capacity_bps ? rate(i.target.capacity_bps) : undefined],
      ["Events", count(i.events, "event")],
      ...more.map(([k, v]) => [k, typeof v === "string" ? v : JSON.stringify(v)]),
    ]),
    table(
      ["Source", "Symptom", "State", "Last observed"],
      Object.entries(i.symptoms ?? {}).map(([source, one]) =>
        row([source, one.kind, one.firing ? "firing" : "clear", clock(one.observed)]),
      ),
    ),
  );
}

const value = (v) => (v === null || v === undefined ? "absent" : String(v));
const stands = { before: "as before", after: "as planned", other: "otherwise: somebody changed it" };

function plan(i) {
  if (!i.plan) return block("Plan", h("p", { class: "note" }, "There is none yet."));
  const p = i.plan.plan;
  const rows = p.steps.flatMap((step, n) =>
    step.changes.flatMap((change, c) =>
      change.settings.map((setting) => {
        const seen = i.steps?.[n]?.[c];
        const now = !seen
          ? "nothing was set"
          : seen.doubt
            ? "not known: it is looked up"
            : seen.pending
              ? "being set"
              : (stands[seen.seen] ?? seen.seen);
        return row([
          `${n + 1}`,
          change.device,
          `${setting.leaf} ${setting.interface} L${setting.level} ${setting.family}`,
          value(setting.before),
          value(setting.after),
          now,
        ]);
      }),
    ),
  );
  return block(
    "Plan, and what was set and seen on each router",
    h("p", { class: "sentence" }, p.sentence),
    pairs([
      ["Digest", h("code", { class: "digest" }, i.plan.digest)],
      ["Rule", i.plan.rule],
      ["Mode", `${i.plan.mode}: ${i.plan.mode_why}`],
      ["Sets sent", i.sets],
    ]),
    table(["Step", "Router", "Leaf", "Before", "Planned", "On the router"], rows),
  );
}

function outlook(name, verdict) {
  const p = verdict?.prospect;
  if (!p) return null;
  if (p.missing) return [h("h3", {}, name), h("p", { class: "note" }, `Not known: ${p.missing}`)];
  const side = (label, o) =>
    row([
      label,
      `${percent(o.worst_permil)} ${o.worst_link ?? ""}`,
      o.failures
        ? `${percent(o.survive_permil)} ${o.survive_link ?? ""}${o.survive_failure ? `, if ${o.survive_failure} fails` : ""}`
        : "not looked at",
      o.cut_off_bps ? rate(o.cut_off_bps) : "nothing",
    ]);
  return [
    h("h3", {}, name),
    h("p", {}, verdict.sentence),
    table(
      ["Link", "Fullest link", "With one more failure (N-1)", "Cut off"],
      [side("in service", p.in_service ?? {}), side("drained", p.drained ?? {})],
    ),
    h(
      "p",
      { class: "note" },
      `computed on ${clock(verdict.at)} from ${p.matrix || "what is measured"}${p.moved_bps ? `; ${rate(p.moved_bps)} moves elsewhere` : ""}`,
    ),
  ];
}

function approvals(i) {
  const q = i.ask;
  if (!q) return block("Approvals", h("p", { class: "note" }, "Nobody was asked."));
  const said = (i.approvals ?? []).map((a) => row([a.by.name, "yes", short(a.plan), a.by.via ?? ""]));
  if (i.rejection)
    said.push(
      row([i.rejection.by.name, `no: ${i.rejection.reason ?? ""}`, short(i.rejection.plan), i.rejection.by.via ?? ""], {
        class: "no",
      }),
    );
  if (i.lapsed) said.push(row(["nobody", "no answer in time, which means no", short(q.plan), ""], { class: "no" }));
  return block(
    "Approvals",
    h(
      "p",
      {},
      `${count(q.quorum, "person")} with one of the roles ${q.roles.join(", ")}, by ${clock(q.expires)}, for plan `,
      h("code", {}, short(q.plan)),
    ),
    said.length ? table(["Who", "Said", "Plan", "Over"], said) : h("p", { class: "note" }, "Nobody has answered yet."),
  );
}

function records(history) {
  return block(
    "Records",
    h(
      "p",
      { class: "note" },
      history.earlier ? `${history.earlier} commits before these: ` : "",
      h("a", { href: `/ledger?incident=${part(history.incident)}` }, "search the ledger"),
    ),
    table(
      ["Position", "Time", "Record", "What it says", "By"],
      [...history.entries].reverse().map((e) => {
        const [text, tone] = tell(e);
        return row([
          h("a", { href: `/ledger?position=${e.position}` }, e.position),
          clock(e.at),
          e.kind,
          [h("span", { class: tone }, text), e.kind === "observed" && [" ", h("a", { href: `/why/${part(e.body.event)}` }, "what became of it")]],
          e.by,
        ]);
      }),
      { class: "records" },
    ),
  );
}

// shown is all that stands at the top of the page: while it is the same, so is what stands there, and a button is not taken
// away from under whoever presses it because an alarm has joined.
function shown(i) {
  const { id, phase, severity, firing, sentence, unblock, children, opened, changed, drained } = i;
  return {
    ...{ id, phase, severity, firing, sentence, unblock, children, opened, changed, drained },
    outcome: i.end?.outcome,
    target: i.target.name,
    expires: phase === "holding" ? i.hold?.expires : undefined,
    plan: i.plan?.plan.sentence,
    question: phase === "asking" ? { plan: i.ask.plan, expires: i.ask.expires } : undefined,
  };
}

function buttons(i) {
  if (i.phase === "closed") return null;
  return h(
    "div",
    { class: "row" },
    i.question && [
      control("Approve", "approve", "approver", () => approve(i), "primary"),
      control("Reject", "reject", "approver", () => reject(i)),
    ],
    control("Abort", "abort", "operator", () => abort(i)),
    i.drained && i.phase === "holding" && control("Undrain", "undrain", "operator", () => undrain(i)),
    i.phase === "stuck" && control("Let go", "let-go", "operator", () => letGo(i)),
  );
}

function top(i) {
  return h(
    "section",
    { class: "card lead", tabindex: "0", "data-id": i.id, "aria-label": "Why" },
    i.question
      ? h(
          "div",
          { class: "side" },
          h("b", { class: "left", "data-until": i.question.expires }, remaining(i.question.expires)),
          h("small", {}, "then it is no"),
        )
      : i.expires &&
          h(
            "div",
            { class: "side" },
            h("b", { class: "left", "data-until": i.expires }, remaining(i.expires)),
            h("small", {}, "until it expires"),
          ),
    h(
      "h1",
      {},
      i.id,
      h("span", { class: `chip phase ${i.phase}` }, i.phase),
      h("span", { class: `chip sev ${i.severity}` }, i.severity),
      h("span", { class: "chip" }, i.firing ? "firing" : "clear"),
    ),
    h("p", { class: "why" }, i.sentence),
    i.unblock.length > 0 && [
      h("h3", {}, "What would change it, and who can"),
      h(
        "ul",
        {},
        i.unblock.map((u) => h("li", {}, u)),
      ),
    ],
    i.children?.length > 0 &&
      h(
        "p",
        {},
        "It speaks for ",
        i.children.map((c) => [h("a", { href: `/incidents/${part(c)}` }, c), " "]),
      ),
    h(
      "p",
      { class: "facts" },
      h("span", {}, `opened ${clock(i.opened)}`),
      h("span", {}, `${i.phase} since ${clock(i.changed)}`),
      i.outcome && h("span", {}, `ended as ${i.outcome}`),
    ),
    buttons(i),
  );
}

function cost(i) {
  return (
    (i.verdict || i.verdict_now) &&
    block("Capacity and N-1", outlook("As it was decided", i.verdict), outlook("Newest", i.verdict_now))
  );
}

// parts are those of the page, each with what it is made of.
function parts(i, history) {
  const { ruling, verified } = i;
  return [
    { name: "top", of: shown(i), make: (p) => top(p.of) },
    {
      name: "columns",
      of: i,
      make: () => h("div", { class: "columns" }, h("div", {}, plan(i), approvals(i)), h("div", {}, evidence(i), cost(i))),
    },
    ruling && { name: "checks", of: ruling, make: () => block(`Checks: ${ruling.verdict}`, checks(ruling.checks ?? [])) },
    verified && {
      name: "seen",
      of: verified,
      make: () => block(`Seen after it was set: ${verified.pass ? "passed" : "failed"}`, checks(verified.checks ?? [])),
    },
    { name: "records", of: [history.earlier, history.entries], make: () => records(history) },
  ].filter(Boolean);
}

// page is the page of the incident called id.
export function page(root, id) {
  let at = null,
    asking = false,
    left = false;
  const stage = h("div", { class: "incident" }, h("p", { class: "note" }, "Loading."));
  show(root, stage);
  async function load(position) {
    asking = true;
    try {
      const [i, history] = await Promise.all([get(`incidents/${part(id)}`), get(`incidents/${part(id)}/records?limit=200`)]);
      if (left) return;
      sync(
        stage,
        parts(i, history),
        (p) => p.name,
        (p) => p.make(p),
      );
      at = position;
      gate();
    } catch (problem) {
      if (!left && (at === null || problem.status === 404))
        show(stage, h("h1", {}, id), h("p", { class: "wrong" }, `${problem.title}: ${problem.message}. ${problem.remedy ?? ""}`));
    } finally {
      asking = false;
    }
    if (!left && at !== null && at !== newest()) setTimeout(refresh, 500); // it has changed meanwhile
  }
  const newest = () => state.incidents.get(id)?.position ?? "ended";
  function refresh() {
    if (!left && !asking && newest() !== at) load(newest());
  }
  load(newest());
  return {
    refresh,
    leave() {
      left = true;
    },
    title: id,
  };
}
