package chatops

import (
	"cmp"
	"slices"
	"sync"

	"github.com/detour-net/detour/events"
)

// People is who may decide in the chat.
type People struct {
	List   []Person
	OnCall []string // names: who is called, first and then at half time, after those of Config.OnCall
}

// Person is one of them. One name is one person, over whichever channel they decide: a quorum counts names.
type Person struct {
	Name    string
	Account string // in the chat; "" of whoever has to link theirs
	Roles   []string
}

// Roles that acts need.
const (
	roleApprover = "approver"
	roleOperator = "operator"
)

// may reports whether the person may do act. Anybody on the table may ask why.
func (p Person) may(act Act) (ok bool, role string) {
	switch act {
	case Approve, Reject:
		role = roleApprover
	case Abort, Freeze, Thaw:
		role = roleOperator
	case Why, WhyOf, Handover, Open, Help:
		return true, ""
	}
	return slices.Contains(p.Roles, role), role
}

// known is the table of people as it was last read. While it cannot be read, nobody is on it.
type known struct {
	read func() (People, error)

	mu     sync.Mutex
	people People
	err    error
}

// refresh reads the table anew. The error is told once, when it is new.
func (k *known) refresh() (news error) {
	people, err := k.read()
	k.mu.Lock()
	defer k.mu.Unlock()
	was := k.err
	k.people, k.err = people, err
	if err == nil || was != nil && was.Error() == err.Error() {
		return nil
	}
	return err
}

// with returns the person with an account.
func (k *known) with(account string) (Person, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return Person{}, false
	}
	n := slices.IndexFunc(k.people.List, func(p Person) bool { return account != "" && p.Account == account })
	if n < 0 {
		return Person{}, false
	}
	return k.people.List[n], true
}

// named returns the person of a name, whose account is the given one.
func (k *known) named(name, account string) (Person, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return Person{}, false
	}
	n := slices.IndexFunc(k.people.List, func(p Person) bool { return p.Name == name })
	if n < 0 {
		return Person{}, false
	}
	p := k.people.List[n]
	p.Account = account
	return p, true
}

// duty returns those with one of roles and an account whom to call, in this order: those of names, then those whom the table
// says. linked gives the account that a person has linked, "" for none.
func (k *known) duty(roles, names []string, linked func(name string) string) (people []Person) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return nil
	}
	for _, name := range slices.Concat(names, k.people.OnCall) {
		for _, p := range k.people.List {
			again := slices.ContainsFunc(people, func(other Person) bool { return other.Name == name })
			if p.Name == name && !again && slices.ContainsFunc(p.Roles, func(r string) bool { return slices.Contains(roles, r) }) {
				if p.Account == "" {
					p.Account = linked(name)
				}
				if p.Account != "" {
					people = append(people, p)
				}
			}
		}
	}
	return people
}

// reached returns the person of a name, as a list: empty if there is none, or no account. linked is as of duty.
func (k *known) reached(name string, linked func(name string) string) []Person {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := slices.IndexFunc(k.people.List, func(p Person) bool { return p.Name == name && name != "" })
	if k.err != nil || n < 0 {
		return nil
	}
	p := k.people.List[n]
	if p.Account = cmp.Or(p.Account, linked(name)); p.Account == "" {
		return nil
	}
	return []Person{p}
}

// record is the person as it stands on the ledger.
func (p Person) record(chat, link string) events.Person {
	return events.Person{Name: p.Name, Role: slices.Clone(p.Roles), Via: chat, Account: p.Account, Link: link}
}
