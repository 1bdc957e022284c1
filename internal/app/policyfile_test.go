package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/network/whatif"
	"github.com/detour-net/detour/internal/worker"
	"github.com/detour-net/detour/policy"
)

const (
	oldPolicy = "# what we do\nrules: [{name: x, match: {kinds: [link-errors]}, remediation: link-drain}]\n"
	newPolicy = "rules: [{name: y, match: {kinds: [link-errors]}, remediation: link-drain}]\n"
	badPolicy = "rulse: []\n"
)

// TestPolicyFile has a file change in every way in which files do. A step is one look at it.
func TestPolicyFile(t *testing.T) {
	type step struct {
		holds string // from here on; "-" that it is gone, "" as before
		whole bool   // somebody says so
		want  string // what is offered: a rule's name, or a part of what is wrong; "" nothing
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"it stays as it was", []step{{}, {}, {whole: true}}},
		{"it is saved", []step{{holds: newPolicy}, {want: "y"}, {}, {whole: true}}},
		{"it is saved, and somebody says so", []step{{holds: newPolicy, whole: true, want: "y"}, {}, {}}},
		{"it is touched", []step{{holds: oldPolicy}, {}, {}}},
		{"it is bad", []step{{holds: badPolicy}, {want: `unknown key "rulse"`}, {}, {}, {whole: true}}},
		{"it is bad, otherwise bad, and good again", []step{
			{holds: badPolicy}, {want: "rulse"}, {holds: "rules: 7\n"}, {want: "rules"}, {}, {holds: oldPolicy}, {want: "x"}, {},
		}},
		{"it is put back before anybody looked twice", []step{{holds: badPolicy}, {holds: oldPolicy}, {}, {}}},
		{"it is being written", []step{{holds: "# what"}, {holds: newPolicy[:40]}, {holds: newPolicy[:60]}, {holds: newPolicy}, {want: "y"}}},
		{"writing it has stopped half-way", []step{{holds: newPolicy[:40]}, {want: "policy.yaml:1:"}, {}, {holds: newPolicy}, {want: "y"}}},
		{"it is empty", []step{{holds: "\n"}, {want: "says nothing any more"}, {}, {holds: oldPolicy}, {want: "x"}}},
		{"it has comments alone", []step{{holds: "---\n  # what we do\n"}, {want: "says nothing any more"}}},
		{"it is gone", []step{{holds: "-"}, {want: "no such file"}, {}, {}, {holds: oldPolicy}, {want: "x"}}},
		{"it is replaced slowly", []step{{holds: "-"}, {holds: newPolicy}, {want: "y"}}},
		{"it says that it answers nothing", []step{{holds: "rules: []\n"}, {want: "no rule"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "policy.yaml")
			save := func(text string) {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			save(oldPolicy)
			var offers []worker.Offer
			f := &policyFile{
				path: path, file: config.NewPolicyFile(path), known: look{digest: events.DigestBytes([]byte(oldPolicy))}, log: zap.NewNop(),
				parse: func(raw []byte) (*policy.Policy, error) { return policy.Parse(path, raw) },
				offer: func(_ context.Context, o worker.Offer) error { offers = append(offers, o); return nil },
			}
			for n, s := range c.steps {
				switch s.holds {
				case "":
				case "-":
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				default:
					save(s.holds)
				}
				offers = nil
				if err := f.refresh(t.Context(), s.whole); err != nil {
					t.Fatal(err)
				}
				if s.want == "" && len(offers) > 0 || s.want != "" && len(offers) != 1 {
					t.Fatalf("look %d: %d offers", n, len(offers))
				}
				if s.want != "" && !strings.Contains(saysOf(offers[0]), s.want) {
					t.Errorf("look %d: it offers %q, want %q", n, saysOf(offers[0]), s.want)
				}
			}
		})
	}
}

// saysOf is the first rule's name, or what is wrong.
func saysOf(o worker.Offer) string {
	switch {
	case o.Source != "policy.yaml" || (o.Policy == nil) == (o.Err == nil):
		return "an offer that is none"
	case o.Policy == nil:
		return o.Err.Error()
	case len(o.Policy.Rules()) == 0:
		return "no rule"
	}
	return o.Policy.Rules()[0].Name
}

// TestPolicyFileRuns looks when it is told to, and ends with its context or with whom it offers to.
func TestPolicyFileRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte(newPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	told := make(chan os.Signal)
	offers := make(chan worker.Offer)
	gone := errors.New("gone")
	f := &policyFile{
		path: path, file: config.NewPolicyFile(path), now: told, log: zap.NewNop(), parse: func(raw []byte) (*policy.Policy, error) { return policy.Parse(path, raw) },
		offer: func(_ context.Context, o worker.Offer) error {
			offers <- o
			if o.Policy == nil {
				return gone
			}
			return nil
		},
	}
	ended := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- f.run(ctx) }()
	told <- os.Interrupt
	if got := saysOf(<-offers); got != "y" {
		t.Errorf("it offers %q", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	go func() { ended <- f.run(t.Context()) }()
	told <- os.Interrupt
	if o := <-offers; o.Bytes != "" || o.Err == nil {
		t.Errorf("of a file that is gone it offers %+v", o)
	}
	if err := <-ended; !errors.Is(err, gone) {
		t.Errorf("err = %v", err)
	}
}

// TestBearable hands limits on once, and again when others are in force.
func TestBearable(t *testing.T) {
	var inForce policy.ProspectLimits
	var used []int64
	b := &bearable{now: func() policy.ProspectLimits { return inForce }, use: func(l whatif.Limits) { used = append(used, l.Permil, l.Worse) }}
	for _, survive := range []int{900, 900, 1000, 900} {
		inForce.SurvivePermil, inForce.WorseByPermil = survive, survive/10
		b.refresh()
	}
	if diff := cmp.Diff([]int64{900, 90, 1000, 100, 900, 90}, used); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}
