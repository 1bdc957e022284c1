package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/test/lab/frr"
)

func TestShows(t *testing.T) {
	l := start(t, newRouter(), t.TempDir())
	for path, want := range map[string]string{
		metricPath("eth1", "IPV4"):                                        "100",
		metricPath("eth1", "IPV6"):                                        "100",
		strings.Replace(metricPath("eth2", "IPV4"), "config", "state", 1): "200",
		overload: "false",
		"/interfaces/interface[name=eth1]/state/oper-status":         `"UP"`,
		"/interfaces/interface[name=eth1]/config/enabled":            "true",
		"/interfaces/interface[name=eth1]/state/counters/in-octets":  `"0"`,
		"/interfaces/interface[name=eth1]/ethernet/state/port-speed": `"openconfig-if-ethernet:SPEED_10GB"`,
		"/system/state/software-version":                             `"FRRouting 8.4.4"`,
		"/system/state/boot-time":                                    `"1800000000000000000"`,
		isis + "/interfaces/interface[interface-id=eth1]/levels/level[level-number=2]/adjacencies/adjacency[system-id=0000.0000.0002]/state/adjacency-state": `"UP"`,
		isis + "/levels/level[level-number=2]/link-state-database/lsp[lsp-id=0000.0000.0001.00-00]/tlvs/tlv[type=EXTENDED_IS_REACHABILITY]" +
			"/extended-is-reachability/neighbors/neighbor[system-id=0000.0000.0003]/instances/instance[id=1]/state/metric": "200",
	} {
		if got := l.get(t, path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for _, name := range []string{"eth2", "eth3"} {
		path := parse(t, "/interfaces/interface[name="+name+"]/ethernet/state/port-speed")
		if _, err := l.Get(t.Context(), &gpb.GetRequest{Encoding: gpb.Encoding_JSON_IETF, Path: []*gpb.Path{path}}); status.Code(err) != codes.NotFound {
			t.Errorf("the speed of %s: %v, want NotFound", name, err)
		}
	}
	if c, err := l.Capabilities(t.Context(), &gpb.CapabilityRequest{}); err != nil || len(c.GetSupportedModels()) == 0 {
		t.Errorf("capabilities %v, %v", c, err)
	}
}

func TestSet(t *testing.T) {
	r := newRouter()
	l := start(t, r, t.TempDir())
	l.set(t, codes.OK, request(t,
		metricPath("eth1", "IPV4"), "16777214", metricPath("eth2", "IPV4"), "7", metricPath("eth2", "IPV6"), "7", overload, "true",
		"/interfaces/interface[name=eth1]/config/description", `"to b"`, "/interfaces/interface[name=eth1]/config/enabled", "false"))
	if m1, m2, o, up, text := r.state(); m1 != 16777214 || m2 != 7 || !o || up || text != "to b" {
		t.Errorf("metrics %d, %d, overload %t, eth1 up %t, %q", m1, m2, o, up, text)
	}
	if r.commits != 1 {
		t.Errorf("%d commits, want one for all", r.commits)
	}
	for path, want := range map[string]string{
		metricPath("eth1", "IPV6"): "16777214", overload: "true", "/interfaces/interface[name=eth1]/config/description": `"to b"`,
		"/interfaces/interface[name=eth1]/state/admin-status": `"DOWN"`, isis + "/global/lsp-bit/overload-bit/state/set-bit": "true",
		isis + "/levels/level[level-number=2]/link-state-database/lsp[lsp-id=0000.0000.0001.00-00]/state/flags": `["OVERLOAD"]`,
	} {
		if got := l.get(t, path); got != want {
			t.Errorf("afterwards %s: %s, want %s", path, got, want)
		}
	}
	l.set(t, codes.OK, request(t, metricPath("eth1", "IPV4"), "", overload, "", "/interfaces/interface[name=eth1]/config/enabled", "", "/interfaces/interface[name=eth1]/config/description", ""))
	if m1, _, o, up, text := r.state(); m1 != 10 || o || !up || text != "" {
		t.Errorf("deleted: metric %d, overload %t, up %t, %q", m1, o, up, text)
	}
	commits := r.commits
	l.set(t, codes.OK, request(t, metricPath("eth1", "IPV4"), "10"))
	if r.commits != commits {
		t.Error("a Set that changes nothing was committed")
	}
}

// TestRefusals wants for each wrong Set its code, and nothing done.
func TestRefusals(t *testing.T) {
	const tooWide = "16777216"
	for name, tt := range map[string]struct {
		code  codes.Code
		pairs []string
		spoil func(*router)
	}{
		"unknown path":           {code: codes.InvalidArgument, pairs: []string{"/interfaces/interface[name=eth1]/config/colour", `"red"`}},
		"wrong type":             {code: codes.InvalidArgument, pairs: []string{metricPath("eth1", "IPV4"), `"many"`}},
		"metric too wide":        {code: codes.InvalidArgument, pairs: []string{metricPath("eth1", "IPV4"), tooWide}},
		"two metrics":            {code: codes.InvalidArgument, pairs: []string{metricPath("eth1", "IPV4"), "5", metricPath("eth1", "IPV6"), "6"}},
		"state":                  {code: codes.InvalidArgument, pairs: []string{"/interfaces/interface[name=eth1]/state/oper-status", `"UP"`}},
		"a long description":     {code: codes.InvalidArgument, pairs: []string{metricPath("eth1", "IPV4"), "5", "/interfaces/interface[name=eth1]/config/description", `"` + strings.Repeat("a", 256) + `"`}},
		"a zero in one":          {code: codes.InvalidArgument, pairs: []string{"/interfaces/interface[name=eth1]/config/description", `"to\u0000b"`}},
		"no such interface":      {code: codes.NotFound, pairs: []string{"/interfaces/interface[name=eth9]/config/enabled", "false"}},
		"no such for IS-IS":      {code: codes.NotFound, pairs: []string{metricPath("eth9", "IPV4"), "5"}},
		"no IS-IS on it":         {code: codes.FailedPrecondition, pairs: []string{metricPath("eth3", "IPV4"), "5"}},
		"another level":          {code: codes.FailedPrecondition, pairs: []string{strings.Replace(metricPath("eth1", "IPV4"), "level-number=2", "level-number=1", 1), "5"}},
		"another process":        {code: codes.NotFound, pairs: []string{strings.Replace(metricPath("eth1", "IPV4"), "name=CORE", "name=EDGE", 1), "5"}},
		"not configurable here":  {code: codes.Unimplemented, pairs: []string{"/system/config/hostname", `"b"`}},
		"a global metric":        {code: codes.Unimplemented, pairs: []string{isis + "/global/afi-safi/af[afi-name=IPV4][safi-name=UNICAST]/config/metric", "5"}},
		"isisd refuses":          {code: codes.Aborted, pairs: []string{metricPath("eth1", "IPV4"), "5"}, spoil: func(r *router) { r.fail = &frr.CommandError{Command: "commit", Code: 1} }},
		"isisd is down":          {code: codes.Unavailable, pairs: []string{metricPath("eth1", "IPV4"), "5"}, spoil: func(r *router) { r.down = true }},
		"isisd dies before":      {code: codes.Unavailable, pairs: []string{metricPath("eth1", "IPV4"), "5"}, spoil: func(r *router) { r.fail = errors.Join(frr.ErrUnsent, frr.ErrDown) }},
		"the kernel refuses":     {code: codes.Aborted, pairs: []string{metricPath("eth1", "IPV4"), "5", "/interfaces/interface[name=eth2]/config/enabled", "false"}, spoil: func(r *router) { r.broken = "eth2" }},
		"one of two is unknown":  {code: codes.InvalidArgument, pairs: []string{metricPath("eth1", "IPV4"), "5", "/nothing", "1"}},
		"one of two has no isis": {code: codes.FailedPrecondition, pairs: []string{metricPath("eth1", "IPV4"), "5", metricPath("eth3", "IPV4"), "5"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRouter()
			l := start(t, r, t.TempDir())
			if tt.spoil != nil {
				r.spoil(tt.spoil)
			}
			l.set(t, tt.code, request(t, tt.pairs...))
			if m1, m2, o, up, text := r.state(); m1 != 100 || m2 != 200 || o || !up || text != "" {
				t.Errorf("half done: metrics %d, %d, overload %t, eth1 up %t, %q", m1, m2, o, up, text)
			}
		})
	}
}

func TestTwoSetsAtOnce(t *testing.T) {
	r := newRouter()
	l := start(t, r, t.TempDir())
	block := make(chan struct{})
	r.spoil(func(r *router) { r.block = block })
	first := make(chan error, 1)
	go func() {
		_, err := l.Set(t.Context(), request(t, metricPath("eth1", "IPV4"), "5"))
		first <- err
	}()
	<-block
	l.set(t, codes.Aborted, request(t, metricPath("eth2", "IPV4"), "5"))
	close(block)
	if err := <-first; err != nil {
		t.Errorf("the first Set: %v", err)
	}
}

func TestFences(t *testing.T) {
	r, dir := newRouter(), t.TempDir()
	l := start(t, r, dir)
	l.set(t, codes.OK, elected(&gpb.SetRequest{}, 7))
	l.set(t, codes.PermissionDenied, elected(request(t, metricPath("eth1", "IPV4"), "5"), 6))
	l.end()
	l = start(t, r, dir)
	l.set(t, codes.PermissionDenied, elected(request(t, metricPath("eth1", "IPV4"), "5"), 6))
	// A refused Set shows its master too.
	l.set(t, codes.FailedPrecondition, elected(request(t, metricPath("eth3", "IPV4"), "5"), 8))
	l.end()
	l = start(t, r, dir)
	l.set(t, codes.PermissionDenied, elected(request(t, metricPath("eth1", "IPV4"), "5"), 7))
	// So does one of a place that cannot be.
	l.set(t, codes.InvalidArgument, elected(request(t, strings.Replace(metricPath("eth1", "IPV4"), "level-number=2", "level-number=x", 1), "5"), 9))
	l.end()
	l = start(t, r, dir)
	l.set(t, codes.PermissionDenied, elected(request(t, metricPath("eth1", "IPV4"), "5"), 8))
	l.set(t, codes.OK, elected(request(t, metricPath("eth1", "IPV4"), "5"), 9))
	if m1, _, _, _, _ := r.state(); m1 != 5 {
		t.Errorf("metric %d", m1)
	}
}

func TestCommitConfirmed(t *testing.T) {
	const long = time.Hour
	const short = 50 * time.Millisecond
	for name, tt := range map[string]struct {
		rollback time.Duration
		then     func(t *testing.T, l life)
		want     uint32
	}{
		"confirmed":       {long, func(t *testing.T, l life) { l.set(t, codes.OK, with(&gpb.SetRequest{}, confirm("c"))) }, 5},
		"cancelled":       {long, func(t *testing.T, l life) { l.set(t, codes.OK, with(&gpb.SetRequest{}, cancel("c"))) }, 100},
		"nobody confirms": {short, func(*testing.T, life) {}, 100},
		"another's id": {long, func(t *testing.T, l life) {
			l.set(t, codes.InvalidArgument, with(&gpb.SetRequest{}, confirm("d")))
			l.set(t, codes.FailedPrecondition, request(t, metricPath("eth2", "IPV4"), "5"))
			l.set(t, codes.FailedPrecondition, with(request(t, metricPath("eth2", "IPV4"), "5"), try("e", long)))
			l.set(t, codes.OK, with(&gpb.SetRequest{}, confirm("c")))
		}, 5},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				r, dir := newRouter(), t.TempDir()
				l := start(t, r, dir)
				l.set(t, codes.OK, with(request(t, metricPath("eth1", "IPV4"), "5"), try("c", tt.rollback)))
				if restart {
					l.end()
					l = start(t, r, dir)
				}
				tt.then(t, l)
				eventually(t, "the metric to be as wanted, and the window closed", func() bool {
					if m1, _, _, _, _ := r.state(); m1 != tt.want {
						return false
					}
					_, err := l.Set(t.Context(), with(&gpb.SetRequest{}, confirm("c")))
					return status.Code(err) == codes.FailedPrecondition
				})
			})
		}
	}
}

// TestRollbackWaitsForTheRouter lets the window end while isisd does not answer.
func TestRollbackWaitsForTheRouter(t *testing.T) {
	r, dir := newRouter(), t.TempDir()
	l := start(t, r, dir)
	l.set(t, codes.OK, with(request(t, metricPath("eth1", "IPV4"), "5"), try("c", 10*time.Millisecond)))
	r.spoil(func(r *router) { r.fail = frr.ErrDown })
	eventually(t, "it to be rolled back at the second attempt", func() bool { m1, _, _, _, _ := r.state(); return m1 == 100 })
}

// TestHalfDone lets the agent end between a commit and the change of an interface that belongs to the same Set.
func TestHalfDone(t *testing.T) {
	r, dir := newRouter(), t.TempDir()
	l := start(t, r, dir)
	r.spoil(func(r *router) { r.lost = frr.ErrDown })
	l.set(t, codes.Unavailable, request(t, metricPath("eth1", "IPV4"), "5", "/interfaces/interface[name=eth2]/config/enabled", "false"))
	l.end()
	start(t, r, dir)
	if m1, _, _, _, _ := r.state(); m1 != 100 || !r.ports["eth2"].Up {
		t.Errorf("half done: metric %d, eth2 up %t", m1, r.ports["eth2"].Up)
	}
}

// TestUnknownCommit: one commit is all or nothing, so an answer that is lost leaves nothing to take back.
func TestUnknownCommit(t *testing.T) {
	r := newRouter()
	l := start(t, r, t.TempDir())
	r.spoil(func(r *router) { r.lost = frr.ErrDown })
	l.set(t, codes.Unavailable, request(t, metricPath("eth1", "IPV4"), "5"))
	if got := l.get(t, metricPath("eth1", "IPV4")); got != "5" {
		t.Errorf("it stands, and %s is shown", got)
	}
}

func TestSpoiledJournal(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "journal.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRouter()
	if _, err := New(Config{Name: "a", Dir: dir, Daemon: r, Kernel: r}); err == nil || !strings.Contains(err.Error(), "journal.json") {
		t.Errorf("got %v", err)
	}
}

// TestUndoWaits lets isisd go in the moment at which a Set has to be taken back, since the kernel refused the rest of it. It is
// told as not known, and taken back once isisd and the kernel are there again.
func TestUndoWaits(t *testing.T) {
	r := newRouter()
	l := start(t, r, t.TempDir())
	r.spoil(func(r *router) { r.broken, r.last = "eth2", frr.ErrDown })
	_, err := l.Set(t.Context(), request(t, metricPath("eth1", "IPV4"), "5", "/interfaces/interface[name=eth2]/config/enabled", "false"))
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "is not taken back yet") || strings.Count(err.Error(), "rpc error") != 1 {
		t.Errorf("got %v", err)
	}
	r.spoil(func(r *router) { r.broken = "" })
	eventually(t, "it to be taken back", func() bool { m1, _, _, _, _ := r.state(); return m1 == 100 })
	l.set(t, codes.OK, request(t, metricPath("eth1", "IPV4"), "7"))
	if m1, _, _, _, _ := r.state(); m1 != 7 {
		t.Errorf("afterwards the metric is %d", m1)
	}
}

// TestNoJournal does nothing that it cannot write down before, nor believes afterwards that it did.
func TestNoJournal(t *testing.T) {
	r, dir := newRouter(), filepath.Join(t.TempDir(), "agent")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l := start(t, r, dir)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	l.set(t, codes.Aborted, with(request(t, metricPath("eth1", "IPV4"), "5"), try("c", time.Hour)))
	l.set(t, codes.Aborted, request(t, metricPath("eth1", "IPV4"), "5", "/interfaces/interface[name=eth2]/config/enabled", "false"))
	if m1, _, _, _, _ := r.state(); m1 != 100 || r.commits != 0 {
		t.Errorf("metric %d after %d commits", m1, r.commits)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l.set(t, codes.OK, request(t, metricPath("eth1", "IPV4"), "5"))
}

// TestUndoOfWhatIsGone takes a commit back though an interface that it changed is not there any more.
func TestUndoOfWhatIsGone(t *testing.T) {
	r := newRouter()
	l := start(t, r, t.TempDir())
	l.set(t, codes.OK, with(request(t, metricPath("eth1", "IPV4"), "5", "/interfaces/interface[name=eth3]/config/enabled", "false",
		"/interfaces/interface[name=eth3]/config/description", `"bare"`), try("c", time.Hour)))
	r.spoil(func(r *router) { delete(r.ports, "eth3"); r.broken = "eth3" })
	l.set(t, codes.OK, with(&gpb.SetRequest{}, cancel("c")))
	if m1, _, _, _, _ := r.state(); m1 != 100 {
		t.Errorf("the metric is %d", m1)
	}
}
