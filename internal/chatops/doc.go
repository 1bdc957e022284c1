// Package chatops shows incidents in a chat and carries back what people press there. It decides nothing.
//
// Everything is on the ledger, nothing is in the chat. What a thread shows is a view of the Board (cardOf, noticesOf), and
// that a message shows it is itself a record (events.Told): which message, which replica sees to it, and the digest of what
// it shows. So any replica knows every message after a restart, a view that is out of date is seen by comparing two digests,
// and two replicas never post the same thing: whoever is about to must first take it, by a record that only one can write.
// A replica that holds a message and records nothing of it for a while loses it to another, and tries no more before that is so,
// so that no two send at once. Each time that this was in vain the while is twice as long (incident.Telling.Lease): a chat that is
// away for long costs the ledger little. Where nobody can tell whether a message was sent, it is looked for by its key before it
// is sent again.
//
// A press is a claim by somebody about a button. Its value names a key and a plan's digest; everything else is looked up: the
// incident by the key, the person by the account. The chat is asked who the account is (members of the own workspace with a
// confirmed address only); who that is stands on the table of people, or on the ledger, where they have linked the account to
// themselves; and what they may do on the table alone. All of it is asked for every press. Whoever is not known is told where
// to sign in to link the account, by an address that works once and stands in no log. The order is incident.Order, judged at
// the Board's position like any other, with the person's roles of that moment: forged, late, replayed and overtaken presses
// fail there or here, and the presser is told why, by whom it was decided, and when. A no, a freeze and a thaw take a form:
// the button opens it, and what is filled in comes back as the same press with an answer. The form holds no state of ours:
// any replica takes it. A command that is typed (Typed) comes as a press without a card, and decides nothing about an incident.
//
// Names, labels and reasons come from outside: whatever is shown passes through Clean, and a Room shows it as plain text.
package chatops
