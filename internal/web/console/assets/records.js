// Tells a record of the ledger in one line for people. A tone says how it went; the words say it as well.

import { clock, count, number, short, took } from "./format.js";

const names = (checks) =>
  (checks ?? []).map((c) => (c.ok ? c.name : `${c.name} FAILED (${c.value}, limit ${c.limit})`)).join(", ");

function observed(b) {
  const a = b.anomaly,
    where = Object.values(a.resource ?? {}).join("/");
  switch (b.disposition) {
    case "opened":
    case "escalated": {
      const measured = a.unit ? `: ${number(a.value)} ${a.unit}, limit ${number(a.threshold)}` : "";
      return [`${a.severity} ${a.kind} on ${where}${measured}`, "bad"];
    }
    case "joined":
      return a.state === "firing"
        ? [`${a.kind} on ${where} still fires`, ""]
        : [`${a.kind} on ${where} is over, says its source`, "good"];
  }
  return [`${b.disposition}: ${b.detail ?? a.kind}`, ""];
}

function ruled(b) {
  const no = b.checks.filter((c) => !c.ok);
  const held = no.map((c) => `${c.name} is ${c.value}, limit ${c.limit}`).join("; ");
  const tone = { allow: "good", ask: "waits", defer: "waits", deny: "bad" }[b.verdict];
  return [
    `${b.verdict}: ${b.checks.length - no.length} of ${count(b.checks.length, "check")} passed${held && "; "}${held}`,
    tone,
  ];
}

function intended(b) {
  const what = b.undo ? `undo of step ${b.step + 1}` : `step ${b.step + 1}`;
  return [
    `${what}: ${count(b.changes.length, "change")}, by ${b.owner} until ${clock(b.deadline)}${b.why ? `; ${b.why}` : ""}`,
    "",
  ];
}

function applied(b) {
  if (b.sets === 0) return [`change ${b.change + 1}: no Set was sent. ${b.detail ?? ""}`, "good"];
  const bars = b.bars?.length ? `; fenced by ${b.bars.join(", ")}` : "";
  return [`change ${b.change + 1} stands on its router, read back${b.took ? `, after ${took(b.took)}` : ""}${bars}`, "good"];
}

function tried(b) {
  if (!b.kept) return [`${b.device} is marked on ${b.leaf.interface}, to see what a reboot does to what is set`, "waits"];
  const found = {
    kept: "what is set outlives a reboot",
    lost: "a reboot loses what is set",
    unknown: "it is not known what a reboot does to what is set",
  }[b.kept];
  return [`${b.device}: ${found}${b.over ? "" : "; the mark is to be taken off"}${b.detail ? `. ${b.detail}` : ""}`, b.over ? "good" : "waits"];
}

const told = {
  observed: observed,
  "dead-lettered": (b) => [`put on the rejected stream: ${b.reason}`, "bad"],
  opened: (b) => [`${b.symptom} suspected on ${b.target.kind}/${b.target.name}`, "bad"],
  planned: (b) => [b.plan.sentence + (b.mode === "live" ? "" : ` (dry run: ${b.mode_why})`), ""],
  ruled: ruled,
  asked: (b) => [
    `plan ${short(b.plan)} needs ${count(b.quorum, "approval")} by ${clock(b.expires)}; no answer means no`,
    "waits",
  ],
  approved: (b) => [`${b.by.name} approved plan ${short(b.plan)}${b.by.via ? ` (${b.by.via})` : ""}`, "good"],
  rejected: (b) => [`${b.by.name} said no: ${b.reason ?? ""}`, "bad"],
  lapsed: () => ["nobody answered, which means no", "bad"],
  admitted: (b) => [`counts against ${count(b.claims.length, "scope")} until it is back`, ""],
  intended: intended,
  applied: applied,
  refused: (b) => [`change ${b.change + 1} was certainly not applied (${b.class}): ${b.detail ?? b.code ?? ""}`, "bad"],
  unknown: (b) => [
    `nobody can tell whether change ${b.change + 1} was applied: it is looked up, not sent again. ${b.detail ?? ""}`,
    "waits",
  ],
  found: (b) => [`read back change ${b.change + 1}: the router stands as ${b.seen} it`, ""],
  verified: (b) => (b.pass ? [`passed: ${names(b.checks)}`, "good"] : [`failed, so it is taken back: ${names(b.checks)}`, "bad"]),
  confirmed: (b) => [
    `change ${b.change + 1} ${b.ok ? "is confirmed on its router" : "could not be confirmed"} ${b.detail ?? ""}`,
    b.ok ? "good" : "waits",
  ],
  held: (b) => [`held until ${clock(b.until)} at the earliest (drain ${b.cycle} of this incident)`, "good"],
  renewed: (b) => [`held on until ${clock(b.until)}: ${b.why}`, ""],
  released: (b) => [`to be taken back: ${b.why}${b.by ? `, by ${b.by.name}` : ""}`, ""],
  reverted: (b) => [`every pre-image is back: ${b.why}`, "good"],
  relapsed: (b) => [b.why, "bad"],
  aborted: (b) => [`${b.by.name} ordered it stopped${b.as_is ? " and left as it is" : ""}: ${b.reason ?? ""}`, "waits"],
  stuck: (b) => [`${b.why}; ${b.remedy}`, "bad"],
  closed: (b) => [`${b.outcome}: ${b.reason}`, "good"],
  frozen: (b) => [`${b.scope} frozen by ${b.by.name}: ${b.reason}`, "waits"],
  thawed: (b) => [`${b.scope} thawed by ${b.by.name}`, "good"],
  "maintenance-begun": (b) => [`window ${b.window} in ${b.scope} until ${clock(b.until)}: ${b.reason}`, "waits"],
  "maintenance-ended": (b) => [`window ${b.window} ended by ${b.by.name}`, ""],
  "policy-loaded": (b) => [`policy ${short(b.digest)} from ${b.source}, mode ${b.mode}`, ""],
  "policy-refused": (b) => [`${b.source} is not taken, ${short(b.in_force)} stays in force: ${b.why}`, "bad"],
  proved: (b) => [`${b.device} honours ${(b.bars ?? []).join(", ")}`, "good"],
  "reboot-trial": tried,
  "signed-out": (b) => [`${b.person} signed out${b.session ? "" : " everywhere"}${b.by.name === b.person ? "" : `, by ${b.by.name}`}`, ""],
  linked: (b) => [`whoever presses as ${b.account} in ${b.chat} is ${b.person}, as ${b.by.name} has confirmed`, ""],
  unlinked: (b) => [`${b.account} in ${b.chat} is ${b.person} no more, by ${b.by.name}`, ""],
  told: (b) => [`a message in ${b.chat} shows ${b.what} of ${b.incident}`, ""],
};

// tell is the line and its tone. A kind that this console does not know is shown by its name.
export function tell(entry) {
  try {
    return told[entry.kind]?.(entry.body) ?? [`a record of kind ${entry.kind}`, ""];
  } catch {
    return [`a record of kind ${entry.kind} that this console cannot read`, "bad"];
  }
}

// kinds are all that the ledger may hold, quiet those that come in masses and say little by themselves.
export const kinds = Object.keys(told);
const quiet = new Set(["observed", "dead-lettered", "told", "signed-out", "admitted"]);
export const loud = kinds.filter((k) => !quiet.has(k));
