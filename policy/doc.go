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
// that every plan must meet. A condition speaks of anomaly, device, link, plan, verdict (an events.Prospect) and now, in types
// that are checked when the policy is read: a misspelt name is refused there, with a caret under it. What it may cost is
// bounded, and what cannot be decided when it is asked (a value that nobody has told, a division by zero) is a no. A rule's
// condition that the alarm and the inventory can answer decides whether the rule matches, or the next one is looked at;
// any other holds the plan of its rule. No condition keeps a drain in place.
//
// What a drain would do to the rest of the network is computed before anything is asked, and stands in the facts as an
// events.Prospect. The checks on it come in one order: is there one, does it rest on a traffic matrix of now and on a model
// that explains what is measured; is anything cut off; is there room; does the network survive one failure more about as
// well as it does now; can packets loop on the way; is the drain worth its risk; does Detour's own way stay. They are
// relative: what a network does not bear today is not the drain's doing. The section "prospect" holds their limits, with
// what becomes of a plan where the answer is open (refuse, ask or allow). EvaluateRelease holds the network with the link
// back to the same limits, and never to stricter ones than the drain itself keeps; Bearable asks again of a drain that
// stands. What is not known stops what adds risk, and changes nothing that stands.
//
// Budgets come in two sorts, by scope. in_flight caps what is under mitigation at once, everybody's drains counted; stop_at
// is the number of links out of use, down or drained by whomever, at which nothing more is begun there. The scope
// capacity_permil caps the share of a scope's capacity that is under mitigation at once, where links differ in size. The scope
// "srlg-partner:x" of a link counts the links of the risk group x, which is declared to be diverse from the link's own.
// The section "cause" says what makes one fault of several alarms, which is the core's to find. Its drains are made all or
// none, and every cap is 1 unless the file says otherwise, so by default such a fault is left to a person. That is meant:
// links that share a risk fail together, often while their diverse partner is what is left, and how many of them a network
// can spare at once is not to be read off a topology. Lacks says which budgets would have to be larger, and how large.
// The section "keep" names what is never risked: links that are never touched, and routers that Detour depends on.
//
// Above every policy stands the Ceiling compiled into the binary. Parse refuses a policy that asks for more, and Evaluate
// holds every plan against it again, approved or not.
//
// How a rule's remediation is parameterised ("with") is the remediator's business: the policy keeps it as canonical
// JSON, and CheckRules lets whoever knows the remediators complain at the right line of the file.
package policy
