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
// Above every policy stands the Ceiling compiled into the binary. Parse refuses a policy that asks for more, and Evaluate
// holds every plan against it again, approved or not.
//
// How a rule's remediation is parameterised ("with") is the remediator's business: the policy keeps it as canonical
// JSON, and CheckRules lets whoever knows the remediators complain at the right line of the file.
package policy
