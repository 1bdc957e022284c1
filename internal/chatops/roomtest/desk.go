package roomtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/incident/boardtest"
)

// Serve runs a desk over a chat until the test ends, for ann, who may do everything, bob, who may approve, and carol, who
// may look.
func (c Chat) Serve(t *testing.T, ledger *boardtest.Ledger) {
	people := chatops.People{OnCall: []string{"ann"}}
	for name, roles := range map[string][]string{"ann": {"approver", "operator"}, "bob": {"approver"}, "carol": {"viewer"}} {
		people.List = append(people.List, chatops.Person{Name: name, Account: c.Join(name, chatops.Member{}), Roles: roles})
	}
	d := chatops.New(chatops.Config{
		Chat: c.Name, Me: "r0/" + c.Name, Board: ledger, Orders: ledger, Room: c.Room, Members: c.Members, Now: time.Now, NewKey: uuid.NewString,
		People: func() (chatops.People, error) { return people, nil }, Log: zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)),
	})
	c.Start(d.Press)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
}

// Card waits for the card of an incident that says something, and returns it.
func (c Chat) Card(t *testing.T, id, says string) (card Message) {
	t.Helper()
	Wait(t, fmt.Sprintf("the card of %s in %s to say %q", id, c.Name, says), func() bool {
		for _, card = range c.Messages() {
			if card.Thread == "" && strings.Contains(card.Shown, id+":") && strings.Contains(card.Shown, says) {
				return true
			}
		}
		return false
	})
	return card
}

// Heard waits until an account has been told something.
func (c Chat) Heard(t *testing.T, name, text string) {
	t.Helper()
	Wait(t, fmt.Sprintf("%s to be told %q in %s", name, text, c.Name), func() bool { return strings.Contains(strings.Join(c.Whispers(name), "\n"), text) })
}

// Wait returns once done says so, and ends the test if it does not for a minute.
func Wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	over, look := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-over:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// desk has an incident decided in the chat: who may not does not, one who may does, and it is on the record where.
func desk(t *testing.T, c Chat) {
	ledger := boardtest.New(t)
	c.Serve(t, ledger)
	c.Join("eve", chatops.Member{})
	id, p := ledger.Ask("den-kcy", 1)
	m := c.Card(t, id, "0 of 1 approvals")
	for name, told := range map[string]string{"eve": "not on Detour", "carol": "takes the role approver"} {
		if err := c.Press(name, m.ID, chatops.Approve); err != nil {
			t.Error(err)
		}
		c.Heard(t, name, told)
	}
	c.Join("bob", chatops.Member{Guest: true})
	if err := c.Press("bob", m.ID, chatops.Approve); err != nil {
		t.Error(err)
	}
	c.Heard(t, "bob", "a guest's")
	if i := ledger.Incident(id); len(i.Approvals) > 0 {
		t.Fatalf("approved by %+v", i.Approvals)
	}
	if err := c.Press("carol", m.ID, chatops.Why); err != nil {
		t.Error(err)
	}
	c.Heard(t, "carol", "the rule wants a person")
	ann := c.Join("ann", chatops.Member{})
	if err := c.Press("ann", m.ID, chatops.Approve); err != nil {
		t.Error(err)
	}
	c.Heard(t, "ann", "your approve stands on the ledger")
	card := c.Card(t, id, "approved by ann via "+c.Name)
	if slices.Contains(card.Buttons, "approve") || card.ID != m.ID {
		t.Errorf("decided, it shows %v in %s", card.Buttons, card.ID)
	}
	i := ledger.Incident(id)
	by := i.Approvals[0].By
	if len(i.Approvals) != 1 || i.Approvals[0].Plan != p.Digest || by.Name != "ann" || by.Account != ann || by.Via != c.Name || by.Link != i.Shown(c.Name, events.TheCard).Link {
		t.Errorf("on the record: %+v", i.Approvals)
	}
	ledger.Close(id, events.WasCleared)
	if card = c.Card(t, id, "ended as cleared"); len(card.Buttons) > 0 {
		t.Errorf("ended, it shows %v", card.Buttons)
	}
	Wait(t, "the thread to say so", func() bool {
		list := c.Messages()
		return list[len(list)-1].Thread == m.ID && strings.Contains(list[len(list)-1].Shown, "Ended as cleared")
	})
}

// lateDecisions are delivered twice, or come after another's.
func lateDecisions(t *testing.T, c Chat) {
	ledger := boardtest.New(t)
	c.Serve(t, ledger)
	id, _ := ledger.Ask("den-kcy", 2)
	m := c.Card(t, id, "0 of 2 approvals")
	if err := c.Again("ann", m.ID, chatops.Approve); err != nil {
		t.Error(err)
	}
	c.Card(t, id, "1 of 2 approvals")
	c.Heard(t, "ann", "your approve stands on the ledger")
	if told := c.Whispers("ann"); len(told) != 1 {
		t.Errorf("a press that is delivered twice is answered with %q", told)
	}
	if err := c.Fill("bob", m.ID, chatops.Reject, "the maintenance is about to end"); err != nil {
		t.Error(err)
	}
	c.Card(t, id, "rejected by bob via "+c.Name)
	if i := ledger.Incident(id); len(i.Approvals) != 1 || i.Rejection == nil || i.Rejection.Reason != "the maintenance is about to end" {
		t.Errorf("on the record: %+v %+v", i.Approvals, i.Rejection)
	}
	if err := c.Fill("ann", m.ID, chatops.Freeze, "wait for the morning"); err != nil {
		t.Error(err)
	}
	Wait(t, "the freeze", func() (frozen bool) {
		ledger.View(func(b *incident.Board) {
			f, ok := b.FrozenBy(nil)
			frozen = ok && f.Reason == "wait for the morning" && f.By.Name == "ann"
		})
		return frozen
	})
}

// commands are typed: by who is known, and by who is not.
func commands(t *testing.T, c Chat) {
	ledger := boardtest.New(t)
	c.Serve(t, ledger)
	c.Join("eve", chatops.Member{})
	id, _ := ledger.Ask("den-kcy", 1)
	c.Card(t, id, "0 of 1 approvals")
	for _, typed := range []struct{ name, text, told string }{
		{"eve", "why " + id, "not on Detour"},
		{"carol", "why " + id, id + " is asking: 0 of 1 approvals"},
		{"carol", " WHY  e-den-kcy ", "event e-den-kcy was opened, at position"},
		{"carol", "why nothing-1", "is neither an incident nor an event on record"},
		{"carol", "open", id + " (link-errors, major on link/den-kcy) is asking"},
		{"carol", "handover", "PEOPLE ARE ASKED"},
		{"carol", "help", "/detour handover: "},
		{"bob", "", "/detour handover: "},
		{"ann", "approve " + id, "/detour handover: "},
		{"bob", "freeze", "freeze takes the role operator"},
		{"ann", "thaw", "nothing is frozen any more"},
	} {
		if err := c.Type(typed.name, typed.text); err != nil {
			t.Errorf("%s types %q: %v", typed.name, typed.text, err)
		}
		c.Heard(t, typed.name, typed.told)
	}
	if err := c.Type("ann", "freeze"); err != nil {
		t.Fatal(err)
	}
	Wait(t, "the form to be sent", func() bool { return c.Send("ann", "storm") == nil })
	c.Heard(t, "ann", "your freeze stands on the ledger")
	ledger.View(func(b *incident.Board) {
		if f, ok := b.FrozenBy(nil); !ok || f.Reason != "storm" || f.By.Name != "ann" || f.By.Via != c.Name || f.By.Link != "" {
			t.Errorf("on the record: %+v", f)
		}
	})
	if i := ledger.Incident(id); len(i.Approvals) > 0 {
		t.Errorf("a command has approved: %+v", i.Approvals)
	}
}
