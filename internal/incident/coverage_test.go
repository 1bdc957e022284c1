package incident

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/detour-net/detour/events"
)

// row is a row of the table without its words.
type row struct {
	from Phase
	kind events.Kind
	to   Phase
}

// TestEveryRowIsShown holds the transcripts, and what only the cases of unscripted can bring about, against the table: a row
// that none of them shows is a promise that nobody has seen kept.
func TestEveryRowIsShown(t *testing.T) {
	shown := map[row]bool{}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, script := usualPolicy(t), ""
		for _, f := range a.Files {
			switch f.Name {
			case "policy":
				text = string(f.Data)
			case "transcript":
				script = string(f.Data)
			}
		}
		s := newStage(t, text)
		for line := range strings.Lines(script) {
			if command, ok := strings.CutPrefix(line, ">"); ok {
				s.say(command)
			}
		}
		note(s, shown)
	}
	for _, c := range unscripted {
		s := newStage(t, usualPolicy(t))
		c.play(s)
		note(s, shown)
	}
	for _, tr := range Transitions() {
		if !shown[row{tr.From, tr.Kind, tr.To}] {
			t.Errorf("nothing shows %s: %s -> %s (%s)", tr.Kind, tr.From, tr.To, tr.When)
		}
	}
}

// note folds a stage's ledger record by record and notes each row that was taken.
func note(s *stage, shown map[row]bool) {
	b := NewBoard()
	phase := func(id string) Phase {
		if i, ok := b.Incident(id); ok {
			return i.Phase
		}
		return None
	}
	for n := range s.ledger.entries {
		c := s.ledger.read(uint64(n) + 1)
		b.Position, b.Now = c.Position, c.At
		for _, r := range c.Records {
			from := phase(r.Incident)
			if why := b.fold(c, r); why == "" {
				shown[row{from, r.Body.Kind(), phase(r.Incident)}] = true
			}
		}
	}
}

// unscripted are cases that no script brings about: a script leaves no time between two turns of a replica, and what it
// records it records one by one.
var unscripted = []struct {
	name string
	play func(*stage)
	want events.Outcome // "" when it needs a person
	why  string
}{
	{
		name: "a person stops it while its routers are being read",
		play: func(s *stage) {
			w := s.world
			w.Now, w.Me, w.Events = s.now, s.active.me(), []events.Event{testEvent("e1", events.Firing, s.now)}
			s.append(s.active.me(), Decide(s.active.board, w).Records)
			s.say("abort a-b-1 ann")
		},
		want: events.WasAborted, why: "aborted by ann",
	},
	{
		name: "that both routers have lost it is learnt at once",
		play: func(s *stage) {
			s.verifying()
			s.lab.reboot("a")
			s.lab.reboot("b")
			s.found(events.SeenBefore)
		},
		want: events.WasLost, why: "no router holds it any more",
	},
	{
		name: "somebody else has changed both ends",
		play: func(s *stage) {
			s.verifying()
			s.lab.router("a").metric["to-b"], s.lab.router("b").metric["to-a"] = 500, 600
			s.found(events.SeenOther)
		},
		why: "somebody else has changed isis-metric to-b L2 ipv4 on a",
	},
}

func TestUnscripted(t *testing.T) {
	for _, c := range unscripted {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, usualPolicy(t))
			c.play(s)
			e, _ := s.active.board.Why("a-b-1")
			i, _ := s.active.board.Incident("a-b-1")
			if c.want == "" && i.Phase != Stuck || c.want != "" && (i.End == nil || i.End.Outcome != c.want) || !strings.Contains(e.Sentence, c.why) {
				t.Errorf("it is %s: %s; want %s, %s\n%s", i.Phase, e.Sentence, c.want, c.why, s.out.String())
			}
		})
	}
}

// verifying brings a-b-1 to where its drain stands and is being verified.
func (s *stage) verifying() {
	s.say("link a-b stubborn")
	s.say("event e1 firing major a-b")
}

// found records of both ends of a-b-1 at once how they stand.
func (s *stage) found(seen events.Seen) {
	i, ok := s.active.board.Incident("a-b-1")
	if !ok || i.Phase != Verifying {
		s.t.Fatalf("it is not being verified:\n%s", s.out.String())
	}
	var records []events.Record
	for change := range i.Steps[0] {
		records = append(records, events.Record{Incident: i.ID, Body: events.Found{Change: change, Seen: seen, Fence: i.Intent.Position}})
	}
	s.append(s.active.me(), records)
	s.settle()
}

// say carries out one line of a script.
func (s *stage) say(line string) {
	s.t.Helper()
	words := strings.Fields(line)
	if err := s.do(words[0], words[1:]); err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
}

// usualPolicy is the policy of the transcripts.
func usualPolicy(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
