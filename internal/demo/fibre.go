package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
)

// duct is the conduit between Denver and Kansas City, and the links in it: two that are bent, and one that is cut.
const (
	duct   = "duct-7"
	second = theLink + "-2"
	third  = theLink + "-3"
)

// ductAlarms is how many alarms each bent link makes.
const ductAlarms = 300

// withDuct is Abilene with three links in one duct where it has one. They are drained one after the other, so each has room
// for what the others carry.
func withDuct() *network.Topology {
	t := backbone.Abilene()
	n := slices.IndexFunc(t.Links, func(l network.Link) bool { return l.Name == theLink })
	first := &t.Links[n]
	first.SRLGs = []string{duct}
	var more []network.Link
	for k, name := range []string{second, third} {
		l := *first
		l.Name = name
		l.A.Interface, l.B.Interface = fmt.Sprintf("ethernet-2/%d", k+1), fmt.Sprintf("ethernet-2/%d", k+1)
		more = append(more, l)
	}
	t.Links = append(t.Links, more...)
	return t
}

// roomForDuct lets the policy drain two links that lie side by side while the third is down.
func roomForDuct(s *settings) {
	s.Topology, s.Cured = withDuct, "link-down"
	s.Budgets = []string{
		"in_flight: {network: 2, level: 2, site: 2, site-pair: 2, device: 2, srlg: 2}",
		"stop_at: {site-pair: 3, device: 3, srlg: 3}",
	}
}

// fibreCut has a digger hit the duct.
func fibreCut(ctx context.Context, s *stage) error {
	if err := s.cut(ctx, third); err != nil {
		return err
	}
	if err := s.until(ctx, third, incident.Closed); err != nil {
		return err
	}
	if err := pause(ctx, time.Second); err != nil { // routing and telemetry know of it by then
		return err
	}
	sick := []string{theLink, second}
	for n, link := range sick {
		s.say("%d alarms about %s, from both its ends", ductAlarms, link)
		if err := s.flood(ctx, []string{link}, ductAlarms); err != nil {
			return err
		}
		if err := s.sicken(ctx, link, events.LinkErrors); err != nil {
			return err
		}
		if n > 0 {
			break
		}
		if err := s.until(ctx, link, incident.Open); err != nil {
			return err
		}
		if err := s.why(link); err != nil {
			return err
		}
		if err := pause(ctx, 300*time.Millisecond); err != nil {
			return err
		}
	}
	for _, link := range sick {
		if err := s.until(ctx, link, incident.Holding); err != nil {
			return err
		}
	}
	for _, link := range []string{theLink, second, third} {
		if err := s.why(link); err != nil {
			return err
		}
	}
	for _, link := range []string{third, theLink, second} {
		if err := s.heal(ctx, link); err != nil {
			return err
		}
	}
	for _, link := range sick {
		if err := s.until(ctx, link, incident.Closed); err != nil {
			return err
		}
	}
	return nil
}

// cut takes a link down; telemetry says so once.
func (s *stage) cut(ctx context.Context, link string) error {
	if err := s.net.SetLinkDown(link); err != nil {
		return err
	}
	s.say("a digger hits %s: %s goes dark", duct, link)
	s.sick[link] = func() { s.over(link, events.LinkDown) }
	return s.publish(ctx, s.anomaly(link, events.LinkDown, events.Firing, 0))
}

// oneDecision wants both bent links to have been decided as one, drained and restored, and the cut one to have been left.
func oneDecision(s *stage, lead *incident.Incident) error {
	other, err := s.incident(second)
	if err != nil {
		return err
	}
	dark, err := s.incident(third)
	if err != nil {
		return err
	}
	want := events.ScopeOf("srlg", duct)
	switch {
	case lead.Cause == nil || lead.Cause.Scope != want || lead.Cause.Alarmed != 3:
		return fmt.Errorf("the cause of %s is %+v, want 3 links of %s", lead.ID, lead.Cause, want)
	case !slices.Equal(lead.Children, []string{other.ID}):
		return fmt.Errorf("%s speaks for %v, want %s", lead.ID, lead.Children, other.ID)
	case outcomeOf(&other) != string(events.Restored) || outcomeOf(&dark) != string(events.WasRefused):
		return fmt.Errorf("%s is %s and %s is %s, want restored and refused", other.ID, outcomeOf(&other), dark.ID, outcomeOf(&dark))
	case !other.Opened.After(lead.Opened) || other.Ruling.Cause == nil:
		return errors.New("the second link was not decided on with the first")
	}
	return effective(8)(s, lead)
}
