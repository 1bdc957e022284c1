package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/detour-net/detour/internal/chatops/clean"
	"github.com/detour-net/detour/internal/incident"
)

// screen tells the story: a line for each record, and on a terminal a table below that moves, of what is under mitigation.
type screen struct {
	o     Options
	out   io.Writer
	start time.Time

	mu     sync.Mutex
	stage  *stage
	below  int // lines of the table that stand on the terminal
	stop   chan struct{}
	done   chan struct{}
	turned int
}

func newScreen(o Options) *screen {
	s := &screen{o: o, out: o.Out, start: time.Now()}
	if o.JSON {
		s.out, s.o.Terminal = o.Words, false
	}
	return s
}

var colours = map[tone]string{plain: "", good: "32", bad: "31", waits: "33", quiet: "2"}

func (s *screen) paint(t tone, text string) string {
	if !s.o.Colour || colours[t] == "" {
		return text
	}
	return "\x1b[" + colours[t] + "m" + text + "\x1b[0m"
}

func (s *screen) title(sc Scenario) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%s: %s\n", s.paint(good, sc.Name), sc.Summary)
	fmt.Fprintln(s.out, s.paint(quiet, "Abilene, 11 simulated routers with gNMI over TLS; clocks are shortened: seconds here are minutes in production"))
}

// line tells one line.
func (s *screen) line(l line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	at := time.Since(s.start).Seconds()
	text := clean.Line(l.text) // it may say what somebody outside has written
	if l.word == "" {
		text = s.paint(quiet, "· "+text)
	}
	fmt.Fprintf(s.out, "%s  %s %s\n", s.paint(quiet, fmt.Sprintf("%6.2fs", at)), s.paint(l.tone, fmt.Sprintf("%-12s", l.word)), text)
	s.draw()
}

// watch begins to show the table of what is under mitigation.
func (s *screen) watch(st *stage) {
	s.mu.Lock()
	s.stage = st
	s.mu.Unlock()
	if !s.o.Terminal {
		return
	}
	s.stop, s.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(s.done)
		tick := time.NewTicker(150 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.mu.Lock()
				s.turned++
				s.erase()
				s.draw()
				s.mu.Unlock()
			case <-s.stop:
				return
			}
		}
	}()
}

// settle stops the table; what was told stays.
func (s *screen) settle() {
	if s.stop != nil {
		close(s.stop)
		<-s.done
		s.stop = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	s.stage = nil
}

func (s *screen) close() { s.settle() }

// erase takes the table off the terminal. The mutex is held.
func (s *screen) erase() {
	if s.below > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\x1b[J", s.below)
		s.below = 0
	}
}

// draw puts the table below the story. The mutex is held.
func (s *screen) draw() {
	if s.stage == nil || !s.o.Terminal {
		return
	}
	rows := s.stage.table()
	spinner := string([]rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")[s.turned%10])
	totals := s.stage.totals()
	rows = append(rows, fmt.Sprintf("%s packets lost %s, saved by the drain %s", spinner, thousands(totals.Lost), thousands(totals.Saved())))
	fmt.Fprintln(s.out)
	for _, r := range rows {
		fmt.Fprintln(s.out, s.paint(waits, "  "+clean.Line(r)))
	}
	s.below = len(rows) + 1
}

// table is what is under mitigation, a row an incident.
func (s *stage) table() []string {
	var rows []string
	s.view(func(b *incident.Board) {
		for _, i := range b.Open() {
			aToB, bToA := s.net.Load(i.Target.Name)
			metrics := ""
			if a, z, err := s.net.Metrics(i.Target.Name); err == nil {
				metrics = fmt.Sprintf("metric %d / %d", a.IPv4.Value, z.IPv4.Value)
			}
			rows = append(rows, fmt.Sprintf("%-14s %-10s %-30s %5.2f / %5.2f Gb/s  %s", i.ID, i.Phase, metrics, float64(aToB)/1e9, float64(bToA)/1e9, next(i)))
		}
	})
	if len(rows) > 0 {
		rows = append([]string{fmt.Sprintf("%-14s %-10s %-30s %-18s %s", "INCIDENT", "PHASE", "BOTH ENDS", "TRAFFIC", "NEXT")}, rows...)
	}
	return rows
}

// next is what an incident waits for.
func next(i *incident.Incident) string {
	left := func(t time.Time) string { return max(0, time.Until(t)).Round(time.Second).String() }
	switch i.Phase {
	case incident.Asking:
		return "approval within " + left(i.Ask.Expires)
	case incident.Verifying:
		return "to be verified within " + left(i.Intent.Verify)
	case incident.Holding:
		if i.Hold != nil {
			return "held for at least " + left(i.Hold.Until)
		}
	case incident.Probation:
		return "watched for " + left(i.Watch)
	}
	return ""
}

// result shows how it ended.
func (s *screen) result(r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintln(s.out)
	row := func(name, value string) { fmt.Fprintf(s.out, "  %-24s %s\n", name, value) }
	tone := good
	if !r.AsExpected {
		tone = bad
	}
	row("incident", r.Incident)
	row("outcome", s.paint(tone, r.Outcome))
	row("Sets sent", fmt.Sprint(r.Sets))
	if r.AnomalyToSet != nil {
		row("anomaly to first Set", fmt.Sprintf("%.1f ms", *r.AnomalyToSet))
	}
	row("ledger", fmt.Sprintf("%d records, verified: %t", r.LedgerRecords, r.LedgerVerified))
	row("packets lost", thousands(*r.PacketsLost))
	row("packets saved", thousands(*r.PacketsSaved))
	if r.Failure != "" {
		row("failure", s.paint(bad, r.Failure))
	}
}

// thousands groups digits.
func thousands(n int64) string {
	text := fmt.Sprint(max(n, -n))
	var parts []string
	for len(text) > 3 {
		parts = append([]string{text[len(text)-3:]}, parts...)
		text = text[:len(text)-3]
	}
	parts = append([]string{text}, parts...)
	if n < 0 {
		parts[0] = "-" + parts[0]
	}
	return strings.Join(parts, ",")
}
