// Package policy says what may be done, where, when, and how many at once.
//
// A policy is one YAML document, read once by Parse and never changed. Everything in it has a default that does nothing:
// without a rule no anomaly is answered. Three questions are asked of it, and each answer is a pure function of what is
// handed in (no clock, no I/O, no state), so that a decision can be replayed from the ledger bit for bit:
//
//   - Match: does a rule answer this anomaly, and with which remediation? The first rule that matches is taken.
//   - Evaluate: may this plan be carried out now? Every check of one ordered list is asked, whatever the others say,
//     and each puts its value, its limit and a sentence on the record; the worst answer is the verdict. Taking a
//     mitigation back is asked of EvaluateRelease, which knows only the checks that concern putting back: no freeze,
//     breaker or budget ever keeps a drain in place.
//   - Verify: did it work? What could still come true waits until the deadline; damage fails at once.
//
// Operators add rules of their own as conditions, written in the Common Expression Language: a rule's "when", and checks
// that every plan must meet. A condition speaks of anomaly, device, link, plan, verdict (see Prospect) and now, in types
// that are checked when the policy is read: a misspelt name is refused there, with a caret under it. What it may cost is
// bounded, and what cannot be decided when it is asked (a value that nobody has told, a division by zero) is a no. A rule's
// condition that the alarm and the inventory can answer decides whether the rule matches, or the next one is looked at;
// any other holds the plan of its rule. No condition keeps a drain in place.
//
// Above every policy stands the Ceiling compiled into the binary. Parse refuses a policy that asks for more, and Evaluate
// holds every plan against it again, approved or not.
//
// How a rule's remediation is parameterised ("with") is the remediator's business: the policy keeps it as canonical
// JSON, and CheckRules lets whoever knows the remediators complain at the right line of the file.
package policy
