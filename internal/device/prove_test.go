package device

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

func TestProve(t *testing.T) {
	t.Parallel() // every proof waits for a rollback
	both := []events.Bar{events.BarArbitration, events.BarCommitConfirmed, events.BarDeadline}
	for name, c := range map[string]struct {
		router func(*backbone.Options)
		inject func(*backbone.Router)
		want   []events.Bar
		says   string
	}{
		"both": {want: both, says: "honoured"},
		"no arbitration": {router: func(o *backbone.Options) { o.MasterArbitration = false },
			want: both[1:], says: "a smaller election id was accepted"},
		"no commit-confirmed": {router: func(o *backbone.Options) { o.CommitConfirmed = false },
			want: []events.Bar{events.BarArbitration, events.BarDeadline}, says: "did not roll back"},
		"neither, and strict": {router: func(o *backbone.Options) {
			o.MasterArbitration, o.CommitConfirmed, o.StrictExtensions = false, false, true
		}, want: both[2:], says: "Unimplemented"},
		"acknowledges and ignores": {inject: func(r *backbone.Router) { r.OnSet(backbone.Any, backbone.Ignore()) },
			want: both[2:], says: "does not show"},
		"may not write": {inject: func(r *backbone.Router) {
			r.OnSet(backbone.Any, backbone.Refuse(codes.PermissionDenied, "read-only account"))
		}, want: both[2:], says: "read-only account"},
		"roles are not told apart": {inject: func(r *backbone.Router) {
			r.OnSet(func(s backbone.SetInfo) bool { return strings.Contains(s.Request.String(), "detour-canary\"") },
				backbone.Refuse(codes.PermissionDenied, "behind the master"))
		}, want: both[1:], says: "behind the master"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := startLab(t, labSetup{idle: true, router: func(o *backbone.Options) {
				if c.router != nil {
					c.router(o)
				}
			}})
			if c.inject != nil {
				c.inject(l.a())
			}
			by := events.Person{Name: "ada"}
			proved, err := l.Prove(t.Context(), "a", by)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, proved.Bars); diff != "" {
				t.Errorf("bars (-want +got):\n%s%s", diff, proved.Detail)
			}
			if !strings.Contains(proved.Detail, c.says) || proved.By.Name != by.Name || proved.Device != "a" {
				t.Errorf("proved %+v, want a detail with %q", proved, c.says)
			}
			l.expectDescription("loopback")
			l.expectMetrics(10, 10)
			if _, _, ok := l.a().Master(events.Identity); ok {
				t.Error("the proof took the service's own mastership")
			}
			for _, set := range l.net.Sets() {
				for _, change := range set.Changes {
					if !strings.HasSuffix(change.Path, "description") && !strings.Contains(change.Path, backbone.Loopback) {
						t.Errorf("the proof touched %s", change.Path)
					}
				}
			}
		})
	}
}

// A proof on a router without a description leaves none behind, and a second proof finds what the first found.
func TestProveTwiceWithoutDescription(t *testing.T) {
	t.Parallel()
	l := startLab(t, labSetup{idle: true})
	if err := l.a().Configure("/interfaces/interface[name="+backbone.Loopback+"]/config/description", ""); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		proved, err := l.Prove(t.Context(), "a", events.Person{Name: "ada"})
		if err != nil || len(proved.Bars) != 3 {
			t.Fatalf("%+v, %v", proved, err)
		}
		l.expectDescription("")
	}
}

func (l *lab) expectDescription(want string) {
	l.t.Helper()
	s := l.sessions["a"]
	c := canary{session: s, path: s.profile.paths.description.fill(names{"port": backbone.Loopback})}
	got, err := c.description(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	text := ""
	if got != nil {
		if text, err = word(got); err != nil {
			l.t.Fatal(err)
		}
	}
	if text != want {
		l.t.Errorf("the canary's description is %q, want %q", text, want)
	}
	if _, waits := l.a().Unconfirmed(); waits {
		l.t.Error("a commit still waits")
	}
}

func TestProveCannot(t *testing.T) {
	for name, c := range map[string]struct {
		canary string
		alter  func(*lab)
		says   string
	}{
		"no canary":         {canary: "", says: "name an interface"},
		"no such interface": {canary: "loopback9", says: "correct canary"},
		"unreachable":       {canary: backbone.Loopback, alter: func(l *lab) { l.a().SetUnreachable(true) }, says: "router a at"},
		"lost reply": {canary: backbone.Loopback, alter: func(l *lab) { l.a().OnSet(backbone.Nth(1), backbone.LoseReply()) },
			says: "Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{
				idle:      true,
				inventory: func(routers []network.Router) { routers[0].Canary = c.canary },
			})
			if c.alter != nil {
				c.alter(l)
			}
			proved, err := l.Prove(t.Context(), "a", events.Person{Name: "ada"})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v, error %v, want one with %q", proved, err, c.says)
			}
			if c.alter == nil {
				if n := len(l.net.Sets()); n != 0 {
					t.Errorf("%d Sets", n)
				}
			}
			if name == "lost reply" {
				l.expectDescription("loopback")
			}
		})
	}
}

func TestProvenBars(t *testing.T) {
	l := startLab(t, labSetup{idle: true})
	bars := func() []events.Bar { return l.Observe(t.Context(), l.target("a-b")).Ends[0].Profile.Bars }
	if diff := cmp.Diff([]events.Bar{events.BarDeadline}, bars()); diff != "" {
		t.Errorf("at the start (-want +got):\n%s", diff)
	}
	l.Proven(events.Proved{Device: "a", Bars: []events.Bar{events.BarDeadline, events.BarCommitConfirmed, events.BarArbitration}})
	want := []events.Bar{events.BarArbitration, events.BarCommitConfirmed, events.BarDeadline}
	if diff := cmp.Diff(want, bars()); diff != "" {
		t.Errorf("proven (-want +got):\n%s", diff)
	}
	l.Proven(events.Proved{Device: "a"})
	if diff := cmp.Diff([]events.Bar{events.BarDeadline}, bars()); diff != "" {
		t.Errorf("no longer proven (-want +got):\n%s", diff)
	}
}

// A proof is of one software: after an upgrade it has to be made again.
func TestProofOfAnotherSoftware(t *testing.T) {
	l := startLab(t, labSetup{})
	profile := func() events.Profile { return l.Observe(t.Context(), l.target("a-b")).Ends[0].Profile }
	eventually(t, "the software is known", func() bool { return profile().Software == "1.0.0" })
	l.Proven(events.Proved{Device: "a", Software: "0.9.9", Bars: []events.Bar{events.BarArbitration}, Leaves: []events.Leaf{events.ISISMetric}})
	if p := profile(); p.Qualified || len(p.Bars) != 1 {
		t.Errorf("with a proof of 0.9.9 the profile is %+v", p)
	}
	l.Proven(events.Proved{Device: "a", Software: "1.0.0", Bars: []events.Bar{events.BarArbitration}, Leaves: []events.Leaf{events.ISISMetric}})
	if p := profile(); !p.Qualified || len(p.Bars) != 2 {
		t.Errorf("with a proof of 1.0.0 the profile is %+v", p)
	}
}
