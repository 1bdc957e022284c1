// Asks a person for what an order needs, and gives it. Nothing is repeated by itself: what was not answered is said, and a
// person looks before trying again.

import { part, post, remove } from "./api.js";
import { h, show } from "./dom.js";
import { clock, short } from "./format.js";
import { may, stale, state, subscribe } from "./live.js";

// gate disables every control while the data is stale, and those that whoever looks may not use.
export function gate(root = document) {
  const late = stale();
  for (const button of root.querySelectorAll("button.order")) {
    const role = button.dataset.role;
    const barred = role && !may(role);
    button.disabled = late || barred || button.dataset.busy === "true" || button.dataset.void === "true";
    button.title = late
      ? "the data is stale"
      : barred
        ? state.session?.signed_in
          ? `needs the role ${role}`
          : `sign in as ${role} first`
        : "";
  }
}

export function say(text) {
  show(document.getElementById("said"), text);
}

// entry.open is how one signs in; the header says how.
export const entry = { open: () => {} };

// dialog asks; fields are [name, label, attributes]. give is called with what was filled in; what it throws is shown, and the
// dialog stays open. What is free can be done on stale data, too.
function dialog({ title, body, fields = [], action, role, danger, free, give, watch }) {
  const opener = document.activeElement;
  const wrong = h("p", { class: "wrong", role: "alert" });
  const inputs = fields.map(([name, label, more]) =>
    h("label", {}, label, h("input", { name, autocomplete: "off", maxlength: "1000", ...more })),
  );
  const go = h(
    "button",
    { class: `${free ? "" : "order "}${danger ? "danger" : "primary"}`, "data-role": role, "data-act": "go" },
    action,
  );
  const box = h(
    "dialog",
    { "aria-label": title },
    h(
      "form",
      {
        method: "dialog",
        submit: (e) => {
          e.preventDefault();
          send();
        },
      },
      h("h2", {}, title),
      body,
      inputs,
      wrong,
      h(
        "div",
        { class: "row" },
        go,
        h("button", { type: "button", class: "quiet", "data-act": "cancel", click: () => box.close() }, "Cancel"),
      ),
    ),
  );
  async function send() {
    if (go.disabled) return;
    go.dataset.busy = "true";
    gate(box);
    show(wrong);
    const given = Object.fromEntries(new FormData(box.querySelector("form")));
    try {
      const done = await give(given);
      box.close();
      say(done);
    } catch (problem) {
      const again = problem.type?.endsWith(":sign-in-again");
      show(
        wrong,
        h("b", {}, problem.title ?? "Not done"),
        ` ${problem.message}. ${problem.remedy ?? ""} `,
        again && h("button", { type: "button", "data-act": "sign-in-again", click: () => entry.open({ anew: true }) }, "Sign in again"),
      );
      if (problem.status === 409) go.dataset.void = "true"; // what was shown is not so any more
    } finally {
      go.dataset.busy = "false";
      gate(box);
    }
  }
  const forget = watch
    ? subscribe(() => {
        if (go.dataset.busy !== "true") watch(go, wrong);
        gate(box);
      })
    : () => {};
  box.addEventListener("close", () => {
    forget();
    box.remove();
    comeBack(opener);
  });
  document.body.append(box);
  gate(box);
  box.showModal();
  (box.querySelector("input") ?? go).focus();
}

// comeBack sees to it that after a dialog something has the focus: the browser gives it back to what had it, unless that was
// made anew meanwhile; then it is for what has taken its place.
function comeBack(opener) {
  if (document.activeElement !== document.body) return;
  const id = opener?.closest("[data-id]")?.dataset.id;
  [...document.querySelectorAll("main [data-id]")].find((e) => e.dataset.id === id)?.focus();
}

const at = (done) => `recorded at position ${done.position}`;
const reason = ["reason", "Reason, for the record", { required: true }];

function planOf(i) {
  return [
    h("p", { class: "sentence" }, i.plan),
    h(
      "p",
      {},
      "Plan ",
      h("code", { class: "digest", title: i.question.plan }, short(i.question.plan)),
      ` · no answer by ${clock(i.question.expires)} means no`,
    ),
  ];
}

// changed makes an answer impossible that is about another plan than the one that is shown.
function changed(id, plan) {
  return (go, wrong) => {
    const asked = state.incidents.get(id)?.question?.plan;
    if (asked === plan || go.dataset.void === "true") return;
    go.dataset.void = "true";
    show(
      wrong,
      h("b", {}, "Not this plan any more."),
      asked
        ? ` The plan has changed since it was shown: it is ${short(asked)} now. Close this and read it.`
        : " Nobody is asked about it any more: it was decided, or it is over.",
    );
  };
}

export function approve(i) {
  const plan = i.question.plan; // what was shown is what is approved, whatever has come meanwhile
  dialog({
    title: `Approve ${i.id}?`,
    body: planOf(i),
    action: "Approve this plan",
    role: "approver",
    watch: changed(i.id, plan),
    give: async () => `${i.id} approved, ${at(await post(`incidents/${part(i.id)}/approve`, { plan }))}`,
  });
}

export function reject(i) {
  const plan = i.question.plan;
  dialog({
    title: `Reject ${i.id}?`,
    body: planOf(i),
    fields: [reason],
    action: "Reject",
    danger: true,
    role: "approver",
    watch: changed(i.id, plan),
    give: async ({ reason }) => `${i.id} rejected, ${at(await post(`incidents/${part(i.id)}/reject`, { plan, reason }))}`,
  });
}

export function abort(i) {
  dialog({
    title: `Abort ${i.id}?`,
    body: h("p", {}, "It is stopped, and what was set on routers is put back."),
    fields: [reason],
    action: "Abort",
    danger: true,
    role: "operator",
    give: async ({ reason }) => `${i.id} aborted, ${at(await post(`incidents/${part(i.id)}/abort`, { reason }))}`,
  });
}

// letGo ends a stuck incident without touching its routers.
export function letGo(i) {
  dialog({
    title: `Let go of ${i.id}?`,
    body: h("p", {}, "It ends, and the routers stay as they are now: whatever stands on them is yours."),
    fields: [reason],
    action: "Let go",
    danger: true,
    role: "operator",
    give: async ({ reason }) => `${i.id} is let go, ${at(await post(`incidents/${part(i.id)}/abort`, { reason, as_is: true }))}`,
  });
}

export function undrain(i) {
  dialog({
    title: `Undrain ${i.target ?? i.link}?`,
    body: h("p", {}, "Its pre-images are put back, and the link is watched on probation."),
    fields: [reason],
    action: "Undrain",
    role: "operator",
    give: async ({ reason }) => `${i.id} is taken back, ${at(await post(`incidents/${part(i.id)}/undrain`, { reason }))}`,
  });
}

export function freeze() {
  const scope = [
    "scope",
    "Scope: network, or site:NAME, device:NAME, link:NAME, srlg:NAME",
    { value: "network", required: true },
  ];
  dialog({
    title: "Freeze",
    body: h("p", {}, "Every act that adds risk stops there within a second. What stands can still be put back."),
    fields: [reason, scope],
    action: "Freeze now",
    danger: true,
    role: "operator",
    give: async ({ reason, scope }) => `${scope} is frozen, ${at(await post("freeze", { reason, scope }))}`,
  });
}

export function thaw(f) {
  dialog({
    title: `Thaw ${f.scope}?`,
    body: h("p", {}, `Frozen by ${f.by.name}: ${f.reason}`),
    action: "Thaw",
    role: "operator",
    give: async () => `${f.scope} is thawed, ${at(await remove(`freeze?scope=${part(f.scope)}`))}`,
  });
}

// signIn leads to the provider, or asks for a token; done is called with nothing once there is a session. With anew, whoever
// it is must show it anew.
export function signIn(done, { anew = false } = {}) {
  const { provider, away, tokens } = state.login ?? { tokens: true };
  const there = () => location.assign(`${provider}?to=${part(location.pathname + location.search)}${anew ? "&anew" : ""}`);
  if (provider && !tokens && !away) return there();
  dialog({
    title: "Sign in",
    body: [
      provider &&
        h(
          "p",
          {},
          h("button", { type: "button", class: "primary", "data-act": "provider", disabled: Boolean(away), click: there }, "Sign in at the provider"),
          away && h("span", { class: "wrong" }, ` Nobody can sign in there now: ${away}`),
        ),
      tokens &&
        h(
          "p",
          {},
          provider ? "Or with the token that " : "With the token that ",
          h("code", {}, "auth.tokens"),
          " of this replica knows you by. It is sent once and not kept; the session lasts eight hours.",
        ),
    ],
    fields: tokens ? [["token", "Token", { type: "password", required: true, autocomplete: "current-password" }]] : [],
    action: tokens ? "Sign in" : "Close",
    free: true,
    give: async ({ token }) => {
      if (!tokens) return "";
      await post("session", { token });
      await done();
      return "";
    },
  });
}
