package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident/boardtest"
)

// stage is a ledger, and a channel that every replica sends to. Its time is synctest's.
type stage struct {
	*boardtest.Ledger
	t        *testing.T
	registry *prometheus.Registry
	metrics  *Metrics
	senders  int

	mu      sync.Mutex
	taken   []string
	asked   int
	trouble func(n Notice) (err error, done bool) // nil: none
	slow    func() time.Duration                  // how long sending takes; nil: no time
}

func newStage(t *testing.T) *stage {
	s := &stage{Ledger: boardtest.New(t), t: t, registry: prometheus.NewRegistry()}
	s.metrics = NewMetrics(s.registry)
	return s
}

// Send is Channel's.
func (s *stage) Send(_ context.Context, n Notice) error {
	if s.slow != nil {
		<-time.After(s.slow())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	err, done := error(nil), true
	if s.trouble != nil {
		err, done = s.trouble(n)
	}
	if done {
		text := strings.TrimSpace(fmt.Sprintf("%s %s %s %s", n.Incident, n.Action, n.Situation, n.Severity))
		if n.Anew {
			text += " anew"
		}
		s.taken = append(s.taken, text)
	}
	return err
}

// said is what was taken, in order.
func (s *stage) said() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.taken...)
}

func (s *stage) setTrouble(f func(Notice) (error, bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = f
}

// tries is how often something was sent, taken or not.
func (s *stage) tries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// sender raises a replica. It runs until the test, or cancel, ends it.
func (s *stage) sender(rank int, change ...func(*Config)) context.CancelFunc {
	s.senders++
	config := Config{
		Name: "pager", Channel: s, When: map[Situation]Severity{Asking: Own, Stuck: Critical, Failed: Warning, Frozen: Error}, Domain: "d", Console: "https://c",
		Me: fmt.Sprintf("r%d/%d", rank, s.senders), Rank: rank, Board: s, Orders: s, Now: time.Now, Log: zap.NewNop(), Metrics: s.metrics,
	}
	for _, f := range change {
		f(&config)
	}
	n := New(config)
	ctx, cancel := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = n.Run(ctx) })
	end := func() { cancel(); running.Wait() }
	s.t.Cleanup(end)
	return end
}

func (s *stage) settle(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// counted is detour_notifications_total by outcome, and "waiting".
func (s *stage) counted() map[string]float64 {
	s.t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	by := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "outcome" {
					by[l.GetValue()] = m.GetCounter().GetValue()
				}
			}
			if f.GetName() == "detour_notifications_waiting" {
				by["waiting"] = m.GetGauge().GetValue()
			}
		}
	}
	return by
}

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestLife follows an incident: people are called, told that it is being seen to, called anew for another reason, and told
// that it is over. Each is said once, and is on the ledger.
func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.sender(0)
		id, p := s.Ask("den-kcy", 1)
		s.settle(time.Second)
		s.Say(id, events.Approved{By: events.Person{Name: "marc", Via: "cli"}, Plan: p.Digest})
		s.settle(time.Second)
		s.Act(id, p)
		s.settle(time.Second)
		s.Stick(id)
		s.settle(time.Second)
		s.Close(id, events.LeftAlone)
		s.settle(time.Second)
		s.settle(time.Hour)
		check(t, "said", []string{
			"den-kcy-1 trigger asking error", "den-kcy-1 acknowledge", "den-kcy-1 trigger stuck critical anew", "den-kcy-1 trigger failed warning anew",
		}, s.said())
		i := s.Incident(id)
		told := i.Shown("pager", events.TheNotice)
		if told.Message != "trigger failed warning" || told.Key != told.Message || told.Owner != "r0/1" || told.Shown == "" {
			t.Errorf("on the ledger: %+v", told)
		}
		check(t, "counted", map[string]float64{"sent": 4, "waiting": 0}, s.counted())
	})
}

// TestResolved: what is over is told to be.
func TestResolved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.sender(0)
		id, _ := s.Ask("den-kcy", 1)
		s.settle(time.Second)
		s.Close(id, events.WasCleared)
		s.settle(time.Second)
		check(t, "said", []string{"den-kcy-1 trigger asking error", "den-kcy-1 resolve"}, s.said())
	})
}

// TestManyReplicas has four replicas call for twelve incidents: each is called for once.
func TestManyReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		for rank := range 4 {
			s.sender(rank / 2) // two of each rank
		}
		for n := range 12 {
			s.Ask(fmt.Sprintf("a%d-b%d", n, n), 1)
		}
		s.settle(time.Minute)
		counts := map[string]int{}
		for _, text := range s.said() {
			counts[text]++
		}
		if len(counts) != 12 || len(s.said()) != 12 {
			t.Errorf("%d of %d, want 12 of 12: %v", len(counts), len(s.said()), s.said())
		}
		was := s.Position()
		s.settle(time.Hour)
		if s.Position() != was || len(s.said()) != 12 {
			t.Errorf("with nothing new, %d records and %d notices", s.Position()-was, len(s.said())-12)
		}
	})
}

// TestKilledSender ends the replica that sends, at every moment: another goes on, and nothing is left unsaid. Only what was
// sent and is not on the ledger is said twice.
func TestKilledSender(t *testing.T) {
	for at, want := range map[string]int{"taken": 1, "sent": 2, "recorded": 1} {
		t.Run(at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				gone := make(chan struct{})
				if at != "recorded" {
					s.setTrouble(func(Notice) (error, bool) {
						close(gone)
						s.trouble = nil
						return errors.New("killed"), at == "sent"
					})
				}
				kill := s.sender(0)
				id, _ := s.Ask("den-kcy", 1)
				if at == "recorded" {
					s.settle(time.Second)
				} else {
					<-gone
				}
				kill()
				s.sender(1)
				s.settle(takeAfter / 2)
				if at != "recorded" && s.tries() != 1 {
					t.Error("another replica has not waited")
				}
				s.settle(takeAfter)
				said := s.said()
				if len(said) != want || said[want-1] != "den-kcy-1 trigger asking error" {
					t.Errorf("said %q, want it %d times", said, want)
				}
				i := s.Incident(id)
				if told := i.Shown("pager", events.TheNotice); told.Message != "trigger asking error" {
					t.Errorf("on the ledger: %+v", told)
				}
				s.Close(id, events.WasCleared) // the other goes on with what the first began
				s.settle(time.Minute)
				if said = s.said(); said[len(said)-1] != "den-kcy-1 resolve" {
					t.Errorf("said %q", said)
				}
			})
		})
	}
}

// TestTroubles: what nobody can tell is tried again, ever more seldom; what is refused is not, and is on the ledger as such.
func TestTroubles(t *testing.T) {
	for _, c := range []struct {
		name    string
		err     error
		within  time.Duration
		asked   [2]int // at least and at most, within
		counted map[string]float64
		shown   bool
	}{
		{"broken twice", errors.New("answered with 502"), time.Minute, [2]int{3, 3}, map[string]float64{"failed": 2, "sent": 1, "waiting": 0}, true},
		{"refused", fmt.Errorf("send: %w", &Refusal{Reason: "answered with 400"}), time.Hour, [2]int{1, 1}, map[string]float64{"refused": 1, "waiting": 0}, false},
		{"too much twice", &Later{Reason: "answered with 429", After: 20 * time.Second}, 2 * time.Minute, [2]int{3, 3}, map[string]float64{"failed": 2, "sent": 1, "waiting": 0}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				times := 0
				s.setTrouble(func(Notice) (error, bool) {
					if times++; times > 2 {
						return nil, true
					}
					return c.err, false
				})
				s.sender(0)
				id, _ := s.Ask("den-kcy", 1)
				s.settle(c.within)
				if s.tries() < c.asked[0] || s.tries() > c.asked[1] {
					t.Errorf("tried %d times within %s, want %v", s.tries(), c.within, c.asked)
				}
				check(t, "counted", c.counted, s.counted())
				i := s.Incident(id)
				if told := i.Shown("pager", events.TheNotice); told.Message != "trigger asking error" || (told.Shown != "") != c.shown {
					t.Errorf("on the ledger: %+v", told)
				}
			})
		})
	}
}

// TestLeftAlone: a channel that has had enough gets nothing of anything for as long as it says, and one that is away for
// long is asked ever more seldom; then everything is said.
func TestLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.setTrouble(func(Notice) (error, bool) { return &Later{Reason: "enough", After: 10 * time.Minute}, false })
		s.sender(0)
		for n := range 40 { // more than are looked for at once
			s.Ask(fmt.Sprintf("a%d-b%d", n, n), 1)
		}
		s.settle(9 * time.Minute)
		if s.tries() != 1 || s.counted()["waiting"] == 0 {
			t.Errorf("asked %d times within ten minutes, %v", s.tries(), s.counted())
		}
		s.setTrouble(func(Notice) (error, bool) { return errors.New("away"), false })
		s.settle(20 * time.Minute)
		began := s.tries()
		s.settle(20 * time.Minute)
		if n := s.tries() - began; n < 40*5 || n > 40*25 { // every item by itself, once in about two minutes
			t.Errorf("asked %d times within 20 minutes for 40", n)
		}
		s.setTrouble(nil)
		s.settle(10 * time.Minute)
		if len(s.said()) != 40 {
			t.Errorf("said %d of 40", len(s.said()))
		}
	})
}

// TestOvertaken: what was not said when the incident moved on is not said late, and is counted.
func TestOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.setTrouble(func(Notice) (error, bool) { return errors.New("away"), false })
		s.sender(0)
		id, p := s.Ask("den-kcy", 1)
		other, _ := s.Ask("kcy-ipl", 1)
		s.settle(time.Minute)
		s.Say(id, events.Approved{By: events.Person{Name: "marc", Via: "cli"}, Plan: p.Digest})
		s.settle(time.Second)
		s.Close(other, events.HasLapsed)
		s.settle(time.Second)
		s.setTrouble(nil)
		s.settle(time.Hour)
		check(t, "said", []string{"kcy-ipl-1 trigger failed warning"}, s.said())
		if n := s.counted()["overtaken"]; n != 2 {
			t.Errorf("%v overtaken, want 2", n)
		}
	})
}
