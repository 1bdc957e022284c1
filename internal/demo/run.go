package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// Options say how the demonstration is shown.
type Options struct {
	Scenario   string        // name of a scenario
	Exit       bool          // end when the loop has closed
	JSON       bool          // the story goes to Words, and the last line of Out is the Result
	Listen     string        // where the API and console answer, host:port
	Wait       time.Duration // before the story begins, so that somebody can open the console first
	Out, Words io.Writer     // data and words
	Terminal   bool          // Out is a terminal: colour, and a status line that moves
	Colour     bool
	Executable string // path of this binary, for scenarios with replicas as processes
}

// Result is how a scenario ended.
type Result struct {
	Scenario       string   `json:"scenario"`
	Incident       string   `json:"incident"`
	Outcome        string   `json:"outcome"`
	Sets           int      `json:"sets"` // Set requests with something in them that reached routers
	AnomalyToSet   *float64 `json:"anomaly_to_set_ms"`
	LedgerRecords  int      `json:"ledger_records"`
	LedgerVerified bool     `json:"ledger_verified"`
	PacketsLost    *int64   `json:"packets_lost"`
	PacketsSaved   *int64   `json:"packets_saved"` // that would have been lost without the drain
	AsExpected     bool     `json:"as_expected"`
	Failure        string   `json:"failure,omitempty"`
}

// within bounds a scenario, so that a defect shows as a failure and not as silence.
const within = 2 * time.Minute

// checkWithin bounds what is held against each other at the end.
const checkWithin = 20 * time.Second

// Run plays one scenario. The error says why the loop did not close as the scenario says; nil means that it did.
func Run(ctx context.Context, o Options) error {
	sc, err := Find(o.Scenario)
	if err != nil {
		return err
	}
	return run(ctx, o, sc)
}

func run(ctx context.Context, o Options, sc Scenario) error {
	dir, err := os.MkdirTemp("", "detour-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demonstration: %w", err)
	}
	screen := newScreen(o)
	defer screen.close()
	screen.title(sc)

	building, built := context.WithTimeout(ctx, within)
	defer built()
	s, err := build(building, o, sc, dir, screen.line)
	defer func() {
		if s != nil {
			s.end()
		}
		screen.close()
		if err == nil {
			os.RemoveAll(dir)
			return
		}
		fmt.Fprintf(o.Words, "logs, ledger and configuration are kept in %s\n", dir)
	}()
	if err != nil {
		return fmt.Errorf("scenario %s: %w", sc.Name, err)
	}
	screen.watch(s)
	screen.line(line{text: "console and API at " + s.url, tone: quiet})
	if o.Wait > 0 {
		s.say("the story begins in %s", o.Wait)
		if err = pause(ctx, o.Wait); err != nil {
			return fmt.Errorf("scenario %s: %w", sc.Name, err)
		}
	}
	playing, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err = sc.play(playing, s)
	checking, stop := context.WithTimeout(context.WithoutCancel(ctx), checkWithin)
	defer stop()
	result := s.result(checking, sc, err)
	screen.settle()
	if o.JSON {
		raw, encodeErr := json.Marshal(result)
		if encodeErr != nil {
			return fmt.Errorf("encode the result: %w", encodeErr)
		}
		fmt.Fprintf(o.Out, "%s\n", raw)
	} else {
		screen.result(result)
	}
	if !result.AsExpected {
		err = fmt.Errorf("scenario %s did not end as it says: %s", sc.Name, result.Failure)
		return err
	}
	if !o.Exit {
		s.invite(o)
		<-ctx.Done()
	}
	return nil
}

// invite tells how to look around while the demonstration stands.
func (s *stage) invite(o Options) {
	den := s.net.Router("den")
	fmt.Fprintf(o.Words, `
still running, until Ctrl-C. Look around:
  console              %[1]s, where orders take the token in %[2]s/token
  as an operator       detour --server %[1]s --token-file %[2]s/token incidents
  a router over gNMI   gnmic -a %[3]s --tls-ca %[2]s/ca.pem --tls-cert %[2]s/client.pem --tls-key %[2]s/client.key \
                         --tls-server-name den -u detour -p "$(cat %[2]s/password)" get --path /interfaces
  configuration        %[2]s
`, s.url, s.dir, den.Address())
}

// result is how it ended, with everything held against everything.
func (s *stage) result(ctx context.Context, sc Scenario, played error) Result {
	r := Result{Scenario: sc.Name, Sets: s.sets()}
	i, err := s.incident(cmp.Or(sc.link, theLink))
	if err == nil {
		r.Incident, r.Outcome = i.ID, outcomeOf(&i)
	}
	if ms, ok := s.anomalyToSet(); ok {
		r.AnomalyToSet = &ms
	}
	totals := s.totals()
	saved := totals.Saved()
	r.PacketsLost, r.PacketsSaved = &totals.Lost, &saved
	var verify error
	r.LedgerRecords, verify = s.verify(ctx)
	r.LedgerVerified = verify == nil
	failure := errors.Join(played, err, verify)
	if failure == nil && r.Outcome != sc.Want {
		failure = fmt.Errorf("the outcome is %s, want %s", r.Outcome, sc.Want)
	}
	if failure == nil && sc.check != nil {
		failure = sc.check(s, &i)
	}
	if r.AsExpected = failure == nil; !r.AsExpected {
		r.Failure = failure.Error()
	}
	return r
}

// verify checks the chain of the ledger, folds it anew, and compares the routers with it.
func (s *stage) verify(ctx context.Context) (records int, err error) {
	board := incident.NewBoard()
	report, err := s.ledger.Verify(ctx, func(c events.Commit) error {
		records += len(c.Records)
		return board.Apply(c)
	})
	if err != nil {
		return records, fmt.Errorf("verify the ledger: %w", err)
	}
	if !report.Intact() {
		return records, fmt.Errorf("the ledger does not verify: %s", report.Findings[0])
	}
	if f, frozen := board.FrozenBy(nil); frozen && f.By.Name == events.Identity {
		return records, fmt.Errorf("the ledger does not fold: %s", f.Reason)
	}
	comparison, err := s.api.Compare(ctx)
	if err != nil {
		return records, fmt.Errorf("compare routers and ledger: %w", err)
	}
	if len(comparison.Differences) > 0 {
		d := comparison.Differences[0]
		return records, fmt.Errorf("%s and the ledger differ: %s", d.Device, d.Detail)
	}
	return records, nil
}

// anomalyToSet is the time from the first anomaly's publication to the first Set that a router got, in milliseconds.
func (s *stage) anomalyToSet() (ms float64, ok bool) {
	s.mu.Lock()
	first := s.first
	s.mu.Unlock()
	for _, set := range s.net.Sets() {
		if !set.Local && len(set.Request.GetUpdate())+len(set.Request.GetDelete()) > 0 && set.At.After(first) && !first.IsZero() {
			return float64(set.At.Sub(first).Microseconds()) / 1000, true
		}
	}
	return 0, false
}
