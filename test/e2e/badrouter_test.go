package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
)

// TestBadRouters has one end of a link be a router that cannot be read: nothing is set on either end, and why says what is
// wrong and where. Where it mends itself the incident goes on by itself.
func TestBadRouters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want string
		harm       func(s *stage)
		mend       func(s *stage)
	}{
		{"a wrong certificate", "certificate that is not trusted",
			func(s *stage) { s.net.Router(ber).PresentWrongCertificate(true) }, func(s *stage) { s.net.Router(ber).PresentWrongCertificate(false) }},
		{"an unreadable pre-image", "does not answer in time", func(s *stage) { s.net.Router(ber).SetHanging(true) }, func(s *stage) { s.net.Router(ber).SetHanging(false) }},
		{"no IS-IS on the interface", "no IS-IS interface", func(s *stage) {
			path := s.net.Router(ber).Path("interfaces", "interface[interface-id="+s.linkNamed(linkPlain).B.Interface+"]")
			if err := s.net.Router(ber).Configure(path, ""); err != nil {
				s.t.Fatal(err)
			}
			s.first[linkPlain] = s.metrics(linkPlain)
		}, nil},
		{"wrong credentials", `credentials of user "detour"`, func(s *stage) {
			s.write("wrong", "wrong")
			s.editRouter(ber, func(r *network.Router) { r.Credentials.Password = "file:" + filepath.Join(s.dir, "wrong") })
		}, nil},
		{"another router's certificate", "certificate that is not trusted", func(s *stage) { s.editRouter(ber, func(r *network.Router) { r.TLS.ServerName = cdg }) }, nil},
		{"nobody there", "refuses connections", func(s *stage) { s.editRouter(ber, func(r *network.Router) { r.Address = "127.0.0.1:1" }) }, nil},
		{"no such interface", `no IS-IS interface "et-7/7/7"`, func(s *stage) {
			links := slices.Clone(s.net.Topology().Links)
			links[slices.IndexFunc(links, func(l network.Link) bool { return l.Name == linkPlain })].B.Interface = "et-7/7/7"
			s.describe(links)
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := raiseBare(t, rules{})
			s.raiseBus()
			s.follow()
			s.prove()
			c.harm(s)
			r := s.addReplica(0)
			r.start()
			s.wait("the replica to be ready", func() bool { ready, err := r.ready(); return err == nil && ready.Ready })
			s.sicken(linkPlain)
			i := s.reaches(linkPlain, incident.Waiting, incident.Closed)
			s.wait(fmt.Sprintf("why to say %q", c.want), func() bool { return strings.Contains(r.detour("carol", "why", i.ID).out, c.want) })
			s.untouched()
			if c.mend != nil {
				c.mend(s)
				s.reaches(linkPlain, incident.Holding)
			}
			s.heal(linkPlain)
			s.reaches(linkPlain, incident.Closed)
			s.account()
		})
	}
}

// editRouter alters the inventory's entry of one router.
func (s *stage) editRouter(name string, alter func(*network.Router)) {
	s.t.Helper()
	n := slices.IndexFunc(s.routers, func(r network.Router) bool { return r.Name == name })
	if n < 0 {
		s.t.Fatalf("no router %s in the inventory", name)
	}
	alter(&s.routers[n])
	s.describe(s.net.Topology().Links)
}

func edit(t testing.TB, path, old, new string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), old) {
		t.Fatalf("%s does not have %q", path, old)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(raw), old, new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRouterFaults has routers treat Sets in every way that real ones were seen to, one after the other, and wants the
// incident to end as it must, with both ends as they were.
func TestRouterFaults(t *testing.T) {
	long(t)
	t.Parallel()
	s := raise(t, setup{replicas: 2, proven: true})
	for _, c := range []struct {
		name  string
		link  string
		match backbone.Match
		how   backbone.Behaviour
		want  []events.Outcome
	}{
		{"it refuses", linkPlain, backbone.Do, backbone.Abort("database locked"), []events.Outcome{events.RolledBack}},
		{"its reply is lost", linkSingle, backbone.First(1, backbone.Do), backbone.LoseReply(), []events.Outcome{events.Restored}},
		{"it hangs up after the commit", linkPlain, backbone.First(1, backbone.Do), backbone.CutAfterCommit(), []events.Outcome{events.Restored}},
		{"it never answers", linkSingle, backbone.Do, backbone.Hang(), []events.Outcome{events.RolledBack}},
		{"it says yes and does nothing", linkEdge, backbone.Do, backbone.Ignore(), []events.Outcome{events.RolledBack}},
		{"it commits long after the deadline", linkSingle, backbone.Do, backbone.CommitLate(setDeadline + 2*setMargin), []events.Outcome{events.RolledBack}},
		{"it refuses the undo at first", linkAbsent, backbone.First(3, backbone.Undo), backbone.Abort("database locked"), []events.Outcome{events.Restored}},
		{"the reply to the undo is lost", linkLevels, backbone.First(1, backbone.Undo), backbone.LoseReply(), []events.Outcome{events.Restored}},
		{"it does the first leaf only", linkLevels, backbone.First(1, backbone.Do), backbone.FirstOnly(), []events.Outcome{events.RolledBack}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, b := s.routersOf(c.link)
			s.late[b.Name()] = true
			s.treated(c.link, b.OnSet(c.match, c.how), c.want...)
		})
	}
	s.account()
}

// TestLateWithoutFence has a router that does not arbitrate commit after the deadline: nothing but the margin keeps such a Set
// from coming after somebody has looked.
func TestLateWithoutFence(t *testing.T) {
	long(t)
	t.Parallel()
	s := raise(t, setup{replicas: 2, proven: true, rules: rules{Clocks: map[string]string{"margin": "10s"}}})
	_, b := s.routersOf(linkUnfenced)
	s.treated(linkUnfenced, b.OnSet(backbone.First(1, backbone.Do), backbone.CommitLate(setDeadline+setMargin/4)), events.Restored, events.RolledBack)
	s.account()
}

// treated lets a link fall sick one of whose routers treats Sets in its own way, and wants the incident to end in one of ways.
func (s *stage) treated(link string, so *backbone.Injection, want ...events.Outcome) {
	s.t.Helper()
	defer so.Remove()
	s.sicken(link)
	s.unstuck(link, incident.Holding, incident.Closed)
	s.heal(link)
	if i := s.unstuck(link, incident.Closed); !slices.Contains(want, i.End.Outcome) {
		s.t.Errorf("%s ended as %s, want %v\n%s", i.ID, i.End.Outcome, want, s.history(i.ID))
	}
	if so.Hits() == 0 {
		s.t.Error("no Set was treated so")
	}
}

// unstuck waits as reaches does, and fails when the incident waits for a person.
func (s *stage) unstuck(link string, phases ...incident.Phase) *incident.Incident {
	s.t.Helper()
	i := s.reaches(link, append(phases, incident.Stuck)...)
	if i.Phase == incident.Stuck {
		s.t.Fatalf("%s is stuck: %s\n%s", i.ID, i.Trouble.Why, s.history(i.ID))
	}
	return i
}

// TestUndoNotShown has a router take the undo and go on as it was: the incident does not end as restored, it calls a person.
// When the router has been made to act on its configuration, it ends.
func TestUndoNotShown(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 1, proven: true, rules: rules{Clocks: map[string]string{"verify_within": "6s"}}})
	_, b := s.routersOf(linkPlain)
	s.sicken(linkPlain)
	s.reaches(linkPlain, incident.Holding)
	injected := b.OnSet(backbone.Undo, backbone.NotProgrammed())
	s.heal(linkPlain)
	i := s.reaches(linkPlain, incident.Stuck, incident.Closed)
	if i.Phase != incident.Stuck || injected.Hits() == 0 {
		t.Fatalf("%s is %s\n%s", i.ID, i.Phase, s.history(i.ID))
	}
	if a := s.replicas[0].detour("carol", "why", i.ID); !strings.Contains(a.out, "its routers do not show it") || !strings.Contains(a.out, b.Name()) {
		t.Errorf("why says %s", a.out)
	}
	b.Reboot(200 * time.Millisecond)
	s.ends(linkPlain, events.Restored)
	s.account()
}

// TestReboot has a router forget what it was told while the link is held: the other end is put back.
func TestReboot(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 1, proven: true})
	s.sicken(linkPlain)
	s.reaches(linkPlain, incident.Holding)
	s.net.Router(ams).Reboot(200 * time.Millisecond)
	s.ends(linkPlain, events.WasLost)
	s.heal(linkPlain)
	s.account()
}

// TestTryReboot finds out of a router that saves what is set and of one that does not what a reboot does, across a restart of
// the replica, and leaves both as they were.
func TestTryReboot(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 1})
	r := s.replicas[0]
	for name, want := range map[string]events.Kept{ber: events.KeptYes, ams: events.KeptNo} {
		prove := func(code int, flags ...string) answer {
			t.Helper()
			a := r.detour("oscar", append([]string{"routers", "prove", name, "--reboot"}, flags...)...)
			if a.code != code {
				t.Fatalf("%s: prove --reboot %v exits %d, want %d: %s%s", name, flags, a.code, code, a.out, a.err)
			}
			return a
		}
		prove(0)
		if a := r.detour("carol", "routers"); !strings.Contains(a.err, "router "+name+" since") || !strings.Contains(a.err, "--reboot --undo") {
			t.Errorf("%s: routers says %s", name, a.err)
		}
		if a := prove(3); !strings.Contains(a.err, "was not rebooted since it was marked") {
			t.Errorf("%s: prove --reboot says %s", name, a.err)
		}
		r.kill()
		s.net.Router(name).Reboot(0)
		if err := r.launch(); err != nil {
			t.Fatal(err)
		}
		s.seesAll(r)
		if a := prove(0); !strings.Contains(a.out, string(want)) {
			t.Errorf("%s: prove --reboot says %s", name, a.out)
		}
		s.until("the trial of "+name+" to be over", func(b *incident.Board) bool {
			trial, ok := b.Trial(name)
			return ok && trial.Over && trial.Kept == want && trial.Rebooted.After(trial.Booted)
		})
		prove(3, "--undo")
		prove(0)
		prove(0, "--undo")
	}
	s.account()
}

// TestForeignChange has somebody else change what Detour set: Detour calls a person and neither overwrites nor undoes it.
func TestForeignChange(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 1, proven: true})
	r := s.replicas[0]
	s.sicken(linkUnfenced)
	s.reaches(linkUnfenced, incident.Holding)
	l := s.linkNamed(linkUnfenced)
	path := s.net.Router(dub).Path("interfaces", "interface[interface-id="+l.A.Interface+"]", "levels", "level[level-number=2]", "afi-safi", "af[afi-name=IPV4][safi-name=UNICAST]", "config", "metric")
	if err := s.net.Router(dub).Configure(path, "777"); err != nil {
		t.Fatal(err)
	}
	s.heal(linkUnfenced)
	i := s.reaches(linkUnfenced, incident.Stuck)
	if a := r.detour("carol", "why", i.ID); !strings.Contains(a.out, "somebody else has changed") {
		t.Errorf("why says %s", a.out)
	}
	if a := r.detour("oscar", "abort", i.ID, "--reason", "mine now", "--as-is"); a.code != 0 {
		t.Errorf("abort --as-is exits %d: %s", a.code, a.err)
	}
	s.ends(linkUnfenced, events.LeftAlone)
	a, b, err := s.net.Metrics(linkUnfenced)
	if err != nil || a.IPv4.Value != 777 {
		t.Errorf("the other's metric is %+v %+v, %v", a, b, err)
	}
}
